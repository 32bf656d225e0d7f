//! What the manifest language has and this treaty cannot do yet. It is refused with its place: what is declared
//! and not done would be worse than what is not there.

use super::account::AccountKind;
use super::flow::{Flow, OnChange, OnVanish};
use super::load::Project;
use super::seal::SealSource;
use super::signer::SignerKind;
use crate::diagnostic::{Diagnostic, Findings, Span};

pub(super) fn check(project: &Project, findings: &mut Findings) {
    for account in project.accounts.values() {
        if let AccountKind::Absent(span) = &account.kind {
            refuse(findings, span, "deleting accounts", "leave the account out");
        }
    }
    for seal in project.seals.values() {
        if let SealSource::Image(image) = &seal.source {
            refuse(
                findings,
                &image.span,
                "seals made of images",
                "use personTemplate or organizationTemplate",
            );
        }
    }
    for flow in project.flows.values() {
        check_flow(flow, findings);
    }
}

fn check_flow(flow: &Flow, findings: &mut Findings) {
    if let Some(second) = flow.documents.get(1) {
        refuse(
            findings,
            &second.span,
            "a flow with several documents",
            "declare one document",
        );
    }
    for document in &flow.documents {
        if let Some(span) = &document.chunked_fields {
            refuse(
                findings,
                span,
                "chunkedFields",
                "put the pages into the template",
            );
        }
        if let Some(encryption) = &document.encryption {
            refuse(findings, encryption.span(), "encryption", "leave it out");
        }
    }
    if let Some(span) = &flow.process.attachments {
        refuse(findings, span, "attachments", "leave them out");
    }
    for signer in &flow.signers {
        match &signer.kind {
            SignerKind::Platform(auto) => {
                if let Some(password) = &auto.doc_pwd {
                    refuse(findings, password.span(), "docPwd", "leave it out");
                }
            }
            SignerKind::Person { .. } => {}
            other => refuse(
                findings,
                &signer.span,
                &format!("a signer of kind {}", other.word()),
                "there are platform and person",
            ),
        }
        if let Some(after) = signer.after.first() {
            refuse(
                findings,
                &after.span,
                "after",
                "leave it out: signers are added in their order",
            );
        }
    }
    if let Some(span) = &flow.finish {
        refuse(
            findings,
            span,
            "finish",
            "leave it out: archive and download on the service's own pages",
        );
    }
    for (span, what) in &flow.policies {
        let later = match *what {
            "onChange" => flow.on_change == OnChange::Reissue,
            _ => flow.on_vanish == OnVanish::Revoke,
        };
        if later {
            refuse(findings, span, &format!("this value of {what}"), "use keep");
        }
    }
}

fn refuse(findings: &mut Findings, span: &Span, what: &str, hint: &str) {
    findings.push(
        Diagnostic::error(format!("{what}: not supported yet"))
            .at(span)
            .hint(hint),
    );
}
