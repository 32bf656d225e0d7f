//! Lenient deserialization of responses: the service sends numbers as text and text as numbers.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A text or a number of any JSON type.
pub(super) enum TextOrNumber {
    Text(String),
    Integer(i64),
    Float(f64),
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumberVisitor)
    }
}

struct TextOrNumberVisitor;

impl Visitor<'_> for TextOrNumberVisitor {
    type Value = TextOrNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Text(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Integer(number))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, number: u64) -> Result<TextOrNumber, E> {
        Ok(i64::try_from(number).map_or(TextOrNumber::Float(number as f64), TextOrNumber::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Float(number))
    }
}

/// Deserializes an integer, also from text.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Integer(number) => Ok(number),
        TextOrNumber::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
        TextOrNumber::Float(number) => Err(serde::de::Error::custom(format!(
            "{number} is not an integer"
        ))),
    }
}

/// Deserializes an integer, also from text; null gives `None`.
pub(super) fn optional_integer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    struct Number(#[serde(deserialize_with = "integer")] i64);
    Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0))
}

/// Deserializes text, also from a number.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Integer(number) => number.to_string(),
        TextOrNumber::Float(number) => number.to_string(),
    })
}

/// Deserializes text, also from a number; null gives `None`.
pub(super) fn optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Text(#[serde(deserialize_with = "text")] String);
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}

/// Deserializes an id from text or a number. An empty id is an error.
pub(super) fn id<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    match text(deserializer)?.as_str() {
        "" => Err(serde::de::Error::custom("the id is empty")),
        id => Ok(T::from(id)),
    }
}

/// Deserializes an id from text or a number; null and an empty text give `None`.
pub(super) fn optional_id<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = optional_text(deserializer)?;
    Ok(text.filter(|id| !id.is_empty()).map(|id| T::from(&id)))
}

/// Deserializes a list; null gives an empty list.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
