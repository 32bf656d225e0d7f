//! The executor of one run: revocations of removed rows first, then resources, then the items in
//! the order of the sheet, with a bounded number in progress.

use std::future::{Future, ready};
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tracing::{Instrument as _, info_span};

use super::context::StepContext;
use super::event::{Event, ItemOutcome, Listener};
use super::locks::Locks;
use super::resolved::Resolved;
use super::stop::{Stop, Stopped, ending_waits, stop_requested};
use super::taken_account::TakenAccount;
use crate::address::Address;
use crate::client::Client;
use crate::desired::{FlowRows, Item, Outcome, Resources};
use crate::ledger::{Failure, Ledger, RunRecord};
use crate::plan::{Fatal, FlowPlan, PlannedRow, PlannedRun, unreadable_sheet};

/// The results of a run.
#[derive(Debug, Default)]
pub struct RunStats {
    /// The number of items that are done or whose flow ended early.
    pub done: u64,
    /// The number of removed rows among them: their flows were revoked or had ended early.
    pub revoked: u64,
    /// The number of items that failed.
    pub failed: u64,
    /// The number of items in doubt.
    pub in_doubt: u64,
    /// The number of items in progress when the run stopped.
    pub interrupted: u64,
    /// The number of items that were not started.
    pub not_started: u64,
    /// The existing accounts that were taken over.
    pub taken_accounts: Vec<TakenAccount>,
    /// The resources that failed, each with its failure.
    pub failed_resources: Vec<(Address, Failure)>,
    /// The reason for which the run stopped early; none if it did not.
    pub stopped: Option<Stopped>,
}

/// The inputs of a run.
pub struct ExecutionContext<'a> {
    /// The desired resources.
    pub resources: &'a Resources,
    /// The plan, with the rows from which it was made.
    pub planned: &'a PlannedRun<'a>,
    /// The ledger, whose lease the run holds.
    pub ledger: &'a dyn Ledger,
    /// The API client.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// The ledger's record of the run.
    pub run: RunRecord,
    /// The most items that may fail; one more stops the run. None: no bound.
    pub tolerate: Option<u64>,
    /// Receives the events of the run.
    pub listener: Listener,
    /// Receives stop requests.
    pub stop: watch::Receiver<Stop>,
}

/// Executes a plan.
pub struct Executor<'a> {
    execution: ExecutionContext<'a>,
    pub(crate) context: StepContext<'a>,
    /// Locks accounts by `thirdId`: items that share an account create or update it one at a time.
    pub(crate) account_locks: Locks,
    /// Locks accounts by their id while they are adopted.
    pub(crate) adoption_locks: Locks,
    /// The existing accounts that this run has taken over.
    pub(crate) taken_accounts: Mutex<Vec<TakenAccount>>,
    resolved: Mutex<Resolved>,
}

impl<'a> Executor<'a> {
    /// Creates the executor of a run. Sends nothing.
    pub fn new(execution: ExecutionContext<'a>) -> Self {
        Self {
            context: StepContext::new(execution.ledger, execution.client, execution.root),
            account_locks: Locks::default(),
            adoption_locks: Locks::default(),
            taken_accounts: Mutex::default(),
            resolved: Mutex::default(),
            execution,
        }
    }

    /// Executes the plan until it is done or the run is stopped, and returns the results.
    pub async fn run(&self) -> RunStats {
        self.run_part(0..u64::MAX, RunStats::default()).await
    }

    /// Executes a part of the items of the plan, in their order; a part that begins with the first one
    /// also the rest of the plan before it. Adds the results to those of the parts before.
    pub async fn run_part(&self, part: Range<u64>, stats: RunStats) -> RunStats {
        let stop = self.stop();
        let work = self.execute_plan(part, stats);
        let mut stats = ending_waits(self.context.client, &stop, work).await;
        let taken = std::mem::take(&mut *self.taken_accounts());
        stats.taken_accounts.extend(taken);
        stats
    }

