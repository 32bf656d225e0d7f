//! Ending flows for good, because a person wants it. Needs the ledger alone.

use std::path::Path;

use tokio::sync::watch;
use tracing::{Instrument, info_span};

use super::concurrent::{Through, each};
use crate::address::Address;
use crate::api::FlowStatus;
use crate::client::Client;
use crate::execute::{
    Caller, END, Ended, Event, Halt, Listener, Steps, Stop, dead, sent_flow, signers, why,
};
use crate::ledger::{Failure, ItemStatus, KnownItem, Records};
use crate::plan::Fatal;

/// What ending flows needs.
pub struct Withdrawal<'a> {
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

impl Withdrawal<'_> {
    /// Ends the flows of items (5.7.4).
    pub async fn all(&self, items: Vec<KnownItem>) -> Result<Withdrawn, Fatal> {
        let caller = Caller::new(self.records, self.client, self.root);
        (self.listener)(Event::Revoking(items.len() as u64));
        let work = async |item: KnownItem| caller.withdraw(&item).await;
        self.through(items, work).await
    }

    /// Works on each item, and counts.
    pub(crate) async fn through<T>(
        &self,
        items: Vec<T>,
        work: impl AsyncFn(T) -> Result<(Address, Ended), Halt>,
    ) -> Result<Withdrawn, Fatal> {
        let mut counts = Withdrawn::default();
        let through = each(items, self.window, &self.stop, work, |result| {
            // Only what is fatal is told as an error, and that is not noted.
            let Ok((address, ended)) = result else { return };
            *match &ended {
                Ended::Done(_) => &mut counts.done,
                Ended::Over(..) => &mut counts.over,
                Ended::Failed(_) => &mut counts.failed,
                Ended::InDoubt(_) => &mut counts.in_doubt,
                Ended::Open => &mut counts.left,
            } += 1;
            (self.listener)(Event::Item {
                address,
                row: None,
                ended,
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
    result: Result<Ended, Halt>,
) -> Result<(Address, Ended), Halt> {
    let ended = match result {
        Ok(ended) => ended,
        Err(Halt::Failed(failure)) => Ended::Failed(failure),
        Err(Halt::InDoubt(failure) | Halt::NotLooked(failure)) => Ended::InDoubt(failure),
        Err(fatal @ Halt::Fatal(_)) => return Err(fatal),
    };
    Ok((Address::item(&item.flow, &item.key), ended))
}

impl Caller<'_> {
    async fn withdraw(&self, item: &KnownItem) -> Result<(Address, Ended), Halt> {
        let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
        ended(item, self.ended_for_good(item).instrument(span).await)
    }

    async fn ended_for_good(&self, item: &KnownItem) -> Result<Ended, Halt> {
        let record = &item.record;
        let mut steps = Steps::new(record.id, self.ledger.steps(record.id)?);
        steps.whose = signers(&steps);
        let Some(flow) = sent_flow(&steps) else {
            return Err(Halt::failed(
                "its flow is not known",
                "treaty state show tells what is recorded of it",
            ));
        };
        let (state, _) = self.looked(&steps, &flow).await?;
        if let Some(status) = dead(state.status) {
            let why = why(&state, status);
            self.end(record.id, status, Some(why.clone()), true).await?;
            return Ok(Ended::Over(status, why));
        }
        if state.status == FlowStatus::Finished {
            return Err(Halt::failed(
                "all have signed, and it is archived: that cannot be revoked",
                "treaty sync brings what is recorded up to date",
            ));
        }
        match self.revoke(&steps, END, record.was_sent_whole()).await {
            Ok(None) => {}
            Ok(Some((status, why))) => {
                self.end(record.id, status, Some(why.clone()), true).await?;
                return Ok(Ended::Over(status, why));
            }
            Err(Halt::Failed(failure)) => {
                let stands = record.failure.clone();
                self.end(record.id, record.status, stands, false).await?;
                return Err(Halt::Failed(failure));
            }
            // It may end yet: the next sync or apply sees.
            Err(Halt::InDoubt(failure) | Halt::NotLooked(failure)) => {
                let open = ItemStatus::Open;
                self.end(record.id, open, Some(failure.clone()), false)
                    .await?;
                return Err(Halt::InDoubt(failure));
            }
            Err(fatal) => return Err(fatal),
        }
        let why = Failure {
            code: None,
            message: "it was revoked by treaty revoke".to_owned(),
            hint: "give the row a new key to send it anew".to_owned(),
        };
        let revoked = ItemStatus::Revoked;
        self.end(record.id, revoked, Some(why), true).await?;
        Ok(Ended::Done(revoked))
    }
}
