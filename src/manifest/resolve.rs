//! Every name that a manifest refers to must be declared, and be of the kind that is needed there.

use super::account::{Account, AccountKind};
use super::decode::StaticText;
use super::document::DocumentSource;
use super::flow::{Flow, RowAccountKind};
use super::project::Project;
use super::rules;
use super::seal::SealSource;
use super::signer::{Positions, SignerKind};
use crate::diagnostic::{Diagnostic, Findings, did_you_mean};

/// Holds all references against what is declared.
pub(super) fn check(project: &Project, findings: &mut Findings) {
    for account in project.accounts.values() {
        if let AccountKind::Organization(organization) = &account.kind {
            creator(project, None, &organization.creator, findings);
        }
    }
    for seal in project.seals.values() {
        let known = project.accounts.keys().map(String::as_str);
        let Some(account) = find(
            project,
            &project.accounts,
            &seal.account,
            "account",
            known,
            findings,
        ) else {
            continue;
        };
        let fits = !matches!(
            (&account.kind, &seal.source),
            (AccountKind::Absent(_), _)
                | (AccountKind::Person(_), SealSource::Organization { .. })
                | (AccountKind::Organization(_), SealSource::Person { .. })
        );
        if !fits {
            findings.push(
                Diagnostic::error(format!(
                    "this kind of seal does not fit the account {}",
                    account.name
                ))
                .at(&seal.account.span)
                .related(&account.span, "declared here")
                .hint("personTemplate is for people, organizationTemplate for organizations"),
            );
        }
    }
    for flow in project.flows.values() {
        check_flow(project, flow, findings);
    }
}

fn check_flow(project: &Project, flow: &Flow, findings: &mut Findings) {
    for account in &flow.accounts {
        if let Some(standing) = project.accounts.get(&account.name) {
            findings.push(
                Diagnostic::error(format!(
                    "{} is the name of an account of the project already",
                    account.name
                ))
                .at(&account.span)
                .related(&standing.span, "declared here")
                .hint("give the row's account another name"),
            );
        }
        if let RowAccountKind::Organization(organization) = &account.kind {
            creator(project, Some(flow), &organization.creator, findings);
        }
    }
    for document in &flow.documents {
        if let DocumentSource::Template { template, .. } = &document.source {
            let known = project.templates.keys().map(String::as_str);
            find(
                project,
                &project.templates,
                template,
                "template",
                known,
                findings,
            );
        }
    }
    for reference in [&flow.process.initiator, &flow.process.payer]
        .into_iter()
        .flatten()
    {
        account_of(project, Some(flow), reference, findings);
    }
    for signer in &flow.signers {
        match &signer.kind {
            SignerKind::Platform(auto) => seal_of(project, auto.seal.as_ref(), findings),
            SignerKind::User {
                account,
                signer: auto,
                ..
            } => {
                account_of(project, Some(flow), account, findings);
                seal_of(project, auto.seal.as_ref(), findings);
            }
            SignerKind::Person { account, .. } => person(project, flow, account, findings),
            SignerKind::Organization {
                account,
                organization,
            } => {
                person(project, flow, account, findings);
                self::organization(project, flow, organization, findings);
            }
            SignerKind::PersonAndOrganization {
                account,
                organization,
            } => {
                person(project, flow, account, findings);
                if let Some(organization) = organization {
                    self::organization(project, flow, organization, findings);
                }
            }
        }
        rules::signer(project, flow, signer, findings);
        if let Positions::ByDocument(documents) = &signer.positions {
            for (document, _) in documents {
                let names = || flow.documents.iter().map(|document| document.name.as_str());
                if !names().any(|name| name == document.text) {
                    findings.push(unknown("document", document, names()));
                }
            }
        }
        for earlier in &signer.after {
            let others = || {
                flow.signers
                    .iter()
                    .map(|signer| signer.name.as_str())
                    .filter(|name| *name != signer.name)
            };
            // Who waits for himself is told of as a circle.
            if earlier.text != signer.name && !others().any(|name| name == earlier.text) {
                findings.push(unknown("signer", earlier, others()));
            }
        }
    }
    rules::circles(flow, findings);
    rules::twins(flow, findings);
    if flow.signers.is_empty() {
        findings.push(
            Diagnostic::error(format!("the flow {} has no signer", flow.name))
                .at(&flow.span)
                .hint("a flow needs at least one (1436002)"),
        );
    }
}

