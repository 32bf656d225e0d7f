//! Ending flows: what was sent otherwise than it should be, and what has no row any more.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tracing::{Instrument, info_span};

use super::concurrency::has_room;
use super::context::StepContext;
use super::error::StepError;
use super::event::Ended;
use super::executor::{Apply, RunStats};
use super::flow::{ended_status, sent_flow, why};
use super::steps::{END, REVOKE, SIGNER};
use super::stop::{Stop, Stopped, stopped_now};
use crate::address::Address;
use crate::api::{FlowStatus, Nothing, Revoke};
use crate::execute::journal::{ItemJournal, ProbeResult, probe_with_delay};
use crate::ledger::{Failure, ItemStatus, Write};
use crate::plan::{Fatal, FlowPlan, ItemAction, RemovedRow};

impl Apply<'_> {
    /// Ends what has no row any more.
    pub(crate) async fn revoke_removed(&self, plan: &FlowPlan, tally: &mut RunStats) {
        let revoked = |item: &&RemovedRow| item.action == ItemAction::Revoke;
        let mut left = plan.removed.iter().filter(revoked);
        let mut window = FuturesUnordered::new();
        let mut stop = self.stop();
        loop {
            while tally.stopped.is_none() && has_room(self.context.client, window.len()) {
                if *stop.borrow() != Stop::No {
                    self.stop_for(Stopped::Asked, tally);
                    break;
                }
                let Some(item) = left.next() else { break };
                let address = Address::item(&plan.flow, &item.key);
                let span = info_span!("item", %address);
                let work = async { (address, self.revoke_item(&plan.flow, &item.key).await) };
                window.push(work.instrument(span));
            }
            let next = tokio::select! {
                biased;
                next = window.next() => next,
                () = stopped_now(&mut stop) => {
                    tally.open += window.len() as u64;
                    self.stop_for(Stopped::Asked, tally);
                    None
                }
                // There may be room for another item.
                () = self.context.client.another_is_delayed() => continue,
            };
            let Some((address, ended)) = next else {
                break;
            };
            match ended {
                Ok(ended) => self.ended(address, None, ended, tally),
                Err(fatal) => {
                    self.ended(address, None, Ended::Open, tally);
                    self.stop_for(Stopped::Fatal(fatal), tally);
                }
            }
        }
        tally.not_begun += left.count() as u64;
    }

    async fn revoke_item(&self, flow: &str, key: &str) -> Result<Ended, Fatal> {
        let Some(known) = self.context.ledger.item(flow, key)? else {
            return Ok(Ended::Open);
        };
        let steps = ItemJournal::new(known.id, self.context.ledger.steps(known.id)?);
        // Open until it has ended: should the run be cut off and the row come back, it is looked at again.
        drop(self.context.ledger.write(vec![Write::ItemBegun {
            id: known.id,
            flow: flow.to_owned(),
            key: key.to_owned(),
            fingerprint: known.fingerprint,
            content: None,
            run: self.run_id(),
            at: self.context.now(),
            afresh: false,
        }]));
        // Where the run was cut off, the contract itself does not tell who is still to be asked.
        let asked_all = known.was_sent_whole() || steps.asked_by_hand();
        let (ended, status, failure) = match self.context.revoke(&steps, REVOKE, asked_all).await {
            Ok(Some((status, why))) => (Ended::Over(status, why.clone()), status, Some(why)),
            Ok(None) => {
                let revoked = ItemStatus::Revoked;
                let why = Failure {
                    code: None,
                    message: "its row was no longer in the sheet".to_owned(),
                    hint: "put the row back to send it anew".to_owned(),
                };
                (Ended::Done(revoked), revoked, Some(why))
            }
            // What was sent stands as it did.
            Err(StepError::Failed(failure)) => {
                (Ended::Failed(failure.clone()), known.status, Some(failure))
            }
            Err(StepError::InDoubt(failure)) => {
                let doubt = ItemStatus::InDoubt;
                (Ended::InDoubt(failure.clone()), doubt, Some(failure))
            }
            Err(StepError::ProbeFailed(failure)) => {
                let open = ItemStatus::Open;
                (Ended::InDoubt(failure.clone()), open, Some(failure))
            }
            Err(StepError::Fatal(fatal)) => return Err(fatal),
        };
        let mut writes = vec![Write::ItemEnded {
            id: known.id,
            status,
            failure,
            at: self.context.now(),
        }];
        if status.has_ended() {
            writes.push(Write::DeferralsDropped { subject: known.id });
        }
        if let Ended::Done(_) = ended {
            writes.push(Write::Withdrawn { id: known.id });
        }
        self.context.ledger.write(writes).await?;
        Ok(ended)
    }
}

