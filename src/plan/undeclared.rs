//! Recorded accounts, seals and flows that no manifest declares any more: what stays in force, and
//! what `prune` removes.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Fatal;
use super::removed_rows::under_way;
use super::selection::Selection;
use crate::address::{AccountId, Address};
use crate::api::operation::Op;
use crate::api::time;
use crate::desired::{Account, Resources, RowLookup};
use crate::diagnostic::Diagnostic;
use crate::ledger::{
    KnownResource, LedgerError, RecordedGrant, Records, ResourceKind, Step, is_made, is_protected,
    seal_parts,
};
use crate::manifest::{Project, Tolerance};
use crate::plan::Calls;

/// Something that the ledger records and no manifest declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undeclared {
    /// Its address: of an account by `thirdId`.
    pub address: Address,
    /// What stays in force.
    pub kind: UndeclaredKind,
    /// What apply does.
    pub prune: Option<Removal>,
    /// Why `prune` does not remove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// The reason why `prune` keeps an account, or an account and its grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kept {
    /// A row declares the account.
    Row,
    /// A row of this flow cannot be read, and may declare the account.
    UnreadableRow(String),
    /// A contract under way names the account.
    Contract,
    /// Contracts are under way, and one of them may need the account.
    Contracts,
}

/// What stays in force of something that is no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UndeclaredKind {
    /// An account that may sign without being asked.
    Granted(RecordedGrant),
    /// An account.
    Account,
    /// A seal.
    Seal,
    /// A flow, with its contracts that can still be signed.
    Flow(u64),
}

/// The removal of an account, or of its grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// The `thirdId` of the account.
    pub third_id: String,
    /// Its id.
    pub account_id: AccountId,
    /// Whether a grant is revoked.
    pub revokes: bool,
    /// Whether the account is deleted.
    pub deletes: bool,
}

impl Removal {
    /// The calls of the removal.
    pub fn calls(&self) -> Calls {
        let mut calls = Calls::default();
        calls.add(Op::RevokeSilentSign, u64::from(self.revokes));
        calls.add(Op::DeleteAccount, u64::from(self.deletes));
        calls
    }
}

impl Undeclared {
    /// The symbol in a plan.
    pub fn symbol(&self) -> char {
        if self.prune.is_some() { '-' } else { '!' }
    }

    /// Describes what apply does, or what stays in force.
    pub fn note(&self) -> String {
        let rest = match (&self.prune, self.kind) {
            (Some(removal), _) if removal.deletes && removal.revokes => {
                t!("revoke silent signing and delete the account")
            }
            (Some(removal), _) if removal.deletes => t!("delete the account"),
            (Some(_), _) => t!("revoke silent signing"),
            (None, UndeclaredKind::Granted(RecordedGrant { deadline: None })) => {
                t!("its grant of silent signing stays in force without limit")
            }
            (
                None,
                UndeclaredKind::Granted(RecordedGrant {
                    deadline: Some(end),
                }),
            ) => {
                let end = Timestamp::from_millisecond(end).map_or(end.to_string(), time::text);
                t!(
                    "its grant of silent signing stays in force until %{end}",
                    end = end
                )
            }
            (None, UndeclaredKind::Account) => t!("the account stays at the service"),
            (None, UndeclaredKind::Seal) => t!("the seal stays at the service"),
            (None, UndeclaredKind::Flow(1)) => t!("1 contract can still be signed"),
            (None, UndeclaredKind::Flow(count)) => {
                t!("%{count} contracts can still be signed", count = count)
            }
        };
        let note = t!("no longer declared: %{rest}", rest = rest);
        let reason = match &self.kept {
            None => return note.into_owned(),
            Some(Kept::Row) => t!("a row declares the account"),
            Some(Kept::UnreadableRow(flow)) => t!(
                "a row of flows.%{flow} is invalid and may declare the account",
                flow = flow
            ),
            Some(Kept::Contract) => t!("a contract under way names the account"),
            Some(Kept::Contracts) => t!("accounts are not deleted while contracts are under way"),
        };
        t!("%{note}; %{reason}", note = note, reason = reason).into_owned()
    }
}

