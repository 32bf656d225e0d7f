//! A compact set of item ids.

use std::collections::BTreeMap;

use crate::ledger::EntityId;

/// A set of item ids, stored as bit maps of 64 consecutive ids.
#[derive(Debug, Default)]
pub struct IdSet(BTreeMap<EntityId, u64>);

impl IdSet {
    /// Adds an id.
    pub(super) fn insert(&mut self, id: EntityId) {
        *self.0.entry(id / 64).or_default() |= bit(id);
    }

    /// Returns whether the set has an id.
    pub fn contains(&self, id: EntityId) -> bool {
        let bits = self.0.get(&(id / 64));
        bits.is_some_and(|bits| bits & bit(id) != 0)
    }
}

fn bit(id: EntityId) -> u64 {
    1 << id.rem_euclid(64)
}
