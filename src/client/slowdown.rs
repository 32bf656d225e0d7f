//! The slowdown: the share of the configured limits that the client currently uses.
//!
//! A signal halves the factor, at most once a second. Without further signals the factor returns to
//! 1 within ten seconds. A response that throttles also pauses all requests for a moment. Without the
//! pause, the waiting calls would exceed a limit of requests a second again immediately, and each
//! would back off in turn.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time within which further signals are ignored: they are responses to requests sent at the
/// same rate.
const SIGNAL_INTERVAL: Duration = Duration::from_secs(1);
/// The time in which the factor returns to 1.
const RECOVERY: Duration = Duration::from_secs(10);
/// The pause after a throttled call: a small part of one second, the unit of most limits.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// The smallest factor.
const MIN_FACTOR: f64 = 1.0 / 32.0;

/// A reason to slow down.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// The service throttles.
    Throttled,
    /// Most requests fail.
    Overloaded,
}

/// The share of the configured limits that is used now.
#[derive(Debug, Default)]
pub(super) struct Slowdown(Mutex<Option<Slowed>>);

#[derive(Debug, Clone, Copy)]
struct Slowed {
    /// The time of the last counted signal, and the factor at that time.
    at: Instant,
    factor: f64,
    /// The end of the pause.
    paused_until: Instant,
}

impl Slowed {
    /// Returns the factor at a time. It grows in steps of one second, so that the rate does not
    /// change with every request.
    fn factor_at(self, now: Instant) -> f64 {
        let since = (now - self.at).as_secs();
        let share = (Duration::from_secs(since).as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0);
        self.factor + (1.0 - self.factor) * share
    }
}

impl Slowdown {
    /// Returns the current factor, greater than 0 and at most 1.
    pub(super) fn factor(&self) -> f64 {
        let slowed = *self.state();
        slowed.map_or(1.0, |slowed| slowed.factor_at(Instant::now()))
    }

    /// Records a signal. Returns whether the client was at its full limits before.
    pub(super) fn record(&self, signal: Signal) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let paused_until = match signal {
            Signal::Throttled => now + SHORT_PAUSE,
            Signal::Overloaded => now,
        };
        if let Some(slowed) = state
            .as_mut()
            .filter(|slowed| now - slowed.at < SIGNAL_INTERVAL)
        {
            slowed.paused_until = slowed.paused_until.max(paused_until);
            return false;
        }
        let before = state.map_or(1.0, |slowed| slowed.factor_at(now));
        let earlier = state.map_or(now, |slowed| slowed.paused_until);
        *state = Some(Slowed {
            at: now,
            factor: (before / 2.0).max(MIN_FACTOR),
            paused_until: paused_until.max(earlier),
        });
        before >= 1.0
    }

    /// Waits until the pause is over.
    pub(super) async fn wait_for_pause(&self) {
        loop {
            let until = self.state().map(|slowed| slowed.paused_until);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Slowed>> {
        // No code panics while it holds the lock, so the state stays consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn signals_of_one_second_count_once() {
        let slowdown = Slowdown::default();
        assert!(slowdown.record(Signal::Throttled));
        for _ in 0..100 {
            assert!(!slowdown.record(Signal::Throttled));
        }
        assert!((slowdown.factor() - 0.5).abs() < 1e-9);
        sleep(Duration::from_secs(1)).await;
        // A tenth of the way back, then halved again.
        assert!(!slowdown.record(Signal::Throttled));
        assert!((slowdown.factor() - 0.275).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn recovers_within_ten_seconds_from_the_smallest_factor() {
        let slowdown = Slowdown::default();
        for _ in 0..100 {
            slowdown.record(Signal::Throttled);
            sleep(SIGNAL_INTERVAL).await;
        }
        assert!(slowdown.factor() >= MIN_FACTOR);
        sleep(RECOVERY).await;
        assert!((slowdown.factor() - 1.0).abs() < 1e-9);
    }
}
