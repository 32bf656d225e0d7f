//! The templates and the script of the page, and its Content-Security-Policy.
//!
//! The policy allows only this style and this script, by their hashes. So the browser neither runs
//! a text of the run as code nor loads anything from the network.

use std::sync::LazyLock;

use minijinja::{Environment, Error, Value, context};

use super::environment::{STYLE, content_policy, page_environment};
use crate::util::language::is_chinese;

pub(super) const SCRIPT: &str = include_str!("script.js");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    page_environment(&[
        ("page.html", include_str!("page.html")),
        ("head.html", include_str!("head.html")),
        ("states.html", include_str!("states.html")),
        ("time.html", include_str!("time.html")),
        ("doubt.html", include_str!("doubt.html")),
        ("causes.html", include_str!("causes.html")),
        ("items.html", include_str!("items.html")),
        ("calls.html", include_str!("calls.html")),
    ])
});

/// The Content-Security-Policy of the page.
static POLICY: LazyLock<String> = LazyLock::new(|| content_policy(STYLE, Some(SCRIPT)));

/// Renders a section of the page.
pub(super) fn section(name: &str, values: Value) -> Result<String, Error> {
    TEMPLATES.get_template(name)?.render(values)
}

/// Renders the page up to the data of the script.
pub(super) fn begin(title: &str, sections: Vec<String>) -> Result<String, Error> {
    let (style, policy) = (STYLE, &*POLICY);
    let lang = if is_chinese() { "zh" } else { "en" };
    let values = context! { title, style, policy, sections, lang };
    let mut page = section("page.html", values)?;
    page.push_str("<script type=\"application/json\" id=\"data\">");
    Ok(page)
}

/// Returns the page after the data of the script.
pub(super) fn end() -> [&'static str; 3] {
    [
        "</script>\n<script>",
        SCRIPT,
        "</script>\n</body>\n</html>\n",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_can_be_embedded_in_the_page() {
        // Browsers normalize line ends before they compute the hash.
        assert!(!STYLE.contains('\r') && !SCRIPT.contains('\r'));
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        for outside in ["http:", "https:", "@import", "fetch(", "innerHTML"] {
            assert!(
                !STYLE.contains(outside) && !SCRIPT.contains(outside),
                "{outside}"
            );
        }
    }
}
