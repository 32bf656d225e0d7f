//! The attempts of one call that must not be repeated blindly: each repetition is preceded by a
//! probe.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::probe_result::ProbeResult;
use crate::api::operation::Op;
use crate::api::{Operation, RetryClass};
use crate::client::{CallFailure, Client, LossCause};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;

/// The delay after which a call without a response is expected to have taken effect, if it does at
/// all. The service may still execute it after the process that sent it has ended.
pub(crate) const SETTLE_DELAY: Duration = Duration::from_secs(5);

/// The reasons for which a call that must not be repeated blindly has no response.
pub(crate) enum AttemptError {
    /// No attempt was executed.
    NotExecuted(StepError),
    /// An attempt was refused or throttled. If a gateway repeated the call, the response may belong
    /// to the repetition: the next run probes before it sends the call again.
    Refused(StepError),
    /// Its responses were lost and its effect undone, more than once: it is not sent again in this
    /// run.
    ResponsesLost(StepError),
    /// The last attempt was not executed, and the probes found no effect of an earlier one, which
    /// may still take effect: the next run probes again.
    MayTakeEffect(StepError),
    /// An attempt may have been executed, and the probe failed or was unclear.
    Unknown(StepError),
}

impl From<AttemptError> for StepError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::NotExecuted(error)
            | AttemptError::Refused(error)
            | AttemptError::ResponsesLost(error)
            | AttemptError::MayTakeEffect(error)
            | AttemptError::Unknown(error) => error,
        }
    }
}

