//! Calls operations of the API, with the retries that their retry classes allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span, info, trace, warn};

use super::breaker::{Admission, Change, CircuitBreaker, FailedAttempt};
use super::concurrency::Slot;
use super::dispatch::Dispatcher;
use super::event::{CallEvent, ClientEvent};
use super::failure::{CallFailure, LossCause};
use super::identity::CallIdentity;
use super::redactor::Redactor;
use super::request::RequestTemplate;
use super::response::{self, RetryAfter};
use super::retry::{RetryDelays, RetryPolicy};
use super::retry_budget::RetryBudget;
use super::settings::Settings;
use super::slowdown::Signal;
use super::throttling::Throttling;
use super::transient::TransientFailures;
use super::transport::{Problem, Transport};
use super::waits::Waits;
use crate::api::operation::Op;
use crate::api::{Operation, RetryClass, redacted, time};

/// The number of gateway errors after which the call itself may be the cause.
const GATEWAY_FAILURES: u32 = 3;

/// The most calls or items to begin for each request that may be in flight: most of them may be
/// waiting before a retry.
pub const MAX_CALLS_PER_REQUEST: usize = 16;

type Listener = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// Calls the API.
pub struct Client {
    pub(super) dispatcher: Dispatcher,
    pub(super) settings: Settings,
    template: Result<RequestTemplate, CallFailure>,
    retries: RetryPolicy,
    pub(super) budget: RetryBudget,
    breaker: CircuitBreaker,
    transient_failures: TransientFailures,
    pub(super) throttling: Throttling,
    pub(super) waits: Waits,
    has_ignored_retry_after: AtomicBool,
    listener: Listener,
}

/// The progress of one call.
struct Attempts {
    call: CallIdentity,
    /// The number of attempts so far, uncounted ones included.
    sent: u32,
    delays: std::iter::Peekable<RetryDelays>,
    /// The delays after uncounted attempts: throttled ones, and those while the endpoint is down.
    uncounted: RetryDelays,
    /// The time of the first failure.
    failed_at: Option<Instant>,
}

impl Client {
    /// Creates a client that sends requests over a transport. The listener receives every event.
    pub fn new(transport: Arc<dyn Transport>, settings: Settings, listener: Listener) -> Self {
        let retries = RetryPolicy::new(&settings);
        Self {
            dispatcher: Dispatcher::new(transport, &settings),
            template: RequestTemplate::new(&settings),
            retries,
            budget: RetryBudget::new(),
            breaker: CircuitBreaker::new(host(&settings.endpoint), settings.outage, retries),
            transient_failures: TransientFailures::new(),
            throttling: Throttling::new(),
            waits: Waits::new(),
            has_ignored_retry_after: AtomicBool::new(false),
            settings,
            listener,
        }
    }

    /// Calls an operation, with the retries that its retry class allows.
    ///
    /// # Errors
    ///
    /// A call of class *probe* that may have taken effect is not retried: it returns
    /// [`CallFailure::Unknown`] or [`CallFailure::Throttled`] after one attempt.
    pub async fn call<O: Operation>(&self, request: &O) -> Result<O::Answer, CallFailure> {
        let body = serde_json::to_vec(request).map_err(|error| {
            CallFailure::NotSent(Problem::permanent(format!("the request: {error}"), ""))
        })?;
        let body = Bytes::from(body);
        let mut attempts = Attempts {
            call: CallIdentity::new(O::OP, &body),
            sent: 0,
            delays: self.retries.delays().peekable(),
            uncounted: self.retries.endless_delays(),
            failed_at: None,
        };
        self.budget.deposit();
        loop {
            let (admission, slot) = self.acquire(O::OP).await?;
            attempts.sent += 1;
            let span = debug_span!(
                target: "treaty::client", "request", operation = O::OP.path(), attempt = attempts.sent
            );
            let sent = Instant::now();
            let attempt = self.attempt::<O>(slot, &attempts, body.clone());
            let result = attempt.instrument(span).await;
            let took = sent.elapsed();
            self.record(result.as_ref().err(), sent, &mut attempts);
            if result.as_ref().is_err_and(CallFailure::is_transient) {
                attempts.failed_at.get_or_insert_with(Instant::now);
            }
            drop(admission);
            // "No such account" is an answer.
            let is_answer = |failure: &&CallFailure| matches!(failure, CallFailure::Refused { code, .. } if O::OP == Op::ExchangeId && code.is_missing_account());
            let failure = result
                .as_ref()
                .err()
                .filter(|failure| !is_answer(failure))
                .cloned();
            let delay = failure
                .as_ref()
                .and_then(|failure| self.retry_delay(O::OP, failure, &mut attempts));
            let retry_after = failure.as_ref().and_then(CallFailure::retry_after);
            let retry_in = delay.map(|delay| delay.max(retry_after.unwrap_or_default()));
            if let (Some(failure), Some(delay)) = (&failure, retry_in) {
                let delay_ms = milliseconds(delay);
                info!(
                    target: "treaty::client", operation = O::OP.path(), attempt = attempts.sent, delay_ms,
                    "retrying: {failure}"
                );
            }
            (self.listener)(ClientEvent::Call(CallEvent {
                op: O::OP,
                took,
                failure,
                retry_in,
            }));
            let Some(delay) = delay else {
                return result;
            };
            let waited = self.wait_as_requested(&attempts.call, delay, retry_after);
            waited.await?;
            // The slowdown limits throttled calls already, so no retry budget is needed.
            if !matches!(result, Err(CallFailure::Throttled { .. })) {
                self.wait(Duration::ZERO).await?;
            }
        }
    }