/// What a name stands for in a flow.
enum Kind {
    Person,
    Organization,
    Absent,
}

fn kind(account: &Account) -> Kind {
    match account.kind {
        AccountKind::Person(_) => Kind::Person,
        AccountKind::Organization(_) => Kind::Organization,
        AccountKind::Absent(_) => Kind::Absent,
    }
}

fn account_of(
    project: &Project,
    flow: Option<&Flow>,
    name: &StaticText,
    findings: &mut Findings,
) -> Option<Kind> {
    let of_rows = flow.map_or(&[][..], |flow| &flow.accounts);
    if let Some(account) = of_rows.iter().find(|account| account.name == name.text) {
        return Some(match account.kind {
            RowAccountKind::Person(_) => Kind::Person,
            RowAccountKind::Organization(_) => Kind::Organization,
        });
    }
    let known = project
        .accounts
        .keys()
        .map(String::as_str)
        .chain(of_rows.iter().map(|account| account.name.as_str()));
    let kind = kind(find(
        project,
        &project.accounts,
        name,
        "account",
        known,
        findings,
    )?);
    if let Kind::Absent = kind {
        findings.push(
            Diagnostic::error(format!("the account {} is declared absent", name.text))
                .at(&name.span)
                .hint("name another account"),
        );
    }
    Some(kind)
}

fn creator(project: &Project, flow: Option<&Flow>, name: &StaticText, findings: &mut Findings) {
    if let Some(Kind::Organization) = account_of(project, flow, name, findings) {
        findings.push(
            Diagnostic::error("an organization's creator is a person")
                .at(&name.span)
                .hint("name an account with person:"),
        );
    }
}

fn person(project: &Project, flow: &Flow, name: &StaticText, findings: &mut Findings) {
    if let Some(Kind::Organization) = account_of(project, Some(flow), name, findings) {
        findings.push(Diagnostic::error(format!("{} is an organization, and a person signs here", name.text)).at(&name.span).hint(
            "account names the person; the organization that he signs for is named by organization",
        ));
    }
}

fn organization(project: &Project, flow: &Flow, name: &StaticText, findings: &mut Findings) {
    if let Some(Kind::Person) = account_of(project, Some(flow), name, findings) {
        findings.push(
            Diagnostic::error(format!(
                "{} is a person, and an organization is needed here",
                name.text
            ))
            .at(&name.span)
            .hint("name an account with organization:"),
        );
    }
}

fn seal_of(project: &Project, seal: Option<&StaticText>, findings: &mut Findings) {
    if let Some(seal) = seal {
        find(
            project,
            &project.seals,
            seal,
            "seal",
            project.seals.keys().map(String::as_str),
            findings,
        );
    }
}

fn find<'a, T>(
    project: &Project,
    declared: &'a std::collections::BTreeMap<String, T>,
    name: &StaticText,
    what: &str,
    known: impl Iterator<Item = &'a str>,
    findings: &mut Findings,
) -> Option<&'a T> {
    let found = declared.get(&name.text);
    // Where the thing itself is wrong, that is said already: a reference to it is not.
    let is_declared = |(section, known): &(&str, String)| {
        section.strip_suffix('s') == Some(what) && *known == name.text
    };
    if found.is_none() && !project.declared.iter().any(is_declared) {
        findings.push(unknown(what, name, known));
    }
    found
}

fn unknown<'a>(what: &str, name: &StaticText, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<&str> = known.collect();
    let hint = match did_you_mean(&name.text, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => format!("no {what} is declared"),
        None => format!("declared are {}", known.join(", ")),
    };
    Diagnostic::error(format!("there is no {what} {}", name.text))
        .at(&name.span)
        .hint(hint)
}
