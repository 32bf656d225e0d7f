//! Compares the schema with what is decoded: a project that uses the whole manifest language is
//! changed in every place in several ways, and both must agree on what is wrong.

#[cfg(feature = "schema-tests")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::diagnostic::{Findings, Severity};
use crate::expr::Environ;
use crate::manifest::{PROJECT_FILE, Project};

/// Loads a project and gives the errors, each with its hint.
fn errors(project: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(PROJECT_FILE), project).expect("written");
    let mut findings = Findings::default();
    Project::load(folder.path(), None, &Environ::default(), &mut findings);
    let all = findings.kept().iter();
    let all = all.filter(|found| found.severity == Severity::Error);
    all.map(|found| {
        (
            found.message.clone(),
            found.hint.clone().unwrap_or_default(),
        )
    })
    .collect()
}

fn everything() -> Value {
    serde_yaml::from_str(include_str!("everything.yaml")).expect("YAML")
}

/// Fields whose values are checked once they are rendered: loading a project does not see what is
/// wrong in them.
const CHECKED_LATER: [&str; 13] = [
    "idType",
    "organType",
    "legalIdType",
    "encryption",
    "signValidity",
    "signPlatform",
    "noticeType",
    "addSignTime",
    "noticeSignMessage",
    "sealType",
    "posX",
    "posY",
    "scale",
];

const WORD: &str = "no-such-word";

/// Every place of a document, as a JSON pointer.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    let mut inside = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        let there = format!("{here}/{name}");
        all.push(there.clone());
        places(value, &there, all);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| inside(name, value)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(at, value)| inside(&at.to_string(), value)),
        _ => {}
    }
}

/// The document without this place.
fn without(document: &Value, place: &str) -> Value {
    let mut document = document.clone();
    let (above, name) = place.rsplit_once('/').expect("a pointer");
    let name = name.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(above) {
        Some(Value::Object(map)) => drop(map.remove(&name)),
        Some(Value::Array(list)) => drop(list.remove(name.parse().expect("an index"))),
        _ => panic!("{place} is nowhere"),
    }
    document
}

/// The document with another value in this place.
fn with(document: &Value, place: &str, value: Value) -> Value {
    let mut document = document.clone();
    *document.pointer_mut(place).expect("a place") = value;
    document
}

/// Whether an error is about shapes and words, which the schema must see too.
fn is_of_shape((message, hint): &(String, String)) -> bool {
    let shapes = [
        " has no field ",
        " must be a ",
        " needs one of ",
        "there is no operation ",
    ];
    shapes.iter().any(|shape| message.contains(shape))
        || (message.contains(" needs ") && hint.starts_with("add "))
        || (message.contains(" cannot be ") && hint.starts_with("it is "))
}

#[cfg(feature = "schema-tests")]
#[test]
fn the_schema_refuses_what_the_decoder_refuses_and_nothing_else() {
    let schema = jsonschema::draft7::new(&super::project()).expect("a schema");
    let document = everything();
    if let Err(error) = schema.validate(&document) {
        panic!("everything.yaml{}: {error}", error.instance_path());
    }
    let count = |errors: &[(String, String)]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (message, _) in errors {
            *counts.entry(message.clone()).or_default() += 1;
        }
        counts
    };
    let base = errors(&document.to_string());
    assert!(!base.iter().any(is_of_shape), "{base:?}");
    let base = count(&base);
    let mut all = Vec::new();
    places(&document, "", &mut all);
    let mut wrong = Vec::new();
    for place in &all {
        let mut changed = vec![("left out", without(&document, place))];
        for (what, value) in [
            ("nothing", Value::Null),
            ("a list", serde_json::json!([])),
            ("a mapping", serde_json::json!({})),
            ("a word", serde_json::json!(WORD)),
        ] {
            changed.push((what, with(&document, place, value)));
        }
        if let Some(Value::Object(map)) = document.pointer(place) {
            let mut map = map.clone();
            map.insert(WORD.to_owned(), Value::Null);
            changed.push((
                "an unknown field",
                with(&document, place, Value::Object(map)),
            ));
        }
        let later = place.split('/').any(|name| CHECKED_LATER.contains(&name));
        for (what, changed) in changed {
            let errors = errors(&changed.to_string());
            let counts = count(&errors);
            let new = |message: &String| counts.get(message) > base.get(message);
            let decoder: Vec<_> = errors.iter().filter(|(message, _)| new(message)).collect();
            let is_accepted = schema.is_valid(&changed);
            let unseen = later && what == "a word";
            if !is_accepted && decoder.is_empty() && !unseen {
                wrong.push(format!("{place}: {what}: the schema alone refuses it"));
            }
            if is_accepted && let Some(error) = decoder.iter().find(|error| is_of_shape(error)) {
                wrong.push(format!("{place}: {what}: the schema accepts it: {error:?}"));
            }
            // The words that the decoder would take are the schema's words too.
            let words = errors.iter().find_map(|(message, hint)| {
                let words = hint.strip_prefix("it is one of ")?;
                message.ends_with(WORD).then_some(words)
            });
            // A comma is itself a delimiter, and cannot be told from those of the list.
            for word in words
                .into_iter()
                .flat_map(|words| words.split(", "))
                .filter(|word| !word.contains(','))
            {
                let named = with(&document, place, serde_json::json!(word));
                if what == "a word" && !schema.is_valid(&named) {
                    wrong.push(format!("{place}: the schema does not know {word}"));
                }
            }
        }
    }
    assert!(all.len() > 200, "{}", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All words of the schema's enumerations.
fn words(schema: &Value, all: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(values) = value.as_array().filter(|_| name == "enum") {
                    let texts = values.iter().filter_map(Value::as_str);
                    all.extend(texts.map(str::to_owned));
                } else if name != "propertyNames" {
                    words(value, all);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| words(value, all)),
        _ => {}
    }
}

#[cfg(feature = "schema-tests")]
#[test]
fn decodes_all_words_of_the_schema() {
    let schema = jsonschema::draft7::new(&super::project()).expect("a schema");
    let document = everything();
    let (mut all, mut candidates) = (Vec::new(), BTreeSet::new());
    places(&document, "", &mut all);
    words(&super::project(), &mut candidates);
    let mut tried = 0;
    for place in all {
        let is_scalar = document
            .pointer(&place)
            .is_some_and(|value| !value.is_object() && !value.is_array());
        // Only where not every word is accepted.
        if !is_scalar || schema.is_valid(&with(&document, &place, serde_json::json!(WORD))) {
            continue;
        }
        for word in &candidates {
            let changed = with(&document, &place, serde_json::json!(word));
            if schema.is_valid(&changed) {
                tried += 1;
                let errors = errors(&changed.to_string());
                let refused = errors.iter().find(|error| is_of_shape(error));
                assert!(refused.is_none(), "{place}: {word}: {refused:?}");
            }
        }
    }
    assert!(tried > 100, "{tried}");
}