    /// Waits until the circuit breaker and all limits allow a call.
    async fn acquire(&self, op: Op) -> Result<(Admission<'_>, Slot<'_>), CallFailure> {
        let holds = &self.dispatcher.holds;
        loop {
            // A test of the endpoint must not wait for the end of a hold.
            self.waits.unless_ended(holds.wait(op)).await?;
            let admission = self.waits.unless_ended(self.breaker.admit()).await?;
            let admission = admission.map_err(CallFailure::Outage)?;
            // The breaker may have opened meanwhile, or a hold begun.
            let may_send =
                || holds.end(op).is_none() && (admission.is_test() || !self.breaker.is_open());
            if let Some(slot) = self.dispatcher.acquire_slot(op, may_send).await {
                return Ok((admission, slot));
            }
        }
    }

    /// Returns the delay before the next attempt; none if the call is not retried.
    fn retry_delay(
        &self,
        op: Op,
        failure: &CallFailure,
        attempts: &mut Attempts,
    ) -> Option<Duration> {
        match failure {
            // It may be the answer to a repetition by a gateway: the call must be probed first.
            CallFailure::Throttled { .. } if matches!(op.retry_class(), RetryClass::Probe(_)) => {
                return None;
            }
            // The service accepts other calls: this one has as many attempts as after a failure.
            CallFailure::Throttled { .. } if self.throttling.is_single(&attempts.call) => {}
            CallFailure::Throttled { .. } => {
                // If every call is throttled, the circuit breaker ends the run first. This limit is
                // for a single operation that is throttled.
                let is_patient = attempts.call.began.elapsed() < self.throttle_patience();
                return attempts.uncounted.next().filter(|_| is_patient);
            }
            failure if failure.is_permanent() => return None,
            CallFailure::NotSent(_) => {}
            CallFailure::Unknown { .. } if !matches!(op.retry_class(), RetryClass::Probe(_)) => {}
            CallFailure::Refused { code, .. } if op.is_transient(*code) => {}
            _ => return None,
        }
        // While the endpoint is down, the circuit breaker decides when to give up.
        let delays: &mut dyn Iterator<Item = Duration> = if self.breaker.is_open() {
            &mut attempts.uncounted
        } else {
            &mut attempts.delays
        };
        delays.next()
    }

    /// Returns whether the endpoint has ever responded to this client.
    pub fn has_answered(&self) -> bool {
        self.breaker.has_answered()
    }

    /// Returns the identity of a call that begins now, for callers that retry by themselves.
    pub fn identify<O: Operation>(&self, request: &O) -> CallIdentity {
        let body = serde_json::to_vec(request).unwrap_or_default();
        CallIdentity::new(O::OP, &body)
    }

    /// Returns whether the service throttles this call but accepts others.
    pub fn is_throttled_alone(&self, call: &CallIdentity) -> bool {
        self.throttling.is_single(call)
    }

