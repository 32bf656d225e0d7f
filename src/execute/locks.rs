//! Keeps those apart who work on the same thing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// A lock for each name that somebody works on.
#[derive(Default)]
pub(crate) struct Locks(Mutex<Table>);

#[derive(Default)]
struct Table {
    locks: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// Once there are so many, those that nobody has are thrown away.
    many: usize,
}

impl Locks {
    /// Waits until nobody else works on it.
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if table.locks.len() >= table.many {
                table.locks.retain(|_, lock| Arc::strong_count(lock) > 1);
                table.many = 2 * table.locks.len() + 16;
            }
            table.locks.entry(name.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }
}
