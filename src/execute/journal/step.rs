//! The durable step: a call that is made once, however often the run is cut off.
//!
//! A receipt in the ledger → no call. A call that must not be repeated blindly → its intent is on disk before it
//! goes out, and an intent without a receipt is looked up first. Receipts are written in order and not waited for:
//! the intent of the next step, or the end of the item, which are waited for, come after them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{Instrument, Span, debug, debug_span, warn};

use super::item_journal::Steps;
use super::probe_result::Seen;
use crate::api::Operation;
use crate::api::operation::{Op, receipt};
use crate::client::{Client, Failure, LossCause};
use crate::execute::context::Caller;
use crate::execute::error::Halt;
use crate::execute::signers::Who;
use crate::ledger::Write;
use crate::util::failpoint::point;

impl Caller<'_> {
    /// A step that can be repeated: at most an object that nobody sees is left over.
    pub(crate) async fn spare_step<O: Operation>(
        &self,
        steps: &Steps,
        name: &str,
        request: &O,
    ) -> Result<O::Answer, Halt> {
        let work = async {
            if let Some(answer) = reused::<O>(steps, name)? {
                return Ok(answer);
            }
            let answer = self.call(request).await?;
            point("spare.answered");
            self.note_receipt::<O>(steps, name, &answer, None);
            point("spare.receipt");
            Ok(answer)
        };
        work.instrument(step_span(name, O::OP)).await
    }

    /// A step that asks somebody to sign, signs, or ends a flow: `look` tells whether an earlier call did. The receipt
    /// also keeps whose step it is, which not every answer tells.
    pub(crate) async fn sign_step<O, L>(
        &self,
        steps: &Steps,
        name: &str,
        request: &O,
        who: Option<&Who>,
        look: L,
    ) -> Result<O::Answer, Halt>
    where
        O: Operation,
        L: AsyncFn() -> Result<Seen<O::Answer>, Halt>,
    {
        let work = self.journaled_step(steps, name, request, who, look);
        work.instrument(step_span(name, O::OP)).await
    }

    async fn journaled_step<O, L>(
        &self,
        steps: &Steps,
        name: &str,
        request: &O,
        who: Option<&Who>,
        look: L,
    ) -> Result<O::Answer, Halt>
    where
        O: Operation,
        L: AsyncFn() -> Result<Seen<O::Answer>, Halt>,
    {
        if let Some(answer) = reused::<O>(steps, name)? {
            return Ok(answer);
        }
        if self.keeps_losing(steps.subject, name) {
            return Err(kept_losing(O::OP));
        }
        let begun = steps.is_begun(name);
        point("step.begin");
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
            point("step.intent");
        }
        match self.attempts(begun, request, look).await {
            Ok(answer) => {
                point("step.answered");
                self.note_receipt::<O>(steps, name, &answer, who);
                point("step.receipt");
                Ok(answer)
            }
            Err(Once::NotDone(halt)) => {
                self.forget(steps, name).await?;
                Err(halt)
            }
            Err(Once::KeptLosing(halt)) => {
                self.note_losing(steps.subject, name);
                self.forget(steps, name).await?;
                Err(halt)
            }
            // Looking has failed, or another attempt was refused, which settles nothing: the next run looks again.
            Err(Once::NotKnown(Halt::Failed(failure)) | Once::Unsure(Halt::Failed(failure))) => {
                Err(Halt::NotLooked(failure))
            }
            Err(Once::Unsure(halt) | Once::NotKnown(halt)) => Err(halt),
        }
    }

    /// Forgets that a step was begun: it is known not to have been carried out.
    pub(crate) async fn forget(&self, steps: &Steps, name: &str) -> Result<(), Halt> {
        let void = Write::Void {
            subject: steps.subject,
            step: name.to_owned(),
        };
        Ok(self.ledger.write(vec![void]).await?)
    }

    pub(crate) fn note_receipt<O: Operation>(
        &self,
        steps: &Steps,
        name: &str,
        answer: &O::Answer,
        who: Option<&Who>,
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
    pub(crate) async fn once<O, L>(
        &self,
        begun: bool,
        request: &O,
        look: L,
    ) -> Result<O::Answer, Once>
    where
        O: Operation,
        L: AsyncFn() -> Result<Seen<O::Answer>, Halt>,
    {
        let work = self.attempts(begun, request, look);
        work.instrument(step_span(O::OP.path(), O::OP)).await
    }

    async fn attempts<O, L>(&self, begun: bool, request: &O, look: L) -> Result<O::Answer, Once>
    where
        O: Operation,
        L: AsyncFn() -> Result<Seen<O::Answer>, Halt>,
    {
        let _out = self.goes_out();
        let mut looking = begun.then_some(Reason::EarlierRun);
        let mut delays = self.client.retry_delays();
        let mut taken_back = false;
        // What an earlier run has called may be carried out as late as what this one calls.
        let mut settling = if begun { self.late() } else { SETTLING };
        // Whether an earlier attempt of this run may have been carried out, and only later than it was looked for.
        let mut unsure = false;
        loop {
            if let Some(reason) = looking {
                match probe(self.client, &look, settling, reason).await? {
                    Seen::There(answer) => return Ok(answer),
                    Seen::NotThere => {}
                    // Each time it is made again, a person is told again: once is enough for a run.
                    Seen::TakenBack if taken_back => {
                        return Err(Once::KeptLosing(kept_losing(O::OP)));
                    }
                    Seen::TakenBack => taken_back = true,
                    Seen::Unclear(why) | Seen::Behind(why) => {
                        return Err(Once::NotKnown(in_doubt(O::OP, &why)));
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
                    settling = match cause {
                        LossCause::TimedOut => self.late(),
                        LossCause::Disconnected | LossCause::Garbled | LossCause::Unreadable => {
                            SETTLING
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
                Failure::Refused { code, .. } if !code.is_documented() || code.tells_of_a_try() => {
                    true
                }
                _ if unsure => return Err(Once::Unsure(Halt::of(O::OP, failure))),
                _ => return Err(Once::NotDone(Halt::of(O::OP, failure))),
            };
            if last {
                return match probe(self.client, &look, settling, reason).await? {
                    Seen::There(answer) => Ok(answer),
                    Seen::NotThere if unsure => Err(Once::Unsure(Halt::of(O::OP, failure))),
                    Seen::NotThere | Seen::TakenBack => {
                        Err(Once::NotDone(Halt::of(O::OP, failure)))
                    }
                    Seen::Unclear(why) | Seen::Behind(why) => {
                        Err(Once::NotKnown(in_doubt(O::OP, &why)))
                    }
                };
            }
            looking = Some(reason);
        }
    }

    /// How long what somebody has called, and did not wait for, may take until it is there.
    pub(crate) fn late(&self) -> Duration {
        SETTLING.max(self.client.timeout())
    }

    /// A call whose repetition changes nothing.
    pub(crate) async fn call<O: Operation>(&self, request: &O) -> Result<O::Answer, Halt> {
        self.client
            .call(request)
            .await
            .map_err(|failure| Halt::of(O::OP, failure))
    }
}

fn kept_losing(op: Op) -> Halt {
    Halt::failed(
        format!("the answers to {op} keep getting lost; what it did was taken back"),
        "apply again later",
    )
}

/// The span of a step.
fn step_span(name: &str, op: Op) -> Span {
    debug_span!("step", step = name, operation = op.path())
}

/// The answer of a step that was answered before.
fn reused<O: Operation>(steps: &Steps, name: &str) -> Result<Option<O::Answer>, Halt> {
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
async fn probe<A, L>(
    client: &Client,
    look: &L,
    settling: Duration,
    reason: Reason,
) -> Result<Seen<A>, Once>
where
    L: AsyncFn() -> Result<Seen<A>, Halt>,
{
    debug!(reason = reason.text(), "probing");
    let seen = settled(client, look, settling).await;
    let seen = seen.inspect_err(|_| warn!(result = "failed", "probed"));
    let seen = seen.map_err(Once::NotKnown)?;
    debug!(result = seen.word(), "probed");
    Ok(seen)
}

/// Doubt about a call, which is logged.
fn in_doubt(op: Op, why: &str) -> Halt {
    warn!(
        reason = why,
        "in doubt: the probe does not tell whether the request took effect"
    );
    Halt::in_doubt(op, why)
}

/// A call whose answer was lost may still be under way at the service, also when the process that made it is gone.
/// Only what is not there after so long counts as not carried out.
pub(crate) const SETTLING: Duration = Duration::from_secs(5);

/// Looks, and looks again a while later before it says that something is not there, or that it cannot be told: the details may
/// be behind.
pub(crate) async fn settled<A, L>(
    client: &Client,
    look: &L,
    settling: Duration,
) -> Result<Seen<A>, Halt>
where
    L: AsyncFn() -> Result<Seen<A>, Halt>,
{
    match look().await? {
        Seen::NotThere | Seen::Behind(_) => {
            client.delay(settling).await;
            look().await
        }
        seen => Ok(seen),
    }
}

/// Why a call that must not be repeated blindly gave no answer.
pub(crate) enum Once {
    /// It was not carried out.
    NotDone(Halt),
    /// It was, twice, and was taken back each time since nobody knows its answer: no more in this run.
    KeptLosing(Halt),
    /// The last attempt was not, and an earlier one was not when it was looked for: the next run looks again.
    Unsure(Halt),
    /// It may have been.
    NotKnown(Halt),
}

impl From<Once> for Halt {
    fn from(once: Once) -> Self {
        match once {
            Once::NotDone(halt)
            | Once::KeptLosing(halt)
            | Once::Unsure(halt)
            | Once::NotKnown(halt) => halt,
        }
    }
}
