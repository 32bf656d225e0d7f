//! The retry budget: limits retries, so that they do not overload a service that fails many calls.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The number of retries that each call adds to the budget.
const PER_CALL: f64 = 0.2;
/// The number of retries that each second adds to the budget.
const PER_SECOND: f64 = 10.0;
/// The maximum budget.
const MAX_BUDGET: f64 = 100.0;

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
            left: MAX_BUDGET,
            at: Instant::now(),
        }))
    }

    /// Adds the share of a new call to the budget.
    pub(super) fn deposit(&self) {
        self.with(|balance| balance.left = MAX_BUDGET.min(balance.left + PER_CALL));
    }

    /// Waits until a retry is allowed, in FIFO order.
    pub(super) async fn withdraw(&self) {
        // The balance is reduced before the wait, which keeps the order.
        let left = self.with(|balance| {
            let now = Instant::now();
            let earned = now.duration_since(balance.at).as_secs_f64() * PER_SECOND;
            balance.at = now;
            balance.left = MAX_BUDGET.min(balance.left + earned) - 1.0;
            balance.left
        });
        if left < 0.0 {
            sleep(Duration::from_secs_f64(-left / PER_SECOND)).await;
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Balance) -> T) -> T {
        // No code panics while it holds the lock, so the state stays consistent.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
}
