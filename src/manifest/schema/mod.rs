//! The manifest language as JSON Schema (draft-07), for editors and other programs. It is generated
//! from the model types.
//!
//! It describes structure and words only: references, check digits and the results of expressions
//! are checked by `treaty validate`. It never refuses what the decoder accepts.

mod normalize;
#[cfg(test)]
#[cfg_attr(not(feature = "schema-tests"), allow(dead_code))]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::project_file::{Manifest, ProjectFile};

/// Returns the schema of `treaty.yaml`.
pub fn project() -> Value {
    normalize::normalize(generate::<ProjectFile>())
}

/// Returns the schema of a file that `manifests` of `treaty.yaml` matches.
pub fn manifest() -> Value {
    normalize::normalize(generate::<Manifest>())
}

fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<T>().into()
}

/// Returns the required fields of a model type. `serde` does not say which fields these are.
pub(super) fn required_fields(type_name: &str) -> &'static [String] {
    static REQUIRED: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
        let mut required = BTreeMap::new();
        let mut add = |name: &str, schema: &Value| {
            let names = schema["required"].as_array().into_iter().flatten();
            let names = names.filter_map(Value::as_str).map(str::to_owned);
            required.insert(name.to_owned(), names.collect());
        };
        let project = generate::<ProjectFile>();
        for (name, schema) in project["definitions"].as_object().into_iter().flatten() {
            add(name, schema);
        }
        add("ProjectFile", &project);
        required
    });
    REQUIRED.get(type_name).map_or(&[], Vec::as_slice)
}
