//! `docs/manifest-reference.md` is generated from the JSON Schema, and thereby from the types that
//! read manifests. `UPDATE=1 cargo test` writes it.

use std::fmt::Write;

use serde_json::Value;
use treaty::manifest::schema;

use crate::support::project::root;

#[test]
fn the_field_reference_is_up_to_date() {
    let path = root().join("docs/manifest-reference.md");
    let text = markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "the field reference is old: UPDATE=1 cargo test writes it"
    );
}

/// Returns the field reference of `treaty.yaml` and of manifests.
fn markdown() -> String {
    let schema = schema::project();
    let mut text = String::from(HEAD);
    let Value::Object(definitions) = &schema["definitions"] else {
        return text;
    };
    type_section(&mut text, "treaty.yaml", &schema);
    for (name, definition) in definitions {
        type_section(&mut text, name, definition);
    }
    text
}

const HEAD: &str = "\
# Field reference

All fields of `treaty.yaml` and of manifests, generated from the types that read them
(`UPDATE=1 cargo test` writes this file). [manifest.md](manifest.md) explains them with examples.

Every scalar can contain expressions, and numbers and booleans may be quoted. Fields in **bold**
are required. *One of* marks fields of which exactly one is set.
";

/// Adds the section of a type: its description and a table of its fields.
fn type_section(text: &mut String, name: &str, schema: &Value) {
    let _ = write!(text, "\n## {name}\n\n{}\n", description(schema));
    let Some(properties) = schema["properties"].as_object() else {
        let _ = write!(text, "\nIt is {}.\n", type_text(schema));
        return;
    };
    text.push_str("\n| field | type | default | meaning | API |\n|---|---|---|---|---|\n");
    let required = |name: &str| contains(&schema["required"], name);
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|name| !required(name));
    for name in names {
        let one_of = schema["oneOf"].as_array().into_iter().flatten();
        let is_one_of = one_of
            .into_iter()
            .any(|one| contains(&one["required"], name));
        let shown = match (required(name), is_one_of) {
            (true, _) => format!("**`{name}`**"),
            (false, true) => format!("`{name}` (one of)"),
            (false, false) => format!("`{name}`"),
        };
        let field = &properties[name];
        let (meaning, default) = split_default(&description(field));
        let (meaning, sections) = split_sections(&meaning);
        let _ = writeln!(
            text,
            "| {shown} | {} | {default} | {meaning} | {sections} |",
            type_text(field)
        );
    }
}

fn contains(list: &Value, name: &str) -> bool {
    list.as_array()
        .is_some_and(|list| list.iter().any(|entry| entry == name))
}

/// Returns the description with the meanings of its words, in one line.
fn description(schema: &Value) -> String {
    let mut text = schema["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let meanings = schema["enumDescriptions"].as_array().into_iter().flatten();
    for (word, meaning) in words(schema).iter().zip(meanings) {
        let meaning = meaning.as_str().unwrap_or_default();
        let _ = write!(text, " `{word}`: {}", lower_first(meaning));
    }
    text.replace('|', "\\|")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// Splits `Default: ….` off a description.
fn split_default(text: &str) -> (String, String) {
    let Some((before, rest)) = text.split_once("Default: ") else {
        return (text.to_owned(), String::new());
    };
    let (default, after) = rest.split_once(". ").unwrap_or((rest, ""));
    let meaning = format!("{before}{after}").trim_end().to_owned();
    (meaning, default.trim_end_matches('.').to_owned())
}

/// Splits sections of the API document, such as (5.2.1), off a description.
fn split_sections(text: &str) -> (String, String) {
    let parts = text.split_once(" (5.").and_then(|(before, rest)| {
        let (section, after) = rest.split_once(')')?;
        Some((format!("{before}{after}"), format!("5.{section}")))
    });
    parts.unwrap_or((text.to_owned(), String::new()))
}

/// Returns the words of an enumeration.
fn words(schema: &Value) -> Vec<String> {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let mut lists = alternatives.filter_map(|alternative| alternative["enum"].as_array());
    let words = lists.next().into_iter().flatten();
    let is_name = |word: &&str| word.parse::<f64>().is_err();
    let words = words.filter_map(Value::as_str).filter(is_name);
    words.map(|word| word.replace('\t', "\\t")).collect()
}

/// Returns the type of a field in words.
fn type_text(schema: &Value) -> String {
    let reference = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str());
    if let Some(name) = reference.and_then(|path| path.strip_prefix("#/definitions/")) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    match schema["type"].as_str() {
        Some("array") => return format!("list of {}", type_text(&schema["items"])),
        Some("object") => {
            let values = &schema["additionalProperties"];
            return format!("map of names to {}", type_text(values));
        }
        Some("string") => return "text".to_owned(),
        _ => {}
    }
    let Some(alternatives) = schema["anyOf"].as_array() else {
        return "text".to_owned();
    };
    let words = words(schema);
    if words == ["true", "false"] {
        return "true or false".to_owned();
    }
    if !words.is_empty() {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(", ").replace('|', "\\|");
    }
    let mut types: Vec<String> = alternatives.iter().filter_map(alternative_text).collect();
    types.dedup();
    types.join(" or ")
}

/// Returns the type of an alternative; `None` when it is a spelling of another one.
fn alternative_text(schema: &Value) -> Option<String> {
    match (schema["type"].as_str(), schema["pattern"].as_str()) {
        (Some("integer"), _) => Some("whole number".to_owned()),
        (Some("number"), _) => Some("number".to_owned()),
        (Some("string"), Some(pattern)) => pattern.ends_with("%)$").then(|| "share".to_owned()),
        _ => Some(type_text(schema)),
    }
}
