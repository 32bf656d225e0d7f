//! The retry schedule of flows whose poll after a callback failed.
//!
//! The delays increase; after the last one the flow is left to the next sync. The schedule is kept
//! in memory only, because a sync polls all of these flows anyway.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Address;

/// The delays before each retry.
const DELAYS: [Duration; 5] = [
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
];
/// The maximum number of retries during one lease of the ledger.
const BATCH: usize = 16;
/// The maximum number of scheduled flows; further ones are left to the next sync.
const CAPACITY: usize = 10_000;
/// The wait when nothing is scheduled.
const IDLE_WAIT: Duration = Duration::from_hours(24);

/// The flows to poll again, each with its number of failures and the time of its retry.
#[derive(Debug, Default)]
pub struct RetrySchedule(BTreeMap<Address, (u32, Instant)>);

impl RetrySchedule {
    /// Returns the time until the next retry is due.
    pub(super) fn wait(&self) -> Duration {
        let first = self.0.values().map(|(_, at)| *at).min();
        first.map_or(IDLE_WAIT, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Removes up to [`BATCH`] flows that are due, with their numbers of failures.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(Address, u32)> {
        let due = self.0.iter().filter(|(_, (_, at))| *at <= now);
        let due = due.map(|(address, (times, _))| (address.clone(), *times));
        let due: Vec<_> = due.take(BATCH).collect();
        for (address, _) in &due {
            self.0.remove(address);
        }
        due
    }

    /// Schedules flows that were not polled for the next opportunity.
    pub(super) fn put_back(&mut self, due: Vec<(Address, u32)>) {
        let now = Instant::now();
        for (address, times) in due {
            self.0.entry(address).or_insert((times, now));
        }
    }

    /// Schedules the flows whose poll failed. `before` holds the failures before this poll.
    pub(super) fn record_failures(
        &mut self,
        failed: Vec<Address>,
        before: &[(Address, u32)],
        now: Instant,
    ) {
        for address in failed {
            let before = before.iter().find(|(known, _)| *known == address);
            let times = before.map_or(0, |(_, times)| *times);
            let times = self.0.get(&address).map_or(times, |(times, _)| *times);
            match DELAYS.get(times as usize) {
                Some(delay) if self.0.len() < CAPACITY => {
                    self.0.insert(address, (times + 1, now + *delay));
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
    async fn retries_a_failed_poll_five_times_with_increasing_delays() {
        let mut schedule = RetrySchedule::default();
        let address = Address::item("loans", "HT-1");
        let now = Instant::now;
        assert_eq!(schedule.wait(), IDLE_WAIT);
        schedule.record_failures(vec![address.clone()], &[], now());
        for (times, delay) in DELAYS.into_iter().enumerate() {
            assert!(schedule.take_due(now()).is_empty());
            assert_eq!(schedule.wait(), delay);
            tokio::time::advance(delay).await;
            let due = schedule.take_due(now());
            assert_eq!(
                due,
                [(address.clone(), u32::try_from(times).expect("few") + 1)]
            );
            schedule.put_back(due);
            let due = schedule.take_due(now());
            schedule.record_failures(vec![address.clone()], &due, now());
        }
        assert_eq!(schedule.wait(), IDLE_WAIT, "it is left to the next sync");
    }

    #[tokio::test(start_paused = true)]
    async fn forgets_a_flow_whose_retry_did_not_fail() {
        let mut schedule = RetrySchedule::default();
        let addresses: Vec<Address> = (0..20)
            .map(|row| Address::item("loans", &row.to_string()))
            .collect();
        schedule.record_failures(addresses, &[], Instant::now());
        tokio::time::advance(DELAYS[0]).await;
        assert_eq!(schedule.take_due(Instant::now()).len(), BATCH);
        assert_eq!(schedule.take_due(Instant::now()).len(), 20 - BATCH);
        assert_eq!(schedule.wait(), IDLE_WAIT);
    }
}
