//! The inbox: callbacks recorded in the ledger, independently of the run that holds the lease.
//!
//! Callbacks are only added, so recording needs no lease, and several receivers can share one
//! inbox. The holder of the lease polls the flows that the callbacks name; it takes no state from
//! them.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::database::{Connection, Error, Result, params};
use super::failure::broken;
use super::file;
use super::location::Location;
use super::lock::create_if_missing;
use super::receipt::FLOW_ID;
use super::step_name::PROCESS;
use super::version::HoldOptions;
use super::{Binding, LedgerError, marker, opening};
use crate::expr::{Fingerprint, Salt};

/// The maximum number of callbacks in one transaction.
const MAX_GROUP: usize = 1024;
/// The number of times that a group is recorded whose transaction was ended.
const ATTEMPTS: usize = 5;
/// The time for which handled callbacks are kept to detect repeats. The last of six attempts
/// arrives two and a half hours after the first.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// The interval at which older callbacks are deleted.
const CLEANUP_INTERVAL: Duration = Duration::from_hours(1);

/// The first attempts to lock a busy database: their number, and the delay after each.
///
/// A run that writes continuously leaves the database unlocked for short moments only, which the
/// backoff of `SQLite`, up to 100 ms, misses.
const SHORT_RETRIES: (i32, Duration) = (10_000, Duration::from_micros(50));
/// The further attempts. After about ten seconds in total, as for other connections, the write
/// fails.
const LONG_RETRIES: (i32, Duration) = (9_000, Duration::from_millis(1));

/// A verified callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackEvent {
    /// The fingerprint of its body. An equal one is a repeat.
    pub digest: Fingerprint,
    /// The flow's id.
    pub flow_id: String,
    /// The time of arrival.
    pub at: Timestamp,
}

/// The result of recording a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackReceipt {
    /// It is new, and its flow is in this ledger.
    New,
    /// It is new, but its flow is not in this ledger. It is marked as handled.
    Unknown,
    /// It was recorded before.
    Repeated,
}

/// Records callbacks. Writes share transactions; each is on disk before its future resolves.
#[derive(Debug, Clone)]
pub struct Inbox {
    queue: Sender<Job>,
    salt: Salt,
}

/// A job of the inbox's thread.
#[derive(Debug)]
enum Job {
    Record(CallbackEvent, Reply<CallbackReceipt>),
    CountUnhandled(Reply<u64>),
    CheckWritable(Reply<()>),
}

type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

impl Inbox {
    /// Opens the inbox of a ledger. The file is created if it does not exist, and verified.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the file cannot be used, or if the marker or the evidence of `options`
    /// shows a later ledger.
    pub fn open(
        location: impl Into<Location>,
        binding: &Binding,
        options: &HoldOptions,
    ) -> Result<Self, LedgerError> {
        let location = location.into();
        drop(create_if_missing(&location, binding, options)?);
        let mut connection = opening::open(&location)?;
        marker::admit(&connection, &location, options)?;
        let salt = file::check_binding(&location, &connection, binding)?;
        let retrying = connection.retry_locked(retry_lock);
        retrying.map_err(|error| broken(&location, &error))?;
        opening::verify(&location)?;
        let (queue, jobs) = mpsc::channel();
        // The thread ends when the last inbox is dropped.
        std::thread::spawn(move || {
            let error = |error: Error| broken(&location, &error);
            process(&connection, &jobs, error);
        });
        Ok(Self { queue, salt })
    }

    /// Returns the key of the ledger's fingerprints.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Records a callback. Resolves once it is on disk.
    pub async fn record(&self, event: CallbackEvent) -> Result<CallbackReceipt, LedgerError> {
        self.send(|reply| Job::Record(event, reply)).await
    }

    /// Returns the number of unhandled callbacks.
    pub async fn unhandled(&self) -> Result<u64, LedgerError> {
        self.send(Job::CountUnhandled).await
    }

    /// Checks whether callbacks can be recorded: writes a test record and deletes it.
    pub async fn check_writable(&self) -> Result<(), LedgerError> {
        self.send(Job::CheckWritable).await
    }