/// Returns what the ledger records and no manifest declares, and what `prune` removes of it. A plan
/// that is limited to targets has none.
///
/// # Errors
///
/// Returns [`Fatal`] when the ledger or a sheet cannot be read.
pub fn undeclared(
    project: &Project,
    resources: &Resources,
    ledger: &dyn Records,
    (selection, now): (&Selection, Timestamp),
    rows: &RowLookup<'_>,
) -> Result<Vec<Undeclared>, Fatal> {
    if !selection.targets.is_empty() || selection.retry.is_some() {
        return Ok(Vec::new());
    }
    let found: Vec<Undeclared> = ledger
        .declared_resources()?
        .into_iter()
        .filter_map(|known| resource(project, resources, known, now))
        .collect();
    // The seals of a deleted account are gone.
    let has_account = |own: &Undeclared| match &own.address {
        Address::SealByAlias { third_id, .. } => ledger
            .resource(ResourceKind::Account, third_id)
            .map(|found| found.is_some()),
        _ => Ok(true),
    };
    let mut kept = Vec::new();
    for own in found {
        if has_account(&own)? {
            kept.push(own);
        }
    }
    let mut found = kept;
    found.extend(flows(project, ledger)?);
    let excludes = &selection.excludes;
    found.retain(|own| !excludes.iter().any(|pattern| pattern.matches(&own.address)));
    if found.iter().any(|own| own.prune.is_some()) {
        keep_used(&mut found, project, ledger, rows)?;
    }
    // With a deleted account, its seals are deleted.
    let deleted: HashSet<String> = found
        .iter()
        .filter_map(|own| own.prune.as_ref())
        .filter(|removal| removal.deletes)
        .map(|removal| removal.third_id.clone())
        .collect();
    found.retain(|own| match &own.address {
        Address::SealByAlias { third_id, .. } => !deleted.contains(third_id),
        _ => true,
    });
    Ok(found)
}

/// Returns a recorded account or seal if it is not declared.
fn resource(
    project: &Project,
    resources: &Resources,
    known: KnownResource,
    now: Timestamp,
) -> Option<Undeclared> {
    let is_declared = |third_id: &str| {
        let accounts = resources.accounts.values().map(Account::third_id);
        let absent = resources.absent.values().map(|absent| &*absent.third_id);
        accounts.chain(absent).any(|own| own == third_id)
    };
    match known.kind {
        ResourceKind::Account => {
            let third_id = known.identity;
            let account_id = known.resource.remote_id?;
            if is_declared(&third_id) {
                return None;
            }
            let (fields, grant) = (&known.resource.fields, known.resource.grant);
            let is_over = |end: i64| end <= now.as_millisecond();
            let grant = grant.filter(|grant| !grant.deadline.is_some_and(is_over));
            let kinds = project.prune.kinds();
            let removal = Removal {
                third_id: third_id.clone(),
                account_id: AccountId(account_id),
                revokes: grant.is_some() && (kinds.grants || kinds.accounts),
                deletes: kinds.accounts && is_made(fields) && !is_protected(fields),
            };
            let revokes = removal.revokes && (kinds.grants || removal.deletes);
            let removal = Removal { revokes, ..removal };
            Some(Undeclared {
                address: Address::AccountByThirdId(third_id),
                kind: grant.map_or(UndeclaredKind::Account, UndeclaredKind::Granted),
                prune: (removal.revokes || removal.deletes).then_some(removal),
                kept: None,
            })
        }
        ResourceKind::Seal => {
            let (third_id, alias) = seal_parts(&known.identity);
            let mut seals = resources.seals.values();
            let is_declared = seals.any(|seal| {
                let account = resources.accounts.get(&seal.account);
                seal.alias == alias && account.is_some_and(|own| own.third_id() == third_id)
            });
            (!is_declared).then(|| Undeclared {
                address: Address::SealByAlias {
                    third_id: third_id.to_owned(),
                    alias: alias.to_owned(),
                },
                kind: UndeclaredKind::Seal,
                prune: None,
                kept: None,
            })
        }
        ResourceKind::Template => None,
    }
}

