//! The slowdown: how far the client is below its configured limits.
//!
//! A service that throttles halves the factor, at most once a second; without another signal it is back at 1 within ten seconds. Each
//! signal also pauses all requests: as long as the service asks for, or for a moment. Without the pause, a limit of requests a second is
//! met again at once, and every waiting call in turn is refused and backs off.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Signals within this time answer requests of the same rate, and count once.
const ONE_SIGNAL: Duration = Duration::from_secs(1);
/// The time in which the factor returns to 1.
const RECOVERY: Duration = Duration::from_secs(10);
/// The pause where the service asks for none: a small part of the second by which most limits count.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// The smallest factor.
const SMALLEST: f64 = 1.0 / 32.0;

/// The share of the configured limits that is used now.
#[derive(Debug, Default)]
pub(super) struct Slowdown(Mutex<Option<Slowed>>);

#[derive(Debug, Clone, Copy)]
struct Slowed {
    /// When the last signal counted, and the factor since.
    at: Instant,
    factor: f64,
    /// No request is sent before this.
    paused_until: Instant,
}

impl Slowed {
    /// The factor at a moment. It grows in steps of a second, so that the rate is not changed with every request.
    fn factor_at(self, now: Instant) -> f64 {
        let since = (now - self.at).as_secs();
        let share = (Duration::from_secs(since).as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0);
        self.factor + (1.0 - self.factor) * share
    }
}

impl Slowdown {
    /// The factor now, above 0 and at most 1.
    pub(super) fn factor(&self) -> f64 {
        let slowed = *self.state();
        slowed.map_or(1.0, |slowed| slowed.factor_at(Instant::now()))
    }

    /// The service throttles, and perhaps asks for a pause. Says whether the client was at its full limits before.
    pub(super) fn throttled(&self, pause: Option<Duration>) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let paused_until = now + pause.unwrap_or(SHORT_PAUSE);
        if let Some(slowed) = state.as_mut().filter(|slowed| now - slowed.at < ONE_SIGNAL) {
            slowed.paused_until = slowed.paused_until.max(paused_until);
            return false;
        }
        let before = state.map_or(1.0, |slowed| slowed.factor_at(now));
        let earlier = state.map_or(now, |slowed| slowed.paused_until);
        *state = Some(Slowed {
            at: now,
            factor: (before / 2.0).max(SMALLEST),
            paused_until: paused_until.max(earlier),
        });
        before >= 1.0
    }

    /// Waits until the pause that the service asked for is over.
    pub(super) async fn pause_is_over(&self) {
        loop {
            let until = self.state().map(|slowed| slowed.paused_until);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Slowed>> {
        // Nothing panics while it is held; its content stays true.
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
        assert!(slowdown.throttled(None));
        for _ in 0..100 {
            assert!(!slowdown.throttled(None));
        }
        assert!((slowdown.factor() - 0.5).abs() < 1e-9);
        sleep(Duration::from_secs(1)).await;
        // A tenth of the way back, then halved again.
        assert!(!slowdown.throttled(None));
        assert!((slowdown.factor() - 0.275).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn it_recovers_within_ten_seconds_and_has_a_floor() {
        let slowdown = Slowdown::default();
        for _ in 0..100 {
            slowdown.throttled(None);
            sleep(ONE_SIGNAL).await;
        }
        assert!(slowdown.factor() >= SMALLEST);
        sleep(RECOVERY).await;
        assert!((slowdown.factor() - 1.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_pause_holds() {
        let slowdown = Slowdown::default();
        let began = Instant::now();
        slowdown.throttled(Some(Duration::from_secs(30)));
        slowdown.throttled(Some(Duration::from_secs(5)));
        slowdown.pause_is_over().await;
        assert_eq!(began.elapsed(), Duration::from_secs(30));
    }
}
