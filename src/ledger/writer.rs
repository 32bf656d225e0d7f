//! Group commit: one thread writes all queued writes in one transaction with one sync to disk.
//!
//! The thread also renews the lease, with every transaction and when no write is queued.

use std::collections::HashSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::database::{self, Batch, Connection};
use super::failure::broken;
use super::lease::{self, LeaseValidity, RENEWAL_INTERVAL};
use super::location::Location;
use super::marker::Marker;
use super::record::Write;
use super::version::{self, Growth, LedgerVersion};
use super::{Collision, LedgerError, Written, collision, erase, writes};
use crate::util::failpoint::failpoint;

/// The maximum number of jobs in one transaction. Larger groups save syncs but delay the first job.
const MAX_GROUP: usize = 1024;

/// A group of at least this size means load: the thread then waits for more jobs before it commits.
const BUSY_GROUP: usize = 4;
/// The wait under load, about the duration of a sync. It multiplies the size of the groups.
const GROUP_DELAY: Duration = Duration::from_micros(300);

/// The time for which a group is written again after its connection was lost.
const MAX_OUTAGE: Duration = Duration::from_secs(30);

/// The wait for readers before the write-ahead log is emptied at the end. If they take longer, the
/// last one of them empties it.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(1);

enum Message {
    Write(Job),
    /// The last message.
    End,
}

struct Job {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), LedgerError>>,
}

/// The handle of the writer thread. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) queue: Queue,
    thread: Option<JoinHandle<()>>,
}

/// The queue of the writer thread.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    messages: mpsc::Sender<Message>,
    /// Whether `write` blocks until the write is on disk.
    pub(super) is_synchronous: bool,
}

impl Queue {
    pub(super) fn write(&self, writes: Vec<Write>) -> Written {
        let (done, written) = oneshot::channel();
        // If the thread has ended, the sender is dropped and the receiver gets an error.
        let _ = self.messages.send(Message::Write(Job { writes, done }));
        let written = Written(written);
        if self.is_synchronous {
            // The thread blocks anyway, so tokio's cooperative yield must not interrupt.
            let written = tokio::task::coop::unconstrained(written);
            return Written::ready(futures::executor::block_on(written));
        }
        written
    }
}

/// The state of the writer thread.
pub(super) struct WriterState {
    pub(super) connection: Connection,
    /// The fencing token of the lease.
    pub(super) fence: i64,
    pub(super) validity: LeaseValidity,
    /// The flows that this run knows to exist in the ledger.
    pub(super) flows: HashSet<String>,
    pub(super) ledger: Location,
    /// The version to record with each transaction; none if the serial must not grow.
    pub(super) growth: Option<Growth>,
    /// The file outside of the ledger that records its version; none before the first transaction.
    pub(super) marker: Option<Marker>,
    /// The version of the last transaction; none before the first.
    pub(super) version: Option<LedgerVersion>,
    /// The serial when the lease was taken.
    pub(super) first_serial: i64,
    /// Whether removed requests may be in the write-ahead log.
    pub(super) has_remnants: bool,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(mut state: WriterState) -> Self {
        let (queue, messages) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // No write may follow a failed one, because later writes may depend on it.
            let mut failed: Option<LedgerError> = None;
            let mut ended = false;
            let mut busy = false;
            while !ended {
                let mut group = Vec::new();
                match messages.recv_timeout(RENEWAL_INTERVAL) {
                    Ok(Message::Write(first)) => group.push(first),
                    Err(RecvTimeoutError::Timeout) => state.empty_log_if_needed(),
                    Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
                }
                if busy {
                    std::thread::sleep(GROUP_DELAY);
                }
                while group.len() < MAX_GROUP && !ended {
                    match messages.try_recv() {
                        Ok(Message::Write(job)) => group.push(job),
                        Ok(Message::End) => ended = true,
                        Err(_) => break,
                    }
                }
                busy = group.len() >= BUSY_GROUP;
                let result = match &failed {
                    Some(error) => Err(error.clone()),
                    None => state.commit(&group).map_err(|error| match error {
                        WriteError::Taken(by) => {
                            // No request may be sent any more, even if its intent is on disk.
                            state.validity.lose();
                            LedgerError::Taken(by)
                        }
                        WriteError::WentBack { found, known } => {
                            state.validity.lose();
                            LedgerError::Older {
                                path: state.ledger.to_string(),
                                serial: found,
                                source_file: t!("this run").into_owned(),
                                known,
                            }
                        }
                        WriteError::Broken(error) => broken(&state.ledger, &error),
                        WriteError::Marker(error) => error,
                    }),
                };
                // A renewal alone may fail and be repeated: the fencing token shows a lost lease.
                let is_final = |error: &LedgerError| {
                    !group.is_empty() || matches!(error, LedgerError::Taken(_))
                };
                failed = failed.or_else(|| result.clone().err().filter(is_final));
                let collisions = result.as_ref().cloned().unwrap_or_default();
                for (at, job) in group.into_iter().enumerate() {
                    let collision = collisions.iter().find(|(nth, _)| *nth == at);
                    let own = match collision {
                        Some((_, collision)) => Err(LedgerError::Collision(collision.clone())),
                        None => result.clone().map(drop),
                    };
                    // The caller may not wait for the result.
                    let _ = job.done.send(own);
                }
            }
            // A holder that has lost its lease must not set the marker back. A failure leaves the
            // marker behind, and the next run updates it.
            if failed.is_none() {
                let _ = state.mark();
            }
            // Releases the lease for the next run. If that fails, the lease expires.
            let _ = lease::release(&state.connection, state.fence);
            erase::empty_log(&state.connection, CHECKPOINT_TIMEOUT);
        });
        Self {
            queue: Queue {
                messages: queue,
                is_synchronous: false,
            },
            thread: Some(thread),
        }
    }
}