    /// Returns the delays between attempts, for callers that retry by themselves.
    pub fn retry_delays(&self) -> RetryDelays {
        self.retries.delays()
    }

    /// Returns the delays between throttled attempts, for callers that retry by themselves.
    pub fn throttle_delays(&self) -> RetryDelays {
        self.retries.endless_delays()
    }

    /// Returns the time after which a throttled call is given up.
    pub fn throttle_patience(&self) -> Duration {
        2 * self.settings.outage
    }

    /// Returns the timeout of an attempt.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Returns the maximum number of requests in flight.
    pub fn concurrency(&self) -> usize {
        self.dispatcher.concurrency()
    }

    /// Returns the maximum number of attempts of a call.
    pub fn attempts(&self) -> u32 {
        self.settings.attempts
    }

    async fn attempt<O: Operation>(
        &self,
        slot: Slot<'_>,
        attempts: &Attempts,
        body: Bytes,
    ) -> Result<O::Answer, CallFailure> {
        let request = match &self.template {
            Ok(template) => template.request(O::OP, body.clone()),
            Err(failure) => return Err(failure.clone()),
        };
        debug!(target: "treaty::client", bytes = body.len(), "request");
        trace!(target: "treaty::client", body = %redacted(&body), "request body");
        let sent = Instant::now();
        let response = self.dispatcher.send(slot, request).await;
        let latency_ms = milliseconds(sent.elapsed());
        let result = match &response {
            Ok(response) => {
                let redactor = self.redactor(&body);
                log_response(response, latency_ms, &redactor);
                let throttle_codes = &self.settings.throttle_codes;
                let has_answered = self.breaker.has_answered();
                response::read::<O>(response, throttle_codes, has_answered, &redactor)
            }
            Err(failure) => {
                debug!(target: "treaty::client", latency_ms, "no response: {failure}");
                Err(failure.clone())
            }
        };
        self.adapt(attempts, response.as_ref().ok(), result.as_ref().err());
        result
    }

    /// Returns the redactor for the service's texts about a request.
    pub(super) fn redactor<'a>(&'a self, request: &'a [u8]) -> Redactor<'a> {
        let secret = self.settings.credentials.as_ref();
        Redactor {
            request,
            secret: secret.map(|credentials| credentials.app_secret.expose_secret()),
        }
    }

    /// Slows down if the service throttles several calls or fails most requests, and holds an
    /// operation back if it asks for that.
    fn adapt(
        &self,
        attempts: &Attempts,
        response: Option<&Response<Bytes>>,
        failure: Option<&CallFailure>,
    ) {
        let call = &attempts.call;
        let retry_after = response
            .and_then(|response| response::retry_after(response.headers(), Timestamp::now()));
        self.warn_of_ignored(retry_after);
        let pause = retry_after.and_then(RetryAfter::delay);
        let is_throttled = match failure {
            Some(CallFailure::Throttled { .. }) => true,
            Some(failure) => failure.is_transient() && retry_after.is_some(),
            None => false,
        };
        if is_throttled {
            let counted = 2 * self.settings.max_backoff.max(pause.unwrap_or_default());
            self.throttling
                .record_throttled(call, Instant::now() + counted);
        } else if failure.is_none_or(|failure| matches!(failure, CallFailure::Refused { .. })) {
            self.throttling.record_accepted(call);
        }
        // The retries of a call that only fails itself are no sign of an overload.
        let is_overloaded = !self.fails_alone(attempts)
            && self
                .transient_failures
                .record(failure.is_some_and(CallFailure::is_transient));
        let is_widespread = is_throttled && self.throttling.is_widespread(call.op);
        if let Some(pause) = pause.filter(|_| is_widespread) {
            self.hold(call.op, pause);
        }
        let signal = match (is_widespread, is_overloaded) {
            (true, _) => Signal::Throttled,
            (false, true) => Signal::Overloaded,
            (false, false) => return,
        };
        if let Some(throttle) = self.dispatcher.slow_down(signal) {
            let reason = match signal {
                Signal::Throttled => "the service throttles",
                Signal::Overloaded => "most requests fail",
            };
            warn!(
                target: "treaty::client", rate = throttle.rate, in_flight = throttle.in_flight,
                "slowing down: {reason}"
            );
            (self.listener)(ClientEvent::Throttled(throttle));
        }
    }

