//! Rules of the API document about signers that can be held before a call (sections 5.5 and 5.6).

use super::account::SilentSign;
use super::decode::StaticText;
use super::flow::Flow;
use super::project::Project;
use super::seal::Seal;
use super::signer::{AutoSigner, Positions, Signer, SignerKind};
use crate::diagnostic::{Diagnostic, Findings, Span};

/// What can be known of a signer before a row is read: his documents, his password, his seal and his grant.
pub(super) fn signer(project: &Project, flow: &Flow, signer: &Signer, findings: &mut Findings) {
    places(flow, signer, findings);
    match &signer.kind {
        SignerKind::Platform(auto) => password(flow, signer, auto, findings),
        SignerKind::User {
            account,
            signer: auto,
            ..
        } => {
            password(flow, signer, auto, findings);
            grant(project, flow, account, findings);
            seal(project, account, auto, findings);
        }
        _ => {}
    }
}

fn places(flow: &Flow, signer: &Signer, findings: &mut Findings) {
    let several = flow.documents.len() > 1;
    if let (Positions::Single(list), true) = (&signer.positions, several)
        && let Some(first) = list.first()
    {
        findings.push(
            Diagnostic::error(
                "the flow has several documents, and the position is of none of them",
            )
            .at(&first.span)
            .hint(format!(
                "say which: positions: {{ {}: [ … ] }}",
                flow.documents[0].name
            )),
        );
    }
    let automatic = matches!(
        signer.kind,
        SignerKind::Platform(_) | SignerKind::User { .. }
    );
    if let (Positions::ByDocument(documents), true) = (&signer.positions, automatic) {
        for (document, _) in documents.iter().filter(|(_, list)| list.is_empty()) {
            findings.push(
                Diagnostic::error(format!("the signer {} needs positions", signer.name))
                    .at(&document.span)
                    .hint("nobody is there to choose a place: [ { keyword: … } ]"),
            );
        }
    }
}

fn password(flow: &Flow, signer: &Signer, auto: &AutoSigner, findings: &mut Findings) {
    let locked = |document: &str| {
        flow.documents
            .iter()
            .filter(|known| known.name == document)
            .filter_map(|known| known.encryption.as_ref())
            .any(|encryption| encryption.literal() == Some("true"))
    };
    let signs_locked = match &signer.positions {
        Positions::Single(_) => flow.documents.iter().any(|document| locked(&document.name)),
        Positions::ByDocument(documents) => documents.iter().any(|(name, _)| locked(&name.text)),
    };
    // Where it depends on the row, the row tells.
    let may_be_locked = flow.documents.iter().any(|document| {
        let encryption = document.encryption.as_ref();
        encryption.is_some_and(|encryption| encryption.literal().is_none())
    });
    match (&auto.doc_pwd, signs_locked) {
        (None, true) => findings.push(
            Diagnostic::error(format!("the signer {} needs docPwd", signer.name))
                .at(&signer.span)
                .hint("the document is encrypted, and nobody is there to give its password"),
        ),
        (Some(password), false) if !may_be_locked => findings.push(
            Diagnostic::error("docPwd is for an encrypted document")
                .at(password.span())
                .hint("declare encryption: true on the document, or leave docPwd out"),
        ),
        _ => {}
    }
}

fn grant(project: &Project, flow: &Flow, account: &StaticText, findings: &mut Findings) {
    let standing = project.accounts.get(&account.text);
    let Some(standing) = standing else {
        if flow.accounts.iter().any(|own| own.name == account.text) {
            findings.push(
                Diagnostic::error(format!(
                    "the row's account {} has granted nothing",
                    account.text
                ))
                .at(&account.span)
                .hint("an account that is signed for is declared under accounts, with silentSign (1436010)"),
            );
        }
        return;
    };
    if matches!(standing.silent_sign, SilentSign::No) {
        findings.push(
            Diagnostic::error(format!("the account {} has not granted silent signing", account.text))
                .at(&account.span)
                .related(&standing.span, "declared here")
                .hint("add silentSign: true to it, or ask the person with person: or organization: (1436010)"),
        );
    }
}

