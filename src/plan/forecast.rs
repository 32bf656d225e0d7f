//! The number of calls that a plan needs, by operation, and their duration under the rate limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::operation::Op;

/// The number of calls of each operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls(BTreeMap<Op, u64>);

impl Calls {
    /// Adds `count` calls of one operation.
    pub fn add(&mut self, op: Op, count: u64) {
        if count > 0 {
            *self.0.entry(op).or_default() += count;
        }
    }

    /// Adds all calls of another count.
    pub fn add_all(&mut self, other: &Self) {
        for (op, count) in &other.0 {
            self.add(*op, *count);
        }
    }

    /// The operations and their numbers of calls, in the order of the API document.
    pub fn iter(&self) -> impl Iterator<Item = (Op, u64)> {
        self.0.iter().map(|(op, count)| (*op, *count))
    }

    /// The number of calls of all operations together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The least number of seconds that the calls take: the slowest rate limit decides.
    ///
    /// `rate` is the limit for all calls per second, `of_operation` the one of an operation.
    /// Returns `None` without any limit.
    // The number of calls is far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds(
        &self,
        rate: Option<f64>,
        of_operation: impl Fn(Op) -> Option<f64>,
    ) -> Option<f64> {
        let own = self
            .iter()
            .filter_map(|(op, count)| Some(count as f64 / of_operation(op)?));
        let all = rate.map(|rate| self.total() as f64 / rate);
        own.chain(all).reduce(f64::max)
    }
}

impl FromIterator<(Op, u64)> for Calls {
    fn from_iter<T: IntoIterator<Item = (Op, u64)>>(counts: T) -> Self {
        let mut calls = Self::default();
        for (op, count) in counts {
            calls.add(op, count);
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_time_of_the_slowest_limit() {
        let mut calls = Calls::default();
        calls.add(Op::CreateByTemplate, 100);
        calls.add(Op::AddProcess, 100);
        assert_eq!(calls.total(), 200);
        let near =
            |seconds: Option<f64>, expected: f64| (seconds.unwrap_or(-1.0) - expected).abs() < 1e-9;
        assert!(near(calls.seconds(Some(10.0), |_| None), 20.0));
        assert!(near(
            calls.seconds(Some(10.0), |op| (op == Op::CreateByTemplate).then_some(2.0)),
            50.0
        ));
        assert_eq!(calls.seconds(None, |_| None), None);
    }
}
