//! Compares the ledger with the service: the contracts that have not ended.

use std::collections::HashSet;
use std::ops::ControlFlow;

use tokio::sync::watch;

use super::interrupt::interruptible;
use super::session::PlanContext;
use crate::address::Address;
use crate::cli::exit::{CliError, Exit};
use crate::execute::Stop;
use crate::ledger::{ItemStatus, LedgerError, Records};
use crate::plan::Drift;
use crate::repair::{Audit, Verdict};

/// Returns the differences of the resources that the plan has looked up, and of the contracts that
/// have not ended, each of which is looked up.
pub(in crate::cli) fn drift(context: &PlanContext<'_>) -> anyhow::Result<Vec<Drift>> {
    let mut drift = context.planned.drift.clone();
    let (requests, stop) = watch::channel(Stop::No);
    let audit = Audit {
        records: context.ledger,
        client: context.client,
        root: &context.project.root,
        run: None,
        targets: context.selection.targets.clone(),
        excludes: context.selection.excludes.clone(),
        has_predecessor: false,
        skip: ended(context.ledger)?,
        concurrency: context.project.settings.limits.concurrency.get(),
        listener: context.progress.listener(),
        stop,
    };
    let all = audit.run(|audited| {
        let differs = !matches!(audited.verdict, Verdict::ExactlyOnce | Verdict::NotSent);
        drift.extend(differs.then(|| Drift {
            address: Address::item(&audited.flow, &audited.key),
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

/// Returns the items whose contract has ended: the service does not change them any more.
fn ended(records: &dyn Records) -> Result<HashSet<i64>, LedgerError> {
    let mut ended = HashSet::new();
    records.each_item(&mut |item| {
        let status = item.record.status;
        if status.has_ended() || status == ItemStatus::Archived {
            ended.insert(item.record.id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(ended)
}
