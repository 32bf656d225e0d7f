//! Ending flows for good, because a person wants it. Needs the ledger alone.

use std::path::Path;

use tokio::sync::watch;
use tracing::{Instrument, info_span};

use super::concurrent::{Through, each};
use crate::address::Address;
use crate::api::FlowStatus;
use crate::client::Client;
use crate::execute::{
    END, Event, ItemJournal, ItemOutcome, Listener, StepContext, StepError, Stop, ended_status,
    sent_flow, signers, why,
};
use crate::ledger::{Failure, ItemStatus, KnownItem, Records};
use crate::plan::Fatal;

/// What ending flows needs.
pub struct Revocation<'a> {
    /// What has been done.
    pub records: &'a dyn Records,
    /// The API.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// Items that are worked on at the same time.
    pub window: usize,
    /// Hears of everything.
    pub listener: Listener,
    /// Says when to stop.
    pub stop: watch::Receiver<Stop>,
}

/// How it went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawn {
    /// Done as it was wanted.
    pub done: u64,
    /// The flow had ended by itself before.
    pub over: u64,
    /// Not done.
    pub failed: u64,
    /// Whether it was done is not known.
    pub in_doubt: u64,
    /// Not begun, or not ended, since it was asked to stop.
    pub left: u64,
}

impl Revocation<'_> {
    /// Ends the flows of items (5.7.4).
    pub async fn all(&self, items: Vec<KnownItem>) -> Result<Withdrawn, Fatal> {
        let context = StepContext::new(self.records, self.client, self.root);
        (self.listener)(Event::Revoking(items.len() as u64));
        let work = async |item: KnownItem| context.withdraw(&item).await;
        self.through(items, work).await
    }

    /// Works on each item, and counts.
    pub(crate) async fn through<T>(
        &self,
        items: Vec<T>,
        work: impl AsyncFn(T) -> Result<(Address, ItemOutcome), StepError>,
    ) -> Result<Withdrawn, Fatal> {
        let mut counts = Withdrawn::default();
        let through = each(items, self.window, &self.stop, work, |result| {
            // Only what is fatal is told as an error, and that is not noted.
            let Ok((address, ended)) = result else { return };
            *match &ended {
                ItemOutcome::Done(_) => &mut counts.done,
                ItemOutcome::EndedEarly(..) => &mut counts.over,
                ItemOutcome::Failed(_) => &mut counts.failed,
                ItemOutcome::InDoubt(_) => &mut counts.in_doubt,
                ItemOutcome::Interrupted => &mut counts.left,
            } += 1;
            (self.listener)(Event::Item {
                address,
                row: None,
                outcome: ended,
            });
        });
        if let Through::Stopped(left) = through.await? {
            counts.left += left;
        }
        Ok(counts)
    }
}

/// How work on an item ended, for those who count; what is fatal stays an error.
pub(crate) fn ended(
    item: &KnownItem,
    result: Result<ItemOutcome, StepError>,
) -> Result<(Address, ItemOutcome), StepError> {
    let ended = match result {
        Ok(ended) => ended,
        Err(StepError::Failed(failure)) => ItemOutcome::Failed(failure),
        Err(StepError::InDoubt(failure) | StepError::ProbeFailed(failure)) => {
            ItemOutcome::InDoubt(failure)
        }
        Err(fatal @ StepError::Fatal(_)) => return Err(fatal),
    };
    Ok((Address::item(&item.flow, &item.key), ended))
}

impl StepContext<'_> {
    async fn withdraw(&self, item: &KnownItem) -> Result<(Address, ItemOutcome), StepError> {
        let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
        ended(item, self.ended_for_good(item).instrument(span).await)
    }

    async fn ended_for_good(&self, item: &KnownItem) -> Result<ItemOutcome, StepError> {
        let record = &item.record;
        let mut steps = ItemJournal::new(record.id, self.ledger.steps(record.id)?);
        steps.signers = signers(&steps);
        let Some(flow) = sent_flow(&steps) else {
            return Err(StepError::failed(
                "its flow is not known",
                "treaty state show tells what is recorded of it",
            ));
        };
        let (state, _) = self.refresh_sign_states(&steps, &flow).await?;
        if let Some(status) = ended_status(state.status) {
            let why = why(&state, status);
            self.record_status(record.id, status, Some(why.clone()), true)
                .await?;
            return Ok(ItemOutcome::EndedEarly(status, why));
        }
        if state.status == FlowStatus::Finished {
            return Err(StepError::failed(
                "all have signed, and it is archived: that cannot be revoked",
                "treaty sync brings what is recorded up to date",
            ));
        }
        match self.revoke(&steps, END, record.was_sent_whole()).await {
            Ok(None) => {}
            Ok(Some((status, why))) => {
                self.record_status(record.id, status, Some(why.clone()), true)
                    .await?;
                return Ok(ItemOutcome::EndedEarly(status, why));
            }
            Err(StepError::Failed(failure)) => {
                let stands = record.failure.clone();
                self.record_status(record.id, record.status, stands, false)
                    .await?;
                return Err(StepError::Failed(failure));
            }
            // It may end yet: the next sync or apply sees.
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
            message: "it was revoked by treaty revoke".to_owned(),
            hint: "give the row a new key to send it anew".to_owned(),
        };
        let revoked = ItemStatus::Revoked;
        self.record_status(record.id, revoked, Some(why), true)
            .await?;
        Ok(ItemOutcome::Done(revoked))
    }
}
