//! Changes a generated schema into the language of manifests: every scalar may be an expression,
//! and numbers and booleans may be quoted.

use serde_json::{Map, Value, json};

use crate::manifest::decode::ONE_OF;

/// A text that contains an expression.
const EXPRESSION: &str = r"\{[{%#]";

/// Returns the schema in the language of manifests.
pub(super) fn normalize(mut schema: Value) -> Value {
    let definitions = schema["definitions"].take();
    let mut definitions = match definitions {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    };
    let originals = definitions.clone();
    for definition in definitions.values_mut() {
        change(definition, &originals);
    }
    change(&mut schema, &originals);
    schema["definitions"] = Value::Object(definitions);
    remove_unused(&mut schema);
    schema
}

/// Changes a schema and those that it contains.
fn change(schema: &mut Value, definitions: &Map<String, Value>) {
    let Value::Object(schema) = schema else {
        return;
    };
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    remove_null(schema);
    merge_one_of(schema, definitions);
    for name in ["additionalProperties", "items"] {
        if let Some(inner) = schema.get_mut(name) {
            change(inner, definitions);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties
            .values_mut()
            .for_each(|inner| change(inner, definitions));
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(all)) = schema.get_mut(name) {
            for inner in all {
                change(inner, definitions);
            }
        }
    }
    merge_words(schema);
    accept_expressions(schema);
}

/// Removes what allows null: an optional field is left out, not empty.
fn remove_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type")
        && !types.contains(&json!("object"))
    {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(all)) = schema.get_mut("anyOf") {
        all.retain(|inner| *inner != json!({ "type": "null" }));
        if all.len() == 1
            && let Some(Value::Object(only)) = all.pop()
        {
            schema.remove("anyOf");
            let description = schema.remove("description");
            match description {
                // In draft-07 a reference has no siblings.
                Some(description) if only.contains_key("$ref") => {
                    schema.insert("allOf".to_owned(), json!([only]));
                    schema.insert("description".to_owned(), description);
                }
                description => {
                    schema.extend(only);
                    schema.extend(description.map(|text| ("description".to_owned(), text)));
                }
            }
        }
    }
    // `null` as default of an option, and defaults that the description states.
    schema.remove("default");
    schema.remove("format");
    schema.remove("maximum");
}

/// Moves the variants of [`ONE_OF`] into the fields of the struct.
fn merge_one_of(schema: &mut Map<String, Value>, definitions: &Map<String, Value>) {
    let one_of = match schema.get_mut("properties") {
        Some(Value::Object(properties)) => properties.remove(ONE_OF),
        _ => None,
    };
    let variants = match one_of {
        Some(one_of) => variants(&one_of, definitions),
        None => schema
            .get("oneOf")
            .cloned()
            .and_then(|all| only_fields(&all)),
    };
    let Some(variants) = variants else { return };
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != ONE_OF);
    }
    if schema.get("required") == Some(&json!([])) {
        schema.remove("required");
    }
    let each: Vec<Value> = variants
        .iter()
        .map(|(name, _)| json!({ "required": [name] }))
        .collect();
    schema.insert("oneOf".to_owned(), Value::Array(each));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.extend(variants);
    }
}

/// Returns the variants of an enum with content, by name.
fn variants(one_of: &Value, definitions: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut references = one_of["allOf"].as_array().into_iter().flatten();
    let reference = references.next().unwrap_or(one_of)["$ref"].as_str();
    let name = reference?.strip_prefix("#/definitions/")?;
    only_fields(&definitions.get(name)?["oneOf"])
}

/// Returns the single fields of a list of objects. `None` when they are not enum variants.
fn only_fields(all: &Value) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    for variant in all.as_array()? {
        let properties = variant["properties"].as_object()?;
        let (name, schema) = properties.iter().next()?;
        let mut schema = schema.clone();
        if let (Some(text), Value::Object(schema)) = (variant.get("description"), &mut schema) {
            if let Some(reference) = schema.remove("$ref") {
                schema.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
            }
            schema.insert("description".to_owned(), text.clone());
        }
        fields.insert(name.clone(), schema);
    }
    Some(fields)
}

/// Turns words with descriptions into one list of words.
fn merge_words(schema: &mut Map<String, Value>) {
    let Some(Value::Array(all)) = schema.get("oneOf") else {
        return;
    };
    let words: Option<Vec<Value>> = all.iter().map(|word| word.get("const").cloned()).collect();
    let Some(words) = words else { return };
    let meanings = all.iter().map(|word| {
        let text = word["description"].as_str().unwrap_or_default();
        json!(text)
    });
    schema.insert("enumDescriptions".to_owned(), meanings.collect());
    schema.remove("oneOf");
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), Value::Array(words));
}

/// Accepts expressions and quoted values where the schema has a scalar.
fn accept_expressions(schema: &mut Map<String, Value>) {
    let expression = json!({ "type": "string", "pattern": EXPRESSION });
    let quoted = |pattern: &str| json!({ "type": "string", "pattern": format!("{EXPRESSION}|^({pattern})$") });
    let kind = schema
        .get("type")
        .and_then(Value::as_str)
        .map(str::to_owned);
    if let Some(words) = schema.remove("enum") {
        schema.remove("type");
        schema.insert("anyOf".to_owned(), json!([{ "enum": words }, expression]));
        return;
    }
    let either = match kind.as_deref() {
        Some("string") => {
            match schema.get("pattern").and_then(Value::as_str) {
                // Already changed.
                Some(pattern) if pattern.starts_with(EXPRESSION) => {}
                Some(pattern) => {
                    let quoted = quoted(pattern);
                    schema.insert("pattern".to_owned(), quoted["pattern"].clone());
                }
                None => {
                    schema.insert("type".to_owned(), json!(["string", "number", "boolean"]));
                }
            }
            return;
        }
        Some("boolean") => json!([{ "enum": [true, false, "true", "false"] }, expression]),
        Some("integer") => {
            let minimum = schema.remove("minimum");
            let pattern = match minimum.as_ref().and_then(Value::as_i64) {
                None => r"\s*[-+]?[0-9]+\s*",
                Some(0) => "[0-9]+",
                Some(_) => "0*[1-9][0-9]*",
            };
            let mut number = json!({ "type": "integer" });
            if let Some(minimum) = minimum {
                number["minimum"] = minimum;
            }
            json!([number, quoted(pattern)])
        }
        Some("number") => {
            json!([{ "type": "number" }, quoted(r"\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*")])
        }
        _ => return,
    };
    schema.remove("type");
    schema.insert("anyOf".to_owned(), either);
}

/// Removes the definitions that nothing refers to: enums whose variants became fields.
fn remove_unused(schema: &mut Value) {
    loop {
        let text = schema.to_string();
        let Value::Object(definitions) = &mut schema["definitions"] else {
            return;
        };
        let before = definitions.len();
        definitions.retain(|name, _| text.contains(&format!("\"#/definitions/{name}\"")));
        if definitions.len() == before {
            return;
        }
    }
}
