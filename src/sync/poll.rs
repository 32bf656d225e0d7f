//! Polls one item in progress: gets the state of its flow, records the states of its signers, and
//! runs the deferred steps that are due.

use crate::api::{FlowStatus, Nothing, Revoke};
use crate::execute::{
    FlowRef, FlowState, ItemJournal, SignStates, StepContext, StepError, ended_status, sent_flow,
    signers, undecided_step, why,
};
use crate::ledger::step_name::{self, ARCHIVE, DOWNLOAD, END, REVOKE};
use crate::ledger::{Failure, ItemRecord, ItemStatus, Write, revoke_interrupted};

impl StepContext<'_> {
    /// Polls the flow of an item and runs its due steps.
    ///
    /// Returns the new status, with the reason if the flow has ended or the item cannot continue.
    pub(crate) async fn poll(
        &self,
        item: &ItemRecord,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        let mut journal = ItemJournal::new(item.id, self.ledger.steps(item.id)?);
        let Some(flow) = sent_flow(&journal) else {
            return Err(StepError::failed(
                t!("no flow is recorded for the item"),
                t!("run treaty state show to see what is recorded"),
            ));
        };
        journal.signers = signers(&journal);
        let (state, states) = self.refresh_sign_states(&journal, &flow).await?;
        if let Some(status) = ended_status(state.status) {
            let why = why(&state, status);
            // An interrupted `treaty revoke` left its intent; the flow has ended by it or
            // otherwise.
            if journal.is_begun(END) && !journal.is_done(END) {
                if status == ItemStatus::Revoked {
                    self.record_receipt::<Revoke>(&journal, END, &Nothing, None)
                        .await?;
                } else {
                    self.void_intent(&journal, END).await?;
                }
            }
            self.record_status(item.id, status, Some(why.clone()), true)
                .await?;
            if status == ItemStatus::Revoked && journal.is_begun(REVOKE) {
                // Its row may be sent again.
                let withdrawn = Write::Withdrawn { id: item.id };
                self.ledger.write(vec![withdrawn]).await?;
            }
            return Ok((status, Some(why)));
        }
        // The operator wanted to revoke the flow: no signer is added and nothing is archived until
        // the command is repeated, or its record is settled.
        if Self::is_revoke_pending(&journal, &state) {
            let failure = revoke_interrupted();
            if item.failure.as_ref() != Some(&failure) {
                self.record_status(item.id, ItemStatus::Open, Some(failure.clone()), false)
                    .await?;
            }
            return Err(StepError::InDoubt(failure));
        }
        // An interrupted revocation left its intent. A flow that all have signed cannot be revoked
        // any more.
        let finished = state.status == FlowStatus::Finished;
        for name in [Some(END), finished.then_some(REVOKE)]
            .into_iter()
            .flatten()
        {
            if journal.is_begun(name) {
                self.void_intent(&journal, name).await?;
                journal.void(name);
            }
        }
        if let Some(step) = undecided_step(&journal) {
            let failure = |hint: &str| Failure {
                code: None,
                message: t!("the outcome of %{step} is unknown", step = step).into_owned(),
                hint: t!(hint).into_owned(),
            };
            return Err(match item.status {
                ItemStatus::InDoubt => {
                    StepError::InDoubt(failure(t_key!("check the flow on the service's own pages")))
                }
                _ => StepError::ProbeFailed(failure(t_key!(
                    "apply again: treaty probes the service before it sends anything"
                ))),
            });
        }
        let failed = matches!(item.status, ItemStatus::Open | ItemStatus::Failed);
        if failed && !item.was_sent_whole() {
            // Apply is not complete, and needs the row to continue.
            return Ok((item.status, item.failure.clone()));
        }
        let advanced = self.advance_flow(&journal, &flow, &state, states).await;
        if journal.has_new_receipts() && !matches!(advanced, Err(StepError::Fatal(_))) {
            // Flush: to the next poll, an intent without its receipt would be a call in doubt.
            self.ledger.write(Vec::new()).await?;
        }
        let (item_status, failure) = match advanced {
            Ok(advanced) => advanced,
            Err(StepError::Failed(failure)) => {
                // Apply is complete; the next poll tries the step again.
                let waiting = ItemStatus::Waiting;
                self.record_status(item.id, waiting, Some(failure.clone()), false)
                    .await?;
                return Err(StepError::Failed(failure));
            }
            Err(StepError::InDoubt(failure)) => {
                let doubt = ItemStatus::InDoubt;
                self.record_status(item.id, doubt, Some(failure.clone()), false)
                    .await?;
                return Err(StepError::InDoubt(failure));
            }
            Err(error) => return Err(error),
        };
        if journal.is_recorded_open() || (item_status, &failure) != (item.status, &item.failure) {
            let finished = item_status == ItemStatus::Archived;
            self.record_status(item.id, item_status, failure.clone(), finished)
                .await?;
        }
        match failure {
            Some(failure) => Err(StepError::Failed(failure)),
            None => Ok((item_status, None)),
        }
    }

    /// Runs the due steps of a flow that has not ended, and returns the status of its item.
    async fn advance_flow(
        &self,
        journal: &ItemJournal,
        flow: &FlowRef,
        state: &FlowState,
        states: SignStates,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        if state.status == FlowStatus::Finished {
            let never_asked = self.finish_archived(journal, flow).await?;
            return Ok((ItemStatus::Archived, never_asked));
        }
        let (left, states) = self.advance(journal, flow, states).await?;
        // A signer that was just added has not signed.
        let all_signed = journal.signers.iter().all(|(step, _)| states.signed(step));
        Ok(match left {
            0 if journal.is_done(ARCHIVE) => (ItemStatus::Archived, None),
            0 if all_signed => (ItemStatus::Signed, None),
            _ => (ItemStatus::Waiting, states.lost()),
        })
    }

    /// Runs the remaining steps of a flow that is already archived: by an earlier poll, by the
    /// service, or outside of treaty. Returns a failure that names the signers who were never
    /// asked.
    async fn finish_archived(
        &self,
        journal: &ItemJournal,
        flow: &FlowRef,
    ) -> Result<Option<Failure>, StepError> {
        let mut never_asked = Vec::new();
        for (step, deferral) in journal.deferred() {
            // An interrupted archive call most likely took effect.
            let is_archive = step == ARCHIVE && journal.is_begun(ARCHIVE);
            if is_archive || step == DOWNLOAD {
                self.take_deferred(journal, &step, deferral, flow).await?;
            } else if let Some(name) = step_name::signer_name(&step) {
                never_asked.push(name.to_owned());
            }
        }
        let names = never_asked.join(", ");
        Ok((!never_asked.is_empty()).then(|| Failure {
            code: None,
            message: t!(
                "the flow was archived before these signers were asked: %{names}",
                names = names
            )
            .into_owned(),
            hint: t!("give the row a new key to send it again").into_owned(),
        }))
    }
}
