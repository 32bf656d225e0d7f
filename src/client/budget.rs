//! The budget of retries: a service that fails many calls is not buried under their repetitions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Repetitions that each first attempt pays for.
const SHARE: f64 = 0.2;
/// Repetitions a second that cost nothing.
const FREE: f64 = 10.0;
/// What can be saved up.
const MOST: f64 = 100.0;

/// Repetitions that are allowed; past them, one waits.
#[derive(Debug)]
pub(super) struct Budget(Mutex<State>);

#[derive(Debug)]
struct State {
    left: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            left: MOST,
            at: Instant::now(),
        }))
    }

    /// A call is made for the first time.
    pub(super) fn earn(&self) {
        self.with(|state| state.left = MOST.min(state.left + SHARE));
    }

    /// Waits until a repetition is allowed.
    pub(super) async fn spend(&self) {
        // Who waits has spent already, so that all wait in their order.
        let left = self.with(|state| {
            let now = Instant::now();
            let free = now.duration_since(state.at).as_secs_f64() * FREE;
            state.at = now;
            state.left = MOST.min(state.left + free) - 1.0;
            state.left
        });
        if left < 0.0 {
            sleep(Duration::from_secs_f64(-left / FREE)).await;
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // Nothing panics while it is held; what is in it stays true.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn past_the_budget_repetitions_wait_for_their_turn() {
        let budget = Budget::new();
        let began = Instant::now();
        for _ in 0..100 {
            budget.spend().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "a burst is free");
        for _ in 0..50 {
            budget.spend().await;
        }
        assert_eq!(began.elapsed().as_secs(), 5, "then ten a second");
        for _ in 0..500 {
            budget.earn();
        }
        let began = Instant::now();
        for _ in 0..100 {
            budget.spend().await;
        }
        assert_eq!(
            began.elapsed(),
            Duration::ZERO,
            "five calls pay for one repetition"
        );
    }
}
