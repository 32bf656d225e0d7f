//! The inbox: what callbacks have told, written down beside whoever holds the ledger.
//!
//! It is only added to, so it needs no lease, and several receivers may fill one. Who holds the ledger looks at what it
//! says, and takes nothing from it but that it is time to ask.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::oneshot;

use super::file::{self, broken};
use super::sqlite::made;
use super::{Binding, LedgerError};
use crate::expr::{Fingerprint, Salt};

/// Callbacks that share one sync to disk at most.
const GROUP: usize = 1024;
/// What was looked at is kept so long, to know repeats: the last of six comes two and a half hours after the first.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// What is older is removed so often.
const SWEEP: Duration = Duration::from_hours(1);

/// A run that writes all the time leaves the file alone for moments only: whoever does not look often misses them, and
/// the pauses of `SQLite` itself grow to a tenth of a second. So often it is looked at shortly …
const OFTEN: (i32, Duration) = (10_000, Duration::from_micros(50));
/// … and then so often, until it is given up after some ten seconds, like everywhere.
const SELDOM: (i32, Duration) = (9_000, Duration::from_millis(1));

/// What a callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackEvent {
    /// All that it says, as a fingerprint: the same again is a repeat.
    pub digest: Fingerprint,
    /// The flow.
    pub flow_id: String,
    /// When it came.
    pub at: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackReceipt {
    /// It is new, and the flow is one of this ledger's.
    New,
    /// It is new, and the flow is not one of this ledger's: nobody looks at it.
    Unknown,
    /// It came before.
    Repeated,
}

/// Where callbacks are written down. Writes share transactions; each is on disk before it is answered.
#[derive(Debug, Clone)]
pub struct Inbox {
    queue: Sender<Job>,
    salt: Salt,
}

/// What the inbox's thread is asked to do.
#[derive(Debug)]
enum Job {
    Note(CallbackEvent, Answer<CallbackReceipt>),
    Unhandled(Answer<u64>),
    Try(Answer<()>),
}

type Answer<T> = oneshot::Sender<Result<T, LedgerError>>;

impl Inbox {
    /// Opens the inbox of a ledger, which is read through before and made where there is none.
    pub fn open(path: &Path, binding: &Binding) -> Result<Self, LedgerError> {
        drop(made(path, binding)?);
        let mut connection = file::open(path)?;
        let salt = file::check(path, &connection, binding)?;
        let patient = connection.busy_handler(Some(look_again));
        patient.map_err(|error| broken(path, &error))?;
        file::sound(path)?;
        let (queue, jobs) = mpsc::channel();
        let path = path.to_owned();
        // It ends when the last inbox is dropped.
        std::thread::spawn(move || {
            let error = |error: rusqlite::Error| broken(&path, &error);
            write_all(connection, &jobs, error);
        });
        Ok(Self { queue, salt })
    }

    /// The key of its fingerprints.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Writes it down; resolves once it is on disk.
    pub async fn note(&self, told: CallbackEvent) -> Result<CallbackReceipt, LedgerError> {
        self.ask(|answer| Job::Note(told, answer)).await
    }

    /// How many callbacks nobody has looked at.
    pub async fn unhandled(&self) -> Result<u64, LedgerError> {
        self.ask(Job::Unhandled).await
    }

    /// Whether callbacks can be written down: one is, and taken back.
    pub async fn try_out(&self) -> Result<(), LedgerError> {
        self.ask(Job::Try).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, LedgerError> {
        let gone = || LedgerError::Broken {
            path: String::new(),
            why: "the inbox has ended".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        self.queue.send(job(answer)).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Waits a moment for whoever writes; tells whether it is worth another look.
fn look_again(looks: i32) -> bool {
    std::thread::sleep(if looks < OFTEN.0 { OFTEN.1 } else { SELDOM.1 });
    looks < OFTEN.0 + SELDOM.0
}

fn write_all(
    mut connection: Connection,
    jobs: &Receiver<Job>,
    broken: impl Fn(rusqlite::Error) -> LedgerError,
) {
    let mut swept = None;
    while let Ok(first) = jobs.recv() {
        let mut group = Vec::new();
        for job in std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1)) {
            // Whoever waits for an answer may have gone.
            match job {
                Job::Note(told, answer) => group.push((told, answer)),
                Job::Unhandled(answer) => {
                    drop(answer.send(unhandled(&connection).map_err(&broken)));
                }
                Job::Try(answer) => drop(answer.send(try_out(&mut connection).map_err(&broken))),
            }
        }
        if group.is_empty() {
            continue;
        }
        let written = write(&mut connection, group.iter().map(|(told, _)| told)).map_err(&broken);
        for (at, (_, answer)) in group.into_iter().enumerate() {
            let noted = written.as_ref().map(|noted| noted[at]);
            drop(answer.send(noted.map_err(Clone::clone)));
        }
        if swept.is_none_or(|swept: Instant| swept.elapsed() >= SWEEP) {
            swept = Some(Instant::now());
            // What stays is removed another time.
            let _ = sweep(&connection, Timestamp::now());
        }
    }
}

fn write<'a>(
    connection: &mut Connection,
    group: impl Iterator<Item = &'a CallbackEvent>,
) -> rusqlite::Result<Vec<CallbackReceipt>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let noted = group
        .map(|told| note(&transaction, told))
        .collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(noted)
}

fn note(connection: &Connection, told: &CallbackEvent) -> rusqlite::Result<CallbackReceipt> {
    let mut repeat =
        connection.prepare_cached("UPDATE notice SET times = times + 1 WHERE digest = ?")?;
    if repeat.execute([told.digest.0])? > 0 {
        return Ok(CallbackReceipt::Repeated);
    }
    let mut known = connection.prepare_cached(
        "SELECT 1 FROM step WHERE name = 'process' AND json_extract(receipt, '$.flowId') = ?",
    )?;
    let known = known.query_row([&told.flow_id], |_| Ok(())).optional()?;
    let at = told.at.as_millisecond();
    // A flow is recorded before anybody is asked to sign it: of one that is not, there is nothing to look at.
    let handled = known.is_none().then_some(at);
    let mut insert = connection.prepare_cached(
        "INSERT INTO notice (digest, flow_id, received, handled) VALUES (?, ?, ?, ?)",
    )?;
    insert.execute(rusqlite::params![told.digest.0, told.flow_id, at, handled])?;
    Ok(known.map_or(CallbackReceipt::Unknown, |()| CallbackReceipt::New))
}

fn unhandled(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM notice WHERE handled IS NULL";
    let count: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn try_out(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let insert = "INSERT INTO notice (digest, flow_id, received) VALUES (?, '', 0)";
    // No fingerprint is as short.
    transaction.execute(insert, [[0u8]])?;
    let id = transaction.last_insert_rowid();
    transaction.execute("DELETE FROM notice WHERE id = ?", [id])?;
    transaction.commit()
}

fn sweep(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let sql = "DELETE FROM notice WHERE handled < ?";
    connection.execute(sql, [now.as_millisecond() - kept])
}
