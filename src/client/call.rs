//! Calls operations of the API, with the retries that their retry classes allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, debug, debug_span, info, trace, warn};

use super::breaker::{Admission, Change, CircuitBreaker};
use super::concurrency::Slot;
use super::dispatch::Dispatcher;
use super::event::{CallEvent, ClientEvent};
use super::failure::{CallFailure, LossCause};
use super::redactor::Redactor;
use super::request::RequestTemplate;
use super::response::{self, RetryAfter};
use super::retry::{RetryDelays, RetryPolicy};
use super::retry_budget::RetryBudget;
use super::settings::Settings;
use super::slowdown::Signal;
use super::transient::TransientFailures;
use super::transport::{Problem, Transport};
use crate::api::operation::Op;
use crate::api::{Operation, RetryClass, redacted};

/// The number of gateway errors after which the call itself may be the cause.
const GATEWAY_FAILURES: u32 = 3;

type Listener = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// Calls the API.
pub struct Client {
    pub(super) dispatcher: Dispatcher,
    pub(super) settings: Settings,
    template: Result<RequestTemplate, CallFailure>,
    retries: RetryPolicy,
    budget: RetryBudget,
    breaker: CircuitBreaker,
    transient_failures: TransientFailures,
    delayed: Delays,
    has_ignored_retry_after: AtomicBool,
    listener: Listener,
}

/// The calls that wait before a retry or a probe.
#[derive(Default)]
struct Delays {
    count: AtomicUsize,
    increased: Notify,
}

/// A guard that counts a call as waiting until it is dropped.
struct Delayed<'a>(&'a Delays);

impl<'a> Delayed<'a> {
    fn begin(delays: &'a Delays) -> Self {
        delays.count.fetch_add(1, Ordering::Relaxed);
        delays.increased.notify_waiters();
        Self(delays)
    }
}

