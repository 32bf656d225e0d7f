//! The lease: one run at a time holds a ledger, and says again and again that it is alive.
//!
//! A lock of the file system tells at once that a holder on this machine is dead. Where it cannot tell (a holder on
//! another machine, or one that is stopped and not dead), the lease runs out. Each holder has a number of its own,
//! its fence; every transaction checks it, so that a holder that wakes up too late writes nothing.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// The time between two signs of life.
pub(super) const BEAT: Duration = Duration::from_secs(5);
/// A holder that has given no sign of life for so long has lost the ledger to whoever comes.
const EXPIRY: Duration = Duration::from_secs(30);
/// A holder that is not sure that it still holds the ledger asks, and this long before others may take it.
const SURE: Duration = Duration::from_secs(20);

/// A lock that ends with its value, and not with the last copy of its file that a process being started may hold.
#[derive(Debug)]
pub(super) struct Lock(pub(super) File);

impl Lock {
    /// Notes that there is one: should it be gone later, nobody takes a new one for it.
    pub(super) fn tell_of_a_ledger(&self) -> std::io::Result<()> {
        if self.0.metadata()?.len() > 0 {
            return Ok(());
        }
        (&self.0).write_all(b"There is a ledger beside this file.\n")
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file unlocks it too, if nobody else has it.
        let _ = self.0.unlock();
    }
}

/// Who wants to hold a ledger.
#[derive(Debug, Clone)]
pub(super) struct LeaseRequest<'a> {
    /// Who, for those who are kept out.
    pub(super) holder: &'a str,
    /// Since when, for them too.
    pub(super) since: &'a str,
    /// Where its lock is worth anything.
    pub(super) machine: &'a str,
    /// Whether it has the lock.
    pub(super) locked: bool,
    /// Whether it gives the ledger back after a few seconds.
    pub(super) brief: bool,
}

/// Who keeps others out.
#[derive(Debug)]
pub(super) struct LeaseConflict {
    /// Who, and since when.
    pub(super) by: String,
    /// Whether it gives the ledger back after a few seconds.
    pub(super) brief: bool,
}

/// The lease as it stands in the file.
#[derive(Debug)]
struct Lease {
    holder: String,
    since: String,
    machine: String,
    /// Whether its holder has the lock.
    locked: bool,
    /// The last sign of life, in milliseconds since 1970; 0: given back.
    beat: i64,
    brief: bool,
}

impl Lease {
    fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT holder, since, machine, locked, beat, brief FROM lease";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Self {
                holder: row.get(0)?,
                since: row.get(1)?,
                machine: row.get(2)?,
                locked: row.get(3)?,
                beat: row.get(4)?,
                brief: row.get(5)?,
            })
        };
        connection.query_row(sql, [], read).optional()
    }

    /// Whether somebody else may have it.
    fn is_free(&self, claim: &LeaseRequest<'_>, now: i64) -> bool {
        let died = claim.locked && self.locked && self.machine == claim.machine;
        self.beat == 0 || died || self.age(now) >= EXPIRY
    }

    /// How long ago its holder was heard of.
    fn age(&self, now: i64) -> Duration {
        Duration::from_millis(u64::try_from(now - self.beat).unwrap_or(0))
    }

    fn told(&self, now: i64) -> String {
        let heard = match self.beat {
            0 => "which has ended since".to_owned(),
            _ => format!("heard of {} s ago", self.age(now).as_secs()),
        };
        format!("{}, since {}, {heard}", self.holder, self.since)
    }
}

/// Takes the lease, and gives its fence; or tells who has it.
pub(super) fn take(
    transaction: &Transaction<'_>,
    claim: &LeaseRequest<'_>,
    now: i64,
) -> rusqlite::Result<Result<i64, LeaseConflict>> {
    if let Some(found) = Lease::read(transaction)?
        && !found.is_free(claim, now)
    {
        return Ok(Err(LeaseConflict {
            by: found.told(now),
            brief: found.brief,
        }));
    }
    transaction.execute(
        "INSERT INTO lease (id, holder, since, machine, locked, beat, brief, fence) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, 1)
         ON CONFLICT (id) DO UPDATE SET
           holder = ?1, since = ?2, machine = ?3, locked = ?4, beat = ?5, brief = ?6, fence = fence + 1",
        params![
            claim.holder,
            claim.since,
            claim.machine,
            claim.locked,
            now,
            claim.brief
        ],
    )?;
    let fence = transaction.query_row("SELECT fence FROM lease", [], |row| row.get(0))?;
    Ok(Ok(fence))
}

