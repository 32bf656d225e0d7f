//! The retry budget: limits retries, so that they do not overload a service that fails many calls.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The number of retries that each call adds to the budget.
const PER_CALL: f64 = 0.2;
/// The number of retries that each second adds to the budget.
const PER_SECOND: f64 = 10.0;
/// The budget without recent calls.
const BASE: f64 = 100.0;
/// The time constant with which the budget beyond [`BASE`] decays. It is longer than the delays
/// before retries: a fast run has made all its calls before the first of its retries is due.
const EXPIRY: Duration = Duration::from_secs(10);

/// The number of retries that are allowed now. Further ones wait.
#[derive(Debug)]
pub(super) struct RetryBudget(Mutex<Balance>);

#[derive(Debug)]
struct Balance {
    left: f64,
    at: Instant,
}

impl RetryBudget {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Balance {
            left: BASE,
            at: Instant::now(),
        }))
    }

    /// Adds the share of a new call to the budget.
    pub(super) fn deposit(&self) {
        self.with(|balance| balance.left += PER_CALL);
    }

    /// Waits until a retry is allowed, in FIFO order.
    pub(super) async fn withdraw(&self) {
        // The balance is reduced before the wait, which keeps the order.
        let left = self.with(|balance| {
            balance.left -= 1.0;
            balance.left
        });
        if left < 0.0 {
            sleep(Duration::from_secs_f64(-left / PER_SECOND)).await;
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Balance) -> T) -> T {
        // No code panics while it holds the lock, so the state stays consistent.
        let mut balance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        balance.bring_up_to(Instant::now());
        work(&mut balance)
    }
}

impl Balance {
    /// Adds [`PER_SECOND`] for the time since the last change, up to [`BASE`], and reduces the budget
    /// beyond it.
    fn bring_up_to(&mut self, now: Instant) {
        let elapsed = now.duration_since(self.at).as_secs_f64();
        self.at = now;
        let unexpired = (-elapsed / EXPIRY.as_secs_f64()).exp();
        let beyond = (self.left - BASE).max(0.0) * unexpired;
        self.left = BASE.min(self.left + elapsed * PER_SECOND) + beyond;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_beyond_the_budget_wait() {
        let budget = RetryBudget::new();
        let began = Instant::now();
        for _ in 0..100 {
            budget.withdraw().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "the initial budget");
        for _ in 0..50 {
            budget.withdraw().await;
        }
        assert_eq!(began.elapsed().as_secs(), 5, "then ten a second");
        for _ in 0..500 {
            budget.deposit();
        }
        let began = Instant::now();
        for _ in 0..100 {
            budget.withdraw().await;
        }
        assert_eq!(
            began.elapsed(),
            Duration::ZERO,
            "five calls pay for one retry"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_share_of_calls_expires() {
        for (idle, expected) in [(0, 0), (100, 10)] {
            let budget = RetryBudget::new();
            for _ in 0..500 {
                budget.deposit();
            }
            sleep(Duration::from_secs(idle)).await;
            let began = Instant::now();
            for _ in 0..200 {
                budget.withdraw().await;
            }
            let waited = began.elapsed().as_secs_f64().round();
            assert!(
                (waited - f64::from(expected)).abs() < 0.5,
                "{idle}: {waited}"
            );
        }
    }
}
