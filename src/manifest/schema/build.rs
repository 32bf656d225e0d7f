//! The words that the schema is written in: each makes one piece of JSON Schema.
//!
//! Two things are everywhere. A scalar of YAML may be a string, a number or a boolean where the
//! decoder takes a text; and where it takes a word or a number, it takes a text with an expression
//! too.

use serde_json::{Map, Value, json};

use crate::api::code::Codes;

/// A schema, or a piece of one.
pub(super) type Schema = Map<String, Value>;

/// A text that is, or holds, an expression.
const EXPRESSION: &str = r"\{[{%#]";

/// A name that people choose. Written without character classes of Unicode, which not every editor
/// knows.
const NAME: &str = r"^[^\s!-,./:-@\[-\^`{-~]+$";

fn schema<const N: usize>(described: &str, pairs: [(&str, Value); N]) -> Schema {
    let mut schema: Schema = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    if !described.is_empty() {
        schema.insert("description".to_owned(), json!(described));
    }
    schema
}

/// Any scalar, with expressions or without.
pub(super) fn text(described: &str) -> Schema {
    schema(
        described,
        [("type", json!(["string", "number", "boolean"]))],
    )
}

/// One of these values, or an expression that gives one.
pub(super) fn one(described: &str, values: &[Value]) -> Schema {
    let expression = json!({ "type": "string", "pattern": EXPRESSION });
    schema(
        described,
        [("anyOf", json!([{ "enum": values }, expression]))],
    )
}

/// One of a few words.
pub(super) fn word(described: &str, words: &[&str]) -> Schema {
    let words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    one(described, &words)
}

/// One of the API's codes, by name or by number.
pub(super) fn code(described: &str, codes: &Codes) -> Schema {
    let names = codes.list.iter().map(|(_, name)| json!(name));
    let numbers = codes.list.iter().map(|(number, _)| json!(number));
    let quoted = codes
        .list
        .iter()
        .map(|(number, _)| json!(number.to_string()));
    let all: Vec<Value> = names.chain(numbers).chain(quoted).collect();
    one(&format!("{described}: {}.", codes.choices()), &all)
}

/// True or false.
pub(super) fn flag(described: &str) -> Schema {
    one(
        described,
        &[json!(true), json!(false), json!("true"), json!("false")],
    )
}

/// A whole number from `least` on, which is 0 or 1.
pub(super) fn integer(described: &str, least: Option<i64>) -> Schema {
    let mut number = schema("", [("type", json!("integer"))]);
    if let Some(least) = least {
        number.insert("minimum".to_owned(), json!(least));
    }
    let quoted = match least {
        None => r"\s*[-+]?[0-9]+\s*",
        Some(0) => "[0-9]+",
        Some(_) => "0*[1-9][0-9]*",
    };
    either(described, number, form("", quoted))
}

/// A number.
pub(super) fn number(described: &str) -> Schema {
    let quoted = form("", r"\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*");
    let number = json!({ "type": "number" });
    schema(described, [("anyOf", json!([number, quoted]))])
}

/// A text of a form, given as a regular expression for all of it.
pub(super) fn form(described: &str, pattern: &str) -> Schema {
    let pattern = format!("{EXPRESSION}|^({pattern})$");
    schema(
        described,
        [("type", json!("string")), ("pattern", json!(pattern))],
    )
}

/// Either of two.
pub(super) fn either(described: &str, one: Schema, other: Schema) -> Schema {
    schema(
        described,
        [("anyOf", Value::Array(vec![one.into(), other.into()]))],
    )
}

/// The definition of this name.
pub(super) fn reference(definition: &str) -> Schema {
    let path = format!("#/definitions/{definition}");
    schema("", [("$ref", json!(path))])
}

/// A list.
pub(super) fn list(described: &str, items: Schema) -> Schema {
    schema(
        described,
        [("type", json!("array")), ("items", items.into())],
    )
}

/// A list with something in it.
pub(super) fn filled_list(described: &str, items: Schema) -> Schema {
    let mut list = list(described, items);
    list.insert("minItems".to_owned(), json!(1));
    list
}

/// A mapping from names that something else gives, such as the fields of a PDF.
pub(super) fn any_map_of(described: &str, values: Schema) -> Schema {
    schema(
        described,
        [
            ("type", json!("object")),
            ("additionalProperties", values.into()),
        ],
    )
}

/// A mapping from names that people choose.
pub(super) fn map_of(described: &str, values: Schema) -> Schema {
    let mut map = any_map_of(described, values);
    map.insert("propertyNames".to_owned(), json!({ "pattern": NAME }));
    map
}

/// A mapping from names that people choose, with something in it.
pub(super) fn filled_map_of(described: &str, values: Schema) -> Schema {
    let mut map = map_of(described, values);
    map.insert("minProperties".to_owned(), json!(1));
    map
}

/// A field of a mapping.
pub(super) struct Field {
    name: &'static str,
    required: bool,
    schema: Schema,
}

/// A field that must be there.
pub(super) fn required(name: &'static str, schema: Schema) -> Field {
    Field {
        name,
        required: true,
        schema,
    }
}

/// A field that may be absent.
pub(super) fn optional(name: &'static str, schema: Schema) -> Field {
    Field {
        name,
        required: false,
        schema,
    }
}

/// A mapping whose fields are known by name: others are refused.
pub(super) struct Object {
    schema: Schema,
}

impl Object {
    pub(super) fn new(described: &str, fields: Vec<Field>) -> Self {
        let names = fields.iter().filter(|field| field.required);
        let required: Vec<&str> = names.map(|field| field.name).collect();
        let properties: Map<String, Value> = fields
            .into_iter()
            .map(|field| (field.name.to_owned(), Value::Object(field.schema)))
            .collect();
        let mut schema = schema(
            described,
            [
                ("type", json!("object")),
                ("properties", Value::Object(properties)),
                ("additionalProperties", json!(false)),
            ],
        );
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        Self { schema }
    }

    /// Exactly one of these fields is there.
    pub(super) fn one_of(mut self, names: &[&str]) -> Self {
        let each: Vec<Value> = names
            .iter()
            .map(|name| json!({ "required": [name] }))
            .collect();
        self.schema.insert("oneOf".to_owned(), json!(each));
        self
    }

    /// Where the first of each pair is, the others must be too.
    pub(super) fn with(mut self, needs: &[(&str, &[&str])]) -> Self {
        let needs: Map<String, Value> = needs
            .iter()
            .map(|(name, others)| ((*name).to_owned(), json!(others)))
            .collect();
        self.schema
            .insert("dependencies".to_owned(), Value::Object(needs));
        self
    }

    pub(super) fn schema(self) -> Schema {
        self.schema
    }
}
