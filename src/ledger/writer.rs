//! Group commit: one thread writes all queued writes in one transaction with one sync to disk.
//!
//! The thread also renews the lease, with every transaction and when no write is queued.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::lease::{self, LeaseValidity, RENEWAL_INTERVAL};
use super::marker::Marker;
use super::record::Write;
use super::version::{Growth, LedgerVersion};
use super::{Collision, LedgerError, Written, collision, erase, writes};
use crate::util::failpoint::failpoint;

/// The maximum number of jobs in one transaction. Larger groups save syncs but delay the first job.
const MAX_GROUP: usize = 1024;

/// A group of at least this size means load: the thread then waits for more jobs before it commits.
const BUSY_GROUP: usize = 4;
/// The wait under load, about the duration of a sync. It multiplies the size of the groups.
const GROUP_DELAY: Duration = Duration::from_micros(300);

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
    pub(super) ledger: PathBuf,
    /// The version to record with each transaction; none if the serial must not grow.
    pub(super) growth: Option<Growth>,
    /// The file outside of the ledger that records its version; none before the first transaction.
    pub(super) marker: Option<Marker>,
    /// The version of the last transaction; none before the first.
    pub(super) version: Option<LedgerVersion>,
    /// Whether removed requests may be in the write-ahead log.
    pub(super) has_remnants: bool,
}

impl Writer {
    /// Starts the thread. `broken` converts the database's errors.
    pub(super) fn start(
        mut state: WriterState,
        broken: impl Fn(&rusqlite::Error) -> LedgerError + Send + 'static,
    ) -> Self {
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
                        WriteError::Broken(error) => broken(&error),
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

/// The reason for a failed write.
enum WriteError {
    /// Another run has taken the lease.
    Taken(String),
    Broken(rusqlite::Error),
    /// The marker cannot be written.
    Marker(LedgerError),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

impl WriterState {
    /// Commits a group. Returns the jobs that collide with recorded ids, by their position: nothing
    /// of them is written.
    fn commit(&mut self, group: &[Job]) -> Result<Vec<(usize, Collision)>, WriteError> {
        let renewed = LeaseValidity::now();
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        lease::renew(&transaction, self.fence, lease::now())?.map_err(WriteError::Taken)?;
        let mut collisions = Vec::new();
        for (at, job) in group.iter().enumerate() {
            if let Some(collision) = first_collision(&transaction, &job.writes)? {
                collisions.push((at, collision));
                continue;
            }
            for write in &job.writes {
                if let Write::ItemBegun { flow, .. } = write
                    && !self.flows.contains(flow)
                {
                    writes::create_flow(&transaction, flow)?;
                    self.flows.insert(flow.clone());
                }
                writes::write(&transaction, write)?;
            }
        }
        let has_writes = group.iter().any(|job| !job.writes.is_empty());
        let version = match &self.growth {
            Some(growth) if has_writes => Some(growth.advance(&transaction)?),
            _ => None,
        };
        failpoint("commit.before");
        transaction.commit()?;
        failpoint("commit.after");
        let mut writes = group.iter().flat_map(|job| &job.writes);
        self.has_remnants |= writes.any(erase::removes_request);
        self.validity.renew(renewed);
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

    /// Records the version outside of the ledger. Called after the transaction, so that an intact
    /// ledger is never behind its marker.
    fn mark(&mut self) -> Result<(), LedgerError> {
        match (&mut self.marker, &self.version) {
            (Some(marker), Some(version)) => marker.record(version),
            (None, Some(version)) => {
                self.marker = Some(Marker::open(&self.ledger, version.clone())?);
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

fn first_collision(
    connection: &Connection,
    writes: &[Write],
) -> rusqlite::Result<Option<Collision>> {
    for write in writes {
        if let Some(found) = collision::find(connection, write)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
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
