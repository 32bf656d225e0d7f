//! Masks signing links on terminals. A link lets anyone sign; files and pipes receive it complete.

use serde_json::Value;

/// Replaces the path of an HTTP link with `…`. Other texts are returned unchanged.
pub(in crate::cli) fn masked(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.starts_with("http") => {
            let host = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{host}/…")
        }
        _ => text.to_owned(),
    }
}

/// Masks all links in a JSON value.
pub(in crate::cli) fn masked_in(value: &Value) -> Value {
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
