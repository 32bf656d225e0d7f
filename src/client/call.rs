//! Calls: an operation's request → its answer, with retries as its retry class allows.

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

use super::breaker::{BreakerPermit, Change, CircuitBreaker};
use super::concurrency::Slot;
use super::dispatch::Dispatcher;
use super::event::{CallEvent, ClientEvent};
use super::failure::{Failure, LossCause, Redactor};
use super::request::RequestTemplate;
use super::response::{self, RetryAfter};
use super::retry::{RetryDelays, RetryPolicy};
use super::retry_budget::RetryBudget;
use super::settings::Settings;
use super::transient::TransientFailures;
use super::transport::{Problem, Transport};
use crate::api::operation::Op;
use crate::api::{Operation, RetryClass, redacted};

/// A call that a gateway fails more often than this may itself be the cause.
const GATEWAY_FAILURES: u32 = 3;

type Listener = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// Calls the API.
pub struct Client {
    pub(super) dispatcher: Dispatcher,
    pub(super) settings: Settings,
    template: Result<RequestTemplate, Failure>,
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
    more: Notify,
}

/// A call that waits before a retry or a probe, until it is dropped.
struct Delayed<'a>(&'a Delays);

impl<'a> Delayed<'a> {
    fn begin(delays: &'a Delays) -> Self {
        delays.count.fetch_add(1, Ordering::Relaxed);
        delays.more.notify_waiters();
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
    /// Attempts so far, with those that do not count.
    sent: u32,
    delays: std::iter::Peekable<RetryDelays>,
    /// The delays after attempts that do not count: throttled ones, and those while the endpoint is down.
    uncounted: RetryDelays,
}

impl Client {
    /// A client over a transport. The listener receives every event.
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

    /// Calls an operation, with retries as its retry class allows. A call of class *probe* that may have been carried out comes back as
    /// [`Failure::Unknown`] after one attempt.
    pub async fn call<O: Operation>(&self, request: &O) -> Result<O::Answer, Failure> {
        let body = serde_json::to_vec(request).map_err(|error| {
            Failure::NotSent(Problem::permanent(format!("the request: {error}"), ""))
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
            let (permit, slot) = self.permits(O::OP).await?;
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
            drop(permit);
            // "No such account" is an answer.
            let is_answer = |failure: &&Failure| matches!(failure, Failure::Refused { code, .. } if O::OP == Op::ExchangeId && code.is_missing_account());
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
                // The slowdown paces what is throttled.
                (Some(delay), Err(Failure::Throttled { .. })) => self.delay(delay).await,
                (Some(delay), _) => self.wait(delay).await,
                (None, _) => return result,
            }
        }
    }

    /// Waits until the circuit breaker and all limits let a call through.
    async fn permits(&self, op: Op) -> Result<(BreakerPermit<'_>, Slot<'_>), Failure> {
        loop {
            let permit = self.breaker.permit().await.map_err(Failure::Outage)?;
            // The breaker may have opened meanwhile.
            let may_send = || permit.is_test() || !self.breaker.is_open();
            if let Some(slot) = self.dispatcher.permit(op, may_send).await {
                return Ok((permit, slot));
            }
        }
    }

