//! Compares the ledger with the service: the contracts that have not ended.

use std::collections::HashSet;
use std::ops::ControlFlow;

use tokio::sync::watch;

use super::interrupt::interruptible;
use super::session::PlanContext;
use crate::address::{Address, is_selected};
use crate::cli::exit::{CliError, Exit};
use crate::execute::Stop;
use crate::ledger::{EntityId, ItemStatus, KnownItem, LedgerError, Records};
use crate::plan::Drift;
use crate::repair::{Audit, Verdict};

/// Returns the differences of the resources that the plan has looked up, and of the contracts that
/// have not ended, each of which is looked up.
pub(in crate::cli) fn drift(context: &PlanContext<'_>) -> anyhow::Result<Vec<Drift>> {
    let mut drift = context.planned.drift.clone();
    // The ledger has the earlier names of flows until apply.
    let moves = &context.planned.plan.moves;
    let address = |flow: &str, key: &str| {
        let renamed = moves.iter().find(|own| own.from == flow);
        Address::item(renamed.map_or(flow, |own| &own.to), key)
    };
    let selection = context.selection;
    let is_skipped = |item: &KnownItem| {
        let status = item.record.status;
        // The service does not change a contract that has ended.
        status.has_ended()
            || status == ItemStatus::Archived
            || !is_selected(
                &selection.targets,
                &selection.excludes,
                &address(&item.flow, &item.key),
            )
    };
    let (requests, stop) = watch::channel(Stop::No);
    let audit = Audit {
        records: context.ledger,
        client: context.client,
        root: &context.project.root,
        run: None,
        targets: Vec::new(),
        excludes: Vec::new(),
        has_predecessor: false,
        skip: skipped(context.ledger, is_skipped)?,
        concurrency: context.project.settings.limits.concurrency.get(),
        listener: context.progress.listener(),
        stop,
    };
    let all = audit.run(|audited| {
        let differs = !matches!(audited.verdict, Verdict::ExactlyOnce | Verdict::NotSent);
        drift.extend(differs.then(|| Drift {
            address: address(&audited.flow, &audited.key),
            difference: audited.differences.join("; "),
            hint: audited.hint,
        }));
        Ok(())
    });
    let is_complete = context.runtime.block_on(interruptible(requests, all))?;
    context.progress.finish();
    if !is_complete {
        let message = t!("the comparison with the service was interrupted");
        return Err(CliError::new(Exit::Interrupted, message, "").into());
    }
    Ok(drift)
}

/// Returns the items that are not looked up.
fn skipped(
    records: &dyn Records,
    is_skipped: impl Fn(&KnownItem) -> bool,
) -> Result<HashSet<EntityId>, LedgerError> {
    let mut skipped = HashSet::new();
    records.each_item(&mut |item| {
        if is_skipped(&item) {
            skipped.insert(item.record.id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(skipped)
}
