//! The polling schedule: items are polled often after a change, and less often without one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::ledger::EntityId;

/// The longest interval between two polls.
const MAX_INTERVAL: Duration = Duration::from_hours(6);

/// The interval until the next poll of an item that did not change for `age`: a tenth of `age`, at
/// least `every`, at most six hours.
pub(crate) fn poll_interval(every: Duration, age: Duration) -> Duration {
    (age / 10).clamp(every, MAX_INTERVAL.max(every))
}

/// The interval until the next poll after a number of consecutive failures: doubles with each
/// failure, at least `every`, at most six hours.
pub(crate) fn failure_backoff(every: Duration, failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    every
        .saturating_mul(doubled)
        .clamp(every, MAX_INTERVAL.max(every))
}

/// The items to poll, ordered by the time at which they are due.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// The queue. Entries that differ from `due` are outdated and skipped.
    queue: BinaryHeap<Reverse<(Instant, EntityId)>>,
    /// Items to poll immediately.
    urgent: Vec<EntityId>,
    /// The due time of each scheduled item.
    due: HashMap<EntityId, Instant>,
}

impl Schedule {
    /// Schedules an item for a time. Replaces an earlier schedule of the item.
    pub(crate) fn schedule(&mut self, id: EntityId, at: Instant) {
        self.due.insert(id, at);
        self.queue.push(Reverse((at, id)));
    }

    /// Makes a scheduled item due immediately. Returns whether the item was scheduled.
    pub(crate) fn expedite(&mut self, id: EntityId) -> bool {
        let is_scheduled = self.due.contains_key(&id);
        if is_scheduled && !self.urgent.contains(&id) {
            self.urgent.push(id);
        }
        is_scheduled
    }

    /// Removes and returns the next item that is due at `now`, urgent items first.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<EntityId> {
        while let Some(id) = self.urgent.pop() {
            if self.due.remove(&id).is_some() {
                return Some(id);
            }
        }
        while let Some(Reverse((at, id))) = self.queue.peek().copied() {
            if at > now {
                return None;
            }
            self.queue.pop();
            if self.due.get(&id) == Some(&at) {
                self.due.remove(&id);
                return Some(id);
            }
        }
        None
    }

    /// The due time of the first item in the queue.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether no item is scheduled.
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_recently_changed_flows_more_often() {
        let every = Duration::from_secs(30);
        for (age, expected) in [
            (0, 30),
            (300, 30),
            (600, 60),
            (3_600, 360),
            (86_400, 8_640),
            (86_400 * 30, 21_600),
        ] {
            let age = Duration::from_secs(age);
            assert_eq!(poll_interval(every, age), Duration::from_secs(expected));
        }
        let half_day = Duration::from_hours(12);
        assert_eq!(poll_interval(half_day, Duration::ZERO), half_day);
    }

    #[test]
    fn doubles_the_interval_after_failures_up_to_six_hours() {
        let minutes = |minutes| Duration::from_mins(minutes);
        for (failures, expected) in [
            (0, 5),
            (1, 5),
            (2, 10),
            (4, 40),
            (7, 320),
            (8, 360),
            (99, 360),
        ] {
            assert_eq!(
                failure_backoff(minutes(5), failures),
                minutes(expected),
                "{failures}"
            );
        }
        let half_day = Duration::from_hours(12);
        assert_eq!(failure_backoff(half_day, 3), half_day);
    }

    #[tokio::test(start_paused = true)]
    async fn pops_items_in_due_order_and_expedited_items_once() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.schedule(1, now + Duration::from_secs(2));
        schedule.schedule(2, now);
        schedule.schedule(3, now + Duration::from_secs(1));
        assert_eq!(schedule.pop_due(now), Some(2));
        assert_eq!(schedule.pop_due(now), None);
        assert!(schedule.expedite(1) && schedule.expedite(1) && !schedule.expedite(2));
        assert_eq!(schedule.pop_due(now), Some(1));
        assert_eq!(schedule.pop_due(now), None);
        let later = now + Duration::from_secs(5);
        assert_eq!(schedule.pop_due(later), Some(3));
        assert_eq!(schedule.pop_due(later), None);
        assert!(schedule.is_empty());
    }
}
