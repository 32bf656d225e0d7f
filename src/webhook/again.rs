//! Flows that callbacks have told of, and of which asking failed: they are asked for again, ever more seldom, and then
//! left to the next sync. Kept in memory alone: a sync visits all of them anyway.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Address;

/// The pauses before each further attempt.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
];
/// So many are asked for while the ledger is held once.
const TOGETHER: usize = 16;
/// More than that are left to the next sync.
const MOST: usize = 10_000;
/// Nobody waits for what is later than that.
const LONG: Duration = Duration::from_hours(24);

/// What is to be asked for again: how often it has failed, and when its time comes.
#[derive(Debug, Default)]
pub struct RetrySchedule(BTreeMap<Address, (u32, Instant)>);

impl RetrySchedule {
    /// The time until something is due.
    pub(super) fn wait(&self) -> Duration {
        let first = self.0.values().map(|(_, at)| *at).min();
        first.map_or(LONG, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Takes some of those whose time has come, with how often each has failed.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(Address, u32)> {
        let due = self.0.iter().filter(|(_, (_, at))| *at <= now);
        let due = due.map(|(address, (times, _))| (address.clone(), *times));
        let due: Vec<_> = due.take(TOGETHER).collect();
        for (address, _) in &due {
            self.0.remove(address);
        }
        due
    }

    /// They could not be tried; the next time they can.
    pub(super) fn put_back(&mut self, due: Vec<(Address, u32)>) {
        let now = Instant::now();
        for (address, times) in due {
            self.0.entry(address).or_insert((times, now));
        }
    }

    /// Notes what has failed, where some of it had failed before.
    pub(super) fn failed(&mut self, failed: Vec<Address>, before: &[(Address, u32)], now: Instant) {
        for address in failed {
            let before = before.iter().find(|(known, _)| *known == address);
            let times = before.map_or(0, |(_, times)| *times);
            let times = self.0.get(&address).map_or(times, |(times, _)| *times);
            match PAUSES.get(times as usize) {
                Some(pause) if self.0.len() < MOST => {
                    self.0.insert(address, (times + 1, now + *pause));
                }
                _ => {
                    self.0.remove(&address);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_five_times_ever_more_seldom() {
        let mut again = RetrySchedule::default();
        let address = Address::item("loans", "HT-1");
        let now = Instant::now;
        assert_eq!(again.wait(), LONG);
        again.failed(vec![address.clone()], &[], now());
        for (times, pause) in PAUSES.into_iter().enumerate() {
            assert!(again.take_due(now()).is_empty());
            assert_eq!(again.wait(), pause);
            tokio::time::advance(pause).await;
            let due = again.take_due(now());
            assert_eq!(
                due,
                [(address.clone(), u32::try_from(times).expect("few") + 1)]
            );
            again.put_back(due);
            let due = again.take_due(now());
            again.failed(vec![address.clone()], &due, now());
        }
        assert_eq!(again.wait(), LONG, "it is left to the next sync");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_reported_again_is_done() {
        let mut again = RetrySchedule::default();
        let addresses: Vec<Address> = (0..20)
            .map(|row| Address::item("loans", &row.to_string()))
            .collect();
        again.failed(addresses, &[], Instant::now());
        tokio::time::advance(PAUSES[0]).await;
        assert_eq!(again.take_due(Instant::now()).len(), TOGETHER);
        assert_eq!(again.take_due(Instant::now()).len(), 20 - TOGETHER);
        assert_eq!(again.wait(), LONG);
    }
}
