//! The clock of a run: the wall clock at its start, advanced by tokio's clock, which tests can
//! pause.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that reads the wall clock once and then advances with tokio's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Timestamp,
    started_at: Instant,
}

impl Clock {
    /// Starts a clock at the current wall-clock time.
    pub(crate) fn start() -> Self {
        Self {
            start: Timestamp::now(),
            started_at: Instant::now(),
        }
    }

    /// Returns the current time.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed =
            SignedDuration::try_from(self.started_at.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.start.saturating_add(elapsed).unwrap_or(self.start)
    }

    /// Returns the instant of a point in time; the clock's start if that is earlier.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        let delay = time.duration_since(self.start);
        self.started_at + std::time::Duration::try_from(delay).unwrap_or_default()
    }
}
