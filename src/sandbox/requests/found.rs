//! The description of JSON values, without the values: they can be private.

use serde_json::Value;

/// Returns whether a value is `""` or null.
pub(super) fn is_blank(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// Returns the type of a value for messages.
pub(super) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty text",
        Value::String(_) => "text",
        Value::Array(values) if values.is_empty() => "an empty list",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