    async fn execute_plan(&self, part: Range<u64>, mut stats: RunStats) -> RunStats {
        let planned = self.execution.planned;
        let all: u64 = planned.plan.flows.iter().map(FlowPlan::work).sum();
        let work = all.min(part.end).saturating_sub(part.start);
        if part.start == 0 {
            self.prepare(&mut stats).await;
        }
        if stats.stopped.is_some() {
            stats.not_started += work;
            return stats;
        }
        self.emit(Event::Items(work));
        let mut begin = 0;
        for (rows, plan) in planned.flows.iter().zip(&planned.plan.flows) {
            let end = begin + plan.work();
            let own = begin.max(part.start)..end.min(part.end);
            if !own.is_empty() {
                let own = own.start - begin..own.end - begin;
                self.execute_flow(rows, plan, own, &mut stats).await;
            }
            begin = end;
        }
        stats
    }

    /// Revokes the flows of removed rows, and applies the resources.
    async fn prepare(&self, stats: &mut RunStats) {
        let planned = self.execution.planned;
        // Flows are revoked first: an account to be deleted may still be a signer of one.
        let revocations: u64 = planned.plan.flows.iter().map(FlowPlan::revocations).sum();
        self.emit(Event::Revoking(revocations));
        for plan in &planned.plan.flows {
            self.revoke_removed(plan, stats).await;
        }
        stats.revoked = stats.done;
        if stats.stopped.is_none() {
            let mut stop = self.stop();
            let made = tokio::select! {
                biased;
                made = self.apply_resources(&planned.plan, stats) => made,
                () = stop_requested(&mut stop, Stop::Now) => Err(Stopped::Asked),
            };
            if let Err(stopped) = made {
                self.stop_run(stopped, stats);
            }
        }
    }

    /// Stops the run: no new items are started. Reports the first reason only.
    pub(crate) fn stop_run(&self, stopped: Stopped, stats: &mut RunStats) {
        // A call waited when the stop was requested.
        let stopped = match stopped {
            Stopped::Fatal(Fatal::Stopped) => Stopped::Asked,
            stopped => stopped,
        };
        if stats.stopped.is_none() {
            self.emit(Event::Stopping(match &stopped {
                Stopped::Asked => {
                    t!("stop requested: items in progress are finished, no new items are started")
                        .into_owned()
                }
                Stopped::Failures { tolerated } => t!(
                    "more than %{tolerated} items failed: no new items are started",
                    tolerated = tolerated
                )
                .into_owned(),
                Stopped::Canary(_) => t!("the run ends after its first items").into_owned(),
                Stopped::Fatal(fatal) => fatal.to_string(),
            }));
            stats.stopped = Some(stopped);
        }
    }

    /// Returns a receiver of stop requests.
    pub(crate) fn stop(&self) -> watch::Receiver<Stop> {
        self.execution.stop.clone()
    }

    /// Returns an error if a stop was requested.
    pub(crate) fn check_stop(&self) -> Result<(), Stopped> {
        match *self.execution.stop.borrow() {
            Stop::No => Ok(()),
            Stop::Drain | Stop::Soon | Stop::Now => Err(Stopped::Asked),
        }
    }

