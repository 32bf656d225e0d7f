//! What time it is: the wall clock as it goes on from a run's start. On a paused clock it goes with that.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that is read once and then goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Timestamp,
    from: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Timestamp::now(),
            from: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.from.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.start.saturating_add(gone).unwrap_or(self.start)
    }

    /// When a moment comes; at once when it is over.
    pub(crate) fn instant(&self, moment: Timestamp) -> Instant {
        let ahead = moment.duration_since(self.start);
        self.from + std::time::Duration::try_from(ahead).unwrap_or_default()
    }
}
