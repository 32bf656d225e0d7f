//! Checks signers against the rules of the API document (sections 5.5 and 5.6) that need no row.

use super::account::SilentSign;
use super::collections::Named;
use super::flow::Flow;
use super::project::Project;
use super::seal::Seal;
use super::signer::{Anchor, Position, Positions, Signer, SignerKind};
use super::value::StaticText;
use crate::diagnostic::{Diagnostic, Findings, Span};

/// Checks the positions, document password, seal and silent-signing grant of a signer. Adds errors
/// and warnings to `findings`.
pub(super) fn check_signer(
    project: &Project,
    flow: &Flow,
    signer: &Named<Signer>,
    findings: &mut Findings,
) {
    check_positions(flow, signer, findings);
    if signer.kind.is_automatic() {
        check_password(flow, signer, findings);
    }
    if let SignerKind::User(user) = &signer.kind {
        check_grant(project, flow, &user.account, findings);
        check_seal(project, &user.account, user.seal.as_ref(), findings);
    }
}

/// Checks that positions name a document where needed, that a position on a page has coordinates,
/// and that automatic signers have positions.
fn check_positions(flow: &Flow, signer: &Named<Signer>, findings: &mut Findings) {
    let needs_positions = |span: &Span| {
        Diagnostic::error(format!("the signer {} needs positions", signer.name))
            .at(span)
            .hint("automatic signers cannot choose positions: add positions: [ { keyword: … } ]")
    };
    let is_automatic = signer.kind.is_automatic();
    match signer.kind.positions() {
        Positions::Single(list) => {
            if let Some(first) = list.first().filter(|_| flow.documents.len() > 1) {
                let message = "the position has no document, and the flow has several documents";
                let document = &flow.documents[0].name;
                findings.push(
                    Diagnostic::error(message)
                        .at(first.anchor.expr().span())
                        .hint(format!(
                            "name the document: positions: {{ {document}: [ … ] }}"
                        )),
                );
            }
            if is_automatic && list.is_undeclared() {
                findings.push(needs_positions(&signer.span));
            }
            check_coordinates(list, findings);
        }
        Positions::ByDocument(documents) => {
            if is_automatic && documents.is_empty() {
                findings.push(needs_positions(&signer.span));
            }
            for document in documents.iter() {
                if is_automatic && document.value.is_undeclared() {
                    findings.push(needs_positions(&document.span));
                }
                check_coordinates(&document.value, findings);
            }
        }
    }
}

/// Checks that positions on pages have coordinates.
fn check_coordinates(positions: &[Position], findings: &mut Findings) {
    for position in positions {
        if let Anchor::Page(page) = &position.anchor
            && (position.pos_x.is_none() || position.pos_y.is_none())
        {
            findings.push(
                Diagnostic::error("a position by page needs posX and posY")
                    .at(page.span())
                    .hint("use for example { page: \"1\", posX: 300, posY: 120 }"),
            );
        }
    }
}

/// Checks that automatic signers have a password for encrypted documents, and only for those.
fn check_password(flow: &Flow, signer: &Named<Signer>, findings: &mut Findings) {
    let is_encrypted = |document: &str| {
        flow.documents
            .iter()
            .filter(|known| known.name == document)
            .filter_map(|known| known.encryption.as_ref())
            .any(|encryption| encryption.literal() == Some("true"))
    };
    let signs_encrypted = match signer.kind.positions() {
        Positions::Single(_) => flow
            .documents
            .iter()
            .any(|document| is_encrypted(&document.name)),
        Positions::ByDocument(documents) => documents
            .iter()
            .any(|document| is_encrypted(&document.name)),
    };
    // Encryption that depends on the row is checked when the row is rendered.
    let may_be_encrypted = flow.documents.iter().any(|document| {
        let encryption = document.encryption.as_ref();
        encryption.is_some_and(|encryption| encryption.literal().is_none())
    });
    match (signer.kind.doc_pwd(), signs_encrypted) {
        (None, true) => findings.push(
            Diagnostic::error(format!("the signer {} needs docPwd", signer.name))
                .at(&signer.span)
                .hint("automatic signers of an encrypted document need its password: add docPwd"),
        ),
        (Some(password), false) if !may_be_encrypted => findings.push(
            Diagnostic::error("docPwd is set, but no document is encrypted")
                .at(password.span())
                .hint("add encryption: true to the document, or remove docPwd"),
        ),
        _ => {}
    }
}

/// Checks that the account of an automatic signer has granted silent signing.
fn check_grant(project: &Project, flow: &Flow, account: &StaticText, findings: &mut Findings) {
    let declared = project.accounts.get(&account.text);
    let Some(declared) = declared else {
        if flow.accounts.iter().any(|own| own.name == account.text) {
            findings.push(
                Diagnostic::error(format!(
                    "the row's account {} cannot grant silent signing",
                    account.text
                ))
                .at(&account.span)
                .hint("declare the account under accounts with silentSign: true (1436010)"),
            );
        }
        return;
    };
    if matches!(declared.silent_sign, SilentSign::Granted(false)) {
        findings.push(
            Diagnostic::error(format!("the account {} has not granted silent signing", account.text))
                .at(&account.span)
                .related(&declared.span, "declared here")
                .hint("add silentSign: true to the account, or use person: or organization: to ask the signer (1436010)"),
        );
    }
}

