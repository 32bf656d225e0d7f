//! The report of a run as a `JUnit` file.

use std::collections::BTreeMap;

use crate::cli::state::applied;
use crate::support::project::Project;

#[test]
fn junit_counts_and_describes_failures() {
    let project = applied(0);
    project.replace(
        "treaty.yaml",
        "failures: { invalidRows: refuse }",
        "failures: { invalidRows: skip }\nreports: { formats: [junit, json] }",
    );
    let sheet: Vec<String> = Project::loans()
        .sheet()
        .lines()
        .take(5)
        .map(str::to_owned)
        .collect();
    project.set_sheet(
        &sheet
            .join("\r\n")
            .replacen("33019919860724191X", "330199198607241911", 1),
    );
    project.expect(&["apply", "--yes"], 3);
    let text = project.read("reports/latest/junit.xml");
    assert!(!project.path("reports/latest/loans.csv").exists());
    let document = Element::read(&text);
    let suites = &document.children;
    assert_eq!((document.name.as_str(), suites.len()), ("testsuites", 1));
    let suite = &suites[0];
    assert_eq!(suite.attributes["name"], "flows.loans");
    for element in [&document, suite] {
        let number = |name: &str| element.attributes[name].parse::<usize>().expect("a number");
        assert_eq!(
            (
                number("tests"),
                number("failures"),
                number("errors"),
                number("skipped")
            ),
            (4, 1, 0, 0)
        );
    }
    assert_eq!(suite.children.len(), 4);
    let failed = &suite.children[0];
    assert_eq!(failed.attributes["name"], "HT-2026-0001");
    assert_eq!(failed.attributes["classname"], "acme-lending.flows.loans");
    let failure = &failed.children[0];
    assert_eq!(failure.name, "failure");
    assert!(
        failure.attributes["message"].starts_with("failed: 身份证号: "),
        "{text}"
    );
    assert!(!text.contains("330199198607241911"), "no cell's text");
    assert!(suite.children[1].children.is_empty());
}

#[test]
fn validate_writes_findings_as_junit() {
    let project = applied(0);
    let validate = |code| {
        let run = project.expect(&["validate", "--format", "junit"], code);
        Element::read(&run.stdout)
    };
    // A filter that excludes all rows is a warning.
    let sheet = Project::loans().sheet();
    project.set_sheet(&sheet.replace("已批准", "待审批"));
    let document = validate(0);
    let suite = &document.children[0];
    let counts = |suite: &Element| {
        ["tests", "failures", "errors", "skipped"].map(|name| suite.attributes[name].clone())
    };
    assert_eq!(counts(suite), ["2", "0", "0", "1"]);
    assert_eq!(suite.children[0].children[0].name, "skipped");
    assert!(suite.children[1].children.is_empty());
    project.set_sheet(&sheet.replacen("33019919860724191X", "330199198607241911", 1));
    let document = validate(65);
    let suite = &document.children[0];
    assert_eq!(counts(suite), ["1", "1", "0", "0"]);
    let case = &suite.children[0];
    assert_eq!(case.attributes["file"], "loans.csv");
    assert_eq!(case.attributes["line"], "2");
    assert!(case.attributes["name"].starts_with("loans.csv, row 2"));
    assert_eq!(case.children[0].name, "failure");
    project.write("manifests/lender.yaml", "accounts: [");
    let document = validate(65);
    let case = &document.children[0].children[0];
    assert_eq!(case.attributes["file"], "manifests/lender.yaml");
}

/// An XML element. The parser accepts only a subset of XML, and panics on malformed input.
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
}

impl Element {
    fn read(text: &str) -> Self {
        let rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        let (element, rest) = Self::parse(rest.expect("a declaration").trim_start());
        assert_eq!(rest.trim(), "");
        element
    }

    fn parse(text: &str) -> (Self, &str) {
        let text = text
            .strip_prefix('<')
            .unwrap_or_else(|| panic!("no element: {text:.40}"));
        let (tag, mut rest) = text.split_once('>').expect("a tag's end");
        let (tag, empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, mut left) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = BTreeMap::new();
        while let Some((key, after)) = left.trim_start().split_once("=\"") {
            let (value, after) = after.split_once('"').expect("a value's end");
            assert!(!value.contains('<') && !value.contains('\n'));
            assert!(
                attributes
                    .insert(key.to_owned(), value.to_owned())
                    .is_none()
            );
            left = after;
        }
        assert_eq!(left.trim(), "", "in {tag}");
        let mut element = Self {
            name: name.to_owned(),
            attributes,
            children: Vec::new(),
        };
        let end = format!("</{name}>");
        if empty {
            return (element, rest);
        }
        loop {
            let at = rest.find('<').expect("an end");
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix(end.as_str()) {
                return (element, after);
            }
            let (child, after) = Self::parse(rest);
            element.children.push(child);
            rest = after;
        }
    }
}