impl StepContext<'_> {
    /// Sends a call until it has a response or is refused, and probes before each repetition.
    /// `is_begun`: an earlier run may have sent it, so it is probed before the first attempt, too.
    #[allow(clippy::too_many_lines)]
    pub(super) async fn attempt<O, L>(
        &self,
        is_begun: bool,
        request: &O,
        probe: L,
    ) -> Result<O::Answer, AttemptError>
    where
        O: Operation,
        L: AsyncFn() -> Result<ProbeResult<O::Answer>, StepError>,
    {
        let _unsettled = self.begin_unsettled();
        let mut probe_reason = is_begun.then_some(ProbeReason::EarlierRun);
        let mut delays = self.client.retry_delays();
        let mut was_undone = false;
        // How an earlier run lost its response is not recorded: assume a timeout.
        let mut settle_delay = if is_begun { self.late() } else { SETTLE_DELAY };
        // An earlier attempt of this run may still take effect, after its probe.
        let mut may_take_effect = false;
        let began = Instant::now();
        let mut throttle_delays = self.client.throttle_delays();
        let identity = self.client.identify(request);
        let mut was_throttled = false;
        loop {
            if let Some(reason) = probe_reason {
                match logged_probe(self.client, &probe, settle_delay, reason).await? {
                    ProbeResult::Found(answer) => return Ok(answer),
                    ProbeResult::Absent => {}
                    // Each repetition notifies the signer again: one is enough for a run.
                    ProbeResult::Undone if was_undone => {
                        return Err(AttemptError::ResponsesLost(responses_lost(O::OP)));
                    }
                    ProbeResult::Undone => was_undone = true,
                    ProbeResult::Unclear(why) | ProbeResult::Stale(why) => {
                        return Err(AttemptError::Unknown(in_doubt(O::OP, &why)));
                    }
                }
            }
            let failure = match self.call_checked(request).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let reason = ProbeReason::of(&failure);
            let is_last = match &failure {
                CallFailure::Unknown {
                    retry_after, cause, ..
                } => {
                    may_take_effect = true;
                    // After a timeout, the service may need as long again to execute the call.
                    settle_delay = match cause {
                        LossCause::TimedOut => self.late(),
                        LossCause::Disconnected | LossCause::Garbled | LossCause::Unreadable => {
                            SETTLE_DELAY
                        }
                    };
                    // A retry of an unreadable response would be unreadable, too.
                    let delay = delays.next().filter(|_| *cause != LossCause::Unreadable);
                    if let Some(delay) = delay {
                        let waited = async {
                            let requested =
                                self.client
                                    .wait_as_requested(&identity, delay, *retry_after);
                            requested.await?;
                            self.client.wait(Duration::ZERO).await
                        };
                        if let Err(stopped) = waited.await {
                            let error = StepError::of(O::OP, stopped);
                            return Err(AttemptError::MayTakeEffect(error));
                        }
                    }
                    delay.is_none()
                }
                // A gateway that repeats a slow call may meet the limit although the call is
                // executed. The delay gives it the time to take effect, so that one probe is enough.
                CallFailure::Throttled { retry_after } => {
                    was_throttled = true;
                    settle_delay = SETTLE_DELAY;
                    let delay = if self.client.is_throttled_alone(&identity) {
                        delays.next()
                    } else {
                        let is_patient = began.elapsed() < self.client.throttle_patience();
                        throttle_delays.next().filter(|_| is_patient)
                    };
                    if let Some(delay) = delay {
                        let delay = delay.max(SETTLE_DELAY);
                        let waited = self
                            .client
                            .wait_as_requested(&identity, delay, *retry_after);
                        if let Err(stopped) = waited.await {
                            let error = StepError::of(O::OP, stopped);
                            return Err(if may_take_effect {
                                AttemptError::MayTakeEffect(error)
                            } else {
                                AttemptError::Refused(error)
                            });
                        }
                    }
                    delay.is_none()
                }
                // Such a code does not say that nothing was done: probe once, do not repeat.
                CallFailure::Refused { code, .. }
                    if !code.is_documented() || code.is_execution_failure() =>
                {
                    true
                }
                _ if may_take_effect => {
                    return Err(AttemptError::MayTakeEffect(StepError::of(O::OP, failure)));
                }
                failure if was_throttled || matches!(failure, CallFailure::Refused { .. }) => {
                    return Err(AttemptError::Refused(StepError::of(O::OP, failure.clone())));
                }
                _ => return Err(AttemptError::NotExecuted(StepError::of(O::OP, failure))),
            };
            if is_last {
                // No delay precedes this probe, so it is repeated if it finds nothing.
                let reason = match reason {
                    ProbeReason::Throttled => ProbeReason::ThrottledTooLong,
                    reason => reason,
                };
                return match logged_probe(self.client, &probe, settle_delay, reason).await? {
                    ProbeResult::Found(answer) => Ok(answer),
                    ProbeResult::Absent if may_take_effect => {
                        Err(AttemptError::MayTakeEffect(StepError::of(O::OP, failure)))
                    }
                    ProbeResult::Absent | ProbeResult::Undone => {
                        Err(AttemptError::Refused(StepError::of(O::OP, failure)))
                    }
                    ProbeResult::Unclear(why) | ProbeResult::Stale(why) => {
                        Err(AttemptError::Unknown(in_doubt(O::OP, &why)))
                    }
                };
            }
            probe_reason = Some(reason);
        }
    }

    /// Sends a call. A response that repeats other ids than those of the request belongs to another
    /// request: the effect of this one is unknown.
    async fn call_checked<O: Operation>(
        &self,
        request: &O,
    ) -> Result<Result<O::Answer, CallFailure>, AttemptError> {
        let result = self.client.call(request).await;
        let foreign = result.as_ref().ok();
        if let Some(name) = foreign.and_then(|answer| foreign_field(request, answer)) {
            let why = t!(
                "the %{name} of the response differs from the request's",
                name = name
            );
            return Err(AttemptError::Unknown(StepError::InDoubt(
                self.response_mismatch(O::OP, &why),
            )));
        }
        Ok(result)
    }

    /// Returns the longest time after which a call that timed out, or was sent by an earlier run,
    /// may still take effect.
    pub(crate) fn late(&self) -> Duration {
        SETTLE_DELAY.max(self.client.timeout())
    }
}

