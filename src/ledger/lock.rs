//! The lock file beside a ledger. It shows which process of this machine holds the ledger.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::location::Location;
use super::version::HoldOptions;
use super::{Binding, LedgerError, marker, opening};
use crate::util::private_file::{self, Access};

/// The interval between two attempts to take a lease or a lock.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// The maximum number of attempts to take a lock that is about to be released.
const LOCK_ATTEMPTS: usize = 50;

/// A file lock that is released when the value is dropped, even if a child process has inherited
/// the file descriptor.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // If this fails, closing the file releases the lock.
        let _ = self.0.unlock();
    }
}

/// Creates a ledger if the file does not exist, and returns its lock; none if another process has
/// the lock.
pub(super) fn create_if_missing(
    location: &Location,
    binding: &Binding,
    options: &HoldOptions,
) -> Result<Option<Lock>, LedgerError> {
    let path = location.local();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| LedgerError::io(path, &error))?;
    }
    let mut lock = try_lock(path)?;
    if lock.is_none() {
        // A reader has it for a moment: see `is_released`.
        std::thread::sleep(RETRY_INTERVAL);
        lock = try_lock(path)?;
    }
    // Another process may be creating it.
    let mut attempts = LOCK_ATTEMPTS;
    while lock.is_none() && attempts > 0 && !opening::exists(location)? {
        std::thread::sleep(RETRY_INTERVAL);
        lock = try_lock(path)?;
        attempts -= 1;
    }
    if !opening::exists(location)? {
        if lock.is_none() {
            let holder = t!("it is creating the ledger");
            return Err(LedgerError::Held(holder.into_owned()));
        }
        marker::allow_creation(location, options)?;
        opening::create(location, binding)?;
    }
    Ok(lock)
}

/// Waits for the lock of a holder that has released its lease and is about to release the lock.
/// Without the lock, other runs would wait until the lease expires if this run is killed.
pub(super) fn wait_for_lock(path: &Path) -> Result<Option<Lock>, LedgerError> {
    for _ in 0..LOCK_ATTEMPTS {
        std::thread::sleep(RETRY_INTERVAL);
        if let Some(lock) = try_lock(path)? {
            return Ok(Some(lock));
        }
    }
    Ok(None)
}

/// Returns the path of a ledger's lock file: next to the ledger, after symbolic links are resolved.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    file.with_added_extension("lock")
}

/// Returns whether no process of this machine has the lock of a ledger. A lock file that cannot be
/// read tells nothing, and counts as locked.
pub(super) fn is_released(path: &Path) -> bool {
    let lock = File::open(lock_path(path));
    // Closing the file releases the lock.
    lock.is_ok_and(|lock| lock.try_lock_shared().is_ok())
}

/// Takes the lock of a ledger; none if another process has it.
pub(super) fn try_lock(path: &Path) -> Result<Option<Lock>, LedgerError> {
    let lock = lock_path(path);
    let open = private_file::open(&lock, Access::Update);
    let file = open.map_err(|error| LedgerError::io(&lock, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(LedgerError::io(path, &error)),
    }
}