/// Returns the recorded flows that are not declared and have contracts that can still be signed.
fn flows(project: &Project, ledger: &dyn Records) -> Result<Vec<Undeclared>, LedgerError> {
    let mut found = Vec::new();
    for flow in ledger.flows()? {
        if project.flows.contains_key(&flow) {
            continue;
        }
        let count = under_way(ledger, &flow)?;
        if count > 0 {
            found.push(Undeclared {
                address: Address::Flow(flow),
                kind: UndeclaredKind::Flow(count),
                prune: None,
                kept: None,
            });
        }
    }
    Ok(found)
}

/// Keeps the accounts that a row or a contract under way uses, or may use.
fn keep_used(
    found: &mut [Undeclared],
    project: &Project,
    ledger: &dyn Records,
    rows: &RowLookup<'_>,
) -> Result<(), Fatal> {
    let declared = rows.account_ids();
    let contracts = ContractsUnderWay::read(ledger)?;
    let kinds = project.prune.kinds();
    for own in found {
        let Some(removal) = own.prune.take() else {
            continue;
        };
        own.kept = if declared.third_ids.contains(&removal.third_id) {
            Some(Kept::Row)
        } else if let Some(flow) = &declared.unreadable {
            Some(Kept::UnreadableRow(flow.clone()))
        } else if contracts.name(&removal.account_id) {
            Some(Kept::Contract)
        } else if removal.deletes && contracts.count > 0 {
            // The initiator and the payer of a contract are not recorded.
            let revokes = removal.revokes && kinds.grants;
            own.prune = revokes.then_some(Removal {
                deletes: false,
                ..removal
            });
            Some(Kept::Contracts)
        } else {
            own.prune = Some(removal);
            None
        };
    }
    Ok(())
}

/// The contracts that were sent and that signers can still be added to or sign.
struct ContractsUnderWay {
    count: usize,
    /// The ids of accounts in the receipts and deferred requests of their steps.
    ids: HashSet<String>,
}

impl ContractsUnderWay {
    fn read(ledger: &dyn Records) -> Result<Self, LedgerError> {
        let mut items = Vec::new();
        ledger.under_way(&mut |id, _, _| items.push(id))?;
        let mut ids = HashSet::new();
        for &item in &items {
            for (_, step) in ledger.steps(item)? {
                match &step {
                    Step::Deferred(own) | Step::Intent(Some(own)) => {
                        account_ids(&own.request, &mut ids);
                    }
                    Step::Receipt(receipt) => account_ids(receipt, &mut ids),
                    Step::Intent(None) => {}
                }
            }
        }
        Ok(Self {
            count: items.len(),
            ids,
        })
    }

    /// Returns whether a step of a contract names the account.
    fn name(&self, account: &AccountId) -> bool {
        self.ids.contains(&account.0)
    }
}

/// Adds the fields of requests and receipts that are ids of accounts.
fn account_ids(json: &Value, ids: &mut HashSet<String>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(id) if is_account_field(name) => drop(ids.insert(id.clone())),
            value => account_ids(value, ids),
        }),
        Value::Array(values) => values.iter().for_each(|value| account_ids(value, ids)),
        _ => {}
    }
}

fn is_account_field(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("account") || name.contains("org")
}

/// Returns an error when `prune` removes more accounts and grants than allowed: a manifest that is
/// missing is more likely than a mass removal.
pub fn check_prune_limit(found: &[Undeclared], limit: Option<Tolerance>) -> Option<Diagnostic> {
    let count = found.iter().filter(|own| own.prune.is_some()).count() as u64;
    let recorded = found.len() as u64;
    let allowed = limit.map_or(1, |limit| limit.of(recorded));
    if count <= allowed {
        return None;
    }
    let error = Diagnostic::error(t!(
        "prune would remove %{count} accounts and grants that are no longer declared; the limit is %{limit}",
        count = count,
        limit = allowed
    ));
    Some(error.hint(t!(
        "check that no manifest is missing; if the removal is intended, pass --max-delete %{count}",
        count = count
    )))
}
