//! Checks the names that become names of report files: no system or other report has them, and they
//! are not too long.

use std::collections::BTreeMap;

use super::project::Project;
use crate::diagnostic::{Diagnostic, Findings, Span};

/// The maximum length of a flow's name, in bytes. The longest suffix is `.failed.csv`, and file
/// systems allow 255 bytes.
const MAX_BYTES: usize = 200;
/// The names of treaty's own files in the folder of a run, without their extension.
const REPORTS: [&str; 6] = ["audit", "audit-all", "errors", "junit", "report", "run"];
/// The names that Windows reserves, whatever their case and extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Checks the names of all flows.
pub(super) fn check(project: &Project, findings: &mut Findings) {
    let mut by_folded: BTreeMap<String, (&str, &Span)> = BTreeMap::new();
    for flow in project.flows.values() {
        let (name, span) = (flow.name.as_str(), &flow.span);
        findings.extend(
            problem(name).map(|(message, hint)| Diagnostic::error(message).at(span).hint(hint)),
        );
        let folded = name.to_lowercase();
        match by_folded.get(&folded) {
            Some((other, first)) => findings.push(
                Diagnostic::error(format!("the flows {other} and {name} differ only in case"))
                    .at(span)
                    .related(*first, "the other one is declared here")
                    .hint("rename one of them: some systems do not distinguish the case of file names"),
            ),
            None => drop(by_folded.insert(folded, (name, span))),
        }
    }
}

/// Returns whether a flow can have a name, because its report can have it.
pub fn is_flow_name(name: &str) -> bool {
    problem(name).is_none()
}

/// Returns why a name cannot be the name of a report file, with a hint.
fn problem(name: &str) -> Option<(String, &'static str)> {
    let folded = name.to_lowercase();
    if REPORTS.contains(&folded.as_str()) {
        let message =
            format!("{name} cannot be the name of a flow: a report of treaty has this name");
        return Some((
            message,
            "use another name: the report of a flow is NAME.csv",
        ));
    }
    if is_device(&folded) {
        let message = format!("{name} cannot be the name of a flow: Windows reserves it");
        return Some((
            message,
            "use another name: the report of a flow is NAME.csv",
        ));
    }
    (name.len() > MAX_BYTES).then(|| {
        let start = &name[..name.floor_char_boundary(20)];
        let length = name.len();
        let message = format!(
            "the name {start}… of the flow is too long: {length} bytes, at most {MAX_BYTES} are allowed"
        );
        (message, "use a shorter name: the report of a flow is NAME.csv; a Chinese character has 3 bytes")
    })
}

/// Returns whether Windows reserves a name in lower case.
fn is_device(folded: &str) -> bool {
    let port = folded.strip_prefix("com").or(folded.strip_prefix("lpt"));
    let is_port = port.is_some_and(|number| {
        let mut digits = number.chars();
        matches!(
            (digits.next(), digits.next()),
            (Some('0'..='9' | '¹' | '²' | '³'), None)
        )
    });
    DEVICES.contains(&folded) || is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_of_reports_and_devices_and_long_ones() {
        for name in ["audit", "Run", "CON", "nul", "COM1", "lpt9", "com¹"] {
            assert!(problem(name).is_some(), "{name}");
        }
        assert!(problem(&"借".repeat(67)).is_some());
        for name in ["loans", "audits", "com", "com10", "console", "借款"] {
            assert_eq!(problem(name), None, "{name}");
        }
    }
}
