//! The retry policy: exponential backoff with jitter, used for all retries.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::settings::Settings;

/// The number of retries and their delays.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy(ExponentialBuilder);

/// An iterator over the delays before the retries of one call. It ends when no attempt is left.
pub type RetryDelays = ExponentialBackoff;

impl RetryPolicy {
    /// Creates the policy for the settings. The first delay is at most `backoff`; each further one
    /// is twice as long, up to `max_backoff`. Jitter shortens a delay by up to half.
    pub(super) fn new(settings: &Settings) -> Self {
        let retries = settings.attempts.saturating_sub(1);
        // `backon` adds a jitter of up to the delay itself, so half of the delay is configured.
        let policy = ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(settings.backoff / 2)
            .with_max_delay(settings.max_backoff / 2)
            .with_max_times(usize::try_from(retries).unwrap_or(usize::MAX))
            .with_jitter();
        Self(policy)
    }

    /// Creates a policy for tests.
    #[cfg(test)]
    pub(super) fn test(backoff: std::time::Duration) -> Self {
        Self(
            ExponentialBuilder::new()
                .with_min_delay(backoff / 2)
                .with_jitter(),
        )
    }

    /// Returns the delays before the allowed retries.
    pub(super) fn delays(self) -> RetryDelays {
        self.0.build()
    }

    /// Returns endless delays, for retries after uncounted attempts.
    pub(super) fn endless_delays(self) -> RetryDelays {
        self.0.without_max_times().build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;
    use std::time::Duration;

    #[test]
    fn delays_double_with_jitter_up_to_the_maximum() {
        let settings = Settings {
            endpoint: String::new(),
            credentials: None,
            rate: None,
            operation_rates: std::collections::BTreeMap::new(),
            concurrency: NonZeroUsize::MIN,
            attempts: 6,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(3),
            timeout: Duration::ZERO,
            outage: Duration::ZERO,
            throttle_codes: Vec::new(),
        };
        let policy = RetryPolicy::new(&settings);
        let delays: Vec<Duration> = policy.delays().collect();
        assert_eq!(delays.len(), 5);
        for (delay, longest) in delays.iter().zip([500, 1000, 2000, 3000, 3000]) {
            let longest = Duration::from_millis(longest);
            assert!(longest / 2 <= *delay && *delay <= longest, "{delays:?}");
        }
        assert_eq!(policy.endless_delays().take(100).count(), 100);
    }
}
