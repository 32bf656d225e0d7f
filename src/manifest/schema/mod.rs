//! The manifest language as JSON Schema (draft-07), for editors and for other programs.
//!
//! Decoding is by hand, so that all that is wrong is found at once; the schema stands beside it, as
//! data. It knows shapes and words only: what names refer to, check digits and what expressions
//! give is `treaty validate`'s to say. It never refuses what the decoder takes. `tie.rs` holds the
//! two together.

mod build;
mod flow;
mod resources;
mod settings;
mod signer;
#[cfg(test)]
#[cfg_attr(not(feature = "schema-tests"), allow(dead_code))]
pub(super) mod tie;

use build::{Object, Schema, map_of, optional, reference};
use serde_json::{Map, Value, json};

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of `treaty.yaml`.
pub fn project() -> Value {
    let mut definitions = sections_definitions();
    definitions.extend(settings::definitions());
    let root = settings::project(sections());
    document(
        "treaty.yaml: a project of treaty",
        root.schema(),
        definitions,
    )
}

/// The schema of a file that `manifests` of `treaty.yaml` matches.
pub fn manifest() -> Value {
    let described =
        "Accounts, seals, templates and flows. All files of a project share one namespace.";
    // A file of comments alone declares nothing, and is fine.
    let mut root = Object::new(described, sections()).schema();
    root.insert("type".to_owned(), json!(["object", "null"]));
    document("a manifest of treaty", root, sections_definitions())
}

/// The sections that may stand in any file.
fn sections() -> Vec<build::Field> {
    let section =
        |name, described, definition| optional(name, map_of(described, reference(definition)));
    vec![
        section("accounts", "People and organizations, by name.", "account"),
        section("seals", "Seals of accounts, by name.", "seal"),
        section(
            "templates",
            "PDF forms that documents are created from, by name.",
            "template",
        ),
        section(
            "flows",
            "Contracts with their documents, signers and rows, by name.",
            "flow",
        ),
    ]
}

type Definitions = Vec<(&'static str, Schema)>;

fn sections_definitions() -> Definitions {
    let mut all = resources::definitions();
    all.extend(flow::definitions());
    all.extend(signer::definitions());
    all
}

fn document(title: &str, mut root: Schema, definitions: Definitions) -> Value {
    let definitions: Map<String, Value> = definitions
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), Value::Object(schema)))
        .collect();
    root.insert("$schema".to_owned(), json!(DRAFT));
    root.insert("title".to_owned(), json!(title));
    root.insert("definitions".to_owned(), Value::Object(definitions));
    Value::Object(root)
}
