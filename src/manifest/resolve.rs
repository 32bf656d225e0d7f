//! Checks references: every name must be declared and have the required kind.

use super::account::{Account, AccountKind};
use super::collections::Named;
use super::document::DocumentSource;
use super::flow::{Flow, RowAccountKind};
use super::project::Project;
use super::seal::SealSource;
use super::signer::{Positions, SignerKind};
use super::value::StaticText;
use super::{check, field_rules, file_names, rules};
use crate::diagnostic::{Diagnostic, Findings, did_you_mean};

/// Checks all references of a project. Adds errors and warnings to `findings`.
pub(super) fn check(project: &Project, findings: &mut Findings) {
    field_rules::check(project, findings);
    file_names::check(project, findings);
    check::check(&project.checks, findings);
    for account in project.accounts.values() {
        if let AccountKind::Organization(organization) = &account.kind {
            check_creator(project, None, &organization.creator, findings);
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
                | (AccountKind::Person(_), SealSource::OrganizationTemplate(_))
                | (AccountKind::Organization(_), SealSource::PersonTemplate(_))
        );
        if !fits {
            findings.push(
                Diagnostic::error(format!(
                    "this kind of seal cannot be used for the account {}",
                    account.name
                ))
                .at(&seal.account.span)
                .related(&account.span, "declared here")
                .hint("use personTemplate for people and organizationTemplate for organizations"),
            );
        }
    }
    for flow in project.flows.values() {
        check_flow(project, flow, findings);
    }
}

fn check_flow(project: &Project, flow: &Named<Flow>, findings: &mut Findings) {
    check::check(&flow.checks, findings);
    for account in &flow.accounts {
        if let Some(declared) = project.accounts.get(&account.name) {
            findings.push(
                Diagnostic::error(format!(
                    "the project already declares an account {}",
                    account.name
                ))
                .at(&account.span)
                .related(&declared.span, "declared here")
                .hint("rename the row's account"),
            );
        }
        if let RowAccountKind::Organization(organization) = &account.kind {
            check_creator(project, Some(flow), &organization.creator, findings);
        }
    }
    for document in &flow.documents {
        if let DocumentSource::Template(template) = &document.source {
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
        account_kind(project, Some(flow), reference, findings);
    }
    for signer in &flow.signers {
        if let Some(account) = signer.kind.account() {
            match &signer.kind {
                SignerKind::User(_) => drop(account_kind(project, Some(flow), account, findings)),
                _ => check_person(project, flow, account, findings),
            }
        }
        if let Some(organization) = signer.kind.organization() {
            check_organization(project, flow, organization, findings);
        }
        check_seal(project, signer.kind.seal(), findings);
        rules::check_signer(project, flow, signer, findings);
        if let Positions::ByDocument(documents) = signer.kind.positions() {
            for document in documents.iter() {
                let names = || flow.documents.iter().map(|document| document.name.as_str());
                if !flow.documents.declares(&document.name) {
                    let name = StaticText {
                        text: document.name.clone(),
                        span: document.span.clone(),
                        is_placeholder: false,
                    };
                    findings.push(unknown("document", &name, names()));
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
            // `rules::check_cycles` reports a signer that waits for itself.
            if !earlier.is_placeholder && !flow.signers.declares(&earlier.text) {
                findings.push(unknown("signer", earlier, others()));
            }
        }
    }
    rules::check_cycles(flow, findings);
    rules::check_same_account(flow, findings);
}

/// The kind of account that a name refers to.
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

/// Returns the kind of the account with this name, of the flow's rows or of the project. Reports
/// accounts that are unknown or absent.
fn account_kind(
    project: &Project,
    flow: Option<&Flow>,
    name: &StaticText,
    findings: &mut Findings,
) -> Option<Kind> {
    if name.is_placeholder {
        return None;
    }
    let row_accounts = flow.map_or(&[][..], |flow| &flow.accounts);
    if let Some(account) = row_accounts
        .iter()
        .find(|account| account.name == name.text)
    {
        return Some(match account.kind {
            RowAccountKind::Person(_) => Kind::Person,
            RowAccountKind::Organization(_) => Kind::Organization,
        });
    }
    // An unusable declaration is already reported; references to it are not.
    if flow.is_some_and(|flow| flow.accounts.declares(&name.text)) {
        return None;
    }
    let known = project
        .accounts
        .keys()
        .map(String::as_str)
        .chain(row_accounts.iter().map(|account| account.name.as_str()));
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
                .hint("use another account"),
        );
    }
    Some(kind)
}

fn check_creator(
    project: &Project,
    flow: Option<&Flow>,
    name: &StaticText,
    findings: &mut Findings,
) {
    if let Some(Kind::Organization) = account_kind(project, flow, name, findings) {
        findings.push(
            Diagnostic::error("the creator of an organization cannot be an organization")
                .at(&name.span)
                .hint("use an account with person:"),
        );
    }
}

fn check_person(project: &Project, flow: &Flow, name: &StaticText, findings: &mut Findings) {
    if let Some(Kind::Organization) = account_kind(project, Some(flow), name, findings) {
        findings.push(Diagnostic::error(format!("the account {} is an organization, a person is required here", name.text)).at(&name.span).hint(
            "set account to the person and organization to the organization that the person signs for",
        ));
    }
}

fn check_organization(project: &Project, flow: &Flow, name: &StaticText, findings: &mut Findings) {
    if let Some(Kind::Person) = account_kind(project, Some(flow), name, findings) {
        findings.push(
            Diagnostic::error(format!(
                "the account {} is a person, an organization is required here",
                name.text
            ))
            .at(&name.span)
            .hint("use an account with organization:"),
        );
    }
}

fn check_seal(project: &Project, seal: Option<&StaticText>, findings: &mut Findings) {
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

/// Returns the declaration with this name. Reports an unknown name, with suggestions from `known`.
fn find<'a, T>(
    project: &Project,
    declared: &'a std::collections::BTreeMap<String, T>,
    name: &StaticText,
    what: &str,
    known: impl Iterator<Item = &'a str>,
    findings: &mut Findings,
) -> Option<&'a T> {
    if name.is_placeholder {
        return None;
    }
    let found = declared.get(&name.text);
    // An invalid declaration is already reported; references to it are not.
    let is_declared = |(section, known): &(&str, String)| {
        section.strip_suffix('s') == Some(what) && *known == name.text
    };
    if found.is_none() && !project.declared.iter().any(is_declared) {
        findings.push(unknown(what, name, known));
    }
    found
}

/// Returns the error for an unknown name.
fn unknown<'a>(what: &str, name: &StaticText, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<&str> = known.collect();
    let hint = match did_you_mean(&name.text, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => format!("no {what} is declared"),
        None => format!("declared: {}", known.join(", ")),
    };
    Diagnostic::error(format!("there is no {what} {}", name.text))
        .at(&name.span)
        .hint(hint)
}
