//! The calls that a plan needs, by operation, and the time that they take.

use std::collections::BTreeMap;

use crate::api::operation::Op;

/// Counts of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<Op, u64>);

impl Calls {
    /// Adds calls of one operation.
    pub fn add(&mut self, op: Op, count: u64) {
        if count > 0 {
            *self.0.entry(op).or_default() += count;
        }
    }

    /// Adds other counts.
    pub fn add_all(&mut self, other: &Self) {
        for (op, count) in &other.0 {
            self.add(*op, *count);
        }
    }

    /// By operation, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = (Op, u64)> {
        self.0.iter().map(|(op, count)| (*op, *count))
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The seconds that they take at least: the slowest of the limits decides. None without any limit.
    // Counts of calls are far below 2^52.
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
    fn the_slowest_limit_decides() {
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