/// Gives a sign of life; or tells who has taken the ledger meanwhile.
pub(super) fn beat(
    transaction: &Transaction<'_>,
    fence: i64,
    now: i64,
) -> rusqlite::Result<Result<(), String>> {
    let mut own = transaction.prepare_cached("UPDATE lease SET beat = ? WHERE fence = ?")?;
    if own.execute([now, fence])? == 1 {
        return Ok(Ok(()));
    }
    let other = Lease::read(transaction)?;
    Ok(Err(other.map_or_else(
        || "somebody who is gone".to_owned(),
        |lease| lease.told(now),
    )))
}

/// Says that the holder has the lock, too.
pub(super) fn tell_locked(
    connection: &Connection,
    fence: i64,
    machine: &str,
) -> rusqlite::Result<()> {
    let sql = "UPDATE lease SET locked = 1, machine = ?2 WHERE fence = ?1";
    connection.execute(sql, params![fence, machine]).map(drop)
}

/// Gives the lease back.
pub(super) fn give_back(connection: &Connection, fence: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE lease SET beat = 0 WHERE fence = ?";
    connection.execute(sql, [fence]).map(drop)
}

/// Who holds a ledger, for those who cannot even ask for it.
pub(super) fn holder(connection: &Connection) -> rusqlite::Result<Option<String>> {
    Ok(Lease::read(connection)?.map(|lease| lease.told(now())))
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Where a lock is worth something: one running kernel, and one file. Another file of the same name, made after somebody
/// has removed the first, tells nothing of who has that.
pub(super) fn machine(lock: &Path) -> String {
    // Elsewhere every machine is taken for this one, and the lock for a sign of who is alive.
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(lock) {
        let number = std::os::unix::fs::MetadataExt::ino(&file);
        return format!("{} {number}", kernel.trim_end());
    }
    kernel
}

/// When a holder has last known that the ledger is its own.
#[derive(Debug, Clone)]
pub(super) struct LeaseValidity(Arc<Mutex<Option<(Instant, SystemTime)>>>);

impl LeaseValidity {
    pub(super) fn since(moment: (Instant, SystemTime)) -> Self {
        Self(Arc::new(Mutex::new(Some(moment))))
    }

    pub(super) fn now() -> (Instant, SystemTime) {
        (Instant::now(), SystemTime::now())
    }

    pub(super) fn renew(&self, moment: (Instant, SystemTime)) {
        *self.moment() = Some(moment);
    }

    /// Somebody else is known to have the ledger.
    pub(super) fn lose(&self) {
        *self.moment() = None;
    }

    /// Whether nobody can have taken the ledger yet. One clock stands still while the machine sleeps, and the other
    /// may be set: the longer time counts.
    pub(super) fn is_fresh(&self) -> bool {
        let Some((instant, time)) = *self.moment() else {
            return false;
        };
        let elapsed = instant.elapsed().max(time.elapsed().unwrap_or_default());
        elapsed < SURE
    }

    fn moment(&self) -> MutexGuard<'_, Option<(Instant, SystemTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_take_a_lease_follows_from_lock_machine_and_age() {
        let now = 1_000_000;
        let second = 1000;
        // (the claim has the lock, on this machine; the holder has the lock, heard of seconds ago) → free
        for (locked, here, held_lock, ago, free) in [
            // The lock is free again: its holder on this machine is dead.
            (true, true, true, 1, true),
            // On another machine the lock says nothing.
            (true, false, true, 1, false),
            (true, false, true, 30, true),
            // The holder took over from one that was stopped, so that it has no lock.
            (true, true, false, 1, false),
            (true, true, false, 30, true),
            // Somebody has the lock and is alive, or has been stopped.
            (false, true, true, 29, false),
            (false, true, true, 30, true),
        ] {
            let lease = Lease {
                holder: "other".into(),
                since: "then".into(),
                machine: "a".into(),
                locked: held_lock,
                beat: now - ago * second,
                brief: false,
            };
            let claim = LeaseRequest {
                holder: "own",
                since: "now",
                machine: if here { "a" } else { "b" },
                locked,
                brief: false,
            };
            let case = (locked, here, held_lock, ago);
            assert_eq!(lease.is_free(&claim, now), free, "{case:?}");
            assert!(Lease { beat: 0, ..lease }.is_free(&claim, now), "{case:?}");
        }
    }
}