/// An account signs with a seal of its own.
fn seal(project: &Project, account: &StaticText, auto: &AutoSigner, findings: &mut Findings) {
    let own = |seal: &Seal| seal.account.text == account.text;
    match &auto.seal {
        Some(name) => {
            if let Some(seal) = project.seals.get(&name.text).filter(|seal| !own(seal)) {
                findings.push(
                    Diagnostic::error(format!(
                        "the seal {} belongs to {}, and {} signs",
                        name.text, seal.account.text, account.text
                    ))
                    .at(&name.span)
                    .related(&seal.span, "declared here")
                    .hint("an account signs with a seal of its own"),
                );
            }
        }
        None if !project.seals.values().any(own) => findings.push(
            Diagnostic::warning(format!("no seal of {} is declared", account.text))
                .at(&account.span)
                .hint("without one that exists already, signing for it fails (1436007): declare one under seals"),
        ),
        None => {}
    }
}

/// Signers that wait for each other would wait for ever.
pub(super) fn circles(flow: &Flow, findings: &mut Findings) {
    let mut told: Vec<&str> = Vec::new();
    for signer in &flow.signers {
        let Some(circle) = circle(flow, signer) else {
            continue;
        };
        // Each of a circle is the beginning of the same one.
        if circle.iter().any(|(name, _)| told.contains(name)) {
            continue;
        }
        told.extend(circle.iter().map(|(name, _)| *name));
        let message = match &circle[..] {
            [_] => format!("the signer {} waits for himself", signer.name),
            [.., _] => {
                let others = circle.iter().map(|(name, _)| *name);
                let others: Vec<&str> = others.collect();
                format!(
                    "{} waits for {}",
                    signer.name,
                    others.join(", who waits for ")
                )
            }
            [] => continue,
        };
        findings.push(
            Diagnostic::error(message)
                .at(circle[0].1)
                .hint("signers that wait for each other never sign: take one after away"),
        );
    }
}

/// The shortest way from a signer over those that he waits for back to himself, each with the place that says so.
fn circle<'f>(flow: &'f Flow, signer: &'f Signer) -> Option<Vec<(&'f str, &'f Span)>> {
    let after = |name: &str| {
        let signer = flow.signers.iter().find(|signer| signer.name == name);
        signer.map_or(&[][..], |signer| &signer.after[..])
    };
    let mut seen: Vec<&str> = Vec::new();
    // The nearest ones come first.
    let mut ways: Vec<Vec<(&str, &Span)>> = vec![Vec::new()];
    let mut at = 0;
    while let Some(way) = ways.get(at).cloned() {
        at += 1;
        let last = way.last().map_or(&*signer.name, |(name, _)| name);
        if seen.contains(&last) {
            continue;
        }
        seen.push(last);
        for name in after(last) {
            let mut way = way.clone();
            way.push((&name.text, &name.span));
            if name.text == signer.name {
                return Some(way);
            }
            ways.push(way);
        }
    }
    None
}

/// Who is asked twice in one contract was meant once, mostly.
pub(super) fn twins(flow: &Flow, findings: &mut Findings) {
    let person = |signer: &Signer| match &signer.kind {
        SignerKind::Person { account, .. } => Some(account.text.clone()),
        _ => None,
    };
    for (at, signer) in flow.signers.iter().enumerate() {
        let Some(own) = person(signer) else { continue };
        let mut earlier = flow.signers[..at].iter();
        if let Some(twin) = earlier.find(|twin| person(twin).as_ref() == Some(&own)) {
            findings.push(
                Diagnostic::warning(format!(
                    "{own} is asked twice in one contract, as {} and as {}",
                    twin.name, signer.name
                ))
                .at(&signer.span)
                .related(&twin.span, "first here")
                .hint("one signer can have several positions; should an answer get lost, the two cannot be told apart"),
            );
        }
    }
}