impl Drop for Delayed<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The progress of one call.
struct Attempts {
    began: Instant,
    /// The number of attempts so far, uncounted ones included.
    sent: u32,
    delays: std::iter::Peekable<RetryDelays>,
    /// The delays after uncounted attempts: throttled ones, and those while the endpoint is down.
    uncounted: RetryDelays,
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
            delayed: Delays::default(),
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
            began: Instant::now(),
            sent: 0,
            delays: self.retries.delays().peekable(),
            uncounted: self.retries.endless_delays(),
        };
        self.budget.deposit();
        loop {
            let (admission, slot) = self.acquire(O::OP).await?;
            attempts.sent += 1;
            let span = debug_span!(
                target: "treaty::client", "request", operation = O::OP.path(), attempt = attempts.sent
            );
            let sent = Instant::now();
            let attempt = self.attempt::<O>(slot, body.clone());
            let result = attempt.instrument(span).await;
            let took = sent.elapsed();
            let exhausted = attempts.delays.peek().is_none().then_some(attempts.began);
            self.record(result.as_ref().err(), attempts.sent, sent, exhausted);
            drop(admission);
            // "No such account" is an answer.
            let is_answer = |failure: &&CallFailure| matches!(failure, CallFailure::Refused { code, .. } if O::OP == Op::ExchangeId && code.is_missing_account());
            let failure = result
                .as_ref()
                .err()
                .filter(|failure| !is_answer(failure))
                .cloned();
            let retry_in = failure
                .as_ref()
                .and_then(|failure| self.retry_delay(O::OP, failure, &mut attempts));
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
            match (retry_in, &result) {
                // The slowdown limits throttled calls already, so no retry budget is needed.
                (Some(delay), Err(CallFailure::Throttled { .. })) => self.delay(delay).await,
                (Some(delay), _) => self.wait(delay).await,
                (None, _) => return result,
            }
        }
    }

    /// Waits until the circuit breaker and all limits allow a call.
    async fn acquire(&self, op: Op) -> Result<(Admission<'_>, Slot<'_>), CallFailure> {
        loop {
            let admission = self.breaker.admit().await.map_err(CallFailure::Outage)?;
            // The breaker may have opened meanwhile.
            let may_send = || admission.is_test() || !self.breaker.is_open();
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
        let retry_after = match failure {
            // It may be the answer to a repetition by a gateway: the call must be probed first.
            CallFailure::Throttled { .. } if matches!(op.retry_class(), RetryClass::Probe(_)) => {
                return None;
            }
            CallFailure::Throttled { retry_after } => {
                // If every call is throttled, the circuit breaker ends the run first. This limit is
                // for a single operation that is throttled.
                let is_patient = attempts.began.elapsed() < self.throttle_patience();
                let delay = attempts.uncounted.next().filter(|_| is_patient)?;
                return Some(delay.max(retry_after.unwrap_or_default()));
            }
            failure if failure.is_permanent() => return None,
            CallFailure::NotSent(_) => None,
            CallFailure::Unknown { retry_after, .. }
                if !matches!(op.retry_class(), RetryClass::Probe(_)) =>
            {
                *retry_after
            }
            CallFailure::Refused { code, .. } if op.is_transient(*code) => None,
            _ => return None,
        };
        // While the endpoint is down, the circuit breaker decides when to give up.
        let delays: &mut dyn Iterator<Item = Duration> = if self.breaker.is_open() {
            &mut attempts.uncounted
        } else {
            &mut attempts.delays
        };
        let delay = delays.next()?;
        Some(delay.max(retry_after.unwrap_or_default()))
    }

    /// Waits before the retry of a failed request, and until the retry budget allows the retry.
    pub async fn wait(&self, delay: Duration) {
        let _delayed = Delayed::begin(&self.delayed);
        sleep(delay).await;
        self.budget.withdraw().await;
    }

    /// Waits before a probe, or before the retry of a throttled request.
    pub async fn delay(&self, delay: Duration) {
        let _delayed = Delayed::begin(&self.delayed);
        sleep(delay).await;
    }

    /// Returns the number of calls that wait before a retry or a probe.
    pub fn delayed(&self) -> usize {
        self.delayed.count.load(Ordering::Relaxed)
    }

    /// Waits until another call is delayed.
    pub async fn another_is_delayed(&self) {
        self.delayed.increased.notified().await;
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
        self.adapt(response.as_ref().ok(), result.as_ref().err());
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

    /// Slows down if the service throttles, sends `Retry-After`, or fails most requests.
    fn adapt(&self, response: Option<&Response<Bytes>>, failure: Option<&CallFailure>) {
        let retry_after = response
            .and_then(|response| response::retry_after(response.headers(), Timestamp::now()));
        let is_throttled = matches!(failure, Some(CallFailure::Throttled { .. }));
        let is_overloaded = self
            .transient_failures
            .record(failure.is_some_and(CallFailure::is_transient));
        if !is_throttled && retry_after.is_none() && !is_overloaded {
            return;
        }
        if retry_after == Some(RetryAfter::Ignored)
            && !self.has_ignored_retry_after.swap(true, Ordering::Relaxed)
        {
            let host = host(&self.settings.endpoint);
            warn!(
                target: "treaty::client",
                "{host} sent a Retry-After header that is invalid or longer than five minutes; it is ignored; check the gateway in front of the service"
            );
        }
        if let Some(pause) = retry_after.and_then(RetryAfter::delay) {
            self.breaker.record_pause(pause);
        }
        let signal = if is_throttled || retry_after.is_some() {
            Signal::Throttled(retry_after.and_then(RetryAfter::delay))
        } else {
            Signal::Overloaded
        };
        if let Some(throttle) = self.dispatcher.slow_down(signal) {
            let reason = match signal {
                Signal::Throttled(_) => "the service throttles",
                Signal::Overloaded => "most requests fail",
            };
            let pause_ms = throttle.pause.map(milliseconds);
            warn!(
                target: "treaty::client", rate = throttle.rate, in_flight = throttle.in_flight, pause_ms,
                "slowing down: {reason}"
            );
            (self.listener)(ClientEvent::Throttled(throttle));
        }
    }

    /// Reports the outcome of an attempt to the circuit breaker. `exhausted` is the start of the
    /// call, if no attempt is left.
    fn record(
        &self,
        failure: Option<&CallFailure>,
        attempt: u32,
        sent: Instant,
        exhausted: Option<Instant>,
    ) {
        let change = match failure {
            Some(CallFailure::LeaseLost(_)) => None,
            Some(CallFailure::Throttled { .. }) => self.breaker.record_throttled(),
            Some(CallFailure::Unknown { why, cause, .. }) => {
                let problem = Problem::passing(why, "");
                match cause {
                    LossCause::Garbled | LossCause::Unreadable if attempt > GATEWAY_FAILURES => {
                        self.breaker.record_repeated_failure(problem)
                    }
                    // The gateway may fail only this call.
                    LossCause::Garbled | LossCause::Unreadable => {
                        self.breaker.record_failure(problem, sent, None)
                    }
                    _ => self.breaker.record_failure(problem, sent, exhausted),
                }
            }
            Some(CallFailure::NotSent(problem)) => {
                self.breaker
                    .record_failure(problem.clone(), sent, exhausted)
            }
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
