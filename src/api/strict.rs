//! Reading requests: ids are text or whole numbers. Every other field has the type that the document gives it, as serde
//! reads it; `signValidity` alone has two.

use serde::{Deserialize, Deserializer};

/// An id. The document has `docId` as Long in answers (5.5.7), so callers may send it as a number; never as a fraction.
pub(super) fn id<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an id is text or a whole number")]
    enum Id {
        Text(String),
        Number(u64),
    }
    let text = match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    };
    if text.is_empty() {
        return Err(serde::de::Error::custom("an empty id"));
    }
    Ok(T::from(&text))
}