    async fn send<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, LedgerError> {
        let ended = || LedgerError::Broken {
            path: String::new(),
            why: "the inbox thread has ended".to_owned(),
        };
        let (reply, result) = oneshot::channel();
        self.queue.send(job(reply)).map_err(|_| ended())?;
        result.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Waits before the next attempt to lock the database. Returns whether to make one.
fn retry_lock(attempts: i32) -> bool {
    std::thread::sleep(if attempts < SHORT_RETRIES.0 {
        SHORT_RETRIES.1
    } else {
        LONG_RETRIES.1
    });
    attempts < SHORT_RETRIES.0 + LONG_RETRIES.0
}

/// Processes jobs until the queue is closed.
fn process(connection: &Connection, jobs: &Receiver<Job>, broken: impl Fn(Error) -> LedgerError) {
    let mut cleaned_up = None;
    while let Ok(first) = jobs.recv() {
        let mut group = Vec::new();
        for job in std::iter::once(first).chain(jobs.try_iter().take(MAX_GROUP - 1)) {
            // The caller may not wait for the reply any more.
            match job {
                Job::Record(event, reply) => group.push((event, reply)),
                Job::CountUnhandled(reply) => {
                    drop(reply.send(unhandled(connection).map_err(&broken)));
                }
                Job::CheckWritable(reply) => {
                    drop(reply.send(check_writable(connection).map_err(&broken)));
                }
            }
        }
        if group.is_empty() {
            continue;
        }
        let receipts = record_all(connection, &group).map_err(&broken);
        for (index, (_, reply)) in group.into_iter().enumerate() {
            let receipt = receipts.as_ref().map(|receipts| receipts[index]);
            drop(reply.send(receipt.map_err(Clone::clone)));
        }
        if cleaned_up.is_none_or(|at: Instant| at.elapsed() >= CLEANUP_INTERVAL) {
            cleaned_up = Some(Instant::now());
            // After a failure the next cleanup deletes them.
            let _ = clean_up(connection, Timestamp::now());
        }
    }
}

/// Records a group of callbacks in one transaction. With Postgres, a run that marks callbacks may
/// end it: it is then repeated.
fn record_all(
    connection: &Connection,
    group: &[(CallbackEvent, Reply<CallbackReceipt>)],
) -> Result<Vec<CallbackReceipt>> {
    let record_group = || -> Result<Vec<CallbackReceipt>> {
        let transaction = connection.begin()?;
        let receipts = group
            .iter()
            .map(|(event, _)| record(&transaction, event))
            .collect::<Result<_>>()?;
        transaction.commit()?;
        Ok(receipts)
    };
    for _ in 1..ATTEMPTS {
        match record_group() {
            Err(error) if error.is_deadlock() => {}
            result => return result,
        }
    }
    record_group()
}

fn record(connection: &Connection, event: &CallbackEvent) -> Result<CallbackReceipt> {
    let repeat = "UPDATE notice SET times = times + 1 WHERE digest = ?";
    if connection.execute(repeat, params![&event.digest.0])? > 0 {
        return Ok(CallbackReceipt::Repeated);
    }
    let known = format!(
        "SELECT 1 FROM step WHERE name = '{PROCESS}' AND json_extract(receipt, '{FLOW_ID}') = ?"
    );
    let is_known = connection.exists(&known, params![&event.flow_id])?;
    let at = event.at.as_millisecond();
    // A flow is recorded before any signer is added: a callback of an unknown flow needs no poll.
    let handled = (!is_known).then_some(at);
    // Another listener may record it at the same time.
    let insert = "INSERT INTO notice (digest, flow_id, received, handled) VALUES (?, ?, ?, ?)
                  ON CONFLICT (digest) DO UPDATE SET times = notice.times + 1 RETURNING times";
    let params = params![&event.digest.0, &event.flow_id, at, handled];
    let times: i64 = connection.query_one(insert, params, |row| row.get(0))?;
    Ok(match (times, is_known) {
        (1, true) => CallbackReceipt::New,
        (1, false) => CallbackReceipt::Unknown,
        _ => CallbackReceipt::Repeated,
    })
}

fn unhandled(connection: &Connection) -> Result<u64> {
    let sql = "SELECT count(*) FROM notice WHERE handled IS NULL";
    let count: i64 = connection.query_one(sql, &[], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn check_writable(connection: &Connection) -> Result<()> {
    let transaction = connection.begin()?;
    let insert = "INSERT INTO notice (digest, flow_id, received) VALUES (?, '', 0) RETURNING id";
    // One byte is shorter than any fingerprint, so it collides with none.
    let id: i64 = transaction.query_one(insert, params![&[0u8]], |row| row.get(0))?;
    transaction.execute("DELETE FROM notice WHERE id = ?", params![id])?;
    transaction.commit()
}

/// Deletes callbacks that were handled more than [`RETENTION`] ago.
fn clean_up(connection: &Connection, now: Timestamp) -> Result<u64> {
    let retention = i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX);
    let sql = "DELETE FROM notice WHERE handled < ?";
    connection.execute(sql, params![now.as_millisecond() - retention])
}
