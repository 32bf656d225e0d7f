//! The templates and the style of the page. It loads nothing and runs no script.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, Error, Value, context};
use serde::Serialize;

use super::row_choice::Chosen;
use super::row_view::RowView;
use crate::report::{STYLE, content_policy, page_environment};
use crate::util::language::is_chinese;

/// The head of the page.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    /// The name of the project.
    pub project: String,
    /// The name of the environment.
    pub environment: String,
    /// The time of the preview, as shown.
    pub time: String,
}

static PAGE_STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{STYLE}\n{}", include_str!("preview.css")));

static POLICY: LazyLock<String> = LazyLock::new(|| content_policy(&PAGE_STYLE, None));

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    page_environment(&[
        ("begin.html", include_str!("begin.html")),
        ("flow.html", include_str!("flow.html")),
        ("row.html", include_str!("row.html")),
        ("end.html", include_str!("end.html")),
    ])
});

/// A flow in the head of the page.
#[derive(Debug, Serialize)]
pub(super) struct FlowLine<'a> {
    pub(super) name: &'a str,
    /// The sheet, if the flow has one.
    pub(super) sheet: Option<String>,
    pub(super) shown: usize,
    pub(super) is_whole: bool,
    pub(super) valid: usize,
    pub(super) skipped: usize,
    pub(super) invalid: usize,
    pub(super) overflowing: usize,
    pub(super) misfits: usize,
    overflows: Vec<OverflowLine>,
    /// The number of values that do not fit and are not listed.
    more: usize,
}

/// A value that does not fit into its field.
#[derive(Debug, Serialize)]
struct OverflowLine {
    key: String,
    place: String,
    message: String,
}

impl<'a> FlowLine<'a> {
    pub(super) fn of(name: &'a str, sheet: Option<String>, chosen: &Chosen) -> Self {
        let overflows = chosen.overflows.iter().map(|own| OverflowLine {
            key: own.key.clone(),
            place: match &own.error.place {
                Some(place) => place.to_string(),
                None => String::new(),
            },
            message: own.error.message.clone(),
        });
        Self {
            name,
            sheet,
            shown: chosen.rows.len(),
            is_whole: chosen.is_whole,
            valid: chosen.valid,
            skipped: chosen.skipped,
            invalid: chosen.invalid,
            overflowing: chosen.overflowing,
            misfits: chosen.misfits,
            more: chosen.misfits - chosen.overflows.len(),
            overflows: overflows.collect(),
        }
    }
}

fn rendered(name: &str, values: Value) -> Result<String, Error> {
    TEMPLATES.get_template(name)?.render(values)
}

/// Renders the page up to the first flow.
pub(super) fn begin(head: &Head, flows: &[FlowLine<'_>]) -> Result<String, Error> {
    let title = format!("{} · {}", t!("Preview"), head.project);
    let (head, flows) = (Value::from(Serde(head)), Value::from(Serde(flows)));
    let (style, policy) = (&*PAGE_STYLE, &*POLICY);
    let lang = if is_chinese() { "zh" } else { "en" };
    rendered(
        "begin.html",
        context! { title, head, flows, style, policy, lang },
    )
}

/// Renders the head of a flow.
pub(super) fn flow(flow: &FlowLine<'_>) -> Result<String, Error> {
    let flow = Value::from(Serde(flow));
    rendered("flow.html", context! { flow })
}

/// Renders a row.
pub(super) fn row(row: &RowView) -> Result<String, Error> {
    let row = Value::from(Serde(row));
    rendered("row.html", context! { row })
}

/// Renders the end of the page.
pub(super) fn end() -> Result<String, Error> {
    rendered("end.html", context! {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_can_be_embedded_in_the_page() {
        // Browsers normalize line ends before they compute the hash.
        assert!(!PAGE_STYLE.contains('\r') && !PAGE_STYLE.contains("</"));
        for outside in ["http:", "https:", "@import", "url("] {
            assert!(!PAGE_STYLE.contains(outside), "{outside}");
        }
    }
}
