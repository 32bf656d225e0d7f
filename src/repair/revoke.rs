//! Revokes flows on an operator's request. Needs no sheet and no manifest, only the ledger.

use std::cell::OnceCell;
use std::path::Path;

use tokio::sync::watch;
use tracing::{Instrument, info_span};

use super::concurrent::for_each;
use crate::address::Address;
use crate::api::FlowStatus;
use crate::client::Client;
use crate::execute::{
    Event, ItemJournal, ItemOutcome, Listener, StepContext, StepError, Stop, ended_status,
    ending_waits, sent_flow, signers, why,
};
use crate::ledger::step_name::END;
use crate::ledger::{Failure, ItemStatus, KnownItem, Records};
use crate::plan::Fatal;

/// The inputs of a revocation.
pub struct Revocation<'a> {
    /// The recorded state.
    pub records: &'a dyn Records,
    /// The API client.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// The maximum number of items in progress.
    pub concurrency: usize,
    /// Receives progress events.
    pub listener: Listener,
    /// Signals when to stop.
    pub stop: watch::Receiver<Stop>,
}

/// The number of items by outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RevocationStats {
    /// Revoked, or its task was made again.
    pub done: u64,
    /// The flow had already ended.
    pub over: u64,
    /// Failed.
    pub failed: u64,
    /// In doubt: the outcome of a call is unknown.
    pub in_doubt: u64,
    /// Not started or not finished, because the command was stopped.
    pub left: u64,
}

impl Revocation<'_> {
    /// Revokes the flows of items (API 5.7.4).
    pub async fn revoke(&self, items: Vec<KnownItem>) -> Result<RevocationStats, Fatal> {
        let context = StepContext::new(self.records, self.client, self.root);
        (self.listener)(Event::Revoking(items.len() as u64));
        let work = async |item: KnownItem| context.revoke_item(&item).await;
        self.run(items, work).await
    }

    /// Processes each item, reports its outcome, and counts the outcomes.
    pub(crate) async fn run<T>(
        &self,
        items: Vec<T>,
        work: impl AsyncFn(T) -> Result<(Address, ItemOutcome), Fatal>,
    ) -> Result<RevocationStats, Fatal> {
        let mut stats = RevocationStats {
            left: items.len() as u64,
            ..RevocationStats::default()
        };
        // After a fatal error, no item is started, and those in progress are completed.
        let fatal = OnceCell::new();
        let items = items.into_iter().take_while(|_| fatal.get().is_none());
        let record = |result: Result<(Address, ItemOutcome), Fatal>| {
            match result {
                // A call waited when the stop was requested.
                Err(Fatal::Stopped) => {}
                Err(error) => {
                    fatal.get_or_init(|| error);
                }
                Ok((address, outcome)) => {
                    stats.left -= 1;
                    *match &outcome {
                        ItemOutcome::Sent | ItemOutcome::Done(_) => &mut stats.done,
                        ItemOutcome::EndedEarly(..) => &mut stats.over,
                        ItemOutcome::Failed(_) => &mut stats.failed,
                        ItemOutcome::InDoubt(_) | ItemOutcome::Unsettled(_) => &mut stats.in_doubt,
                        ItemOutcome::Interrupted => &mut stats.left,
                    } += 1;
                    (self.listener)(Event::Item {
                        address,
                        row: None,
                        outcome,
                    });
                }
            }
            Ok::<(), Fatal>(())
        };
        let run = for_each(items.map(Ok), self.concurrency, &self.stop, work, record);
        ending_waits(self.client, &self.stop, run).await?;
        fatal.into_inner().map_or(Ok(stats), Err)
    }
}

/// Converts the result of an item to its outcome. A fatal error remains an error.
pub(crate) fn item_outcome(
    item: &KnownItem,
    result: Result<ItemOutcome, StepError>,
) -> Result<(Address, ItemOutcome), Fatal> {
    let outcome = result.or_else(StepError::into_outcome)?;
    Ok((Address::item(&item.flow, &item.key), outcome))
}

impl StepContext<'_> {
    async fn revoke_item(&self, item: &KnownItem) -> Result<(Address, ItemOutcome), Fatal> {
        let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
        item_outcome(item, self.revoke_flow(item).instrument(span).await)
    }

    async fn revoke_flow(&self, item: &KnownItem) -> Result<ItemOutcome, StepError> {
        let record = &item.record;
        let mut journal = ItemJournal::new(record.id, self.ledger.steps(record.id)?);
        journal.signers = signers(&journal);
        let Some(flow) = sent_flow(&journal) else {
            return Err(StepError::failed(
                t!("no flow is recorded for the item"),
                t!("run treaty state show to see what is recorded"),
            ));
        };
        let refreshed = self.refresh_sign_states(&journal, &flow).await;
        let (state, _) = refreshed.map_err(not_revoked)?;
        if let Some(status) = ended_status(state.status) {
            let why = why(&state, status);
            self.record_status(record.id, status, Some(why.clone()), true)
                .await?;
            return Ok(ItemOutcome::EndedEarly(status, why));
        }
        if state.status == FlowStatus::Finished {
            return Err(StepError::failed(
                t!("the flow is signed and archived, and cannot be revoked"),
                t!("run treaty sync to update the record"),
            ));
        }
        match self.revoke(&journal, END, record.was_sent_whole()).await {
            Ok(None) => {}
            Ok(Some((status, why))) => {
                self.record_status(record.id, status, Some(why.clone()), true)
                    .await?;
                return Ok(ItemOutcome::EndedEarly(status, why));
            }
            Err(StepError::Failed(failure)) => {
                let failure_before = record.failure.clone();
                self.record_status(record.id, record.status, failure_before, false)
                    .await?;
                return Err(StepError::Failed(failure));
            }
            // The revocation may still take effect; the next sync or apply detects it.
            Err(StepError::InDoubt(failure) | StepError::ProbeFailed(failure)) => {
                let open = ItemStatus::Open;
                self.record_status(record.id, open, Some(failure.clone()), false)
                    .await?;
                return Err(StepError::InDoubt(failure));
            }
            Err(fatal) => return Err(fatal),
        }
        let why = Failure {
            code: None,
            message: t!("revoked by treaty revoke").into_owned(),
            hint: t!("to send it again, apply with --reissue ADDRESS").into_owned(),
        };
        let revoked = ItemStatus::Revoked;
        self.record_status(record.id, revoked, Some(why), true)
            .await?;
        Ok(ItemOutcome::Done(revoked))
    }
}

/// Says what to do if a flow could not be looked up before it was revoked. An error code of the
/// service keeps its own hint.
fn not_revoked(error: StepError) -> StepError {
    match error {
        StepError::Failed(failure) if failure.code.is_none() => StepError::Failed(Failure {
            hint: t!("nothing was revoked: run treaty revoke again when the service answers")
                .into_owned(),
            ..failure
        }),
        other => other,
    }
}
