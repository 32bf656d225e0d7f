//! The page's templates, style and script, compiled into the program, and the rule that holds the page to them.
//!
//! The rule allows the one style and the one script by their hashes and nothing else: whatever a text of the run
//! holds, the browser neither runs it nor asks the network for it.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Error, Value, context};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The templates, compiled once; what they are given is escaped.
static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, source) in [
        ("page.html", include_str!("page.html")),
        ("head.html", include_str!("head.html")),
        ("states.html", include_str!("states.html")),
        ("time.html", include_str!("time.html")),
        ("doubt.html", include_str!("doubt.html")),
        ("causes.html", include_str!("causes.html")),
        ("items.html", include_str!("items.html")),
        ("calls.html", include_str!("calls.html")),
    ] {
        pages
            .add_template(name, source)
            .expect("the templates are part of the program, and tests render them");
    }
    pages
});

/// What the browser may do with the page.
static RULE: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// A part of the page.
pub(super) fn part(name: &str, values: Value) -> Result<String, Error> {
    PAGES.get_template(name)?.render(values)
}

/// All that stands before the data.
pub(super) fn begin(title: &str, parts: Vec<String>) -> Result<String, Error> {
    let (style, rule) = (STYLE, &*RULE);
    let mut page = part("page.html", context! { title, style, rule, parts })?;
    page.push_str("<script type=\"application/json\" id=\"data\">");
    Ok(page)
}

/// All that stands after the data.
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
    fn style_and_script_can_stand_in_the_page() {
        // A browser reads line ends as one, and hashes what it reads.
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
