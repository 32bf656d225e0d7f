//! The JSON that a request type accepts, as data: fields, their types, and which are required.
//!
//! It is derived from the JSON Schema of the type, so that each field is declared once.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The JSON that a type accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A text, number or boolean.
    Scalar {
        /// The type in the API document.
        kind: Kind,
        /// Another type in the API document: it contradicts itself on some fields.
        other: Option<Kind>,
        /// Whether an empty text is refused.
        non_empty: bool,
    },
    /// A list of values of one shape.
    List(Box<Shape>),
    /// An object with any names.
    Map(Box<Shape>),
    /// An object with these fields.
    Object(Vec<Field>),
}

/// The type of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Whether the field must be present.
    pub is_required: bool,
    /// The value.
    pub shape: Shape,
}

impl Shape {
    /// Returns the shape of a type.
    pub(super) fn of<T: JsonSchema>() -> Self {
        Self::of_schema(&schema::<T>())
    }
}

/// Returns the JSON Schema of a type, without references.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::default().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().into()
}

impl Shape {
    fn of_schema(schema: &Value) -> Self {
        // An optional value of another type: `anyOf` the type and null.
        if let Some(choices) = schema["anyOf"].as_array() {
            let mut choices = choices.iter().filter(|choice| choice["type"] != "null");
            return choices.next().map_or(Self::ANY_TEXT, Self::of_schema);
        }
        let mut kinds = kinds(schema).into_iter();
        match kinds.next() {
            Some("array") => Self::List(Box::new(Self::of_schema(&schema["items"]))),
            Some("object") => match schema["properties"].as_object() {
                Some(properties) => Self::Object(
                    properties
                        .iter()
                        .map(|(name, field)| Field {
                            name: name.clone(),
                            is_required: is_required(schema, name),
                            shape: Self::of_schema(field),
                        })
                        .collect(),
                ),
                None => Self::Map(Box::new(Self::of_schema(&schema["additionalProperties"]))),
            },
            kind => Self::Scalar {
                kind: kind.and_then(Kind::of_name).unwrap_or(Kind::Text),
                other: kinds.next().and_then(Kind::of_name),
                non_empty: schema["minLength"] == 1,
            },
        }
    }

    const ANY_TEXT: Self = Self::Scalar {
        kind: Kind::Text,
        other: None,
        non_empty: false,
    };
}

impl Kind {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }
}

/// Returns the types of a schema except null.
fn kinds(schema: &Value) -> Vec<&str> {
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    names.into_iter().filter(|name| *name != "null").collect()
}

fn is_required(schema: &Value, name: &str) -> bool {
    let names = schema["required"].as_array();
    names.is_some_and(|names| names.iter().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operation::Op;

    /// Returns the shape of a field in a nested object or list.
    fn at<'s>(shape: &'s Shape, path: &[&str]) -> &'s Field {
        let fields = match shape {
            Shape::Object(fields) => fields,
            Shape::List(element) => return at(element, path),
            other => panic!("{other:?} has no fields"),
        };
        let field = fields.iter().find(|field| field.name == path[0]);
        let field = field.unwrap_or_else(|| panic!("{} is missing", path[0]));
        match path {
            [_] => field,
            [_, rest @ ..] => at(&field.shape, rest),
            [] => unreachable!("a path has names"),
        }
    }

    #[test]
    fn finds_fields_of_flattened_and_nested_types() {
        let shape = Op::ContractsPlatformSignTask.request_shape();
        let page = at(shape, &["signDocList", "posList", "posPage"]);
        assert_eq!((&page.shape, page.is_required), (&Shape::ANY_TEXT, false));
        for (path, kind, other, is_required) in [
            (&["flowId"][..], Kind::Text, Some(Kind::Integer), true),
            (&["sealId"], Kind::Text, None, false),
            (
                &["signDocList", "docId"],
                Kind::Text,
                Some(Kind::Integer),
                true,
            ),
            (
                &["signDocList", "posList", "posX"],
                Kind::Number,
                None,
                false,
            ),
            (
                &["signDocList", "posList", "signType"],
                Kind::Integer,
                None,
                false,
            ),
        ] {
            let field = at(shape, path);
            let non_empty = path.last().is_some_and(|name| name.ends_with("Id"));
            let expected = Shape::Scalar {
                kind,
                other,
                non_empty,
            };
            assert_eq!(field.shape, expected, "{path:?}");
            assert_eq!(field.is_required, is_required, "{path:?}");
        }
        let form = at(Op::CreateByTemplate.request_shape(), &["simpleFormFields"]);
        assert_eq!(form.shape, Shape::Map(Box::new(Shape::ANY_TEXT)));
    }
}
