//! Reading requests: ids are text or whole numbers. Every other field has the type that the document gives it, as serde
//! reads it; `signValidity` alone has two.

use serde::{Deserialize, Deserializer, de};

use super::liberal::TextOrNumber;

/// An id. The document has `docId` as Long in answers (5.5.7), so callers may send it as a number; never as a fraction.
pub(super) fn id<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) if !text.is_empty() => Ok(T::from(&text)),
        TextOrNumber::Integer(number) if number >= 0 => Ok(T::from(&number.to_string())),
        _ => Err(de::Error::custom("an id is a text, or a whole number")),
    }
}
