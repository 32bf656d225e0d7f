//! Writes findings as a `JUnit` report: one suite, one case a finding.
//!
//! An error is a failure. A warning is a skipped case with the message, as what does not fail a run is
//! in the reports of `apply`. Without an error, one case passes, so that the report is never empty.

use super::env_values;
use crate::diagnostic::{Diagnostic, Findings, Place, Severity};
use crate::util::escape::escaped_xml;

/// The name of the suite, and of the case that passes.
const SUITE: &str = "validate";

/// Renders the stored findings as lines of XML.
pub(super) fn lines(findings: &[&Findings]) -> Vec<String> {
    let stored = || findings.iter().flat_map(|findings| findings.kept());
    let errors: usize = findings.iter().map(|findings| findings.errors()).sum();
    let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
    let mut cases: Vec<String> = stored().map(case).collect();
    let unstored = errors - stored().filter(is_error).count();
    if errors == 0 {
        cases.push(format!(
            r#"    <testcase classname="{SUITE}" name="{SUITE}"/>"#
        ));
    } else if unstored > 0 {
        let text = escaped_xml(&t!("%{count} more", count = unstored));
        cases.push(format!(
            r#"    <testcase classname="{SUITE}" name="{text}"><failure message="{text}"/></testcase>"#
        ));
    }
    let failures = cases
        .iter()
        .filter(|case| case.contains("<failure "))
        .count();
    let skipped = cases
        .iter()
        .filter(|case| case.contains("<skipped "))
        .count();
    let counts = format!(
        r#"tests="{}" failures="{failures}" errors="0" skipped="{skipped}""#,
        cases.len()
    );
    let mut lines = vec![
        r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(),
        format!(r#"<testsuites name="treaty" {counts}>"#),
        format!(r#"  <testsuite name="{SUITE}" {counts}>"#),
    ];
    lines.append(&mut cases);
    lines.extend(["  </testsuite>".to_owned(), "</testsuites>".to_owned()]);
    lines
}

/// Renders the case of a finding, named by its location and message.
fn case(finding: &Diagnostic) -> String {
    let text = |text: &str| escaped_xml(&env_values::masked(text));
    let place = finding.place.as_ref();
    let (file, line, _) = place.map_or_else(Default::default, Place::position);
    let message = text(&finding.message);
    let name = match &finding.place {
        Some(place) => format!("{}: {message}", text(&place.to_string())),
        None => message.clone(),
    };
    let file = file.map_or(String::new(), |file| format!(r#" file="{}""#, text(&file)));
    let line = line.map_or(String::new(), |line| format!(r#" line="{line}""#));
    let outcome = match finding.severity {
        Severity::Warning => format!(r#"<skipped message="{message}"/>"#),
        Severity::Error => match finding.hint.as_deref().unwrap_or_default() {
            "" => format!(r#"<failure message="{message}"/>"#),
            hint => format!(r#"<failure message="{message}">{}</failure>"#, text(hint)),
        },
    };
    format!(r#"    <testcase classname="{SUITE}" name="{name}"{file}{line}>{outcome}</testcase>"#)
}
