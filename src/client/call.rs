//! One call: its turn, its attempts, its answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use super::breaker::{Breaker, Change, Pass};
use super::budget::Budget;
use super::failure::{Failure, Lost, public};
use super::head::Head;
use super::line::Line;
use super::wire::Wire;
use crate::api::operation::Op;
use crate::api::{self, Envelope, ErrorCode, Operation, Repeat};

/// What the API knows the caller by.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The app's id.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: SecretString,
}

/// How calls are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The endpoint, without a slash at the end.
    pub endpoint: String,
    /// None for the emulator in the same process.
    pub credentials: Option<Credentials>,
    /// Calls a second, all operations together.
    pub rate: Option<f64>,
    /// Calls a second, of single operations.
    pub operation_rates: BTreeMap<Op, f64>,
    /// Calls in flight at most; none: as many as the latency allows.
    pub concurrency: Option<usize>,
    /// Attempts at most, the first included.
    pub attempts: u32,
    /// The pause after the first attempt; it doubles with each.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long an endpoint that has answered before may be silent, or ask to slow down, before that is final.
    pub outage: Duration,
    /// Business codes that mean "slow down".
    pub throttle_codes: Vec<i64>,
}

/// One attempt, once it is over.
#[derive(Debug, Clone)]
pub struct CallEvent {
    /// The operation.
    pub op: Op,
    /// How long it took, its turn not counted.
    pub took: Duration,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The pause before it is tried again; none when it is not.
    pub again: Option<Duration>,
}

/// What happens between the client and the endpoint.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// A call was attempted.
    Call(CallEvent),
    /// The endpoint is down; calls wait, and one at a time tries again.
    Paused {
        /// What came instead of answers.
        why: String,
        /// The time until the next try.
        pause: Duration,
    },
    /// The endpoint answers again.
    Back {
        /// How long it did not.
        after: Duration,
    },
    /// The service asked to slow down.
    Slowed {
        /// The new pace, in calls a second.
        rate: f64,
    },
}

/// While the endpoint is down, one call tries at least so often: that harms nobody, and no time is lost once it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Listener = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// Calls the API.
pub struct Client {
    pub(super) line: Arc<Line>,
    pub(super) settings: Settings,
    /// What stands before every body.
    head: Result<Head, Failure>,
    breaker: Breaker,
    budget: Budget,
    pub(super) calling: AtomicUsize,
    listener: Listener,
}

/// A call or an upload, from when it is asked for until it has its answer.
pub(super) struct Calling<'a>(&'a AtomicUsize);

