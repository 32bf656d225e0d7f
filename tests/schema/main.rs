//! Documents against the JSON Schemas: the manifests of this repository are valid, wrong ones are
//! not, and `run.json` matches its schema. The validator is a large dependency, hence a separate
//! target.

#[allow(dead_code)]
#[path = "../it/support/project.rs"]
mod project;

use jsonschema::Validator;
use serde_json::Value;
use treaty::manifest::schema;

use project::{Project, is_project, root, yaml_files};

fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::meta::validate(schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::draft7::new(schema).expect("a schema")
}

fn json(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Returns the errors of a document, one on each line.
fn errors(validator: &Validator, document: &Value) -> String {
    let all = validator.iter_errors(document);
    let all = all.map(|error| format!("{}: {error}\n", error.instance_path()));
    all.collect()
}

#[test]
fn examples_and_starters_match_the_schemas() {
    let (project, manifest) = (
        validator(&schema::project()),
        validator(&schema::manifest()),
    );
    let mut files = Vec::new();
    for folder in ["examples", "manifests", "tests/cases/base"] {
        yaml_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 10);
    for path in files {
        let document = json(&std::fs::read_to_string(&path).expect("a file"));
        let validator = if is_project(&path) {
            &project
        } else {
            &manifest
        };
        let errors = errors(validator, &document);
        assert!(errors.is_empty(), "{}\n{errors}", path.display());
    }
}

const PERSON: &str = "{ thirdId: a, name: b, idType: resident-id, idNo: c }";

#[test]
fn valid_manifests_are_accepted() {
    let validator = validator(&schema::manifest());
    let person = |id_type: &str| {
        format!(
            "accounts: {{ 陈晓静: {{ person: {} }} }}",
            PERSON.replace("resident-id", id_type)
        )
    };
    for text in [
        "# nothing yet",
        &person("19"),
        &person("'19'"),
        &person("\"{{ row.kind }}\""),
        "accounts: { old: { absent: true, thirdId: 17 } }",
        "accounts: { acme: { organization: { thirdId: a, creator: b, name: c, organType: 11, organCode: 9133 }, silentSign: true } }",
        "seals: { s: { account: a, alias: b, color: \"{{ var.color }}\", width: 159, image: seals/a.png } }",
        "templates: { t: { templateId: 00099376d6fb47e3ba4e18587a95176d, fields: [a, b] } }",
    ] {
        assert_eq!(errors(&validator, &json(text)), "", "{text}");
    }
}

#[test]
fn invalid_manifests_are_refused() {
    let validator = validator(&schema::manifest());
    let account = |fields: &str| format!("accounts: {{ a: {{ {fields} }} }}");
    let person = |from: &str, to: &str| account(&format!("person: {}", PERSON.replace(from, to)));
    let seal =
        |fields: &str| format!("seals: {{ s: {{ account: a, alias: b, color: RED, {fields} }} }}");
    let flow = |documents: &str, signer: &str, more: &str| {
        format!(
            "flows: {{ f: {{ documents: {documents}, process: {{ businessScene: a }}, signers: {{ s: {{ {signer} }} }}{more} }} }}"
        )
    };
    const DOCUMENTS: &str = "{ d: { template: t, name: n } }";
    const SIGNER: &str = "person: { account: a }";
    assert_eq!(errors(&validator, &json(&flow(DOCUMENTS, SIGNER, ""))), "");
    assert_eq!(
        errors(&validator, &json(&account(&format!("person: {PERSON}")))),
        ""
    );
    let platform = |positions: &str| {
        flow(
            DOCUMENTS,
            &format!("platform: {{ positions: {positions} }}"),
            "",
        )
    };
    assert_eq!(errors(&validator, &json(&platform("[{ keyword: k }]"))), "");
    let wrong = [
        // Unknown fields.
        "account: {}".to_owned(),
        person("name", "nmae"),
        flow(DOCUMENTS, SIGNER, ", onchange: keep"),
        // Names that are invalid in an address.
        format!("accounts: {{ \"a.b\": {{ person: {PERSON} }} }}"),
        // Missing required fields.
        person(", idNo: c", ""),
        "flows: { f: { documents: { d: { template: t, name: n } }, process: { businessScene: a } } }".to_owned(),
        account("absent: true"),
        account(&format!("person: {PERSON}, thirdId: a")),
        account("organization: { thirdId: a, creator: b, name: c, organType: 11, organCode: d, legalIdNo: e }"),
        "templates: { t: { file: a.pdf } }".to_owned(),
        flow("{}", SIGNER, ""),
        platform("[]"),
        flow(DOCUMENTS, "platform: { seal: s }", ""),
        platform("[{ page: 1, posX: 1 }]"),
        // Two kinds, or none.
        account(&format!("person: {PERSON}, absent: true")),
        account("protect: true"),
        seal("image: a.png, personTemplate: { templateType: SQUARE }"),
        seal("width: 1"),
        "templates: { t: { file: a.pdf, templateName: b, templateId: c } }".to_owned(),
        flow("{ d: { template: t, file: a.pdf, name: n } }", SIGNER, ""),
        flow(DOCUMENTS, "person: { account: a }, organization: { account: a, organization: b }", ""),
        flow(DOCUMENTS, "after: [s]", ""),
        platform("[{ keyword: k, seam: 1-3 }]"),
        // Unknown values.
        person("resident-id", "resident"),
        person("resident-id", "24"),
        seal("personTemplate: { templateType: ROUND_STAR }"),
        seal("color: red, image: a.png").replace("color: RED, ", ""),
        flow(DOCUMENTS, "person: { account: a, sealType: [drawn] }", ""),
        flow(DOCUMENTS, SIGNER, ", onChange: revoke"),
        flow(DOCUMENTS, SIGNER, ", finish: { archive: sure }"),
        // Wrong types.
        "accounts: [a]".to_owned(),
        "accounts:".to_owned(),
        person("name: b", "name: [b]"),
        person("name: b", "name: "),
        flow(DOCUMENTS, "person: { account: a, sealType: handdrawn }", ""),
    ];
    for text in wrong {
        assert!(!validator.is_valid(&json(&text)), "{text}");
    }
}

#[test]
fn invalid_projects_are_refused() {
    const BASE: &str = "version: 1\nproject: p\nenvironments: { sandbox: { endpoint: sandbox } }\n";
    let validator = validator(&schema::project());
    assert_eq!(errors(&validator, &json(BASE)), "");
    for right in [
        "limits: { rate: none }",
        "failures: { tolerate: 20 }",
        "ledger: \"postgres://db\"",
    ] {
        assert_eq!(
            errors(&validator, &json(&format!("{BASE}{right}"))),
            "",
            "{right}"
        );
    }
    for wrong in [
        "environment: sandbox",
        "limits: { rate: 10 }",
        "limits: { concurrency: 0 }",
        "limits: { operations: { doc/createfromtemplate: 5/s } }",
        "retries: { backoff: 500 }",
        "failures: { invalidRows: ignore }",
        "failures: { tolerate: some }",
        "reports: { formats: csv }",
        "reports: { formats: [pdf] }",
        "variables: { a: [b] }",
        "defaultEnvironment: [sandbox]",
    ] {
        assert!(
            !validator.is_valid(&json(&format!("{BASE}{wrong}"))),
            "{wrong}"
        );
    }
    for (from, to) in [
        ("version: 1", "version: 2"),
        ("project: p", "name: p"),
        ("endpoint: sandbox", "endpoint: http://acme.example"),
    ] {
        assert!(!validator.is_valid(&json(&BASE.replace(from, to))), "{to}");
    }
}

#[test]
fn run_json_matches_its_schema() {
    let text = std::fs::read_to_string(root().join("docs/schema/run.json")).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::draft7::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    let check = |project: &Project| {
        let summary = project.summary();
        let errors: Vec<String> = validator
            .iter_errors(&summary)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}\n{summary:#}");
        // Every field of the summary is in the schema.
        for name in summary.as_object().expect("fields").keys() {
            assert!(schema["properties"].get(name).is_some(), "{name}");
        }
    };
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    check(&project);
    project.expect(&["apply", "--yes"], 0);
    check(&project);
    project.expect(&["report"], 0);
    check(&project);
    project.replace(
        "treaty.yaml",
        "limits: { concurrency: 16 }",
        "limits: { concurrency: 16, rate: 500/s }",
    );
    project.replace(
        "manifests/lender.yaml",
        "until: 2027-12-31",
        "until: 2020-12-31",
    );
    let project = {
        // A resource that fails.
        let other = Project::loans();
        other.replace(
            "manifests/lender.yaml",
            "until: 2027-12-31",
            "until: 2020-12-31",
        );
        other.expect(&["apply", "--yes"], 3);
        assert!(
            other.summary()["resourceFailures"]
                .as_object()
                .is_some_and(|all| !all.is_empty())
        );
        other
    };
    check(&project);
    let printed = project.expect(&["schema", "run"], 0);
    assert_eq!(printed.stdout, text);
}
