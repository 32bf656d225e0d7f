//! The circuit breaker: while the endpoint is down, calls wait instead of failing one by one.
//!
//! It opens after [`FAILURE_THRESHOLD`] attempts in a row without a usable response, if they are of
//! [`MIN_CALLS`] calls: a single call may fail for its own content. Attempts without a connection need no second call. Then one call at a time tests
//! the endpoint while the others wait. It never opens for an endpoint that has not responded yet:
//! such an endpoint has a wrong address.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::retry::{RetryDelays, RetryPolicy};
use super::transport::Problem;

/// The number of attempts in a row without a usable response after which the breaker opens.
const FAILURE_THRESHOLD: u32 = 8;
/// The number of different calls that must have failed.
const MIN_CALLS: usize = 3;
/// The longest pause between two tests. It is short, so that a run resumes soon after an outage.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Holds calls back while the endpoint is down.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    /// The endpoint's host, for messages.
    host: String,
    /// The longest outage before waiting calls fail.
    outage: Duration,
    /// The pauses between tests.
    policy: RetryPolicy,
    state: Mutex<BreakerState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct BreakerState {
    /// The time of the last response.
    last_success: Option<Instant>,
    /// The number of failures since then.
    failures: u32,
    /// The calls that have failed since then.
    failed_calls: HashSet<u64>,
    /// The calls that were throttled since then.
    throttled_calls: HashSet<u64>,
    /// The time of the first of these failures.
    failing_since: Option<Instant>,
    /// The longest pause that the service requested since then. It does not count as outage.
    longest_pause: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// The last failure.
    problem: Problem,
    /// The time at which the next call may test the endpoint.
    next_test: Instant,
    /// Whether a call is testing the endpoint.
    is_testing: bool,
    /// The number of calls that have tested it.
    tests: u32,
    pauses: RetryDelays,
}

/// The admission of a call by the breaker. If it is dropped without a recorded outcome, the next
/// call may test the endpoint.
#[derive(Debug)]
#[must_use]
pub(super) struct Admission<'a> {
    breaker: &'a CircuitBreaker,
    /// The number of the test, while the breaker is open.
    test: Option<u32>,
}

/// An attempt without a usable response.
#[derive(Debug)]
pub(super) struct FailedAttempt {
    /// The problem.
    pub(super) problem: Problem,
    /// The key of the call; none if its content cannot be the cause, because no connection was made.
    pub(super) call: Option<u64>,
    /// The time at which the request was sent.
    pub(super) sent: Instant,
    /// The start of the call, if no attempt is left.
    pub(super) exhausted: Option<Instant>,
}

/// A state change of the breaker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It opened. The next test follows after this pause.
    Opened(Duration),
    /// It closed, after this time without a response.
    Closed(Duration),
}