/// The result of an attempt to commit a group.
enum Attempt {
    /// It is committed, with this version of the ledger.
    Committed(Option<LedgerVersion>),
    /// Nothing is committed: the job at this position collides with a recorded id.
    Collides(usize, Collision),
}

/// The reason for a failed write.
enum WriteError {
    /// Another run has taken the lease.
    Taken(String),
    Broken(database::Error),
    /// The serial is not the next one: the server has lost transactions, or was replaced by a copy.
    WentBack {
        found: i64,
        known: i64,
    },
    /// The marker cannot be written.
    Marker(LedgerError),
}

impl From<database::Error> for WriteError {
    fn from(error: database::Error) -> Self {
        Self::Broken(error)
    }
}

impl WriterState {
    /// Commits a group. Returns the jobs that collide with recorded ids, by their position: nothing
    /// of them is written.
    fn commit(&mut self, group: &[Job]) -> Result<Vec<(usize, Collision)>, WriteError> {
        let mut collisions = Vec::new();
        let begun = Instant::now();
        // Whether a lost commit may have taken effect.
        let mut is_unknown = false;
        let version = loop {
            let renewed = LeaseValidity::now();
            let attempt = match is_unknown.then(|| self.committed_version()) {
                Some(Ok(Some(version))) => Ok(Attempt::Committed(Some(version))),
                Some(Err(error)) => Err(error),
                None | Some(Ok(None)) => {
                    is_unknown = false;
                    self.try_commit(group, &collisions)
                }
            };
            match attempt {
                Ok(Attempt::Committed(version)) => {
                    self.validity.renew(renewed);
                    break version;
                }
                // Nothing was committed. The others are written without it.
                Ok(Attempt::Collides(at, collision)) => collisions.push((at, collision)),
                // A version that has grown shows that the lost commit took effect. Without one, the
                // outcome stays unknown.
                Err(WriteError::Broken(error))
                    if error.is_lost() && self.growth.is_some() && begun.elapsed() < MAX_OUTAGE =>
                {
                    // A server that does not answer yet is asked again.
                    let _ = self.connection.restore();
                    is_unknown = true;
                }
                // The server has ended the transaction in favour of another one.
                Err(WriteError::Broken(error))
                    if error.is_deadlock() && begun.elapsed() < MAX_OUTAGE =>
                {
                    tracing::debug!("a group is written again: {error}");
                }
                Err(error) => return Err(error),
            }
        };
        let mut writes = group.iter().flat_map(|job| &job.writes);
        self.has_remnants |= writes.any(erase::removes_request);
        let is_written = |at: usize| collisions.iter().all(|(nth, _)| *nth != at);
        let written = group.iter().enumerate().filter(|(at, _)| is_written(*at));
        for write in written.flat_map(|(_, job)| &job.writes) {
            if let Write::ItemBegun { flow, .. } = write {
                self.flows.insert(flow.clone());
            }
        }
        if let (Some(growth), Some(version)) = (&mut self.growth, version) {
            growth.is_recorded = true;
            self.version = Some(version);
        }
        // The requests of these intents are sent once this function returns.
        let mut writes = group.iter().flat_map(|job| &job.writes);
        if writes.any(Write::is_marked) {
            self.mark().map_err(WriteError::Marker)?;
        }
        Ok(collisions)
    }

