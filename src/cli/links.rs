//! Links let people sign: whole in files and for programs, masked where somebody looks over a shoulder.

use serde_json::Value;

/// A link without what stands in it, if the text is one.
pub(super) fn masked(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.starts_with("http") => {
            let host = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{host}/…")
        }
        _ => text.to_owned(),
    }
}

/// An answer without what stands in its links.
pub(super) fn masked_in(value: &Value) -> Value {
    match value {
        Value::String(text) => masked(text).into(),
        Value::Array(all) => all.iter().map(masked_in).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), masked_in(value)))
            .collect(),
        other => other.clone(),
    }
}
