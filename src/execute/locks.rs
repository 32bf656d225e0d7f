//! Named locks, which are created on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// One asynchronous lock for each name in use.
#[derive(Default)]
pub(crate) struct Locks(Mutex<Table>);

#[derive(Default)]
struct Table {
    locks: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// The number of locks at which unused ones are removed.
    cleanup_at: usize,
}

impl Locks {
    /// Locks a name; waits until no other task holds it.
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if table.locks.len() >= table.cleanup_at {
                table.locks.retain(|_, lock| Arc::strong_count(lock) > 1);
                table.cleanup_at = 2 * table.locks.len() + 16;
            }
            table.locks.entry(name.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }
}
