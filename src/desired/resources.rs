//! Renders and checks the resources of a project: accounts, seals and templates.

use std::collections::BTreeMap;

use super::account::{Account, AccountHolder, SilentSign, organization, person};
use super::rendering::Rendering;
use super::seal::{Seal, seal};
use super::template::{Template, template};
use crate::api::time;
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{Expr, Salt};
use crate::manifest::{self, AccountKind, Named, Project};

/// The desired state of all resources, by their names in the manifests.
#[derive(Debug, Default)]
pub struct Resources {
    /// Accounts that should exist.
    pub accounts: BTreeMap<String, Account>,
    /// Accounts that should not exist.
    pub absent: BTreeMap<String, Absent>,
    /// Seals.
    pub seals: BTreeMap<String, Seal>,
    /// Templates.
    pub templates: BTreeMap<String, Template>,
}

/// An account that should not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The caller's own id of the account.
    pub third_id: String,
    /// The location of the declaration.
    pub span: Span,
}

impl Resources {
    /// Renders and checks the resources of a project. Adds errors to `findings` and leaves invalid
    /// resources out.
    pub fn of(project: &Project, salt: &Salt, findings: &mut Findings) -> Self {
        let mut resources = Self::default();
        for declared in project.accounts.values() {
            if let Some(account) = account(project, declared, salt, findings) {
                let duplicate = resources
                    .accounts
                    .iter()
                    .find(|(_, other)| other.third_id() == account.third_id());
                if let Some((name, other)) = duplicate {
                    findings.push(
                        Diagnostic::error(t!("accounts.%{name} has the same thirdId", name = name))
                            .at(account.origin.clone())
                            .related(other.origin.clone(), t!("declared here"))
                            .hint(t!("give each account its own thirdId")),
                    );
                }
                resources.accounts.insert(declared.name.clone(), account);
            }
        }
        for declared in project.accounts.values() {
            let absent = absent(project, declared, salt, findings);
            let Some(absent) = absent else { continue };
            let duplicate = resources
                .accounts
                .iter()
                .find(|(_, other)| other.third_id() == absent.third_id);
            if let Some((name, other)) = duplicate {
                findings.push(
                    Diagnostic::error(t!("accounts.%{name} has the same thirdId", name = name))
                        .at(&absent.span)
                        .related(other.origin.clone(), t!("declared here"))
                        .hint(t!("remove one of the two declarations")),
                );
            }
            resources.absent.insert(declared.name.clone(), absent);
        }
        for declared in project.seals.values() {
            if let Some(seal) = seal(project, declared, salt, findings) {
                let duplicate = resources
                    .seals
                    .values()
                    .find(|other| other.account == seal.account && other.alias == seal.alias);
                if let Some(other) = duplicate {
                    findings.push(
                        Diagnostic::error(t!(
                            "the account %{account} already has a seal with this alias",
                            account = seal.account
                        ))
                        .at(&seal.span)
                        .related(&other.span, t!("declared here"))
                        .hint(t!("the alias identifies the seal: use another alias")),
                    );
                }
                resources.seals.insert(declared.name.clone(), seal);
            }
        }
        for declared in project.templates.values() {
            let template = template(&project.root, declared, salt, findings);
            resources
                .templates
                .extend(template.map(|template| (declared.name.clone(), template)));
        }
        resources
    }
}

fn account(
    project: &Project,
    declared: &Named<manifest::Account>,
    salt: &Salt,
    findings: &mut Findings,
) -> Option<Account> {
    let mut rendering = Rendering::new(&project.scope, None, salt);
    let holder = match &declared.kind {
        AccountKind::Person(fields) => person(&mut rendering, fields).map(AccountHolder::Person),
        AccountKind::Organization(fields) => {
            organization(&mut rendering, fields).map(AccountHolder::Organization)
        }
        AccountKind::Absent(_) => None,
    };
    let silent_sign = match &declared.silent_sign {
        manifest::SilentSign::Granted(false) => Some(SilentSign::No),
        manifest::SilentSign::Granted(true) => Some(SilentSign::Forever),
        manifest::SilentSign::Until(limit) => {
            deadline(&mut rendering, &limit.until).map(SilentSign::Until)
        }
    };
    findings.extend(rendering.errors);
    Some(Account {
        holder: holder?,
        silent_sign: silent_sign?,
        protect: declared.protect,
        origin: (&declared.span).into(),
    })
}

fn absent(
    project: &Project,
    declared: &Named<manifest::Account>,
    salt: &Salt,
    findings: &mut Findings,
) -> Option<Absent> {
    let (AccountKind::Absent(_), Some(third_id)) = (&declared.kind, &declared.third_id) else {
        return None;
    };
    let mut rendering = Rendering::new(&project.scope, None, salt);
    let third_id = rendering.checked("thirdId", third_id, super::account::third_id);
    findings.extend(rendering.errors);
    Some(Absent {
        third_id: third_id?,
        span: declared.span.clone(),
    })
}

/// Renders the end of a grant in milliseconds since 1970. A date without a time means the end of
/// that day.
fn deadline(rendering: &mut Rendering<'_>, until: &Expr) -> Option<i64> {
    let text = rendering.required("until", until)?;
    let moment = text.parse::<jiff::civil::DateTime>().ok();
    let is_date = text.parse::<jiff::civil::Date>().is_ok() && text.len() == "2027-12-31".len();
    let moment = moment.map(|moment| {
        if is_date {
            moment.date().at(23, 59, 59, 0)
        } else {
            moment
        }
    });
    let deadline = moment.and_then(time::epoch_ms);
    if deadline.is_none() {
        rendering.error(
            until,
            t!("until is not a date"),
            t!("use the form 2027-12-31 or 2027-12-31 18:00:00"),
        );
    }
    deadline
}