impl<'a> Calling<'a> {
    pub(super) fn begin(calling: &'a AtomicUsize) -> Self {
        calling.fetch_add(1, Ordering::Relaxed);
        Self(calling)
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Client {
    /// A client over a wire; the listener hears of every attempt.
    pub fn new(wire: Arc<dyn Wire>, settings: Settings, listener: Listener) -> Self {
        Self {
            line: Arc::new(Line::new(wire, &settings)),
            breaker: Breaker::new(settings.outage),
            budget: Budget::new(),
            calling: AtomicUsize::new(0),
            head: Head::of(&settings),
            settings,
            listener,
        }
    }

    /// Calls an operation, again where its repeat class allows it. What may have been carried out and must not be
    /// repeated blindly comes back as [`Failure::Unknown`] after one attempt.
    pub async fn call<O: Operation>(&self, request: &O) -> Result<O::Answer, Failure> {
        let body =
            serde_json::to_vec(request).map_err(|error| Failure::NotSent(error.to_string()))?;
        let body = Bytes::from(body);
        let _calling = Calling::begin(&self.calling);
        let asked = Instant::now();
        let mut attempt = 1;
        self.budget.earn();
        loop {
            let pass = self.turn(O::OP).await?;
            let begin = Instant::now();
            let result = self.attempt::<O>(body.clone()).await;
            self.heed(result.as_ref().err(), attempt, asked, begin);
            drop(pass);
            // "No such account" is an answer.
            let is_answer = |failure: &&Failure| matches!(failure, Failure::Refused { code, .. } if O::OP == Op::ExchangeId && api::not_there(*code));
            let failure = result
                .as_ref()
                .err()
                .filter(|failure| !is_answer(failure))
                .cloned();
            let again = failure
                .as_ref()
                .and_then(|failure| self.again(O::OP, failure, attempt, asked));
            (self.listener)(ClientEvent::Call(CallEvent {
                op: O::OP,
                took: begin.elapsed(),
                failure: failure.clone(),
                again,
            }));
            match again {
                Some(pause) => self.wait(pause).await,
                None => return result,
            }
            // Neither an endpoint that is down nor one that is busy costs a call its attempts.
            let throttled = matches!(failure, Some(Failure::Throttled { .. }));
            attempt += u32::from(!throttled && !self.breaker.is_down());
        }
    }

    /// Waits until a call may go out: the endpoint is not down, and it is the call's turn.
    async fn turn(&self, op: Op) -> Result<Pass<'_>, Failure> {
        loop {
            let pass = self.breaker.pass().await.map_err(Failure::Down)?;
            self.line.turn(op).await;
            // It may have gone down while the turn was waited for.
            if pass.is_try() || !self.breaker.is_down() {
                return Ok(pass);
            }
        }
    }

    /// What an attempt's end says of the endpoint, for a call that was first made at a moment, and now at another.
    fn heed(&self, failure: Option<&Failure>, attempt: u32, asked: Instant, made: Instant) {
        let exhausted = (attempt >= self.settings.attempts).then_some(asked);
        let pause = |tries| self.backoff(tries).min(LONGEST_PAUSE);
        let change = match failure {
            // What is heard of a gateway may be about this one call: what it says again and again tells no more.
            Some(Failure::Unknown {
                why,
                lost: Lost::Garbled,
                ..
            }) => match attempt {
                1..=3 => self.breaker.silent(why, made, None, pause),
                _ => self.breaker.silent_still(pause),
            },
            Some(Failure::NotSent(why) | Failure::Unknown { why, .. }) => {
                self.breaker.silent(why, made, exhausted, pause)
            }
            Some(Failure::Throttled { .. }) => self.breaker.throttled(),
            Some(Failure::Barred(_)) => None,
            _ => self.breaker.answered(),
        };
        match (change, failure) {
            (Some(Change::Paused(pause)), Some(failure)) => (self.listener)(ClientEvent::Paused {
                why: failure.to_string(),
                pause,
            }),
            (Some(Change::Back(after)), _) => (self.listener)(ClientEvent::Back { after }),
            _ => {}
        }
    }

    /// The service asks to slow down.
    fn slow_down(&self, op: Op, after: Option<Duration>) {
        if let Some(rate) = self.line.slow_down(op, after) {
            (self.listener)(ClientEvent::Slowed { rate });
        }
    }

    /// The pause before the next attempt; none when there is no next.
    fn again(&self, op: Op, failure: &Failure, attempt: u32, asked: Instant) -> Option<Duration> {
        let after = match failure {
            Failure::Throttled { after } => {
                // When nobody is served, the breaker knows it first; this is for one that is put off alone.
                let patient = asked.elapsed() < 2 * self.settings.outage;
                return patient.then(|| after.unwrap_or_else(|| self.backoff(attempt)));
            }
            Failure::NotSent(_) => None,
            Failure::Unknown { after, .. } if !matches!(op.repeat(), Repeat::Look(_)) => *after,
            Failure::Refused { code, .. } if api::transient(op, *code) => None,
            _ => return None,
        };
        // Once the endpoint counts as down, it is the breaker that gives up.
        let left = attempt < self.settings.attempts || self.breaker.is_down();
        left.then(|| after.unwrap_or_else(|| self.backoff(attempt)))
    }

    /// Waits before something is tried again, and until the budget of retries allows it. Whoever tries again passes
    /// here: there is no other pause.
    async fn wait(&self, pause: Duration) {
        sleep(pause).await;
        self.budget.spend().await;
    }

    /// The wait after so many attempts, for those who look between two of them.
    pub async fn wait_after(&self, attempt: u32, after: Option<Duration>) {
        self.wait(after.unwrap_or_else(|| self.backoff(attempt)))
            .await;
    }

    /// The pause after so many attempts: doubled each time, and spread so that many callers do not come back at once.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self
            .settings
            .backoff
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(self.settings.max_backoff);
        longest.mul_f64(0.5 + 0.5 * spread())
    }

