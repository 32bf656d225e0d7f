//! Items that are recorded and have no row any more, and how many of a flow may be revoked at once.

use super::planned_run::Survey;
use super::planner::Planner;
use super::recorded_items::Known;
use super::selection::Selection;
use crate::address::{Address, is_selected};
use crate::diagnostic::Diagnostic;
use crate::ledger::{Ledger, LedgerError, RecordedItem};
use crate::manifest::{Flow, OnVanish, Project};
use crate::plan::diff::{FlowPlan, ItemAction, Revocations, removed_row_action};

/// Plans what is recorded and was not met among the rows.
pub(crate) fn removed(
    flow: &Flow,
    known: &Known,
    all_have_keys: bool,
    ledger: &dyn Ledger,
    selection: &Selection,
    survey: &mut Survey<'_>,
    plan: &mut FlowPlan,
) -> Result<(), LedgerError> {
    if known.is_through() {
        return Ok(());
    }
    ledger.items(&flow.name, &mut |key, item| {
        if !known.is_left(key) {
            return;
        }
        let Some(action) = removed_row_action(flow.on_vanish, item) else {
            return;
        };
        let address = Address::item(&flow.name, key);
        survey.note_match(selection, &address);
        let wanted = is_selected(&selection.targets, &selection.excludes, &address);
        // A row whose key cannot be told may be any item's.
        let revoke_none = !all_have_keys || selection.retry.is_some();
        if wanted && !(action == ItemAction::Revoke && revoke_none) {
            plan.push_removed(key, action, selection.show_all);
        }
    })
}

/// Tells of flows that are recorded and not declared any more, where not all that was begun has an end, or another flow is
/// new: it may be the same under another name.
pub(crate) fn undeclared(
    project: &Project,
    ledger: &dyn Ledger,
) -> Result<Vec<Diagnostic>, LedgerError> {
    let mut told = Vec::new();
    let recorded = ledger.flows()?;
    let new = project.flows.keys().find(|flow| !recorded.contains(flow));
    for flow in recorded {
        if project.flows.contains_key(&flow) {
            continue;
        }
        let (mut without_end, mut sent) = (0_u64, 0_u64);
        ledger.items(&flow, &mut |_, item| {
            without_end += u64::from(removed_row_action(OnVanish::Keep, item).is_some());
            sent += u64::from(item.sent);
        })?;
        if let Some(new) = new.filter(|_| sent > 0) {
            let message = format!(
                "flows.{flow} is not declared any more, {sent} of its items were sent, and flows.{new} is new"
            );
            let hint = "a flow that was renamed is another one: whoever was asked under the old name is asked again";
            told.push(Diagnostic::warning(message).hint(hint));
        }
        if without_end > 0 {
            let message = format!(
                "flows.{flow} is not declared any more, and {without_end} of its items are in doubt or were cut off while they were sent"
            );
            let hint = format!("treaty status --target flows.{flow} --in-doubt lists them");
            told.push(Diagnostic::warning(message).hint(hint));
        }
    }
    Ok(told)
}

/// Refuses to revoke more of a flow than is allowed: an empty sheet, or another one, is a mistake more often than not.
pub(crate) fn guard(
    flow: &Flow,
    plan: &FlowPlan,
    surveyor: &Planner<'_>,
) -> Result<Option<Diagnostic>, LedgerError> {
    let mut recorded = 0;
    let (removed, reissued) = (plan.revocations(), plan.counted(ItemAction::Reissue));
    if removed + reissued == 0 {
        return Ok(None);
    }
    // What is finished or has ended cannot be revoked: months of it must not make an empty sheet look small.
    let count = &mut |_: &str, item: RecordedItem| recorded += u64::from(item.can_be_revoked());
    surveyor.ledger.items(&flow.name, count)?;
    let all = Revocations {
        recorded,
        removed,
        reissued,
    };
    let own = surveyor.project.settings.failures.revoke;
    let allowed = surveyor.selection.max_revoke.unwrap_or(own);
    let said = surveyor.selection.max_revoke.is_some();
    let Some(count) = all.too_many(allowed, said) else {
        return Ok(None);
    };
    let mut why = Vec::new();
    if removed > 0 {
        why.push(format!("the rows of {removed} are no longer in the sheet"));
    }
    if reissued > 0 {
        why.push(format!("the rows of {reissued} changed"));
    }
    let error = Diagnostic::error(format!(
        "flows.{}: {count} of its {recorded} items under way would be revoked ({}), and {} may be",
        flow.name,
        why.join(", "),
        allowed.of(recorded)
    ));
    let place = match removed {
        0 => None,
        _ => flow.on_vanish_span.as_ref(),
    };
    let error = match place {
        Some(span) => error.at(span),
        None => error,
    };
    let hint = format!(
        "look whether it is the right sheet; if it is, say --max-revoke {count}, or failures: {{ revoke: … }} in treaty.yaml"
    );
    Ok(Some(error.hint(hint)))
}
