//! One visit to an item that is under way: its flow is asked for, its signers' states are written down, and what waited
//! and has its turn is done. Needs the ledger alone.

use crate::api::{FlowStatus, Nothing, Revoke};
use crate::execute::{
    ARCHIVE, DOWNLOAD, END, FlowRef, FlowState, ItemJournal, REVOKE, SIGNER, SignStates,
    StepContext, StepError, ended_status, sent_flow, signers, undecided_step, why,
};
use crate::ledger::{Failure, ItemRecord, ItemStatus, Write};

impl StepContext<'_> {
    /// How an item stands now; and why, if its flow has ended, or if something keeps it from going on.
    pub(crate) async fn poll(
        &self,
        item: &ItemRecord,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        let mut steps = ItemJournal::new(item.id, self.ledger.steps(item.id)?);
        let Some(flow) = sent_flow(&steps) else {
            return Err(StepError::failed(
                "its flow is not known",
                "treaty state show tells what is recorded of it",
            ));
        };
        steps.signers = signers(&steps);
        let (state, states) = self.refresh_sign_states(&steps, &flow).await?;
        if let Some(status) = ended_status(state.status) {
            let why = why(&state, status);
            // Whoever wanted it ended was cut off: it has ended, by that or otherwise.
            if steps.is_begun(END) && !steps.is_done(END) {
                if status == ItemStatus::Revoked {
                    self.record_receipt::<Revoke>(&steps, END, &Nothing, None);
                } else {
                    self.void_intent(&steps, END).await?;
                }
            }
            self.record_status(item.id, status, Some(why.clone()), true)
                .await?;
            if status == ItemStatus::Revoked && steps.is_begun(REVOKE) {
                // Its row may still be sent anew.
                let withdrawn = Write::Withdrawn { id: item.id };
                self.ledger.write(vec![withdrawn]).await?;
            }
            return Ok((status, Some(why)));
        }
        // Whoever wanted it ended was cut off; should it end after all, the next visit sees it. What is finished can be
        // revoked no more.
        let finished = state.status == FlowStatus::Finished;
        for name in [Some(END), finished.then_some(REVOKE)]
            .into_iter()
            .flatten()
        {
            if steps.is_begun(name) {
                self.void_intent(&steps, name).await?;
                steps.void(name);
            }
        }
        if let Some(step) = undecided_step(&steps) {
            return Err(StepError::InDoubt(Failure {
                code: None,
                message: format!("whether {step} was carried out is not known"),
                hint: "look at the flow on the service's own pages".to_owned(),
            }));
        }
        let failed = matches!(item.status, ItemStatus::Open | ItemStatus::Failed);
        if failed && !item.was_sent_whole() {
            // Apply was not through with it, and needs its row to go on.
            return Ok((item.status, item.failure.clone()));
        }
        let gone_on = self.go_on(&steps, &flow, &state, states).await;
        if steps.has_new_receipts() && !matches!(gone_on, Err(StepError::Fatal(_))) {
            // The next visit reads what this one has written: a receipt that is not there yet would be a call in doubt.
            self.ledger.write(Vec::new()).await?;
        }
        let (stands, failure) = match gone_on {
            Ok(gone_on) => gone_on,
            Err(StepError::Failed(failure)) => {
                // All that apply can do is done: going on is tried again by the next visit.
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
            Err(halt) => return Err(halt),
        };
        if steps.is_recorded_open() || (stands, &failure) != (item.status, &item.failure) {
            let finished = stands == ItemStatus::Finished;
            self.record_status(item.id, stands, failure.clone(), finished)
                .await?;
        }
        match failure {
            Some(failure) => Err(StepError::Failed(failure)),
            None => Ok((stands, None)),
        }
    }

    async fn go_on(
        &self,
        steps: &ItemJournal,
        flow: &FlowRef,
        state: &FlowState,
        states: SignStates,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        if state.status == FlowStatus::Finished {
            let never_asked = self.finish_archived(steps, flow).await?;
            return Ok((ItemStatus::Finished, never_asked));
        }
        let (left, states) = self.advance(steps, flow, states).await?;
        // Who was just added has not signed.
        let all_signed = steps.signers.iter().all(|(step, _)| states.signed(step));
        Ok(match left {
            0 if steps.is_done(ARCHIVE) => (ItemStatus::Finished, None),
            0 if all_signed => (ItemStatus::Done, None),
            _ => (ItemStatus::Waiting, states.lost()),
        })
    }

    /// What is left to do of a flow that is archived already: by an earlier visit, by the service, or by somebody else.
    /// Tells of signers who never were asked.
    async fn finish_archived(
        &self,
        steps: &ItemJournal,
        flow: &FlowRef,
    ) -> Result<Option<Failure>, StepError> {
        let mut never_asked = Vec::new();
        for (step, deferral) in steps.deferred() {
            // An archive that was cut off before its answer came is what has made it so, as far as anybody can tell.
            let archived = step == ARCHIVE && steps.is_begun(ARCHIVE);
            if archived || step == DOWNLOAD {
                self.take_deferred(steps, &step, deferral, flow).await?;
            } else if let Some(name) = step.strip_prefix(SIGNER) {
                never_asked.push(name.to_owned());
            }
        }
        let names = never_asked.join(", ");
        Ok((!never_asked.is_empty()).then(|| Failure {
            code: None,
            message: format!("the flow was archived before these signers were asked: {names}"),
            hint: "give the row a new key to send it anew".to_owned(),
        }))
    }
}
