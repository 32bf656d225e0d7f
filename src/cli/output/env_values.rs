//! Masks the values of environment variables that expressions can read, on screen and in logs.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{OnceLock, RwLock};

use serde_json::Value;

/// The shortest value that is masked, in bytes. Shorter ones are parts of other words.
const SHORTEST: usize = 6;

/// The text in the place of a value.
const MASK: &str = "***";

/// The values of the process, longest first.
static VALUES: OnceLock<RwLock<Vec<String>>> = OnceLock::new();

/// Masks these values from now on, except those that are part of a text in `public`.
pub(in crate::cli) fn mask_values(values: &[String], public: &[&str]) {
    let all = variants(values, public);
    if let Ok(mut known) = VALUES.get_or_init(RwLock::default).write() {
        *known = all;
    }
}

/// Masks all values in a text.
pub(in crate::cli) fn masked(text: &str) -> Cow<'_, str> {
    let known = VALUES.get().and_then(|values| values.read().ok());
    known.map_or(Cow::Borrowed(text), |known| replaced(text, &known))
}

/// Masks all values in the texts of a JSON document. Field names and numbers stay as they are.
pub(in crate::cli) fn masked_json(mut document: Value) -> Value {
    mask_texts(&mut document, &|text| masked(text).into_owned());
    document
}

fn mask_texts(value: &mut Value, masked: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = masked(text),
        Value::Array(all) => all.iter_mut().for_each(|value| mask_texts(value, masked)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| mask_texts(value, masked)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the ranges of the values in a text.
pub(in crate::cli) fn ranges(text: &str) -> Vec<Range<usize>> {
    let known = VALUES.get().and_then(|values| values.read().ok());
    let known = known.iter().flat_map(|known| known.iter());
    let found = known.flat_map(|value| text.match_indices(value.as_str()));
    found.map(|(at, value)| at..at + value.len()).collect()
}

fn replaced<'t>(text: &'t str, values: &[String]) -> Cow<'t, str> {
    let mut shown = Cow::Borrowed(text);
    for value in values {
        if shown.contains(value.as_str()) {
            shown = Cow::Owned(shown.replace(value.as_str(), MASK));
        }
    }
    shown
}

/// Returns the values as they can appear in output: whole, line by line, and in JSON.
fn variants(values: &[String], public: &[&str]) -> Vec<String> {
    let lines = values.iter().flat_map(|value| value.lines());
    let whole = values.iter().map(String::as_str);
    let mut all = Vec::new();
    for value in whole.chain(lines).map(str::trim) {
        if value.len() < SHORTEST || public.iter().any(|text| text.contains(value)) {
            continue;
        }
        let json = Value::from(value).to_string();
        let json = json[1..json.len() - 1].to_owned();
        all.extend([value.to_owned(), json]);
    }
    all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_long_values_whole_and_line_by_line() {
        let values = [
            "330199199910145052",
            "test",
            "张三丰",
            "first line\nsecond \"line\"\n",
        ];
        let values = variants(&values.map(str::to_owned), &[]);
        for (text, expected) in [
            ("idNo 330199199910145052 is wrong", "idNo *** is wrong"),
            ("a test", "a test"),
            ("name 张三丰", "name ***"),
            ("first line", "***"),
            (r#""second \"line\"""#, r#""***""#),
            (r#"first line\nsecond \"line\""#, "***"),
        ] {
            assert_eq!(replaced(text, &values), expected);
        }
    }

    #[test]
    fn masks_texts_of_json_only() {
        let values = ["create".to_owned(), "150000".to_owned()];
        let mut document = serde_json::json!({ "create": 1, "total": 150_000, "key": "HT-150000" });
        mask_texts(&mut document, &|text| replaced(text, &values).into_owned());
        assert_eq!(
            document.to_string(),
            r#"{"create":1,"key":"HT-***","total":150000}"#
        );
    }

    #[test]
    fn shows_the_parts_of_public_texts() {
        let values = ["gateway.example".to_owned(), "gateway-secret".to_owned()];
        let values = variants(&values, &["https://gateway.example", "production"]);
        assert_eq!(values, ["gateway-secret"]);
    }
}
