//! The durable step: a call that is made once, however often the run is cut off.
//!
//! A receipt in the ledger → no call. A call that must not be repeated blindly → its intent is on disk before it
//! goes out, and an intent without a receipt is looked up first. Receipts are written in order and not waited for:
//! the intent of the next step, or the end of the item, which are waited for, come after them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{Instrument, Span, debug, debug_span, warn};

use super::item_journal::ItemJournal;
use super::probe_result::ProbeResult;
use crate::api::Operation;
use crate::api::operation::{Op, receipt};
use crate::client::{Client, Failure, LossCause};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::signers::SignerIdentity;
use crate::ledger::Write;
use crate::util::failpoint::failpoint;

impl StepContext<'_> {
    /// A step that can be repeated: at most an object that nobody sees is left over.
    pub(crate) async fn repeatable_step<O: Operation>(
        &self,
        steps: &ItemJournal,
        name: &str,
        request: &O,
    ) -> Result<O::Answer, StepError> {
        let work = async {
            if let Some(answer) = reused::<O>(steps, name)? {
                return Ok(answer);
            }
            let answer = self.call(request).await?;
            failpoint("spare.answered");
            self.record_receipt::<O>(steps, name, &answer, None);
            failpoint("spare.receipt");
            Ok(answer)
        };
        work.instrument(step_span(name, O::OP)).await
    }

    /// A step that asks somebody to sign, signs, or ends a flow: `look` tells whether an earlier call did. The receipt
    /// also keeps whose step it is, which not every answer tells.
    pub(crate) async fn journaled_step<O, L>(
        &self,
        steps: &ItemJournal,
        name: &str,
        request: &O,
        who: Option<&SignerIdentity>,
        probe: L,
    ) -> Result<O::Answer, StepError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        let work = self.take_journaled_step(steps, name, request, who, probe);
        work.instrument(step_span(name, O::OP)).await
    }

    async fn take_journaled_step<O, L>(
        &self,
        steps: &ItemJournal,
        name: &str,
        request: &O,
        who: Option<&SignerIdentity>,
        probe: L,
    ) -> Result<O::Answer, StepError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        if let Some(answer) = reused::<O>(steps, name)? {
            return Ok(answer);
        }
        if self.is_losing(steps.subject, name) {
            return Err(responses_lost(O::OP));
        }
        let begun = steps.is_begun(name);
        failpoint("step.begin");
        if !begun {
            let intent = Write::Intent {
                subject: steps.subject,
                step: name.to_owned(),
                op: O::OP,
                legal: true,
            };
            steps.began.store(true, Ordering::Relaxed);
            self.ledger.write(vec![intent]).await?;
            debug!("intent written");
            failpoint("step.intent");
        }
        match self.attempts(begun, request, probe).await {
            Ok(answer) => {
                failpoint("step.answered");
                self.record_receipt::<O>(steps, name, &answer, who);
                failpoint("step.receipt");
                Ok(answer)
            }
            Err(AttemptError::NotDone(halt)) => {
                self.void_intent(steps, name).await?;
                Err(halt)
            }
            Err(AttemptError::KeptLosing(halt)) => {
                self.note_losing(steps.subject, name);
                self.void_intent(steps, name).await?;
                Err(halt)
            }
            // Looking has failed, or another attempt was refused, which settles nothing: the next run looks again.
            Err(
                AttemptError::NotKnown(StepError::Failed(failure))
                | AttemptError::Unsure(StepError::Failed(failure)),
            ) => Err(StepError::ProbeFailed(failure)),
            Err(AttemptError::Unsure(halt) | AttemptError::NotKnown(halt)) => Err(halt),
        }
    }

    /// Forgets that a step was begun: it is known not to have been carried out.
    pub(crate) async fn void_intent(
        &self,
        steps: &ItemJournal,
        name: &str,
    ) -> Result<(), StepError> {
        let void = Write::Void {
            subject: steps.subject,
            step: name.to_owned(),
        };
        Ok(self.ledger.write(vec![void]).await?)
    }

    pub(crate) fn record_receipt<O: Operation>(
        &self,
        steps: &ItemJournal,
        name: &str,
        answer: &O::Answer,
        who: Option<&SignerIdentity>,
    ) {
        let mut receipt = receipt(answer);
        if let (Some(fields), Some(who)) = (receipt.as_object_mut(), who) {
            who.note(fields);
        }
        let receipt = Arc::new(receipt);
        steps.take(name, receipt.clone());
        drop(self.ledger.write(vec![Write::Receipt {
            subject: steps.subject,
            step: name.to_owned(),
            op: O::OP,
            receipt,
        }]));
        debug!("receipt written");
    }

    /// Makes a call that must not be repeated blindly, looking before each repetition, and before the first one
    /// too when an earlier run may have made it. Its step has the name of the operation.
    pub(crate) async fn send_once<O, L>(
        &self,
        begun: bool,
        request: &O,
        probe: L,
    ) -> Result<O::Answer, AttemptError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        let work = self.attempts(begun, request, probe);
        work.instrument(step_span(O::OP.path(), O::OP)).await
    }

    async fn attempts<O, L>(
        &self,
        begun: bool,
        request: &O,
        probe: L,
    ) -> Result<O::Answer, AttemptError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        let _out = self.begin_unsettled();
        let mut probing = begun.then_some(Reason::EarlierRun);
        let mut delays = self.client.retry_delays();
        let mut taken_back = false;
        // What an earlier run has called may be carried out as late as what this one calls.
        let mut settle_delay = if begun { self.late() } else { SETTLE_DELAY };
        // Whether an earlier attempt of this run may have been carried out, and only later than it was looked for.
        let mut unsure = false;
        loop {
            if let Some(reason) = probing {
                match logged_probe(self.client, &probe, settle_delay, reason).await? {
                    ProbeResult::Found(answer) => return Ok(answer),
                    ProbeResult::Absent => {}
                    // Each time it is made again, a person is told again: once is enough for a run.
                    ProbeResult::Undone if taken_back => {
                        return Err(AttemptError::KeptLosing(responses_lost(O::OP)));
                    }
                    ProbeResult::Undone => taken_back = true,
                    ProbeResult::Unclear(why) | ProbeResult::Stale(why) => {
                        return Err(AttemptError::NotKnown(in_doubt(O::OP, &why)));
                    }
                }
            }
            let failure = match self.client.call(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let reason = Reason::of(&failure);
            let last = match &failure {
                Failure::Unknown {
                    retry_after, cause, ..
                } => {
                    unsure = true;
                    // A service that was too slow once may be as slow again before it is through.
                    settle_delay = match cause {
                        LossCause::TimedOut => self.late(),
                        LossCause::Disconnected | LossCause::Garbled | LossCause::Unreadable => {
                            SETTLE_DELAY
                        }
                    };
                    // A response that is not readable stays so: no retry.
                    let delay = delays.next().filter(|_| *cause != LossCause::Unreadable);
                    if let Some(delay) = delay {
                        self.client
                            .wait(delay.max(retry_after.unwrap_or_default()))
                            .await;
                    }
                    delay.is_none()
                }
                // What such a code says need not mean that nothing was done: that is looked at once.
                Failure::Refused { code, .. }
                    if !code.is_documented() || code.is_execution_failure() =>
                {
                    true
                }
                _ if unsure => return Err(AttemptError::Unsure(StepError::of(O::OP, failure))),
                _ => return Err(AttemptError::NotDone(StepError::of(O::OP, failure))),
            };
            if last {
                return match logged_probe(self.client, &probe, settle_delay, reason).await? {
                    ProbeResult::Found(answer) => Ok(answer),
                    ProbeResult::Absent if unsure => {
                        Err(AttemptError::Unsure(StepError::of(O::OP, failure)))
                    }
                    ProbeResult::Absent | ProbeResult::Undone => {
                        Err(AttemptError::NotDone(StepError::of(O::OP, failure)))
                    }
                    ProbeResult::Unclear(why) | ProbeResult::Stale(why) => {
                        Err(AttemptError::NotKnown(in_doubt(O::OP, &why)))
                    }
                };
            }
            probing = Some(reason);
        }
    }

    /// How long what somebody has called, and did not wait for, may take until it is there.
    pub(crate) fn late(&self) -> Duration {
        SETTLE_DELAY.max(self.client.timeout())
    }

    /// A call whose repetition changes nothing.
    pub(crate) async fn call<O: Operation>(&self, request: &O) -> Result<O::Answer, StepError> {
        self.client
            .call(request)
            .await
            .map_err(|failure| StepError::of(O::OP, failure))
    }
}

