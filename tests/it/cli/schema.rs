//! The printed schema, and the schema that files name. `UPDATE=1 cargo test` writes `docs/schema`;
//! `tests/schema` validates documents with it.

use std::path::Path;

use crate::support::project::{Project, is_project, root, yaml_files};

#[test]
fn files_name_their_schema_in_the_first_line() {
    let named = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("a file");
        let first = text.lines().next().unwrap_or_default();
        let schema = first
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap_or_else(|| panic!("{}: {first}", path.display()));
        let name = if is_project(path) {
            "project.json"
        } else {
            "manifest.json"
        };
        assert!(schema.ends_with(name), "{}: {first}", path.display());
        path.parent().expect("a folder").join(schema)
    };
    let mut examples = Vec::new();
    yaml_files(&root().join("examples"), &mut examples);
    for path in examples {
        assert!(named(&path).is_file(), "{}", path.display());
    }
    for starter in ["loan", "organization"] {
        let project = Project::empty();
        project.expect(&["init", starter], 0);
        let mut files = Vec::new();
        yaml_files(project.root(), &mut files);
        assert!(files.len() > 2);
        for path in files {
            assert!(named(&path).is_file(), "{}", path.display());
        }
    }
}

#[test]
fn the_printed_schema_equals_the_documented_one() {
    let project = Project::empty();
    for (args, name) in [
        (&["schema"][..], "project.json"),
        (&["schema", "project"], "project.json"),
        (&["schema", "manifest"], "manifest.json"),
        (&["schema", "plan"], "plan.json"),
    ] {
        let printed = project.expect(args, 0).stdout;
        let path = root().join("docs/schema").join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, &printed).expect("written");
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            known == printed,
            "{name} is old: UPDATE=1 cargo test writes it anew"
        );
    }
}
