//! The lease: one run at a time holds a ledger, and renews its lease regularly.
//!
//! A file lock shows immediately that a holder on this machine has crashed. For a holder on another
//! machine, or a suspended one, the lease expires. Each holder has a fencing token (`fence`) that
//! every transaction checks, so that a holder that resumes after its lease was taken writes
//! nothing.
//!
//! A renewal in the future is of a holder whose clock is ahead. It counts from the time at which
//! another run first sees it, so that the lease expires as usual.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::database::{Batch, Connection, Result, Row, params};
use super::location::Location;
use super::lock::{is_released, lock_path};
use super::version;

/// The interval between two renewals.
pub(super) const RENEWAL_INTERVAL: Duration = Duration::from_secs(5);
/// The time after the last renewal at which another run may take the lease.
const EXPIRY: Duration = Duration::from_secs(30);
/// The difference of two machines' clocks that is tolerated.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);
/// The time after the last renewal up to which a holder relies on its lease without a check. It is
/// shorter than [`EXPIRY`] to leave a margin.
const TRUSTED: Duration = Duration::from_secs(20);

/// A request for the lease.
#[derive(Debug, Clone)]
pub(super) struct LeaseRequest<'a> {
    /// The name of the requesting run, shown to other runs.
    pub(super) holder: &'a str,
    /// The time of the request, shown to other runs.
    pub(super) since: &'a str,
    /// The scope of the lock: see [`machine`].
    pub(super) machine: &'a str,
    /// Whether the requesting run has the lock.
    pub(super) locked: bool,
    /// Whether the ledger is given back within seconds.
    pub(super) is_brief: bool,
}

/// The holder that prevents a request.
#[derive(Debug)]
pub(super) struct LeaseConflict {
    /// The name, the time since when, and the last renewal.
    pub(super) holder: String,
    /// Whether the ledger is given back within seconds.
    pub(super) is_brief: bool,
}

/// The lease as recorded in the ledger.
#[derive(Debug)]
struct Lease {
    holder: String,
    since: String,
    machine: String,
    /// Whether the holder has the lock.
    locked: bool,
    /// The last renewal, in milliseconds since 1970; 0 if the lease was released.
    renewed: i64,
    is_brief: bool,
}

impl Lease {
    fn read(connection: &Connection) -> Result<Option<Self>> {
        let sql = "SELECT holder, since, machine, locked, beat, brief FROM lease";
        let read = |row: &Row<'_>| {
            Ok(Self {
                holder: row.get(0)?,
                since: row.get(1)?,
                machine: row.get(2)?,
                locked: row.get(3)?,
                renewed: row.get(4)?,
                is_brief: row.get(5)?,
            })
        };
        connection.query_optional(sql, &[], read)
    }

    /// Returns whether a request may take the lease. `first_seen` is the time at which this machine
    /// first saw a renewal in the future.
    fn is_free(&self, request: &LeaseRequest<'_>, now: i64, first_seen: Option<i64>) -> bool {
        // Both have held the same lock: the holder has crashed.
        let has_crashed = request.locked && self.locked && self.machine == request.machine;
        let age = match first_seen {
            Some(first_seen) => since(first_seen, now),
            None => self.age(now),
        };
        self.renewed == 0 || has_crashed || age >= EXPIRY
    }

    /// Returns by how much the last renewal is in the future, if the clocks differ by more than is
    /// tolerated.
    fn ahead(&self, now: i64) -> Option<Duration> {
        let ahead = Duration::from_millis(u64::try_from(self.renewed - now).ok()?);
        (ahead > CLOCK_TOLERANCE).then_some(ahead)
    }

    /// Returns the time since the last renewal.
    fn age(&self, now: i64) -> Duration {
        since(self.renewed, now)
    }

    /// Describes the holder for messages.
    fn description(&self, now: i64) -> String {
        let renewal = match self.renewed {
            0 => t!("released meanwhile"),
            _ => match self.ahead(now) {
                Some(ahead) => t!(
                    "renewed %{ahead} s in the future, because the clocks of the machines differ: its lease expires %{seconds} s from now, unless it is renewed again; set the clocks",
                    ahead = ahead.as_secs(),
                    seconds = EXPIRY.as_secs()
                ),
                None => t!(
                    "renewed %{seconds} s ago",
                    seconds = self.age(now).as_secs()
                ),
            },
        };
        t!(
            "%{holder}, since %{time}, %{renewal}",
            holder = self.holder,
            time = self.since,
            renewal = renewal
        )
        .into_owned()
    }
}

