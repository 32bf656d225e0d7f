//! The circuit breaker: when the endpoint is down, calls wait instead of failing one by one.
//!
//! After so many calls in a row without a proper answer, one call at a time tries whether the endpoint is back, and
//! the others wait for it. An endpoint that has never answered is taken for a wrong address, and is not waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// So many calls in a row without an answer, and the endpoint counts as down.
const SILENT: u32 = 8;

/// Whether calls may go out.
#[derive(Debug)]
pub(super) struct Breaker {
    /// How long an outage may last.
    outage: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// When the endpoint has answered last.
    answered: Option<Instant>,
    /// Calls without an answer since the last one that was answered.
    silent: u32,
    /// Since when there was no answer.
    since: Option<Instant>,
    down: Option<Down>,
}

#[derive(Debug)]
struct Down {
    why: String,
    /// When the next call may try.
    next: Instant,
    /// Whether one is trying.
    trying: bool,
    /// How many have tried.
    tries: u32,
}

/// Leave to go out. Whoever was the one to try, and has no end that tells of the endpoint, leaves that to the next.
#[derive(Debug)]
#[must_use]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    /// The try that it is, while the endpoint is down.
    attempt: Option<u32>,
}

/// What a call's end has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The endpoint is down, and is tried again after a pause.
    Paused(Duration),
    /// It is back after so long.
    Back(Duration),
}

