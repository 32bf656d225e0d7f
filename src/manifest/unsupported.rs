//! What the manifest language has and this treaty cannot do yet. It is refused with its place: what is declared
//! and not done would be worse than what is not there.

use super::flow::{Flow, OnVanish};
use super::load::Project;
use crate::diagnostic::{Diagnostic, Findings, Span};

pub(super) fn check(project: &Project, findings: &mut Findings) {
    for flow in project.flows.values() {
        check_flow(flow, findings);
    }
}

fn check_flow(flow: &Flow, findings: &mut Findings) {
    if let Some(span) = &flow.on_vanish_span
        && flow.on_vanish == OnVanish::Revoke
    {
        refuse(findings, span, "this value of onVanish", "use keep");
    }
}

fn refuse(findings: &mut Findings, span: &Span, what: &str, hint: &str) {
    findings.push(
        Diagnostic::error(format!("{what}: not supported yet"))
            .at(span)
            .hint(hint),
    );
}
