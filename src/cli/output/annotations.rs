//! Writes findings to standard output for programs: as JSON, as a `JUnit` report, or as annotations
//! of GitHub Actions.

use std::path::Path;

use serde_json::{Value, json};

use super::{env_values, findings_junit, out};
use crate::cli::args::FindingsFormat;
use crate::diagnostic::{Diagnostic, Findings, Place, Severity};

/// Writes the stored findings. `root`: the folder of the project, which paths begin with.
pub(in crate::cli) fn print(format: FindingsFormat, root: &Path, findings: &[&Findings]) {
    let stored = findings.iter().flat_map(|findings| findings.kept());
    match format {
        FindingsFormat::Text => {}
        FindingsFormat::Junit => out::lines(findings_junit::lines(findings)),
        FindingsFormat::Github => out::lines(stored.map(|finding| annotation(root, finding))),
        FindingsFormat::Json => {
            let count = |of: fn(&Findings) -> usize| -> usize {
                findings.iter().map(|findings| of(findings)).sum()
            };
            let document = json!({
                "valid": count(Findings::errors) == 0,
                "errors": count(Findings::errors),
                "warnings": count(Findings::warnings),
                "findings": stored.map(finding_json).collect::<Vec<_>>(),
            });
            out::json(&env_values::masked_json(document));
        }
    }
}

fn severity(finding: &Diagnostic) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn finding_json(finding: &Diagnostic) -> Value {
    let (file, line, column) = finding
        .place
        .as_ref()
        .map_or_else(Default::default, Place::position);
    json!({
        "severity": severity(finding),
        "message": finding.message,
        "hint": finding.hint,
        "file": file,
        "line": line,
        "column": column,
        "cell": match &finding.place {
            Some(Place::Cell(cell)) => cell.coordinates(),
            _ => None,
        },
        "key": finding.key,
    })
}

/// Returns a workflow command that shows the finding at its line.
fn annotation(root: &Path, finding: &Diagnostic) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &finding.place {
        let (file, line, column) = place.position();
        if let Some(file) = file {
            let path = root.join(file);
            let path = path.strip_prefix(".").unwrap_or(&path);
            properties.push(format!("file={}", property(&path.display().to_string())));
        }
        properties.extend(line.map(|line| format!("line={line}")));
        properties.extend(column.map(|column| format!("col={column}")));
    }
    let mut message = finding.message.clone();
    if let Some(Place::Cell(cell)) = &finding.place {
        message = format!("{cell}: {message}");
    }
    let hint = finding.hint.as_deref().filter(|hint| !hint.is_empty());
    let hint = hint.map_or(String::new(), |hint| format!("\nhelp: {hint}"));
    let text = format!("{message}{hint}");
    let properties = properties.join(",");
    format!(
        "::{} {properties}::{}",
        severity(finding),
        data(&env_values::masked(&text))
    )
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