impl CircuitBreaker {
    /// Creates a closed breaker.
    pub(super) fn new(host: String, outage: Duration, policy: RetryPolicy) -> Self {
        Self {
            host,
            outage,
            policy,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Waits until a call may be sent.
    ///
    /// # Errors
    ///
    /// The last problem, if the outage has lasted too long.
    pub(super) async fn admit(&self) -> Result<Admission<'_>, Problem> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registers before the state is read, so that no change is missed.
            changed.as_mut().enable();
            let next_test = {
                let mut state = self.state();
                let has_lasted_too_long = self.has_lasted_too_long(&state);
                let Some(open) = &mut state.open else {
                    return Ok(Admission {
                        breaker: self,
                        test: None,
                    });
                };
                if has_lasted_too_long && !open.is_testing {
                    return Err(open.problem.clone());
                }
                if !open.is_testing && open.next_test <= Instant::now() {
                    open.is_testing = true;
                    return Ok(Admission {
                        breaker: self,
                        test: Some(open.tests),
                    });
                }
                (!open.is_testing).then_some(open.next_test)
            };
            match next_test {
                Some(next_test) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(next_test) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Returns whether the outage has lasted too long.
    fn has_lasted_too_long(&self, state: &BreakerState) -> bool {
        let limit = self.outage + state.longest_pause;
        state
            .failing_since
            .is_some_and(|since| since.elapsed() >= limit)
    }

    /// Records that the service requested a pause, in which no call is sent.
    pub(super) fn record_pause(&self, pause: Duration) {
        let mut state = self.state();
        state.longest_pause = state.longest_pause.max(pause);
    }

    /// Returns whether the endpoint counts as down.
    pub(super) fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    /// Returns whether the endpoint has responded after this time.
    pub(super) fn has_answered_since(&self, time: Instant) -> bool {
        self.state().last_success.is_some_and(|last| last > time)
    }

    /// Returns whether the endpoint has ever responded.
    pub(super) fn has_answered(&self) -> bool {
        self.state().last_success.is_some()
    }

    /// Records that the endpoint throttled a call. A throttled call is a response, so it closes the
    /// breaker; but if all calls are throttled for as long as an outage may last, the breaker opens
    /// permanently. That does not count if the service throttles this call only (`is_single`), or if
    /// no other call was sent meanwhile: that call is given up by itself.
    pub(super) fn record_throttled(&self, call: u64, is_single: bool) -> Option<Change> {
        let mut state = self.state();
        let now = Instant::now();
        let since = state.failing_since.unwrap_or(now);
        state.failures = 0;
        state.failed_calls.clear();
        if !is_single {
            state.failing_since = Some(since);
            state.throttled_calls.insert(call);
        }
        let is_general = state.throttled_calls.len() > 1;
        if !is_single && is_general && self.has_lasted_too_long(&state) {
            let message = t!("%{host} throttles every request", host = self.host);
            state.open = Some(Open {
                problem: Problem::passing(
                    message,
                    t_key!("lower limits.rate, or run the command again later"),
                ),
                next_test: now,
                is_testing: false,
                tests: 0,
                pauses: self.policy.endless_delays(),
            });
            drop(state);
            self.changed.notify_waiters();
            return None;
        }
        state.open.take()?;
        drop(state);
        self.changed.notify_waiters();
        Some(Change::Closed(now - since))
    }

    /// Records a response of any kind.
    pub(super) fn record_success(&self) -> Option<Change> {
        let mut state = self.state();
        let since = state.failing_since.take();
        let open = state.open.take();
        state.last_success = Some(Instant::now());
        state.failures = 0;
        state.failed_calls.clear();
        state.throttled_calls.clear();
        state.longest_pause = Duration::ZERO;
        drop(state);
        open?;
        self.changed.notify_waiters();
        Some(Change::Closed(
            since.map_or(Duration::ZERO, |since| since.elapsed()),
        ))
    }

    /// Records that an attempt has no usable response. It is ignored if another call has had a
    /// response since the attempt was sent. If the call has no attempts left, the breaker opens if no
    /// call has had a response since its start.
    pub(super) fn record_failure(&self, failed: FailedAttempt) -> Option<Change> {
        let FailedAttempt {
            problem,
            call,
            sent,
            exhausted,
        } = failed;
        let mut state = self.state();
        let now = Instant::now();
        let others_succeeded = state.last_success.is_some_and(|success| success > sent);
        if others_succeeded && state.open.is_none() {
            return None;
        }
        state.failures += 1;
        state.failing_since.get_or_insert(now);
        state.failed_calls.extend(call);
        let is_general = call.is_none() || state.failed_calls.len() >= MIN_CALLS;
        let none_since = |success| exhausted.is_some_and(|began| success <= began);
        let is_down = state.last_success.is_some_and(|success| {
            is_general && (state.failures >= FAILURE_THRESHOLD || none_since(success))
        });
        let (tests, mut pauses) = match state.open.take() {
            // The call was in flight when the breaker opened: its failure is no news.
            Some(open) if !open.is_testing => {
                state.open = Some(open);
                return None;
            }
            Some(open) => (open.tests + 1, open.pauses),
            None if is_down => (1, self.policy.endless_delays()),
            None => return None,
        };
        let pause = pauses.next().unwrap_or(MAX_PAUSE).min(MAX_PAUSE);
        state.open = Some(Open {
            problem,
            next_test: now + pause,
            is_testing: false,
            tests,
            pauses,
        });
        drop(state);
        self.changed.notify_waiters();
        Some(Change::Opened(pause))
    }

    /// Records another failure of a call that failed before. The call itself may be the cause, so
    /// the failure counts only as the result of a test.
    pub(super) fn record_repeated_failure(&self, problem: Problem) -> Option<Change> {
        if !self.is_open() {
            return None;
        }
        self.record_failure(FailedAttempt {
            problem,
            call: None,
            sent: Instant::now(),
            exhausted: None,
        })
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        // No code panics while it holds the lock, so the state stays consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission<'_> {
    /// Returns whether the call tests an endpoint that is down.
    pub(super) fn is_test(&self) -> bool {
        self.test.is_some()
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if let Some(open) = &mut state.open
            && open.is_testing
            && self.test == Some(open.tests)
        {
            open.is_testing = false;
            drop(state);
            self.breaker.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(outage: Duration) -> CircuitBreaker {
        let policy = RetryPolicy::test(Duration::from_secs(2));
        CircuitBreaker::new("service.example".to_owned(), outage, policy)
    }

    fn reset() -> Problem {
        Problem::passing("reset", "")
    }

    fn failed(call: u64) -> FailedAttempt {
        FailedAttempt {
            problem: reset(),
            call: Some(call),
            sent: Instant::now(),
            exhausted: None,
        }
    }

    fn fail(breaker: &CircuitBreaker, times: u32) -> Vec<Option<Change>> {
        (0..times)
            .map(|nth| breaker.record_failure(failed(nth.into())))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tests_the_endpoint_while_the_others_wait() {
        let breaker = breaker(Duration::from_mins(1));
        assert_eq!(breaker.record_success(), None);
        let changes = fail(&breaker, FAILURE_THRESHOLD);
        let Some(Some(Change::Opened(pause))) = changes.last() else {
            panic!("{changes:?}");
        };
        let began = Instant::now();
        let first = breaker
            .admit()
            .await
            .expect("the first call tests the endpoint");
        let waited = began.elapsed();
        assert!((*pause..*pause + Duration::from_millis(3)).contains(&waited));
        let second = tokio::time::timeout(Duration::from_secs(30), breaker.admit());
        assert!(second.await.is_err(), "one at a time");
        tokio::join!(
            async {
                drop(breaker.admit().await.expect("the breaker is closed"));
                drop(breaker.admit().await.expect("for all calls"));
            },
            async { assert!(matches!(breaker.record_success(), Some(Change::Closed(_)))) }
        );
        drop(first);
    }

    /// The test was not sent, or its caller was cancelled.
    #[tokio::test(start_paused = true)]
    async fn a_test_without_an_outcome_is_left_to_the_next_call() {
        let breaker = breaker(Duration::from_mins(1));
        breaker.record_success();
        fail(&breaker, FAILURE_THRESHOLD);
        for _ in 0..3 {
            let admission = breaker.admit().await.expect("it may test");
            assert!(admission.is_test());
        }
    }

    /// Many connection attempts can time out at once, long after the endpoint has recovered.
    #[tokio::test(start_paused = true)]
    async fn ignores_failures_of_calls_that_were_sent_before_the_last_success() {
        let breaker = breaker(Duration::from_mins(1));
        let sent = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        breaker.record_success();
        for _ in 0..2 * FAILURE_THRESHOLD {
            let failed = FailedAttempt { sent, ..failed(0) };
            assert_eq!(breaker.record_failure(failed), None);
        }
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_calls_fail_when_the_outage_lasts_too_long() {
        let breaker = breaker(Duration::from_secs(5));
        breaker.record_success();
        fail(&breaker, FAILURE_THRESHOLD);
        let began = Instant::now();
        let problem = loop {
            match breaker.admit().await {
                Ok(_) => drop(breaker.record_failure(failed(0))),
                Err(problem) => break problem,
            }
        };
        assert_eq!(problem, reset());
        assert!((5..=10).contains(&began.elapsed().as_secs()));
    }

    /// The pause does not count as outage, but repeated pauses do not add up.
    #[tokio::test(start_paused = true)]
    async fn a_requested_pause_extends_the_wait_once() {
        let breaker = breaker(Duration::from_mins(1));
        breaker.record_success();
        fail(&breaker, FAILURE_THRESHOLD);
        breaker.record_pause(Duration::from_mins(4));
        breaker.record_pause(Duration::from_mins(4));
        tokio::time::advance(Duration::from_mins(4)).await;
        drop(breaker.admit().await.expect("it may test"));
        tokio::time::advance(Duration::from_mins(2)).await;
        assert!(breaker.admit().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_outage_wakes_all_waiting_calls() {
        let breaker = breaker(Duration::from_mins(1));
        breaker.record_success();
        fail(&breaker, FAILURE_THRESHOLD);
        let test = breaker.admit().await.expect("it may test");
        let end = async {
            tokio::time::sleep(Duration::from_mins(2)).await;
            for call in 0..2 {
                breaker.record_throttled(call, false);
            }
            drop(test);
        };
        let waiting = async { breaker.admit().await.map(drop) };
        let both = async { tokio::join!(waiting, end).0 };
        let ended = tokio::time::timeout(Duration::from_mins(5), both).await;
        let problem = ended.expect("the call is woken").expect_err("an outage");
        assert!(problem.message.contains("service.example"), "{problem}");
    }

    #[tokio::test(start_paused = true)]
    async fn opens_when_a_call_uses_up_its_attempts_and_no_other_succeeds() {
        let breaker = breaker(Duration::from_mins(1));
        let before = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        breaker.record_success();
        let fail = |call, began| {
            breaker.record_failure(FailedAttempt {
                exhausted: Some(began),
                ..failed(call)
            })
        };
        assert_eq!(fail(1, before), None);
        assert_eq!(fail(2, Instant::now()), None);
        assert_eq!(
            fail(2, Instant::now()),
            None,
            "two calls may be two bad rows"
        );
        assert!(fail(3, Instant::now()).is_some());
    }

    /// The content of the call may be the cause.
    #[tokio::test(start_paused = true)]
    async fn never_opens_for_a_single_call() {
        let breaker = breaker(Duration::from_mins(1));
        breaker.record_success();
        for _ in 0..10 * FAILURE_THRESHOLD {
            assert_eq!(breaker.record_failure(failed(7)), None);
        }
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn never_opens_for_an_endpoint_that_has_not_responded() {
        let breaker = breaker(Duration::from_secs(5));
        assert!(fail(&breaker, 100).iter().all(Option::is_none));
        drop(breaker.admit().await.expect("the breaker is closed"));
    }
}
