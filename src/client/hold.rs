//! Holds: the times until which the service asked to send no call of an operation (`Retry-After`).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::api::operation::Op;

/// The difference by which a hold must become longer to be reported again.
const REPORTED_CHANGE: Duration = Duration::from_secs(5);

/// The end of the hold of each operation.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<BTreeMap<Op, Instant>>);

impl Holds {
    /// Holds an operation back for this time. An earlier, longer hold stays. Returns whether the
    /// hold is new or much longer than before.
    pub(super) fn hold(&self, op: Op, pause: Duration) -> bool {
        let now = Instant::now();
        let until = now + pause;
        let mut ends = self.ends();
        let end = ends.entry(op).or_insert(now);
        let before = (*end).max(now);
        *end = before.max(until);
        until >= before + REPORTED_CHANGE || before == now && until > now
    }

    /// Returns the end of an operation's hold, if it is held.
    pub(super) fn end(&self, op: Op) -> Option<Instant> {
        let end = self.ends().get(&op).copied();
        end.filter(|end| *end > Instant::now())
    }

    /// Waits until an operation is not held.
    pub(super) async fn wait(&self, op: Op) {
        while let Some(end) = self.end(op) {
            sleep_until(end).await;
        }
    }

    fn ends(&self) -> MutexGuard<'_, BTreeMap<Op, Instant>> {
        // No code panics while it holds the lock, so the state stays consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_requested_pause_applies_to_its_operation_only() {
        let holds = Holds::default();
        let began = Instant::now();
        assert!(holds.hold(Op::Detail, Duration::from_secs(30)));
        assert!(!holds.hold(Op::Detail, Duration::from_secs(5)));
        assert!(!holds.hold(Op::Detail, Duration::from_secs(31)));
        holds.wait(Op::AddProcess).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        holds.wait(Op::Detail).await;
        assert_eq!(began.elapsed(), Duration::from_secs(31));
    }
}