    /// The delay before the next attempt; none when there is none.
    fn retry_delay(&self, op: Op, failure: &Failure, attempts: &mut Attempts) -> Option<Duration> {
        let retry_after = match failure {
            Failure::Throttled { retry_after } => {
                // When every call is throttled, the circuit breaker ends the run first; this is for one that is throttled alone.
                let is_patient = attempts.began.elapsed() < 2 * self.settings.outage;
                let delay = attempts.uncounted.next().filter(|_| is_patient)?;
                return Some(delay.max(retry_after.unwrap_or_default()));
            }
            failure if failure.is_permanent() => return None,
            Failure::NotSent(_) => None,
            Failure::Unknown { retry_after, .. }
                if !matches!(op.retry_class(), RetryClass::Probe(_)) =>
            {
                *retry_after
            }
            Failure::Refused { code, .. } if op.is_transient(*code) => None,
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

    /// Waits before a retry of a request that failed, and until the retry budget allows it.
    pub async fn wait(&self, delay: Duration) {
        let _delayed = Delayed::begin(&self.delayed);
        sleep(delay).await;
        self.budget.withdraw().await;
    }

    /// Waits before a probe, or before a retry of a request that the service refused because of its limit.
    pub async fn delay(&self, delay: Duration) {
        let _delayed = Delayed::begin(&self.delayed);
        sleep(delay).await;
    }

    /// The number of calls that wait before a retry or a probe now.
    pub fn delayed(&self) -> usize {
        self.delayed.count.load(Ordering::Relaxed)
    }

    /// Waits until one more call is delayed.
    pub async fn another_is_delayed(&self) {
        self.delayed.more.notified().await;
    }

    /// The delays between attempts, for callers that do something else before each retry.
    pub fn retry_delays(&self) -> RetryDelays {
        self.retries.delays()
    }

    /// The longest time that an attempt may take.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// The most requests in flight.
    pub fn concurrency(&self) -> usize {
        self.dispatcher.concurrency()
    }

    /// The most attempts of a call.
    pub fn attempts(&self) -> u32 {
        self.settings.attempts
    }

    async fn attempt<O: Operation>(
        &self,
        slot: Slot<'_>,
        body: Bytes,
    ) -> Result<O::Answer, Failure> {
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
                log_response(response, latency_ms);
                let secret = self.settings.credentials.as_ref();
                let redactor = Redactor {
                    request: &body,
                    secret: secret.map(|credentials| credentials.app_secret.expose_secret()),
                };
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

    /// Slows down where the service asks for it, and where most requests fail.
    fn adapt(&self, response: Option<&Response<Bytes>>, failure: Option<&Failure>) {
        let retry_after = response
            .and_then(|response| response::retry_after(response.headers(), Timestamp::now()));
        let is_throttled = matches!(failure, Some(Failure::Throttled { .. }));
        let is_overloaded = self
            .transient_failures
            .record(failure.is_some_and(Failure::is_transient));
        if !is_throttled && retry_after.is_none() && !is_overloaded {
            return;
        }
        if retry_after == Some(RetryAfter::Ignored)
            && !self.has_ignored_retry_after.swap(true, Ordering::Relaxed)
        {
            let host = host(&self.settings.endpoint);
            warn!(
                target: "treaty::client",
                "{host} sent a Retry-After that is no delay of up to five minutes: only backoff is used; check the gateway before the service"
            );
        }
        if let Some(pause) = retry_after.and_then(RetryAfter::delay) {
            self.breaker.record_pause(pause);
        }
        if let Some(throttle) = self
            .dispatcher
            .slow_down(retry_after.and_then(RetryAfter::delay))
        {
            let reason = if is_overloaded {
                "most requests fail"
            } else {
                "the service throttles"
            };
            let pause_ms = throttle.pause.map(milliseconds);
            warn!(
                target: "treaty::client", rate = throttle.rate, in_flight = throttle.in_flight, pause_ms,
                "slowing down: {reason}"
            );
            (self.listener)(ClientEvent::Throttled(throttle));
        }
    }

    /// Reports the outcome of an attempt to the circuit breaker. `exhausted` is when the call began, if no attempt is left.
    fn record(
        &self,
        failure: Option<&Failure>,
        attempt: u32,
        sent: Instant,
        exhausted: Option<Instant>,
    ) {
        let change = match failure {
            Some(Failure::LeaseLost(_)) => None,
            Some(Failure::Throttled { .. }) => self.breaker.record_throttled(),
            Some(Failure::Unknown { why, cause, .. }) => {
                let problem = Problem::passing(why, "");
                match cause {
                    LossCause::Garbled | LossCause::Unreadable if attempt > GATEWAY_FAILURES => {
                        self.breaker.record_repeated_failure(problem)
                    }
                    // Whether the gateway fails this call alone is not known yet.
                    LossCause::Garbled | LossCause::Unreadable => {
                        self.breaker.record_failure(problem, sent, None)
                    }
                    _ => self.breaker.record_failure(problem, sent, exhausted),
                }
            }
            Some(Failure::NotSent(problem)) => {
                self.breaker
                    .record_failure(problem.clone(), sent, exhausted)
            }
            _ => self.breaker.record_success(),
        };
        match change {
            Some(Change::Opened(pause)) => {
                let why = failure.map_or(String::new(), Failure::to_string);
                let pause_ms = milliseconds(pause);
                warn!(target: "treaty::client", pause_ms, "paused: {why}");
                (self.listener)(ClientEvent::Paused { why, pause });
            }
            Some(Change::Closed(after)) => {
                let down_ms = milliseconds(after);
                warn!(target: "treaty::client", down_ms, "resumed: the endpoint answers again");
                (self.listener)(ClientEvent::Resumed { after });
            }
            None => {}
        }
    }
}

fn log_response(response: &Response<Bytes>, latency_ms: u64) {
    if !tracing::enabled!(target: "treaty::client", tracing::Level::DEBUG) {
        return;
    }
    debug!(
        target: "treaty::client",
        http_status = response.status().as_u16(),
        err_code = response::err_code(response),
        request_id = response::request_id(response),
        latency_ms,
        bytes = response.body().len(),
        "response"
    );
    trace!(target: "treaty::client", body = %redacted(response.body()), "response body");
}

/// The host of an address, for messages.
fn host(address: &str) -> String {
    let uri = address.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host);
    host.unwrap_or(address).to_owned()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