    /// Returns the desired resources.
    pub(crate) fn desired(&self) -> &'a Resources {
        self.execution.resources
    }

    /// Returns the plan.
    pub(crate) fn planned(&self) -> &PlannedRun<'a> {
        self.execution.planned
    }

    /// Returns the ledger's id of the run.
    pub(crate) fn run_id(&self) -> i64 {
        self.execution.run.id
    }

    /// Sends an event to the listener.
    pub(crate) fn emit(&self, event: Event) {
        (self.execution.listener)(event);
    }

    /// Executes the planned actions of a part of a flow's items, with a bounded number of items in
    /// progress.
    async fn execute_flow(
        &self,
        rows: &'a FlowRows<'_>,
        plan: &'a FlowPlan,
        part: Range<u64>,
        stats: &mut RunStats,
    ) {
        let work = part.end - part.start;
        let mut next = 0;
        let is_work = move |at: usize| {
            let is_work = plan.rows.get(at).is_some_and(|row| row.action.is_work());
            let is_part = is_work && part.contains(&next);
            next += u64::from(is_work);
            is_part
        };
        let rendered_rows = match rows.rendered_rows(is_work) {
            Ok(rendered_rows) => rendered_rows,
            Err(error) => {
                // The sheet was readable when the plan was made: its rows count as not started.
                let why = unreadable_sheet(rows.flow, &error);
                self.stop_run(Stopped::Fatal(why.into()), stats);
                stats.not_started += work;
                return;
            }
        };
        let items = rendered_rows.map(|(at, rendered)| {
            let planned = plan.rows[at];
            match planned_item(&plan.flow, &planned, rendered) {
                Ok((address, item)) => self.item_future(&plan.flow, address, planned, item),
                Err((address, row, failure)) => Box::pin(ready((
                    address,
                    Some(row),
                    Ok(ItemOutcome::Failed(failure)),
                ))),
            }
        });
        let started = self.run_items(items, self.execution.tolerate, stats).await;
        // Includes rows that were removed from the sheet since the plan was made.
        stats.not_started += work.saturating_sub(started);
    }

    fn item_future<'s>(
        &'s self,
        flow: &'s str,
        address: Address,
        planned: PlannedRow,
        item: Box<Item>,
    ) -> ItemFuture<'s> {
        let span = info_span!("item", %address);
        let work = async move {
            let outcome = self.execute_item(flow, &item, planned.action).await;
            (address, Some(u64::from(planned.row)), outcome)
        };
        Box::pin(work.instrument(span))
    }

    /// Counts an item's outcome and sends it to the listener.
    pub(crate) fn report_outcome(
        &self,
        address: Address,
        row: Option<u64>,
        outcome: ItemOutcome,
        stats: &mut RunStats,
    ) {
        match &outcome {
            ItemOutcome::Sent | ItemOutcome::Done(_) | ItemOutcome::EndedEarly(..) => {
                stats.done += 1;
            }
            ItemOutcome::Failed(_) => stats.failed += 1,
            ItemOutcome::InDoubt(_) | ItemOutcome::Unsettled(_) => stats.in_doubt += 1,
            ItemOutcome::Interrupted => stats.interrupted += 1,
        }
        self.emit(Event::Item {
            address,
            row,
            outcome,
        });
    }

    /// Returns why the plan's lookup of a row's account failed, if it did.
    pub(crate) fn unobserved(&self, third_id: &str) -> Option<&Failure> {
        let unobserved = &self.execution.planned.unobserved;
        // Without failed lookups, nothing is hashed.
        let key = (!unobserved.is_empty()).then(|| self.context.ledger.salt().of(third_id))?;
        unobserved.get(&key)
    }

    /// Records that an account already existed when it was to be created.
    pub(crate) fn record_existing(&self, third_id: &str) {
        self.resolved().existing.insert(third_id.to_owned());
    }

    /// Returns the resources that this run has applied.
    pub(crate) fn resolved(&self) -> std::sync::MutexGuard<'_, Resolved> {
        // No code panics while it holds the lock, so the content of a poisoned lock is valid.
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future of one item: its address, its row if it has one, and its outcome. All items share one
/// task, because their futures are small and mostly wait for the network.
pub(crate) type ItemFuture<'s> =
    Pin<Box<dyn Future<Output = (Address, Option<u64>, Result<ItemOutcome, Fatal>)> + 's>>;

/// Returns the item of a rendered row, or a failure if its fingerprint differs from the plan's.
fn planned_item(
    flow: &str,
    planned: &PlannedRow,
    rendered: crate::desired::RenderedRow,
) -> Result<(Address, Box<Item>), (Address, u64, Failure)> {
    let address = Address::item(flow, rendered.key.as_deref().unwrap_or_default());
    match rendered.outcome {
        Outcome::Item(item) if planned.matches(item.fingerprint) => Ok((address, item)),
        _ => Err((
            address,
            rendered.number,
            Failure {
                code: None,
                message: t!("the row has changed since the plan was made").into_owned(),
                hint: t!("apply again").into_owned(),
            },
        )),
    }
}