    /// How long one attempt may take.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Calls that are asked for and have no answer yet: on their way, or waiting for their turn.
    pub fn calling(&self) -> usize {
        self.calling.load(Ordering::Relaxed)
    }

    /// How many things to work on at the same time, now, so that the window is full.
    pub fn width(&self) -> usize {
        self.line.window.width()
    }

    /// Attempts at most, for those who look between two of them.
    pub fn attempts(&self) -> u32 {
        self.settings.attempts
    }

    async fn attempt<O: Operation>(&self, body: Bytes) -> Result<O::Answer, Failure> {
        let request = match &self.head {
            Ok(head) => head.request(O::OP, body),
            Err(failure) => return Err(failure.clone()),
        };
        let response = self.line.send(Some(O::OP), request).await?;
        let result = self.read::<O>(&response);
        // A gateway that is too busy says so by these, too (the notes on section 6).
        let busy = matches!(response.status().as_u16(), 502..=504);
        match &result {
            Err(Failure::Throttled { after }) => self.slow_down(O::OP, *after),
            Err(Failure::Unknown { after, .. }) if busy => self.slow_down(O::OP, *after),
            _ => {}
        }
        result
    }

    fn read<O: Operation>(&self, response: &http::Response<Bytes>) -> Result<O::Answer, Failure> {
        let status = response.status();
        let after = retry_after(response.headers());
        let lost = match status {
            StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Lost::Late,
            _ => Lost::Garbled,
        };
        let unknown = |why: String| Err(Failure::Unknown { why, after, lost });
        let envelope: Option<Envelope> = serde_json::from_slice(response.body()).ok();
        match status {
            StatusCode::TOO_MANY_REQUESTS => return Err(Failure::Throttled { after }),
            // A guard before the service may dislike a single call, and says so with a page.
            StatusCode::FORBIDDEN if envelope.is_none() && self.breaker.has_answered() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let own = public(
                    &envelope
                        .and_then(|envelope| envelope.msg)
                        .unwrap_or_default(),
                );
                return Err(Failure::Credentials(format!(
                    "HTTP {} {own}",
                    status.as_u16()
                )));
            }
            // Whoever says 408 has waited for something, and does not know whether it came.
            _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                return unknown(format!("HTTP {}", status.as_u16()));
            }
            _ if status.is_redirection() => {
                return Err(Failure::Refused {
                    code: ErrorCode(i64::from(status.as_u16())),
                    message: "the endpoint sends callers elsewhere: set the address that it names"
                        .to_owned(),
                });
            }
            _ => {}
        }
        let Some(envelope) = envelope else {
            if status.is_client_error() {
                return Err(Failure::Refused {
                    code: ErrorCode(i64::from(status.as_u16())),
                    message: "this is not the API's own answer: check the address, and what stands before it"
                        .to_owned(),
                });
            }
            return unknown("the answer is not the API's JSON".to_owned());
        };
        let code = ErrorCode(envelope.err_code);
        if code.0 == 0 {
            let data = envelope.data.unwrap_or(serde_json::Value::Null);
            return serde_json::from_value(data).or_else(|error| {
                let why = public(&error.to_string());
                unknown(format!("the answer lacks what the document says: {why}"))
            });
        }
        if self.settings.throttle_codes.contains(&code.0) {
            return Err(Failure::Throttled { after });
        }
        let message = envelope
            .msg
            .map(|message| public(&message))
            .filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| code.message().to_owned());
        if api::wrong_credentials(code) {
            return Err(Failure::Credentials(format!("{code} {message}")));
        }
        Err(Failure::Refused { code, message })
    }
}

/// `Retry-After` in seconds; its other form, a date, is not worth a clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: u64 = 300;
    let seconds: u64 = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

/// A number from 0 to 1 that differs from call to call; which one does not matter.
fn spread() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
