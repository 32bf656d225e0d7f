//! The rate limit: `governor`'s generic cell rate algorithm, with permits granted in FIFO order.
//!
//! It uses tokio's clock, so that tests can pause it. `governor`'s own `until_ready` is neither
//! FIFO nor pausable.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter as Governor};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use super::slowdown::Slowdown;

/// A limit of requests a second.
pub(super) struct RateLimiter {
    limit: f64,
    bucket: Mutex<Bucket>,
}

/// `governor`'s state for the current rate.
pub(super) struct Bucket {
    rate: f64,
    governor: Governor<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
}

/// The head of the queue for permits. Later requests wait until it is dropped.
pub(super) struct QueueHead<'a> {
    limit: f64,
    bucket: MutexGuard<'a, Bucket>,
}

impl RateLimiter {
    /// Creates a limiter of `limit` requests a second, which must be positive.
    pub(super) fn new(limit: f64) -> Self {
        Self {
            limit,
            bucket: Mutex::new(Bucket::new(limit)),
        }
    }

    /// Waits for the head of the queue, in FIFO order.
    pub(super) async fn queue(&self) -> QueueHead<'_> {
        QueueHead {
            limit: self.limit,
            bucket: self.bucket.lock().await,
        }
    }
}

impl QueueHead<'_> {
    /// Waits for a permit and takes it. The rate is the limit, reduced while the client is slowed
    /// down. It changes only between two permits, so that the recovery cannot postpone a permit
    /// again and again.
    pub(super) async fn take_permit(&mut self, slowdown: &Slowdown) {
        let rate = self.limit * slowdown.factor();
        if self.bucket.rate.to_bits() != rate.to_bits() {
            *self.bucket = Bucket::empty(rate);
        }
        loop {
            slowdown.wait_for_pause().await;
            match self.bucket.governor.check() {
                Ok(()) => return,
                Err(until) => {
                    let now = self.bucket.governor.clock().now();
                    sleep(until.wait_time_from(now)).await;
                }
            }
        }
    }
}

impl Bucket {
    /// Creates a bucket that grants its burst immediately.
    fn new(rate: f64) -> Self {
        let clock = TokioClock::start();
        Self {
            rate,
            governor: Governor::direct_with_clock(quota(rate), clock),
        }
    }

    /// Creates a bucket without its burst: a change of the rate must not grant one.
    fn empty(rate: f64) -> Self {
        let bucket = Self::new(rate);
        let burst = bucket.governor.check_n(burst(rate));
        debug_assert!(matches!(burst, Ok(Ok(()))), "a new bucket is full");
        bucket
    }
}

/// Returns a quota of one permit every `1 / rate` seconds.
fn quota(rate: f64) -> Quota {
    let period = Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1));
    let quota = Quota::with_period(period).expect("the period is positive");
    quota.allow_burst(burst(rate))
}

/// Returns the burst that compensates for late timers, which are accurate to one or two
/// milliseconds.
fn burst(rate: f64) -> NonZeroU32 {
    const TIMER_DELAY: f64 = 0.005;
    // The value is bounded on both sides, and has no fraction.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let burst = (rate * TIMER_DELAY).ceil().clamp(2.0, 10_000.0) as u32;
    NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)
}

/// The time since the start on tokio's clock, which tests can pause.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl TokioClock {
    fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::slowdown::Signal;
    use super::*;

    /// Takes permits, and returns their times in seconds.
    async fn permits(limiter: &RateLimiter, slowdown: &Slowdown, count: usize) -> Vec<f64> {
        let begin = Instant::now();
        let mut granted = Vec::new();
        for _ in 0..count {
            limiter.queue().await.take_permit(slowdown).await;
            granted.push(begin.elapsed().as_secs_f64());
        }
        granted
    }

    /// Returns the largest number of permits within one second.
    fn fullest_second(granted: &[f64]) -> usize {
        let within = |from: f64| {
            granted
                .iter()
                .filter(move |at| (from..from + 1.0).contains(*at))
        };
        granted
            .iter()
            .map(|from| within(*from).count())
            .max()
            .unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn grants_the_limit_and_never_more_than_two_above_it() {
        for limit in [0.5, 100.0 / 60.0, 7.0, 10.0, 50.0, 400.0] {
            let limiter = RateLimiter::new(limit);
            let slowdown = Slowdown::default();
            let granted = permits(&limiter, &slowdown, 1000).await;
            let mean = 999.0 / granted[999] / limit;
            assert!((0.99..1.01).contains(&mean), "{limit}: {mean}");
            let fullest = u32::try_from(fullest_second(&granted)).expect("few");
            assert!(
                f64::from(fullest) <= limit.ceil() + 2.0,
                "{limit}: {fullest}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unused_permits_do_not_accumulate() {
        let (limiter, slowdown) = (RateLimiter::new(10.0), Slowdown::default());
        sleep(Duration::from_mins(1)).await;
        let granted = permits(&limiter, &slowdown, 100).await;
        assert!(fullest_second(&granted) <= 12, "{granted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slowdown_halves_the_rate_and_ten_seconds_restore_it() {
        let (limiter, slowdown) = (RateLimiter::new(100.0), Slowdown::default());
        permits(&limiter, &slowdown, 100).await;
        slowdown.record(Signal::Throttled);
        let granted = permits(&limiter, &slowdown, 1500).await;
        let first = granted.iter().filter(|at| **at < 1.0).count();
        // A tenth of the first second is the pause.
        assert!((43..=47).contains(&first), "{first}");
        let last = granted
            .iter()
            .filter(|at| (11.0..12.0).contains(*at))
            .count();
        assert!((98..=102).contains(&last), "{last}");
        assert!(fullest_second(&granted) <= 102);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_limit_is_not_stalled_by_the_recovery() {
        for limit in [0.5, 1.0, 100.0 / 60.0] {
            let (limiter, slowdown) = (RateLimiter::new(limit), Slowdown::default());
            permits(&limiter, &slowdown, 2).await;
            slowdown.record(Signal::Throttled);
            let granted = permits(&limiter, &slowdown, 1).await;
            assert!(granted[0] <= 2.1 / limit, "{limit}: {granted:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn grants_permits_in_fifo_order() {
        let (limiter, slowdown) = (&RateLimiter::new(10.0), &Slowdown::default());
        let order = &std::sync::Mutex::new(Vec::new());
        let requests = (0..20).map(|nth| async move {
            limiter.queue().await.take_permit(slowdown).await;
            order.lock().expect("a lock").push(nth);
        });
        futures::future::join_all(requests).await;
        let order = order.lock().expect("a lock").clone();
        assert_eq!(order, (0..20).collect::<Vec<_>>());
    }
}
