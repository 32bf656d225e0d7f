//! Strict deserialization of requests. Ids are text or whole numbers; all other fields have the
//! type of the API document, except `signValidity`, which may also be text.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::liberal::TextOrNumber;

/// Deserializes an id from text or a whole number. The API document declares `docId` as Long in
/// responses (5.5.7), so callers may send numbers.
pub(super) fn id<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) if !text.is_empty() => Ok(T::from(&text)),
        TextOrNumber::Integer(number) if number >= 0 => Ok(T::from(&number.to_string())),
        _ => Err(de::Error::custom("an id must be text or a whole number")),
    }
}

/// The schema of an id that [`id`] reads.
pub(super) fn id_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "integer"], "minLength": 1 })
}

/// The schema of an optional integer that may also be text.
pub(super) fn integer_or_text_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["integer", "string", "null"] })
}
