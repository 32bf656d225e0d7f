//! Repeatable and journaled steps of an item.
//!
//! - A step with a receipt in the ledger returns it and sends nothing.
//! - A call that must not be repeated blindly has its intent on disk before it is sent. An intent
//!   without a receipt is probed before the call is sent again.
//! - Receipts are written in order. One with ids is awaited, because nothing may build on an id that
//!   belongs to another row.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tracing::{Instrument, Span, debug, debug_span, warn};

use super::attempt::{AttemptError, responses_lost};
use super::item_journal::ItemJournal;
use super::probe_result::ProbeResult;
use crate::api::Operation;
use crate::api::operation::{Op, receipt};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::signers::SignerIdentity;
use crate::ledger::Write;
use crate::util::failpoint::failpoint;
use crate::util::link;

impl StepContext<'_> {
    /// Takes a step that may be repeated: a repeated call leaves at most an unused object.
    pub(crate) async fn repeatable_step<O: Operation>(
        &self,
        journal: &ItemJournal,
        name: &str,
        request: &O,
    ) -> Result<O::Answer, StepError> {
        let work = async {
            if let Some(answer) = reused_receipt::<O>(journal, name)? {
                return Ok(answer);
            }
            let answer = self.call(request).await?;
            failpoint("spare.answered");
            self.record_receipt::<O>(journal, name, &answer, None)
                .await?;
            failpoint("spare.receipt");
            Ok(answer)
        };
        work.instrument(step_span(name, O::OP)).await
    }

    /// Takes a step that must not be repeated blindly: it adds a signer, signs, or ends a flow.
    /// `probe` finds out whether an earlier call took effect. The receipt also records `signer`,
    /// which not every response contains.
    pub(crate) async fn journaled_step<O, L>(
        &self,
        journal: &ItemJournal,
        name: &str,
        request: &O,
        signer: Option<&SignerIdentity>,
        probe: L,
    ) -> Result<O::Answer, StepError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        let work = self.take_journaled_step(journal, name, request, signer, probe);
        work.instrument(step_span(name, O::OP)).await
    }

    async fn take_journaled_step<O, L>(
        &self,
        journal: &ItemJournal,
        name: &str,
        request: &O,
        signer: Option<&SignerIdentity>,
        probe: L,
    ) -> Result<O::Answer, StepError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        if let Some(answer) = reused_receipt::<O>(journal, name)? {
            return Ok(answer);
        }
        if self.has_lost_responses(journal.subject, name) {
            return Err(responses_lost(O::OP));
        }
        let is_begun = journal.is_begun(name);
        // The refusal may have been the answer to a repetition of the request by a gateway.
        let was_refused = || -> Result<bool, StepError> {
            let refused = self.ledger.refused(journal.subject)?;
            Ok(refused.iter().any(|(step, _)| step == name))
        };
        let may_be_sent = is_begun || was_refused()?;
        failpoint("step.begin");
        if !is_begun {
            let intent = Write::Intent {
                subject: journal.subject,
                step: name.to_owned(),
                op: O::OP,
                legal: true,
            };
            journal.wrote_intent.store(true, Ordering::Relaxed);
            self.ledger.write(vec![intent]).await?;
            debug!("intent written");
            failpoint("step.intent");
        }
        match self.attempt(may_be_sent, request, probe).await {
            Ok(answer) => {
                failpoint("step.answered");
                self.record_receipt::<O>(journal, name, &answer, signer)
                    .await?;
                failpoint("step.receipt");
                Ok(answer)
            }
            Err(AttemptError::NotExecuted(error)) => {
                self.void_intent(journal, name).await?;
                Err(error)
            }
            Err(AttemptError::Refused(error)) => {
                let refused = Write::Refused {
                    subject: journal.subject,
                    step: name.to_owned(),
                    op: O::OP,
                };
                self.ledger.write(vec![refused]).await?;
                Err(error)
            }
            Err(AttemptError::ResponsesLost(error)) => {
                self.record_lost_responses(journal.subject, name);
                self.void_intent(journal, name).await?;
                Err(error)
            }
            // The intent stays: the next run probes again.
            Err(
                AttemptError::Unknown(StepError::Failed(failure))
                | AttemptError::MayTakeEffect(StepError::Failed(failure)),
            ) => Err(StepError::ProbeFailed(failure)),
            Err(AttemptError::MayTakeEffect(error) | AttemptError::Unknown(error)) => Err(error),
        }
    }

    /// Removes the intent of a step that is known not to have been executed.
    pub(crate) async fn void_intent(
        &self,
        journal: &ItemJournal,
        name: &str,
    ) -> Result<(), StepError> {
        let void = Write::Void {
            subject: journal.subject,
            step: name.to_owned(),
        };
        Ok(self.ledger.write(vec![void]).await?)
    }

    /// Records a step's response, with the signer that the step adds, if any. A response with ids is
    /// checked against the recorded ones: the step stays in doubt if one of them belongs to another
    /// row. Does not wait for the disk if the response has none.
    pub(crate) async fn record_receipt<O: Operation>(
        &self,
        journal: &ItemJournal,
        name: &str,
        answer: &O::Answer,
        signer: Option<&SignerIdentity>,
    ) -> Result<(), StepError> {
        let mut receipt = receipt(answer);
        if let (Value::Object(receipt), Some(signer)) = (&mut receipt, signer)
            && let Value::Object(identity) = signer.receipt().to_json()
        {
            receipt.extend(identity);
        }
        warn_of_odd_links(&receipt);
        let receipt = Arc::new(receipt);
        let write = Write::Receipt {
            subject: journal.subject,
            step: name.to_owned(),
            op: O::OP,
            receipt: receipt.clone(),
        };
        if receipt.is_object() {
            self.write_response(O::OP, write).await?;
        } else {
            drop(self.ledger.write(vec![write]));
        }
        journal.insert_receipt(name, receipt);
        debug!("receipt written");
        Ok(())
    }

    /// Sends a call that must not be repeated blindly, and probes before each repetition. The
    /// caller records intent and receipt. `is_begun`: an earlier run may have sent the call, so it
    /// is probed before the first attempt, too. The step's name in the log is the operation's.
    pub(crate) async fn send_once<O, L>(
        &self,
        is_begun: bool,
        request: &O,
        probe: L,
    ) -> Result<O::Answer, AttemptError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        let work = self.attempt(is_begun, request, probe);
        work.instrument(step_span(O::OP.path(), O::OP)).await
    }

    /// Sends a call whose repetition changes nothing; the client retries it.
    pub(crate) async fn call<O: Operation>(&self, request: &O) -> Result<O::Answer, StepError> {
        self.client
            .call(request)
            .await
            .map_err(|failure| StepError::of(O::OP, failure))
    }
}

/// Logs that a link in a response is not safe to open. It is recorded, and shown as text.
fn warn_of_odd_links(receipt: &Value) {
    for field in ["signUrl", "signShortUrl"] {
        let link = receipt.get(field).and_then(Value::as_str);
        if let Some(reason) = link.filter(|link| !link.is_empty()).and_then(link::oddity) {
            warn!(
                event = "unsafe_link",
                field, reason, "the service returned a link that is not safe to open"
            );
        }
    }
}

/// Returns the log span of a step.
fn step_span(name: &str, op: Op) -> Span {
    debug_span!("step", step = name, operation = op.path())
}

/// Returns the recorded response of a step, if there is one.
fn reused_receipt<O: Operation>(
    journal: &ItemJournal,
    name: &str,
) -> Result<Option<O::Answer>, StepError> {
    let answer = journal.answer::<O>(name)?;
    if answer.is_some() {
        debug!("receipt reused, no request sent");
    }
    Ok(answer)
}
