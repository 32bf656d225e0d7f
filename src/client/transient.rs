//! The share of transient failures in the last seconds.
//!
//! A few of them are retried and slow nobody down. Once more than half of the requests fail, the service is overloaded: this is the
//! condition of client-side adaptive throttling, `requests > 2 × accepted`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The length of the sliding window, in seconds of one count each.
const WINDOW: u64 = 10;
/// Fewer requests than this prove nothing.
const MIN_REQUESTS: u32 = 20;
/// The requests that one accepted request stands for.
const MULTIPLIER: u32 = 2;

/// Counts of a sliding window.
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

    /// Counts a request. Says whether it failed and too many others did, too.
    pub(super) fn record(&self, has_failed: bool) -> bool {
        // Nothing panics while it is held; its content stays true.
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
    async fn a_few_failures_are_no_overload() {
        let failures = TransientFailures::new();
        assert!((0..1000).all(|nth| !failures.record(nth % 3 == 0)));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_half_is_an_overload_until_it_is_long_ago() {
        let failures = TransientFailures::new();
        let overloaded = (0..100).filter(|nth| failures.record(nth % 4 != 0)).count();
        assert!(overloaded > 50, "{overloaded}");
        advance(Duration::from_secs(WINDOW)).await;
        assert!(!failures.record(true), "one request proves nothing");
    }
}
