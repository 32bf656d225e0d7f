//! Compares a request with its shape, and converts other spellings.

use serde_json::{Map, Number, Value};

use super::found::{describe, is_blank};
use super::spelling::Spelling;
use crate::api::{Field, Kind, Shape};

/// A value that the API document does not allow.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("{0} is missing")]
    Missing(String),
    #[error("{path}: expected {expected}, not {found}")]
    Type {
        path: String,
        expected: String,
        found: &'static str,
    },
    #[error("{0}: a number with so many digits may have lost some, send it as text")]
    Digits(String),
}

/// The check of one request.
struct Check<'a> {
    spelling: Spelling,
    coercions: &'a mut Vec<String>,
}

/// Checks the fields of a request against its shape. Adds a sentence to `coercions` for each value
/// that came in another spelling. Keeps unknown fields.
pub(super) fn object(
    shape: &Shape,
    fields: Map<String, Value>,
    spelling: Spelling,
    coercions: &mut Vec<String>,
) -> Result<Value, Mismatch> {
    let mut check = Check {
        spelling,
        coercions,
    };
    check.value(shape, "", Value::Object(fields))
}

impl Check<'_> {
    fn value(&mut self, shape: &Shape, path: &str, value: Value) -> Result<Value, Mismatch> {
        match (shape, value) {
            (Shape::Object(known), Value::Object(fields)) => self.fields(known, path, fields),
            (Shape::Map(entry), Value::Object(entries)) => self.entries(entry, path, entries),
            (Shape::List(element), Value::Array(values)) => {
                let values = values.into_iter().enumerate();
                let values = values
                    .map(|(index, value)| self.value(element, &format!("{path}[{index}]"), value));
                values.collect()
            }
            (
                Shape::Scalar {
                    kind,
                    other,
                    non_empty,
                },
                value,
            ) => {
                let is_documented = is(*kind, &value) || other.is_some_and(|kind| is(kind, &value));
                if is_documented && !(*non_empty && value == "") {
                    return Ok(value);
                }
                if self.spelling == Spelling::Strict {
                    return Err(mismatch(shape, path, &value));
                }
                if *kind == Kind::Text && is_inexact(&value) {
                    return Err(Mismatch::Digits(path.to_owned()));
                }
                let converted =
                    converted(*kind, &value).ok_or_else(|| mismatch(shape, path, &value))?;
                self.note(path, &value, "");
                Ok(converted)
            }
            (_, value) => Err(mismatch(shape, path, &value)),
        }
    }

    fn fields(
        &mut self,
        known: &[Field],
        path: &str,
        mut fields: Map<String, Value>,
    ) -> Result<Value, Mismatch> {
        for field in known {
            let path = below(path, &field.name);
            let Some(value) = fields.remove(&field.name) else {
                if field.is_required {
                    return Err(Mismatch::Missing(path));
                }
                continue;
            };
            // A documented empty text is left to the rules of the operation.
            let is_blank = match self.spelling {
                Spelling::Strict => value.is_null(),
                Spelling::Lenient => is_blank(&value),
            };
            if is_blank && !field.is_required {
                if self.spelling == Spelling::Lenient {
                    self.note(&path, &value, ", taken as absent");
                }
                continue;
            }
            let value = self.value(&field.shape, &path, value)?;
            fields.insert(field.name.clone(), value);
        }
        Ok(Value::Object(fields))
    }

    /// Checks the entries of a map, such as the form fields of a template.
    fn entries(
        &mut self,
        entry: &Shape,
        path: &str,
        entries: Map<String, Value>,
    ) -> Result<Value, Mismatch> {
        let mut checked = Map::new();
        for (name, value) in entries {
            let path = below(path, &name);
            match value {
                Value::Null if self.spelling == Spelling::Lenient => {
                    self.note(&path, &Value::Null, ", left out");
                }
                Value::Bool(flag) if self.spelling == Spelling::Lenient => {
                    self.note(&path, &value, "");
                    checked.insert(name, flag.to_string().into());
                }
                value => drop(checked.insert(name, self.value(entry, &path, value)?)),
            }
        }
        Ok(Value::Object(checked))
    }

    fn note(&mut self, path: &str, value: &Value, effect: &str) {
        let found = describe(value);
        self.coercions
            .push(format!("{path} came as {found}{effect}"));
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Returns whether a value has a type.
fn is(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text => value.is_string(),
        Kind::Integer => value.is_i64(),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
    }
}

/// Converts a text to a number or boolean, or a number to text. `None` if it has no such meaning.
fn converted(kind: Kind, value: &Value) -> Option<Value> {
    match (kind, value) {
        (Kind::Text, Value::Number(number)) => {
            let text = whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string());
            Some(text.into())
        }
        (Kind::Integer, Value::Number(number)) => whole(number).map(Value::from),
        (Kind::Integer, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        (Kind::Number, Value::String(text)) => {
            let number = text.trim().parse().ok();
            number.and_then(Number::from_f64).map(Value::Number)
        }
        (Kind::Boolean, Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true.into()),
            "false" | "0" => Some(false.into()),
            _ => None,
        },
        (Kind::Boolean, Value::Number(number)) => match number.as_i64() {
            Some(1) => Some(true.into()),
            Some(0) => Some(false.into()),
            _ => None,
        },
        _ => None,
    }
}

/// The number of decimal digits that a float always keeps.
const KEPT_DIGITS: usize = 15;

/// Returns whether a value is a float that may not have all digits of the request.
fn is_inexact(value: &Value) -> bool {
    let Some(float) = value.as_f64().filter(|_| value.is_f64()) else {
        return false;
    };
    let text = format!("{:e}", float.abs());
    let digits = text.split('e').next().unwrap_or_default();
    let count = digits.chars().filter(char::is_ascii_digit).count();
    count > KEPT_DIGITS || float.abs() > EXACT
}

/// The limit up to which a float represents each integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns a number without a fraction as integer, also if it is written as `2.0`.
#[allow(clippy::cast_possible_truncation)]
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
    })
}

fn mismatch(shape: &Shape, path: &str, value: &Value) -> Mismatch {
    Mismatch::Type {
        path: path.to_owned(),
        expected: expected(shape),
        found: describe(value),
    }
}

/// Describes a shape for messages.
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Scalar {
            non_empty: true, ..
        } => "an id".to_owned(),
        Shape::Scalar { kind, .. } => match kind {
            Kind::Text => "text",
            Kind::Integer => "a whole number",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
        }
        .to_owned(),
        Shape::List(element) => match &**element {
            Shape::Object(_) => "a list of objects".to_owned(),
            _ => "a list".to_owned(),
        },
        Shape::Map(_) => "an object".to_owned(),
        // All fields of a position are optional, but not all can be absent.
        Shape::Object(fields) if fields.iter().any(|field| field.name == "signType") => {
            "an object with signType, and posPage, posX and posY, or key".to_owned()
        }
        Shape::Object(fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("an object with {}", names.join(", "))
        }
    }
}
