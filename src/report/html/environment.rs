//! The parts that all HTML pages of treaty share: escaping templates, the style, and the
//! Content-Security-Policy.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, HtmlEscape, Value, escape_formatter};
use sha2::{Digest, Sha256};

use crate::util::escape::escaped;

/// The style of the pages.
pub const STYLE: &str = include_str!("style.css");

/// Compiles templates by name; values are HTML-escaped, control characters in them are escaped. The
/// function `t` translates a sentence, and fills in its values: `t("%{count} items", count=3)`.
///
/// # Panics
/// If a template does not compile: they are part of the program.
pub fn page_environment(templates: &[(&'static str, &'static str)]) -> Environment<'static> {
    let mut pages = Environment::new();
    pages.set_formatter(|out, state, value| match value.as_str().map(escaped) {
        Some(Cow::Owned(text)) if !value.is_safe() => {
            escape_formatter(out, state, &Value::from(text))
        }
        _ => escape_formatter(out, state, value),
    });
    pages.add_function("t", translated);
    for (name, source) in templates {
        pages
            .add_template(name, source)
            .expect("the built-in templates compile");
    }
    pages
}

/// Returns a sentence in the current language. Values that are not marked as safe are escaped.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the library passes the arguments of a function by value"
)]
fn translated(sentence: &str, values: Kwargs) -> Result<Value, Error> {
    let escape = |text: &str| HtmlEscape(&escaped(text)).to_string();
    let text = t!(sentence);
    let mut parts = text.split("%{");
    let mut html = escape(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let value: Value = values.get(name)?;
        if value.is_safe() {
            html.push_str(&value.to_string());
        } else {
            html.push_str(&escape(&value.to_string()));
        }
        html.push_str(&escape(rest));
    }
    values.assert_all_used()?;
    Ok(Value::from_safe_string(html))
}

/// Returns a Content-Security-Policy that allows only this style and this script, by their hashes,
/// and images in the page itself. Without a script it allows none.
pub fn content_policy(style: &str, script: Option<&str>) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(style),
        script.map_or("'none'".to_owned(), hash)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_sentences_are_escaped_unless_they_are_safe() {
        let source = r#"{{ t("%{a} & %{b}", a="<i>%{b}", b="<b>b</b>" | safe) }}"#;
        let pages = page_environment(&[("page.html", source)]);
        let page = pages.get_template("page.html").expect("the template");
        let html = page.render(()).expect("rendered");
        assert_eq!(html, "&lt;i&gt;%{b} &amp; <b>b</b>");
    }
}
