//! The retry budget: a service that fails many calls is not overloaded by their retries.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Retries that each call adds to the budget.
const PER_CALL: f64 = 0.2;
/// Retries that each second adds to the budget.
const PER_SECOND: f64 = 10.0;
/// The largest budget.
const LARGEST: f64 = 100.0;

/// The retries that are allowed now; further ones wait.
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
            left: LARGEST,
            at: Instant::now(),
        }))
    }

    /// A call makes its first attempt.
    pub(super) fn deposit(&self) {
        self.with(|balance| balance.left = LARGEST.min(balance.left + PER_CALL));
    }

    /// Waits until a retry is allowed, in FIFO order.
    pub(super) async fn withdraw(&self) {
        // A waiting retry has withdrawn already, which keeps the order.
        let left = self.with(|balance| {
            let now = Instant::now();
            let free = now.duration_since(balance.at).as_secs_f64() * PER_SECOND;
            balance.at = now;
            balance.left = LARGEST.min(balance.left + free) - 1.0;
            balance.left
        });
        if left < 0.0 {
            sleep(Duration::from_secs_f64(-left / PER_SECOND)).await;
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Balance) -> T) -> T {
        // Nothing panics while it is held; its content stays true.
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
        assert_eq!(began.elapsed(), Duration::ZERO, "a burst is free");
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