impl Breaker {
    pub(super) fn new(outage: Duration) -> Self {
        Self {
            outage,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Waits until a call may go out; the error says why none may any more.
    pub(super) async fn pass(&self) -> Result<Pass<'_>, String> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let next = {
                let mut state = self.state();
                let over = state
                    .since
                    .is_some_and(|since| since.elapsed() >= self.outage);
                let Some(down) = &mut state.down else {
                    return Ok(Pass {
                        breaker: self,
                        attempt: None,
                    });
                };
                if over {
                    return Err(down.why.clone());
                }
                if !down.trying && down.next <= Instant::now() {
                    down.trying = true;
                    return Ok(Pass {
                        breaker: self,
                        attempt: Some(down.tries),
                    });
                }
                (!down.trying).then_some(down.next)
            };
            match next {
                Some(next) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(next) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Whether the endpoint counts as down.
    pub(super) fn is_down(&self) -> bool {
        self.state().down.is_some()
    }

    /// Whether the endpoint has ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.state().answered.is_some()
    }

    /// The endpoint asks to slow down, which is an answer, and does nothing. When nobody has got another for as long
    /// as an outage may last, that is the end of it.
    pub(super) fn throttled(&self) -> Option<Change> {
        let mut state = self.state();
        let now = Instant::now();
        let since = *state.since.get_or_insert(now);
        state.silent = 0;
        if now - since >= self.outage {
            state.down = Some(Down {
                why: "it asks to slow down, and does nothing else".to_owned(),
                next: now,
                trying: false,
                tries: 0,
            });
            return None;
        }
        state.down.take()?;
        drop(state);
        self.changed.notify_waiters();
        Some(Change::Back(now - since))
    }

    /// The endpoint has answered, whatever it said.
    pub(super) fn answered(&self) -> Option<Change> {
        let mut state = self.state();
        let since = state.since.take();
        let down = state.down.take();
        state.answered = Some(Instant::now());
        state.silent = 0;
        drop(state);
        down?;
        self.changed.notify_waiters();
        Some(Change::Back(
            since.map_or(Duration::ZERO, |since| since.elapsed()),
        ))
    }

    /// A call that was made at a moment has got no answer; if others got one since, that tells nothing. One that has no
    /// attempt left tells when it began: if nobody got an answer since, it is not the call's fault. `pause` gives the pause
    /// after so many tries.
    pub(super) fn silent(
        &self,
        why: &str,
        made: Instant,
        exhausted: Option<Instant>,
        pause: impl Fn(u32) -> Duration,
    ) -> Option<Change> {
        let mut state = self.state();
        let now = Instant::now();
        let others_got_one = state.answered.is_some_and(|answered| answered > made);
        if others_got_one && state.down.is_none() {
            return None;
        }
        state.silent += 1;
        state.since.get_or_insert(now);
        let nobody = |answered| exhausted.is_some_and(|asked| answered <= asked);
        let down = |answered| state.silent >= SILENT || nobody(answered);
        let is_down = state.answered.is_some_and(down);
        let tries = match &mut state.down {
            // Calls that were under way when it went down tell nothing new.
            Some(down) if !down.trying => return None,
            Some(down) => down.tries + 1,
            None if is_down => 1,
            None => return None,
        };
        let pause = pause(tries);
        state.down = Some(Down {
            why: why.to_owned(),
            next: now + pause,
            trying: false,
            tries,
        });
        drop(state);
        self.changed.notify_waiters();
        Some(Change::Paused(pause))
    }

    /// A call that was counted already has got no answer again: that matters only if it was the one to try.
    pub(super) fn silent_still(&self, pause: impl Fn(u32) -> Duration) -> Option<Change> {
        let why = self.state().down.as_ref()?.why.clone();
        self.silent(&why, Instant::now(), None, pause)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; what is in it stays true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Whether it is for trying an endpoint that is down.
    pub(super) fn is_try(&self) -> bool {
        self.attempt.is_some()
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        let Some(down) = &mut state.down else { return };
        if down.trying && self.attempt == Some(down.tries) {
            down.trying = false;
            drop(state);
            self.breaker.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    fn fail(breaker: &Breaker, times: u32) -> Vec<Option<Change>> {
        (0..times)
            .map(|_| breaker.silent("reset", Instant::now(), None, |_| PAUSE))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tries_while_the_others_wait() {
        let breaker = Breaker::new(Duration::from_mins(1));
        assert_eq!(breaker.answered(), None);
        let changes = fail(&breaker, SILENT);
        assert_eq!(
            changes[usize::try_from(SILENT - 1).expect("small")],
            Some(Change::Paused(PAUSE))
        );
        let began = Instant::now();
        let first = breaker.pass().await.expect("the first may try");
        assert_eq!(began.elapsed(), PAUSE);
        let second = tokio::time::timeout(Duration::from_secs(30), breaker.pass());
        assert!(second.await.is_err(), "one at a time");
        tokio::join!(
            async {
                drop(breaker.pass().await.expect("it is back"));
                drop(breaker.pass().await.expect("for all"));
            },
            async { assert!(matches!(breaker.answered(), Some(Change::Back(_)))) }
        );
        drop(first);
    }

    /// Whoever was to try was held back, or nobody waits for his answer any more.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_try_leaves_it_to_the_next() {
        let breaker = Breaker::new(Duration::from_mins(1));
        breaker.answered();
        fail(&breaker, SILENT);
        for _ in 0..3 {
            let pass = breaker.pass().await.expect("it may try");
            assert!(pass.is_try());
        }
    }

    /// Connections that could not be made at first time out much later, many at once.
    #[tokio::test(start_paused = true)]
    async fn what_was_called_before_others_were_answered_tells_nothing() {
        let breaker = Breaker::new(Duration::from_mins(1));
        let made = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        breaker.answered();
        for _ in 0..2 * SILENT {
            assert_eq!(breaker.silent("timeout", made, None, |_| PAUSE), None);
        }
        assert!(!breaker.is_down());
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_that_is_too_long_ends_the_wait() {
        let breaker = Breaker::new(Duration::from_secs(5));
        breaker.answered();
        fail(&breaker, SILENT);
        let began = Instant::now();
        let why = loop {
            match breaker.pass().await {
                Ok(_) => drop(breaker.silent("reset", Instant::now(), None, |_| PAUSE)),
                Err(why) => break why,
            }
        };
        assert_eq!((why.as_str(), began.elapsed().as_secs()), ("reset", 6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_nobody_answered_since_it_began_does_not_fail_alone() {
        let breaker = Breaker::new(Duration::from_mins(1));
        let before = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        breaker.answered();
        assert_eq!(
            breaker.silent("reset", Instant::now(), Some(before), |_| PAUSE),
            None
        );
        let since = Instant::now();
        assert!(
            breaker
                .silent("reset", Instant::now(), Some(since), |_| PAUSE)
                .is_some()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_has_never_answered_is_not_waited_for() {
        let breaker = Breaker::new(Duration::from_secs(5));
        assert!(fail(&breaker, 100).iter().all(Option::is_none));
        drop(breaker.pass().await.expect("its calls fail by themselves"));
    }
}