fn since(time: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(now - time).unwrap_or(0))
}

/// The prefix of the names in the table `meta` under which each machine records when it first saw a
/// renewal in the future. The renewal itself stays: to other machines it may be recent.
const SEEN: &str = "lease_seen.";

/// Returns when this machine first saw a renewal, and records it.
fn first_seen(transaction: &Connection, machine: &str, renewed: i64, now: i64) -> Result<i64> {
    let name = format!("{SEEN}{machine}");
    let known = version::text(transaction, &name)?;
    let known = known.as_deref().and_then(|known| known.split_once(' '));
    if let Some((seen, at)) = known
        && seen == renewed.to_string()
        && let Ok(at) = at.parse::<i64>()
        && at <= now
    {
        return Ok(at);
    }
    version::set(transaction, &name, &format!("{renewed} {now}"))?;
    Ok(now)
}

/// Takes the lease and returns its fencing token, or returns the conflict.
pub(super) fn take(
    transaction: &Connection,
    request: &LeaseRequest<'_>,
    now: i64,
) -> Result<Result<i64, LeaseConflict>> {
    if let Some(found) = Lease::read(transaction)? {
        // A holder that is alive renews it again within seconds.
        let first_seen = match found.ahead(now) {
            Some(_) => Some(first_seen(
                transaction,
                request.machine,
                found.renewed,
                now,
            )?),
            None => None,
        };
        if !found.is_free(request, now, first_seen) {
            return Ok(Err(LeaseConflict {
                holder: found.description(now),
                is_brief: found.is_brief,
            }));
        }
    }
    let sql = "DELETE FROM meta WHERE name LIKE ?";
    transaction.execute(sql, params![&format!("{SEEN}%")])?;
    transaction.execute(
        "INSERT INTO lease (id, holder, since, machine, locked, beat, brief, fence) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, 1)
         ON CONFLICT (id) DO UPDATE SET
           holder = ?1, since = ?2, machine = ?3, locked = ?4, beat = ?5, brief = ?6, fence = lease.fence + 1",
        params![
            request.holder,
            request.since,
            request.machine,
            request.locked,
            now,
            request.is_brief
        ],
    )?;
    let fence = transaction.query_one("SELECT fence FROM lease", &[], |row| row.get(0))?;
    Ok(Ok(fence))
}

/// Adds the renewal of the lease to a batch. Its query returns a row if the lease is still held.
pub(super) fn renew(batch: &mut Batch<'_>, fence: i64, now: i64) -> Result<()> {
    batch.query(
        "UPDATE lease SET beat = ? WHERE fence = ? RETURNING fence",
        params![now, fence],
    )
}

/// Describes the holder that has taken the lease.
pub(super) fn taken_by(connection: &Connection) -> Result<String> {
    let other = Lease::read(connection)?;
    Ok(other.map_or_else(
        || "an unknown run".to_owned(),
        |lease| lease.description(connection.now()),
    ))
}

/// Records that the holder has the lock, too.
pub(super) fn record_lock(connection: &Connection, fence: i64, machine: &str) -> Result<()> {
    let sql = "UPDATE lease SET locked = 1, machine = ?2 WHERE fence = ?1";
    connection.execute(sql, params![fence, machine]).map(drop)
}

/// Releases the lease.
pub(super) fn release(connection: &Connection, fence: i64) -> Result<()> {
    let sql = "UPDATE lease SET beat = 0 WHERE fence = ?";
    connection.execute(sql, params![fence]).map(drop)
}

/// The process that holds a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process and its machine.
    pub name: String,
    /// The time since when, in the API's format.
    pub since: String,
}

