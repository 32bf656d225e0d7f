//! Decides whether throttling concerns an operation or a single call.
//!
//! A call that the service always throttles must not slow down the others. So responses are counted
//! once for each call, not once for each response: an operation counts as throttled if several of
//! its calls wait at the same time and few others are accepted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::identity::CallIdentity;
use crate::api::operation::Op;

/// The length of the sliding window of accepted calls, in seconds.
const WINDOW: u64 = 10;
/// The number of throttled calls from which an operation counts as throttled if it also accepts
/// calls.
const MIN_CALLS: usize = 3;
/// The number of throttled calls from which an operation that accepts none counts as throttled.
const MIN_CALLS_WITHOUT_ACCEPTED: usize = 2;
/// An operation counts as throttled only if fewer calls than this were accepted for each throttled
/// one.
const ACCEPTED_PER_THROTTLED: usize = 10;

/// The throttled and accepted calls of each operation.
#[derive(Debug)]
pub(super) struct Throttling {
    start: Instant,
    operations: Mutex<BTreeMap<Op, Calls>>,
}

#[derive(Debug, Default)]
struct Calls {
    /// The calls that were throttled and not accepted since, with the time until which they count.
    throttled: HashMap<u64, Instant>,
    /// The number of accepted calls of each second.
    accepted: VecDeque<(u64, usize)>,
    last_accepted: Option<Instant>,
}

impl Throttling {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            operations: Mutex::default(),
        }
    }

    /// Records a throttled call, which counts until `until` unless it is accepted before.
    pub(super) fn record_throttled(&self, call: &CallIdentity, until: Instant) {
        let mut operations = self.operations();
        let calls = operations.entry(call.op).or_default();
        calls.throttled.insert(call.key, until);
    }

    /// Records a call that the service processed.
    pub(super) fn record_accepted(&self, call: &CallIdentity) {
        let second = self.second();
        let mut operations = self.operations();
        let calls = operations.entry(call.op).or_default();
        calls.throttled.remove(&call.key);
        calls.last_accepted = Some(Instant::now());
        match calls.accepted.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => calls.accepted.push_back((second, 1)),
        }
        calls.forget_before(second);
    }

    /// Returns whether the service throttles an operation, and not only single calls of it.
    pub(super) fn is_widespread(&self, op: Op) -> bool {
        let second = self.second();
        let mut operations = self.operations();
        let Some(calls) = operations.get_mut(&op) else {
            return false;
        };
        calls.forget_before(second);
        calls.is_throttled()
    }

    /// Returns whether the service throttles a call and accepts others: calls of the same operation,
    /// or calls of other operations if no other call of this one is throttled.
    pub(super) fn is_single(&self, call: &CallIdentity) -> bool {
        let second = self.second();
        let mut operations = self.operations();
        let since_began = |calls: &Calls| calls.last_accepted.is_some_and(|at| at > call.began);
        let any_accepted = operations.values().any(since_began);
        let Some(calls) = operations.get_mut(&call.op) else {
            return any_accepted;
        };
        calls.forget_before(second);
        let others = calls.throttled.keys().filter(|key| **key != call.key);
        let is_alone = others.count() == 0;
        !calls.is_throttled() && (since_began(calls) || is_alone && any_accepted)
    }

    fn second(&self) -> u64 {
        Duration::as_secs(&self.start.elapsed())
    }

    fn operations(&self) -> MutexGuard<'_, BTreeMap<Op, Calls>> {
        // No code panics while it holds the lock, so the state stays consistent.
        self.operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn forget_before(&mut self, second: u64) {
        let now = Instant::now();
        self.throttled.retain(|_, until| *until > now);
        let is_old = |(at, _): &(u64, usize)| at + WINDOW <= second;
        while self.accepted.front().is_some_and(is_old) {
            self.accepted.pop_front();
        }
    }

    fn is_throttled(&self) -> bool {
        let accepted: usize = self.accepted.iter().map(|(_, count)| count).sum();
        match self.throttled.len() {
            throttled if accepted == 0 => throttled >= MIN_CALLS_WITHOUT_ACCEPTED,
            throttled => throttled >= MIN_CALLS && throttled * ACCEPTED_PER_THROTTLED > accepted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn call(key: u64) -> CallIdentity {
        CallIdentity {
            op: Op::ExchangeId,
            key,
            began: Instant::now(),
        }
    }

    fn throttle(throttling: &Throttling, call: &CallIdentity) {
        throttling.record_throttled(call, Instant::now() + Duration::from_mins(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_always_throttled_is_a_single_one() {
        let (throttling, bad) = (Throttling::new(), call(0));
        for nth in 1..100 {
            throttle(&throttling, &bad);
            advance(Duration::from_millis(10)).await;
            throttling.record_accepted(&call(nth));
            assert!(throttling.is_single(&bad) && !throttling.is_widespread(Op::ExchangeId));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn several_throttled_calls_are_widespread_until_they_are_accepted() {
        let throttling = Throttling::new();
        let calls: Vec<CallIdentity> = (0..4).map(call).collect();
        advance(Duration::from_secs(1)).await;
        throttling.record_accepted(&call(9));
        for call in &calls {
            throttle(&throttling, call);
        }
        assert!(throttling.is_widespread(Op::ExchangeId));
        assert!(!throttling.is_single(&calls[0]));
        for call in &calls[1..] {
            throttling.record_accepted(call);
        }
        assert!(!throttling.is_widespread(Op::ExchangeId));
        assert!(throttling.is_single(&calls[0]));
    }

    /// Nothing shows that the service would accept another call.
    #[tokio::test(start_paused = true)]
    async fn the_only_call_is_no_single_one() {
        let (throttling, only) = (Throttling::new(), call(0));
        throttle(&throttling, &only);
        assert!(!throttling.is_single(&only) && !throttling.is_widespread(Op::ExchangeId));
    }
}