fn responses_lost(op: Op) -> StepError {
    StepError::failed(
        format!("the answers to {op} keep getting lost; what it did was taken back"),
        "apply again later",
    )
}

/// The span of a step.
fn step_span(name: &str, op: Op) -> Span {
    debug_span!("step", step = name, operation = op.path())
}

/// The answer of a step that was answered before.
fn reused<O: Operation>(steps: &ItemJournal, name: &str) -> Result<Option<O::Answer>, StepError> {
    let answer = steps.receipt::<O>(name)?;
    if answer.is_some() {
        debug!("receipt reused, no request sent");
    }
    Ok(answer)
}

/// Why a step is probed.
#[derive(Debug, Clone, Copy)]
enum Reason {
    EarlierRun,
    ResponseLost,
    Timeout,
    InvalidResponse,
    /// With a code that does not say whether anything was done.
    Refused,
}

impl Reason {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Unknown { cause, .. } => match cause {
                LossCause::Disconnected => Self::ResponseLost,
                LossCause::TimedOut => Self::Timeout,
                LossCause::Garbled | LossCause::Unreadable => Self::InvalidResponse,
            },
            _ => Self::Refused,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::EarlierRun => "an earlier run may have sent the request",
            Self::ResponseLost => "the connection was lost before the response",
            Self::Timeout => "no response came in time",
            Self::InvalidResponse => "the response was not the API's",
            Self::Refused => "the error code does not say whether anything was done",
        }
    }
}