/// Returns the process whose lease has not expired. A process of this machine that was killed does
/// not count; one of another machine counts until its lease expires.
pub(super) fn live_holder(connection: &Connection, location: &Location) -> Result<Option<Holder>> {
    let now = connection.now();
    let lease = Lease::read(connection)?;
    let has_crashed = |lease: &Lease| {
        lease.locked && lease.machine == machine(location) && is_released(location.local())
    };
    let live = lease.filter(|lease| lease.renewed != 0 && lease.age(now) < EXPIRY);
    let live = live.filter(|lease| !has_crashed(lease));
    Ok(live.map(|lease| Holder {
        name: lease.holder,
        since: lease.since,
    }))
}

/// Describes the holder of the lease, for a run that cannot start a transaction.
pub(super) fn holder(connection: &Connection) -> Result<Option<String>> {
    Ok(Lease::read(connection)?.map(|lease| lease.description(connection.now())))
}

/// Returns the scope of the lock of a ledger: the running kernel and the lock file. A lock file that
/// was removed and created again has another inode, and says nothing about the holder of the first.
/// With Postgres, each checkout has its own lock file; two on one kernel are on different devices if
/// their inodes are equal.
pub(super) fn machine(location: &Location) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if kernel.is_empty() && matches!(location, Location::Postgres { .. }) {
        // No other process has the same scope: its holder counts until its lease expires.
        return version::random_id().unwrap_or_default();
    }
    // Without a boot id, every machine counts as this one, and only the lock of the file decides.
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(lock_path(location.local())) {
        use std::os::unix::fs::MetadataExt as _;
        return format!("{} {} {}", kernel.trim_end(), file.dev(), file.ino());
    }
    kernel
}

/// The time of the last successful renewal; none once the lease is lost.
#[derive(Debug, Clone)]
pub(super) struct LeaseValidity(Arc<Mutex<Option<(Instant, SystemTime)>>>);

impl LeaseValidity {
    pub(super) fn since(renewed: (Instant, SystemTime)) -> Self {
        Self(Arc::new(Mutex::new(Some(renewed))))
    }

    pub(super) fn now() -> (Instant, SystemTime) {
        (Instant::now(), SystemTime::now())
    }

    pub(super) fn renew(&self, renewed: (Instant, SystemTime)) {
        *self.renewed() = Some(renewed);
    }

    /// Records that another run has taken the lease.
    pub(super) fn lose(&self) {
        *self.renewed() = None;
    }

    /// Returns whether no other run can have taken the lease. The monotonic clock may stop while
    /// the machine sleeps, and the system clock may be set: the longer elapsed time counts.
    pub(super) fn is_fresh(&self) -> bool {
        let Some((instant, time)) = *self.renewed() else {
            return false;
        };
        let elapsed = instant.elapsed().max(time.elapsed().unwrap_or_default());
        elapsed < TRUSTED
    }

    fn renewed(&self) -> MutexGuard<'_, Option<(Instant, SystemTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_free_by_lock_machine_and_age() {
        let now = 1_000_000;
        let second = 1000;
        // (request has the lock, same machine, holder has the lock, seconds since renewal, free)
        for (locked, same_machine, held_lock, ago, free) in [
            // The lock was free: the holder on this machine has crashed.
            (true, true, true, 1, true),
            // The lock is of another machine.
            (true, false, true, 1, false),
            (true, false, true, 30, true),
            // The holder took over from a suspended run, which still has the lock.
            (true, true, false, 1, false),
            (true, true, false, 30, true),
            // The lock is taken: its holder is running or suspended.
            (false, true, true, 29, false),
            (false, true, true, 30, true),
        ] {
            let lease = Lease {
                holder: "other".into(),
                since: "then".into(),
                machine: "a".into(),
                locked: held_lock,
                renewed: now - ago * second,
                is_brief: false,
            };
            let request = LeaseRequest {
                holder: "own",
                since: "now",
                machine: if same_machine { "a" } else { "b" },
                locked,
                is_brief: false,
            };
            let case = (locked, same_machine, held_lock, ago);
            assert_eq!(lease.is_free(&request, now, None), free, "{case:?}");
            let released = Lease {
                renewed: 0,
                ..lease
            };
            assert!(released.is_free(&request, now, None), "{case:?}");
        }
    }
}
