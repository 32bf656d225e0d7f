//! The share of transient failures in the last seconds.
//!
//! A few of them are retried without a slowdown. If more than half of the requests fail, the
//! service counts as overloaded. This is the condition of client-side adaptive throttling:
//! `requests > 2 × accepted`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The length of the sliding window, in seconds.
const WINDOW: u64 = 10;
/// The minimum number of requests for a decision.
const MIN_REQUESTS: u32 = 20;
/// The factor of the condition `requests > 2 × accepted`.
const MULTIPLIER: u32 = 2;

/// The counts of a sliding window.
#[derive(Debug)]
pub(super) struct TransientFailures {
    start: Instant,
    seconds: Mutex<VecDeque<Second>>,
}

#[derive(Debug, Clone, Copy)]
struct Second {
    nth: u64,
    requests: u32,
    failed: u32,
}

impl TransientFailures {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            seconds: Mutex::default(),
        }
    }

    /// Counts a request. Returns whether it failed and the service counts as overloaded.
    pub(super) fn record(&self, has_failed: bool) -> bool {
        // No code panics while it holds the lock, so the state stays consistent.
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = Duration::as_secs(&self.start.elapsed());
        while seconds
            .front()
            .is_some_and(|first| first.nth + WINDOW <= nth)
        {
            seconds.pop_front();
        }
        if seconds.back().is_none_or(|last| last.nth != nth) {
            seconds.push_back(Second {
                nth,
                requests: 0,
                failed: 0,
            });
        }
        if let Some(last) = seconds.back_mut() {
            last.requests += 1;
            last.failed += u32::from(has_failed);
        }
        let requests: u32 = seconds.iter().map(|second| second.requests).sum();
        let failed: u32 = seconds.iter().map(|second| second.failed).sum();
        has_failed && requests >= MIN_REQUESTS && requests > MULTIPLIER * (requests - failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_minority_of_failures_is_no_overload() {
        let failures = TransientFailures::new();
        assert!((0..1000).all(|nth| !failures.record(nth % 3 == 0)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_majority_of_failures_is_an_overload_within_the_window() {
        let failures = TransientFailures::new();
        let overloaded = (0..100).filter(|nth| failures.record(nth % 4 != 0)).count();
        assert!(overloaded > 50, "{overloaded}");
        advance(Duration::from_secs(WINDOW)).await;
        assert!(!failures.record(true), "one request proves nothing");
    }
}
