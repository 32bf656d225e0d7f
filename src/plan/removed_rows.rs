//! Recorded items whose row was removed from the sheet, and the limit of revocations per flow.

use super::planned_run::PlannedRun;
use super::planner::Planner;
use super::recorded_items::RecordedItems;
use super::selection::Selection;
use crate::address::{Address, is_selected};
use crate::diagnostic::Diagnostic;
use crate::ledger::{Ledger, LedgerError, RecordedItem};
use crate::manifest::{Flow, Named, OnVanish, Project};
use crate::plan::diff::{FlowPlan, ItemAction, Revocations, removed_row_action};

/// Plans the recorded items that no row of the sheet has.
pub(crate) fn plan_removed_rows(
    flow: &Named<Flow>,
    recorded_items: &RecordedItems,
    all_have_keys: bool,
    ledger: &dyn Ledger,
    selection: &Selection,
    planned: &mut PlannedRun<'_>,
    plan: &mut FlowPlan,
) -> Result<(), LedgerError> {
    if recorded_items.are_all_seen() {
        return Ok(());
    }
    ledger.items(&flow.name, &mut |key, item| {
        if !recorded_items.is_unseen(key) {
            return;
        }
        let action = removed_row_action(flow.on_vanish(), item);
        if action.is_none() {
            plan.without_row += u64::from(item.can_be_revoked());
        }
        let Some(action) = action else {
            return;
        };
        let address = Address::item(&flow.name, key);
        planned.record_matches(selection, &address);
        let wanted = is_selected(&selection.targets, &selection.excludes, &address);
        // A row with an invalid key may belong to any item.
        let revoke_none = !all_have_keys || selection.retry.is_some();
        if wanted && !(action == ItemAction::Revoke && revoke_none) {
            plan.push_removed(key, action, selection.listing);
        }
    })
}

/// Warns of recorded flows that are no longer declared: the flow may have been renamed, contracts
/// may be under way, or items may be in doubt or were interrupted. Adds the flows that may be renamed
/// to `renames`, with a new flow.
pub(crate) fn undeclared_flows(
    project: &Project,
    ledger: &dyn Ledger,
    renames: &mut Vec<(String, String)>,
) -> Result<Vec<Diagnostic>, LedgerError> {
    let mut warnings = Vec::new();
    let mut new = Vec::new();
    for flow in project.flows.keys() {
        let mut has_items = false;
        ledger.items(flow, &mut |_, _| has_items = true)?;
        if !has_items {
            new.push(flow.as_str());
        }
    }
    for flow in ledger.flows()? {
        if project.flows.contains_key(&flow) {
            continue;
        }
        let (mut unresolved, mut sent, mut under_way) = (0_u64, 0_u64, 0_u64);
        ledger.items(&flow, &mut |_, item| {
            unresolved += u64::from(removed_row_action(OnVanish::Keep, item).is_some());
            sent += u64::from(item.sent);
            under_way += u64::from(item.can_be_revoked());
        })?;
        if sent > 0 && !new.is_empty() {
            // Any of the new flows may be the renamed one.
            for new in &new {
                let message = t!(
                    "flows.%{flow} is no longer declared, %{sent} of its items were sent, and flows.%{new} is new",
                    flow = flow,
                    sent = sent,
                    new = new
                );
                let hint = t!(
                    "a renamed flow counts as a new flow, and its signers are asked again: if it was renamed, add moved: [ { from: flows.%{flow}, to: flows.%{new} } ]",
                    flow = flow,
                    new = new
                );
                renames.push((flow.clone(), (*new).to_owned()));
                warnings.push(Diagnostic::warning(message).hint(hint));
            }
        } else if under_way > 0 {
            let message = t!(
                "flows.%{flow} is no longer declared, and %{under_way} of its contracts are under way",
                flow = flow,
                under_way = under_way
            );
            let hint = t!(
                "they stay valid: declare the flow again, or run treaty revoke --target flows.%{flow} to revoke them",
                flow = flow
            );
            warnings.push(Diagnostic::warning(message).hint(hint));
        }
        if unresolved > 0 {
            let message = t!(
                "flows.%{flow} is no longer declared, and %{unresolved} of its items are in doubt or were interrupted while being sent",
                flow = flow,
                unresolved = unresolved
            );
            let hint = t!(
                "run treaty status --target flows.%{flow} --in-doubt to list them",
                flow = flow
            );
            warnings.push(Diagnostic::warning(message).hint(hint));
        }
    }
    Ok(warnings)
}

/// Returns the number of recorded contracts of a flow that can still be signed.
pub(crate) fn under_way(ledger: &(impl Ledger + ?Sized), flow: &str) -> Result<u64, LedgerError> {
    let mut count = 0;
    ledger.items(flow, &mut |_, item| {
        count += u64::from(item.can_be_revoked());
    })?;
    Ok(count)
}

/// Returns an error when the plan revokes more items of a flow than allowed.
///
/// An empty or wrong sheet is more likely than an intended mass revocation.
pub(crate) fn check_revocation_limit(
    flow: &Named<Flow>,
    plan: &FlowPlan,
    planner: &Planner<'_>,
) -> Result<Option<Diagnostic>, LedgerError> {
    let mut recorded = 0;
    let (removed, reissued) = (plan.revocations(), plan.counted(ItemAction::Reissue));
    if removed + reissued == 0 {
        return Ok(None);
    }
    // Only revocable items count: old finished items must not hide that a sheet is empty.
    let count = &mut |_: &str, item: RecordedItem| recorded += u64::from(item.can_be_revoked());
    planner.ledger.items(&flow.name, count)?;
    let revocations = Revocations {
        recorded,
        removed,
        reissued,
    };
    let from_project = planner.project.settings.failures.revoke;
    let allowed = planner.selection.max_revoke.unwrap_or(from_project);
    let is_explicit = planner.selection.max_revoke.is_some();
    let Some(count) = revocations.too_many(allowed, is_explicit) else {
        return Ok(None);
    };
    let mut reasons = Vec::new();
    if removed > 0 {
        reasons.push(t!("%{removed} removed from the sheet", removed = removed));
    }
    if reissued > 0 {
        reasons.push(t!("%{count} to be sent again", count = reissued));
    }
    let error = Diagnostic::error(t!(
        "flows.%{flow}: %{count} of %{recorded} items in progress would be revoked (%{reasons}); the limit is %{limit}",
        flow = flow.name,
        count = count,
        recorded = recorded,
        reasons = reasons.join(", "),
        limit = allowed.of(recorded)
    ));
    let span = match removed {
        0 => None,
        _ => flow.on_vanish.as_ref().map(|declared| &declared.span),
    };
    let error = match span {
        Some(span) => error.at(span),
        None => error,
    };
    let hint = t!(
        "check that this is the right sheet; if it is, pass --max-revoke %{count}, or set failures: { revoke: … } in treaty.yaml",
        count = count
    );
    Ok(Some(error.hint(hint)))
}
