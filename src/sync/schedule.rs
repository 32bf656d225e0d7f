//! When an item that is under way is asked for again: soon when something has just happened, seldom when nothing has for
//! long.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::ledger::EntityId;

/// Nothing is left alone for longer.
const SELDOM: Duration = Duration::from_hours(6);

/// The time until an item is asked for again in which nothing has happened for `age`: a tenth of that, at least `every`
/// and at most six hours.
pub(crate) fn pause(every: Duration, age: Duration) -> Duration {
    (age / 10).clamp(every, SELDOM.max(every))
}

/// The time between two visits to an item of which the last ones have failed, so many in a row: twice as long each time, at
/// least `every` and at most six hours.
pub(crate) fn patience(every: Duration, failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    every
        .saturating_mul(doubled)
        .clamp(every, SELDOM.max(every))
}

/// What is to be asked for, and when: what comes first is first in line.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    line: BinaryHeap<Reverse<(Instant, EntityId)>>,
    /// What is to be asked for at once.
    hastened: Vec<EntityId>,
    /// Those that have not had their turn, and when it comes. What else stands in the line has had it.
    known: HashMap<EntityId, Instant>,
}

impl Schedule {
    /// Has an item asked for at a moment.
    pub(crate) fn put(&mut self, id: EntityId, at: Instant) {
        self.known.insert(id, at);
        self.line.push(Reverse((at, id)));
    }

    /// Has an item asked for at once, if it is to be asked for at all.
    pub(crate) fn hasten(&mut self, id: EntityId) -> bool {
        let known = self.known.contains_key(&id);
        if known && !self.hastened.contains(&id) {
            self.hastened.push(id);
        }
        known
    }

    /// Takes the next item whose time has come.
    pub(crate) fn next(&mut self, now: Instant) -> Option<EntityId> {
        while let Some(id) = self.hastened.pop() {
            if self.known.remove(&id).is_some() {
                return Some(id);
            }
        }
        while let Some(Reverse((at, id))) = self.line.peek().copied() {
            if at > now {
                return None;
            }
            self.line.pop();
            if self.known.get(&id) == Some(&at) {
                self.known.remove(&id);
                return Some(id);
            }
        }
        None
    }

    /// When the next one's time comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.line.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether nothing is to be asked for any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn young_flows_are_asked_for_often_and_old_ones_seldom() {
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
            assert_eq!(pause(every, age), Duration::from_secs(expected));
        }
        let seldom = Duration::from_hours(12);
        assert_eq!(pause(seldom, Duration::ZERO), seldom);
    }

    #[test]
    fn what_fails_is_visited_ever_more_seldom_and_every_six_hours_at_least() {
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
                patience(minutes(5), failures),
                minutes(expected),
                "{failures}"
            );
        }
        let seldom = Duration::from_hours(12);
        assert_eq!(patience(seldom, 3), seldom);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_first_comes_first_and_what_was_hastened_comes_once() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.put(1, now + Duration::from_secs(2));
        schedule.put(2, now);
        schedule.put(3, now + Duration::from_secs(1));
        assert_eq!(schedule.next(now), Some(2));
        assert_eq!(schedule.next(now), None);
        assert!(schedule.hasten(1) && schedule.hasten(1) && !schedule.hasten(2));
        assert_eq!(schedule.next(now), Some(1));
        assert_eq!(schedule.next(now), None);
        let later = now + Duration::from_secs(5);
        assert_eq!(schedule.next(later), Some(3));
        assert_eq!(schedule.next(later), None);
        assert!(schedule.is_empty());
    }
}