/// Finds out whether a call took effect, and logs why and with which result.
async fn logged_probe<A, L>(
    client: &Client,
    probe: &L,
    settle_delay: Duration,
    reason: Reason,
) -> Result<ProbeResult<A>, AttemptError>
where
    L: AsyncFn() -> Result<ProbeResult<A>, StepError>,
{
    debug!(reason = reason.text(), "probing");
    let seen = probe_with_delay(client, probe, settle_delay).await;
    let seen = seen.inspect_err(|_| warn!(result = "failed", "probed"));
    let seen = seen.map_err(AttemptError::NotKnown)?;
    debug!(result = seen.word(), "probed");
    Ok(seen)
}

/// Doubt about a call, which is logged.
fn in_doubt(op: Op, why: &str) -> StepError {
    warn!(
        reason = why,
        "in doubt: the probe does not tell whether the request took effect"
    );
    StepError::in_doubt(op, why)
}

/// A call whose answer was lost may still be under way at the service, also when the process that made it is gone.
/// Only what is not there after so long counts as not carried out.
pub(crate) const SETTLE_DELAY: Duration = Duration::from_secs(5);

/// Looks, and looks again a while later before it says that something is not there, or that it cannot be told: the details may
/// be behind.
pub(crate) async fn probe_with_delay<A, L>(
    client: &Client,
    probe: &L,
    settle_delay: Duration,
) -> Result<ProbeResult<A>, StepError>
where
    L: AsyncFn() -> Result<ProbeResult<A>, StepError>,
{
    match probe().await? {
        ProbeResult::Absent | ProbeResult::Stale(_) => {
            client.delay(settle_delay).await;
            probe().await
        }
        seen => Ok(seen),
    }
}

/// Why a call that must not be repeated blindly gave no answer.
pub(crate) enum AttemptError {
    /// It was not carried out.
    NotDone(StepError),
    /// It was, twice, and was taken back each time since nobody knows its answer: no more in this run.
    KeptLosing(StepError),
    /// The last attempt was not, and an earlier one was not when it was looked for: the next run looks again.
    Unsure(StepError),
    /// It may have been.
    NotKnown(StepError),
}

impl From<AttemptError> for StepError {
    fn from(once: AttemptError) -> Self {
        match once {
            AttemptError::NotDone(halt)
            | AttemptError::KeptLosing(halt)
            | AttemptError::Unsure(halt)
            | AttemptError::NotKnown(halt) => halt,
        }
    }
}
