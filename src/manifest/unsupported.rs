//! What the manifest language has and this treaty cannot do yet. It is refused with its place: what is declared
//! and not done would be worse than what is not there.

use super::flow::{Flow, OnVanish};
use super::load::Project;
use crate::diagnostic::{Diagnostic, Findings};

pub(super) fn check(project: &Project, findings: &mut Findings) {
    let revoking = |flow: &&Flow| flow.on_vanish == OnVanish::Revoke;
    let flows = project.flows.values().filter(revoking);
    for span in flows.filter_map(|flow| flow.on_vanish_span.as_ref()) {
        findings.push(
            Diagnostic::error("this value of onVanish: not supported yet")
                .at(span)
                .hint("use keep"),
        );
    }
}