impl StepContext<'_> {
    /// Ends what was sent of an item, in a step of this name, unless all have signed it; `asked_all` tells whether nobody is
    /// left to be asked, but for those who wait. What has ended by itself need not be ended, and is told.
    pub(crate) async fn revoke(
        &self,
        steps: &ItemJournal,
        name: &str,
        asked_all: bool,
    ) -> Result<Option<(ItemStatus, Failure)>, StepError> {
        let Some(flow) = sent_flow(steps) else {
            return Ok(None);
        };
        let state = self.state(&flow).await?;
        let own = steps.is_begun(name);
        if let Some(status) =
            ended_status(state.status).filter(|ended| !own || *ended != ItemStatus::Revoked)
        {
            return Ok(Some((status, why(&state, status))));
        }
        let waits = |(step, _): &(String, _)| step.starts_with(SIGNER);
        let asked_all = asked_all && !steps.deferred().iter().any(waits);
        let finished = state.status == FlowStatus::Finished;
        if finished || asked_all && state.all_have_signed() {
            return Err(StepError::failed(
                "all have signed what was sent before",
                "it stands: put the row back as it was; a new contract needs a new key",
            ));
        }
        let request = Revoke {
            flow_id: flow.id.clone(),
        };
        let probe = async || self.probe_revocation(&flow).await;
        match self
            .journaled_step(steps, name, &request, None, probe)
            .await
        {
            Ok(Nothing) => Ok(None),
            Err(StepError::Failed(failure)) => {
                let state = self.state(&flow).await?;
                match ended_status(state.status) {
                    Some(status) => Ok(Some((status, why(&state, status)))),
                    None => Err(StepError::Failed(failure)),
                }
            }
            Err(halt) => Err(halt),
        }
    }

    /// How the flow of an item has ended that a person wanted to be ended, by a command that was cut off or whose answers
    /// were lost. One that goes on was not ended.
    pub(crate) async fn was_ended(
        &self,
        steps: &ItemJournal,
    ) -> Result<Option<(ItemStatus, Failure)>, StepError> {
        let Some(flow) = sent_flow(steps).filter(|_| steps.is_begun(END)) else {
            return Ok(None);
        };
        let state = self.state(&flow).await?;
        let Some(status) = ended_status(state.status) else {
            self.void_intent(steps, END).await?;
            return Ok(None);
        };
        Ok(Some((status, why(&state, status))))
    }

    /// Whether an earlier run has ended what was sent, so that it could be sent anew, and then was cut off.
    pub(crate) async fn was_revoked(&self, steps: &ItemJournal) -> Result<bool, StepError> {
        let Some(flow) = sent_flow(steps).filter(|_| steps.is_begun(REVOKE)) else {
            return Ok(false);
        };
        let probe = async || {
            let status = self.state(&flow).await?.status;
            Ok(match ended_status(status) {
                Some(_) => ProbeResult::Found(true),
                None if status == FlowStatus::Finished => ProbeResult::Found(false),
                None => ProbeResult::Absent,
            })
        };
        if let ProbeResult::Found(true) = probe_with_delay(self.client, &probe, self.late()).await?
        {
            return Ok(true);
        }
        self.void_intent(steps, REVOKE).await?;
        Ok(false)
    }
}
