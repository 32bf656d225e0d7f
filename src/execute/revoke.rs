//! Revokes the flows of changed items before they are reissued, and of items whose rows were
//! removed.

use tracing::{Instrument, info_span};

use super::context::StepContext;
use super::error::StepError;
use super::event::ItemOutcome;
use super::executor::{Executor, ItemFuture, RunStats};
use super::flow::{FlowState, ended_status, sent_flow, why};
use crate::address::Address;
use crate::api::{FlowStatus, Nothing, Revoke};
use crate::execute::journal::{ItemJournal, ProbeResult, probe_with_delay};
use crate::ledger::step_name::{self, END, REVOKE};
use crate::ledger::{Failure, ItemStatus, Write, revoke_interrupted};
use crate::plan::{Fatal, FlowPlan, ItemAction, RemovedRow};

impl Executor<'_> {
    /// Revokes the items of a flow whose rows were removed, where the plan says so.
    pub(crate) async fn revoke_removed<'s>(&'s self, plan: &'s FlowPlan, stats: &mut RunStats) {
        let is_revoked = |item: &&RemovedRow| item.action == ItemAction::Revoke;
        let items = plan.removed.iter().filter(is_revoked);
        let items = items.map(|item| -> ItemFuture<'s> {
            let address = Address::item(&plan.flow, &item.key);
            let span = info_span!("item", %address);
            let work = async {
                let outcome = self.revoke_item(&plan.flow, &item.key).await;
                (address, None, outcome)
            };
            Box::pin(work.instrument(span))
        });
        // Failed revocations do not keep the rows of the sheet from being sent.
        let started = self.run_items(items, None, stats).await;
        stats.not_started += plan.revocations().saturating_sub(started);
    }

    /// Revokes one item, and records its status. Only fatal errors are returned as errors.
    async fn revoke_item(&self, flow: &str, key: &str) -> Result<ItemOutcome, Fatal> {
        let Some(known) = self.context.ledger.item(flow, key)? else {
            return Ok(ItemOutcome::Interrupted);
        };
        let journal = ItemJournal::new(known.id, self.context.ledger.steps(known.id)?);
        // The item stays open until its flow has ended: an interrupted run leaves it to the next
        // one.
        drop(self.context.ledger.write(vec![Write::ItemBegun {
            id: known.id,
            flow: flow.to_owned(),
            key: key.to_owned(),
            fingerprint: known.fingerprint,
            content: None,
            cells: None,
            run: self.run_id(),
            at: self.context.now(),
            afresh: false,
        }]));
        // After an interrupted run, the journal does not show which signers are missing.
        let all_added = known.was_sent_whole() || journal.has_sign_link();
        let (outcome, status, failure) =
            match self.context.revoke(&journal, REVOKE, all_added).await {
                Ok(Some((status, why))) => (
                    ItemOutcome::EndedEarly(status, why.clone()),
                    status,
                    Some(why),
                ),
                Ok(None) => {
                    let revoked = ItemStatus::Revoked;
                    let why = Failure {
                        code: None,
                        message: t!("its row was removed from the sheet").into_owned(),
                        hint: t!("put the row back to send it again").into_owned(),
                    };
                    (ItemOutcome::Done(revoked), revoked, Some(why))
                }
                // The sent contract stays in effect with its recorded status.
                Err(StepError::Failed(failure)) => (
                    ItemOutcome::Failed(failure.clone()),
                    known.status,
                    Some(failure),
                ),
                Err(StepError::InDoubt(failure)) => {
                    let doubt = ItemStatus::InDoubt;
                    (ItemOutcome::InDoubt(failure.clone()), doubt, Some(failure))
                }
                Err(StepError::ProbeFailed(failure)) => {
                    let open = ItemStatus::Open;
                    (ItemOutcome::InDoubt(failure.clone()), open, Some(failure))
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
        if let ItemOutcome::Done(_) = outcome {
            writes.push(Write::Withdrawn { id: known.id });
        }
        self.context.ledger.write(writes).await?;
        Ok(outcome)
    }
}

impl StepContext<'_> {
    /// Revokes the flow of an item in a step of this name. Fails if all signers have signed.
    ///
    /// `all_added`: all signers are added, except those in deferred steps. Returns the status and
    /// reason of a flow that has already ended otherwise; none if it was revoked here or does not
    /// exist.
    pub(crate) async fn revoke(
        &self,
        journal: &ItemJournal,
        name: &str,
        all_added: bool,
    ) -> Result<Option<(ItemStatus, Failure)>, StepError> {
        let Some(flow) = sent_flow(journal) else {
            return Ok(None);
        };
        let state = self.state(&flow).await?;
        let is_own = journal.is_begun(name);
        if let Some(status) =
            ended_status(state.status).filter(|ended| !is_own || *ended != ItemStatus::Revoked)
        {
            return Ok(Some((status, why(&state, status))));
        }
        let is_signer = |(step, _): &(String, _)| step_name::is_signer(step);
        let all_added = all_added && !journal.deferred().iter().any(is_signer);
        let finished = state.status == FlowStatus::Finished;
        if finished || all_added && state.all_have_signed() {
            return Err(StepError::failed(
                t!("all signers have signed the sent contract, so it cannot be revoked"),
                t!("restore the row if it was changed; a new contract needs a new key"),
            ));
        }
        let request = Revoke {
            flow_id: flow.id.clone(),
        };
        let probe = async || self.probe_revocation(&flow).await;
        match self
            .journaled_step(journal, name, &request, None, probe)
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
            Err(error) => Err(error),
        }
    }

    /// Returns the status and reason of an item whose flow ended after a `treaty revoke` that was
    /// interrupted or had no response. Fails if the flow can still be signed: the operator repeats
    /// the command. Voids the intent if all have signed, because the flow cannot be revoked.
    pub(crate) async fn ended_by_operator(
        &self,
        journal: &ItemJournal,
    ) -> Result<Option<(ItemStatus, Failure)>, StepError> {
        let Some(flow) = sent_flow(journal).filter(|_| journal.is_begun(END)) else {
            return Ok(None);
        };
        let state = self.state(&flow).await?;
        let Some(status) = ended_status(state.status) else {
            if Self::is_revoke_pending(journal, &state) {
                return Err(StepError::ProbeFailed(revoke_interrupted()));
            }
            self.void_intent(journal, END).await?;
            return Ok(None);
        };
        Ok(Some((status, why(&state, status))))
    }

    /// Returns whether a `treaty revoke` was interrupted whose flow can still be revoked.
    pub(crate) fn is_revoke_pending(journal: &ItemJournal, state: &FlowState) -> bool {
        let is_pending = journal.is_begun(END) && !journal.is_done(END);
        let is_over = state.status == FlowStatus::Finished || ended_status(state.status).is_some();
        let is_signer = |(step, _): &(String, _)| step_name::is_signer(step);
        let all_added = !journal.deferred().iter().any(is_signer);
        is_pending && !is_over && !(all_added && state.all_have_signed())
    }

    /// Returns whether an interrupted run has revoked the flow in order to reissue the item. If
    /// not, voids its intent.
    pub(crate) async fn was_revoked(&self, journal: &ItemJournal) -> Result<bool, StepError> {
        let Some(flow) = sent_flow(journal).filter(|_| journal.is_begun(REVOKE)) else {
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
        self.void_intent(journal, REVOKE).await?;
        Ok(false)
    }
}