    /// Commits the jobs of a group except those that collide.
    fn try_commit(
        &self,
        group: &[Job],
        collisions: &[(usize, Collision)],
    ) -> Result<Attempt, WriteError> {
        let (transaction, mut batch) = Batch::begin(&self.connection)?;
        lease::renew(&mut batch, self.fence, transaction.now())?;
        let mut checks = Vec::new();
        let is_left = |at: usize| collisions.iter().all(|(nth, _)| *nth != at);
        let jobs = group.iter().enumerate().filter(|(at, _)| is_left(*at));
        for (at, job) in jobs {
            let mut own = Vec::new();
            for write in &job.writes {
                collision::check(&mut batch, write, &mut own)?;
            }
            checks.extend(own.into_iter().map(|check| (at, check)));
            for write in &job.writes {
                if let Write::ItemBegun { flow, .. } = write
                    && !self.flows.contains(flow)
                {
                    writes::create_flow(&mut batch, flow)?;
                }
                writes::write(&mut batch, write)?;
            }
        }
        let growth = self.growth.as_ref();
        let growth = growth.filter(|_| group.iter().any(|job| !job.writes.is_empty()));
        if let Some(growth) = growth {
            if !growth.is_recorded {
                growth.accept(&transaction)?;
            }
            version::advance(&mut batch)?;
        }
        let results = batch.finish()?;
        let Some((renewed, results)) = results.split_first() else {
            return Err(database::Error::NoRow.into());
        };
        if renewed.is_empty() {
            return Err(WriteError::Taken(lease::taken_by(&transaction)?));
        }
        for ((at, check), rows) in checks.iter().zip(results) {
            if let Some(collision) = check.read(rows)? {
                return Ok(Attempt::Collides(*at, collision));
            }
        }
        let version = match (growth, results.last().and_then(|rows| rows.first())) {
            (None, _) => None,
            (Some(growth), Some(row)) if growth.is_recorded => Some(version::from_row(&row.row())?),
            (Some(growth), _) => {
                version::record_writer(&transaction, &growth.writer)?;
                Some(version::read(&transaction)?)
            }
        };
        if let Some(version) = &version {
            self.check_serial(version.serial)?;
        }
        failpoint("commit.before");
        transaction.commit()?;
        failpoint("commit.after");
        Ok(Attempt::Committed(version))
    }

    /// Returns the version if a commit whose outcome is unknown took effect.
    fn committed_version(&self) -> Result<Option<LedgerVersion>, WriteError> {
        let (transaction, mut batch) = Batch::begin(&self.connection)?;
        // Waits until the server has ended the lost transaction.
        lease::renew(&mut batch, self.fence, transaction.now())?;
        if batch.finish()?.iter().all(Vec::is_empty) {
            return Err(WriteError::Taken(lease::taken_by(&transaction)?));
        }
        let found = version::read(&transaction)?;
        transaction.commit()?;
        if found.serial == self.known_serial() {
            return Ok(None);
        }
        self.check_serial(found.serial)?;
        Ok(Some(found))
    }

    /// Returns the serial of the last transaction.
    fn known_serial(&self) -> i64 {
        match &self.version {
            Some(version) => version.serial,
            None => self.first_serial,
        }
    }

    /// Fails unless a serial is the next one: only the holder of the lease advances it, so another
    /// one shows that the database has lost transactions. A ledger that is accepted in place of others
    /// continues their serials.
    fn check_serial(&self, found: i64) -> Result<(), WriteError> {
        let known = self.known_serial();
        let continues_others = self
            .growth
            .as_ref()
            .is_some_and(|growth| !growth.is_recorded && growth.supersedes.is_some());
        if found == known + 1 || continues_others && found > known {
            return Ok(());
        }
        Err(WriteError::WentBack { found, known })
    }

    /// Records the version outside of the ledger. Called after the transaction, so that an intact
    /// ledger is never behind its marker.
    fn mark(&mut self) -> Result<(), LedgerError> {
        match (&mut self.marker, &self.version) {
            (Some(marker), Some(version)) => marker.record(version),
            (None, Some(version)) => {
                self.marker = Some(Marker::open(self.ledger.local(), version.clone())?);
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    /// Empties the write-ahead log if removed requests may be in it, unless another connection uses
    /// it.
    fn empty_log_if_needed(&mut self) {
        if self.has_remnants {
            self.has_remnants = !erase::empty_log(&self.connection, Duration::ZERO);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends after it has written all queued jobs.
        let _ = self.queue.messages.send(Message::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