/// Returns the name of a field that the response repeats from the request with another value. The
/// account of an automatic signature may be that of the person who acts for an organization.
fn foreign_field<O: Operation>(request: &O, answer: &O::Answer) -> Option<&'static str> {
    let creates_seal = O::OP.retry_class() == RetryClass::Probe(Op::QuerySeals);
    let [request, answer] = [serde_json::to_value(request), serde_json::to_value(answer)];
    let (request, answer) = (request.ok()?, answer.ok()?);
    ["flowId", "thirdOrderNo", "accountId"]
        .into_iter()
        .filter(|name| *name != "accountId" || creates_seal)
        .find(|name| {
            let text = |value: &serde_json::Value| {
                let text = value.get(name)?.as_str()?;
                (!text.is_empty()).then(|| text.to_owned())
            };
            matches!((text(&request), text(&answer)), (Some(sent), Some(got)) if sent != got)
        })
}

/// Returns the error of a call that is not repeated any more in this run.
pub(super) fn responses_lost(op: Op) -> StepError {
    StepError::failed(
        t!(
            "the responses to %{op} were lost repeatedly; its effect was undone each time",
            op = op
        ),
        t!("apply again later"),
    )
}

/// The reasons for which a step is probed.
#[derive(Debug, Clone, Copy)]
enum ProbeReason {
    EarlierRun,
    ResponseLost,
    Timeout,
    InvalidResponse,
    /// Throttled, and the time for the call to take effect has passed.
    Throttled,
    /// Throttled for too long: the call is given up.
    ThrottledTooLong,
    /// Refused with a code that does not say whether anything was done.
    Refused,
}

impl ProbeReason {
    fn of(failure: &CallFailure) -> Self {
        match failure {
            CallFailure::Unknown { cause, .. } => match cause {
                LossCause::Disconnected => Self::ResponseLost,
                LossCause::TimedOut => Self::Timeout,
                LossCause::Garbled | LossCause::Unreadable => Self::InvalidResponse,
            },
            CallFailure::Throttled { .. } => Self::Throttled,
            _ => Self::Refused,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::EarlierRun => "an earlier run may have sent the request",
            Self::ResponseLost => "the connection was lost before the response",
            Self::Timeout => "the request timed out",
            Self::InvalidResponse => "the response is not a valid API response",
            Self::Throttled | Self::ThrottledTooLong => {
                "the service throttles, and a repeated request may have met the limit"
            }
            Self::Refused => "the error code does not say whether the request took effect",
        }
    }
}

/// Probes a call, and logs the reason and the result.
async fn logged_probe<A, L>(
    client: &Client,
    probe: &L,
    settle_delay: Duration,
    reason: ProbeReason,
) -> Result<ProbeResult<A>, AttemptError>
where
    L: AsyncFn() -> Result<ProbeResult<A>, StepError>,
{
    debug!(reason = reason.text(), "probing");
    let result = match reason {
        ProbeReason::Throttled => match probe().await {
            Ok(ProbeResult::Stale(_)) => {
                client.delay(settle_delay).await;
                probe().await
            }
            result => result,
        },
        _ => probe_with_delay(client, probe, settle_delay).await,
    };
    let result = result.inspect_err(|_| warn!(result = "failed", "probed"));
    let result = result.map_err(AttemptError::Unknown)?;
    debug!(result = result.word(), "probed");
    Ok(result)
}

/// Returns the error of a call in doubt, and logs it.
fn in_doubt(op: Op, why: &str) -> StepError {
    warn!(
        reason = why,
        "in doubt: the probe did not determine whether the request took effect"
    );
    StepError::in_doubt(op, why)
}

/// Probes a call, and probes once more after `settle_delay` if no effect is found or the flow's
/// details are stale.
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
        result => Ok(result),
    }
}