    /// Sends no call of an operation for as long as the service requested.
    fn hold(&self, op: Op, pause: Duration) {
        self.breaker.record_pause(pause);
        if self.dispatcher.holds.hold(op, pause) {
            let until = Timestamp::now()
                .saturating_add(pause)
                .unwrap_or(Timestamp::MAX);
            let operation = op.path();
            warn!(
                target: "treaty::client", operation, until = %time::text(until),
                "the service asked to wait"
            );
            (self.listener)(ClientEvent::Held { op, until });
        }
    }

    /// Logs the first `Retry-After` that is ignored.
    fn warn_of_ignored(&self, retry_after: Option<RetryAfter>) {
        if retry_after == Some(RetryAfter::Ignored)
            && !self.has_ignored_retry_after.swap(true, Ordering::Relaxed)
        {
            let host = host(&self.settings.endpoint);
            warn!(
                target: "treaty::client",
                "{host} sent a Retry-After header that is invalid or longer than five minutes; it is ignored; check the gateway in front of the service"
            );
        }
    }

    /// Returns whether other calls have had a response since a call failed first: its content may
    /// be the cause.
    fn fails_alone(&self, attempts: &Attempts) -> bool {
        let failed_at = attempts.failed_at;
        failed_at.is_some_and(|at| self.breaker.has_answered_since(at))
    }

    /// Reports the outcome of an attempt to the circuit breaker.
    fn record(&self, failure: Option<&CallFailure>, sent: Instant, attempts: &mut Attempts) {
        let is_last = attempts.delays.peek().is_none();
        let exhausted = is_last.then_some(attempts.call.began);
        let failed = |problem, exhausted| FailedAttempt {
            problem,
            call: Some(attempts.call.key),
            sent,
            exhausted,
        };
        let change = match failure {
            Some(CallFailure::LeaseLost(_) | CallFailure::Stopped) => None,
            Some(CallFailure::Throttled { .. }) => {
                let is_single = self.throttling.is_single(&attempts.call);
                self.breaker.record_throttled(attempts.call.key, is_single)
            }
            Some(CallFailure::Unknown { why, cause, .. }) => {
                let problem = Problem::passing(why, "");
                match cause {
                    _ if self.fails_alone(attempts) => {
                        self.breaker.record_repeated_failure(problem)
                    }
                    LossCause::Garbled | LossCause::Unreadable
                        if attempts.sent > GATEWAY_FAILURES =>
                    {
                        self.breaker.record_repeated_failure(problem)
                    }
                    // The gateway may fail only this call.
                    LossCause::Garbled | LossCause::Unreadable => {
                        self.breaker.record_failure(failed(problem, None))
                    }
                    _ => self.breaker.record_failure(failed(problem, exhausted)),
                }
            }
            Some(CallFailure::NotSent(problem)) => self.breaker.record_failure(FailedAttempt {
                call: None,
                ..failed(problem.clone(), exhausted)
            }),
            _ => self.breaker.record_success(),
        };
        match change {
            Some(Change::Opened(pause)) => {
                let why = failure.map_or(String::new(), CallFailure::to_string);
                let pause_ms = milliseconds(pause);
                warn!(target: "treaty::client", pause_ms, "paused: {why}");
                (self.listener)(ClientEvent::Paused { why, pause });
            }
            Some(Change::Closed(after)) => {
                let down_ms = milliseconds(after);
                warn!(target: "treaty::client", down_ms, "resumed: the endpoint responds again");
                (self.listener)(ClientEvent::Resumed { after });
            }
            None => {}
        }
    }
}

fn log_response(response: &Response<Bytes>, latency_ms: u64, redactor: &Redactor<'_>) {
    if !tracing::enabled!(target: "treaty::client", tracing::Level::DEBUG) {
        return;
    }
    debug!(
        target: "treaty::client",
        http_status = response.status().as_u16(),
        err_code = response::err_code(response),
        request_id = response::request_id(response).map(|id| redactor.masked(id)),
        latency_ms,
        bytes = response.body().len(),
        "response"
    );
    trace!(target: "treaty::client", body = %redactor.masked(&redacted(response.body())), "response body");
}

/// Returns the host of a URL, for messages.
fn host(url: &str) -> String {
    let uri = url.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host);
    host.unwrap_or(url).to_owned()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