/// Checks that the account of an automatic signer owns the seal.
fn check_seal(
    project: &Project,
    account: &StaticText,
    seal: Option<&StaticText>,
    findings: &mut Findings,
) {
    let is_own = |seal: &Seal| seal.account.text == account.text;
    match seal {
        Some(name) => {
            if let Some(seal) = project.seals.get(&name.text).filter(|seal| !is_own(seal)) {
                findings.push(
                    Diagnostic::error(format!(
                        "the seal {} belongs to {}, but {} signs",
                        name.text, seal.account.text, account.text
                    ))
                    .at(&name.span)
                    .related(&seal.span, "declared here")
                    .hint("use a seal of the account that signs"),
                );
            }
        }
        None if !project.seals.values().any(|seal| is_own(seal)) => findings.push(
            Diagnostic::warning(format!("no seal of the account {} is declared", account.text))
                .at(&account.span)
                .hint("declare one under seals: signing fails unless the account already has a seal (1436007)"),
        ),
        None => {}
    }
}

/// Reports signers that wait for each other and would never sign.
pub(super) fn check_cycles(flow: &Flow, findings: &mut Findings) {
    let mut reported: Vec<&str> = Vec::new();
    for signer in &flow.signers {
        let Some(cycle) = cycle(flow, signer) else {
            continue;
        };
        // Each signer of a cycle leads to the same cycle.
        if cycle.iter().any(|(name, _)| reported.contains(name)) {
            continue;
        }
        reported.extend(cycle.iter().map(|(name, _)| *name));
        let message = match &cycle[..] {
            [_] => format!("the signer {} waits for itself", signer.name),
            [.., _] => {
                let others = cycle.iter().map(|(name, _)| *name);
                let others: Vec<&str> = others.collect();
                format!(
                    "{} waits for {}",
                    signer.name,
                    others.join(", which waits for ")
                )
            }
            [] => continue,
        };
        findings.push(
            Diagnostic::error(message)
                .at(cycle[0].1)
                .hint("remove one after: signers that wait for each other never sign"),
        );
    }
}

/// Returns the shortest cycle of `after` references through a signer, each with its location.
fn cycle<'f>(flow: &'f Flow, signer: &'f Named<Signer>) -> Option<Vec<(&'f str, &'f Span)>> {
    let after = |name: &str| {
        let signer = flow.signers.iter().find(|signer| signer.name == name);
        signer.map_or(&[][..], |signer| &signer.after[..])
    };
    let mut seen: Vec<&str> = Vec::new();
    // Breadth-first: the shortest paths come first.
    let mut paths: Vec<Vec<(&str, &Span)>> = vec![Vec::new()];
    let mut at = 0;
    while let Some(path) = paths.get(at).cloned() {
        at += 1;
        let last = path.last().map_or(&*signer.name, |(name, _)| name);
        if seen.contains(&last) {
            continue;
        }
        seen.push(last);
        for name in after(last) {
            let mut path = path.clone();
            path.push((&name.text, &name.span));
            if name.text == signer.name {
                return Some(path);
            }
            paths.push(path);
        }
    }
    None
}

/// The way out when one account is two signers.
pub const SAME_ACCOUNT_HINT: &str = "let one signer have several positions, or use personAndOrganization: the service does not tell the two tasks \
     apart, so a lost response could not be resolved";

/// Refuses a flow in which an account is two signers whose tasks a detail (5.5.7, 5.6.7) does not
/// tell apart: the same person twice, or twice for the same organization. Automatic signers of one
/// account are allowed, since they may use different seals and no person is asked twice.
pub(super) fn check_same_account(flow: &Flow, findings: &mut Findings) {
    for (at, signer) in flow.signers.iter().enumerate() {
        let mut earlier = flow.signers[..at].iter();
        let Some(first) = earlier.find(|first| is_same_role(&first.kind, &signer.kind)) else {
            continue;
        };
        findings.push(
            Diagnostic::error(format!(
                "the signers {} and {} are the same account",
                first.name, signer.name
            ))
            .at(&signer.span)
            .related(&first.span, "first signer")
            .hint(SAME_ACCOUNT_HINT),
        );
    }
}

fn is_same_role(one: &SignerKind, other: &SignerKind) -> bool {
    if one.is_automatic() && other.is_automatic() {
        return false;
    }
    let name = |name: Option<&StaticText>| name.map(|name| name.text.clone());
    // The account, the organization, and whether the account may also sign for itself.
    let role = |kind: &SignerKind| {
        let signs_for_both = matches!(kind, SignerKind::PersonAndOrganization(_));
        (
            name(kind.account()),
            name(kind.organization()),
            signs_for_both,
        )
    };
    let is_unknown = |kind: &SignerKind| {
        let mut names = kind.account().into_iter().chain(kind.organization());
        names.any(|name| name.is_placeholder)
    };
    if is_unknown(one) || is_unknown(other) {
        return false;
    }
    let (one, other) = (role(one), role(other));
    one.0 == other.0 && (one.2 || other.2 || one.1 == other.1)
}
