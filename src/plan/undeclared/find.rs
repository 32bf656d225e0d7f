//! Compares the ledger with the declarations, and limits removals.

use std::collections::HashSet;

use jiff::Timestamp;

use super::model::{Removal, Undeclared, UndeclaredKind};
use super::used_accounts::keep_used;
use crate::address::{AccountId, Address};
use crate::desired::{Account, Resources, RowLookup};
use crate::diagnostic::Diagnostic;
use crate::ledger::{
    KnownResource, LedgerError, Records, ResourceKind, is_made, is_protected, seal_parts,
};
use crate::manifest::{Project, Tolerance};
use crate::plan::error::Fatal;
use crate::plan::removed_rows::under_way;
use crate::plan::selection::Selection;

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

/// Returns an error when `prune` removes more accounts and grants than allowed: a manifest that is
/// missing is more likely than a mass removal. A share is of the recorded accounts that manifests
/// declare or declared; if `prune` revokes grants only, of those with a grant.
///
/// # Errors
///
/// Returns [`LedgerError`] when the ledger cannot be read.
pub fn check_prune_limit(
    found: &[Undeclared],
    limit: Option<Tolerance>,
    project: &Project,
    ledger: &dyn Records,
) -> Result<Option<Diagnostic>, LedgerError> {
    let count = found.iter().filter(|own| own.prune.is_some()).count() as u64;
    let allowed = match limit {
        _ if count == 0 => return Ok(None),
        None => 1,
        Some(limit) => {
            let has_kind = |known: &KnownResource| {
                let is_account = known.kind == ResourceKind::Account;
                let is_removable = project.prune.kinds().accounts || known.resource.grant.is_some();
                is_account && is_removable
            };
            let recorded = ledger.declared_resources()?;
            limit.of(recorded.iter().filter(|own| has_kind(own)).count() as u64)
        }
    };
    if count <= allowed {
        return Ok(None);
    }
    let error = Diagnostic::error(t!(
        "prune would remove %{count} accounts and grants that are no longer declared; the limit is %{limit}",
        count = count,
        limit = allowed
    ));
    Ok(Some(error.hint(t!(
        "check that no manifest is missing; if the removal is intended, pass --max-delete %{count}",
        count = count
    ))))
}
