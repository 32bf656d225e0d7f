//! The parts that all HTML pages of treaty share: escaping templates, the style, and the
//! Content-Security-Policy.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Value, escape_formatter};
use sha2::{Digest, Sha256};

use crate::util::escape::escaped;

/// The style of the pages.
pub const STYLE: &str = include_str!("style.css");

/// Compiles templates by name; values are HTML-escaped, control characters in them are escaped.
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
    for (name, source) in templates {
        pages
            .add_template(name, source)
            .expect("the built-in templates compile");
    }
    pages
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
