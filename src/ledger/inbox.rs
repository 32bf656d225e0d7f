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
use crate::render::{Fingerprint, Salt};

/// Callbacks that share one sync to disk at most.
const GROUP: usize = 1024;
/// What was looked at is kept so long, to know repeats: the last of six comes two and a half hours after the first.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// What is older is removed so often.
const SWEEP: Duration = Duration::from_hours(1);

/// What a callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// All that it says, as a fingerprint: the same again is a repeat.
    pub digest: Fingerprint,
    /// The flow.
    pub flow_id: String,
    /// When it came.
    pub at: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It is new, and the flow is one of this ledger's.
    New,
    /// It is new, and the flow is not one of this ledger's, or is not yet.
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

#[derive(Debug)]
struct Job {
    told: Told,
    noted: oneshot::Sender<Result<Noted, LedgerError>>,
}

impl Inbox {
    /// Opens the inbox of a ledger, which is read through before and made where there is none.
    pub fn open(path: &Path, binding: &Binding) -> Result<Self, LedgerError> {
        drop(made(path, binding)?);
        let connection = file::open(path)?;
        let salt = file::check(path, &connection, binding)?;
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
    pub async fn note(&self, told: Told) -> Result<Noted, LedgerError> {
        let gone = || LedgerError::Broken {
            path: String::new(),
            why: "the inbox has ended".to_owned(),
        };
        let (noted, answer) = oneshot::channel();
        self.queue.send(Job { told, noted }).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn write_all(
    mut connection: Connection,
    jobs: &Receiver<Job>,
    broken: impl Fn(rusqlite::Error) -> LedgerError,
) {
    let mut swept = None;
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        let written = write(&mut connection, &group).map_err(&broken);
        for (at, job) in group.into_iter().enumerate() {
            let noted = written.as_ref().map(|noted| noted[at]);
            // Whoever waited may have gone.
            let _ = job.noted.send(noted.map_err(Clone::clone));
        }
        if swept.is_none_or(|swept: Instant| swept.elapsed() >= SWEEP) {
            swept = Some(Instant::now());
            // What stays is removed another time.
            let _ = sweep(&connection, Timestamp::now());
        }
    }
}

fn write(connection: &mut Connection, group: &[Job]) -> rusqlite::Result<Vec<Noted>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let noted = group
        .iter()
        .map(|job| note(&transaction, &job.told))
        .collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(noted)
}

fn note(connection: &Connection, told: &Told) -> rusqlite::Result<Noted> {
    let mut repeat =
        connection.prepare_cached("UPDATE notice SET times = times + 1 WHERE digest = ?")?;
    if repeat.execute([told.digest.0])? > 0 {
        return Ok(Noted::Repeated);
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO notice (digest, flow_id, received) VALUES (?, ?, ?)")?;
    insert.execute(rusqlite::params![
        told.digest.0,
        told.flow_id,
        told.at.as_millisecond()
    ])?;
    let mut known = connection.prepare_cached(
        "SELECT 1 FROM step WHERE name = 'process' AND json_extract(receipt, '$.flowId') = ?",
    )?;
    let known = known.query_row([&told.flow_id], |_| Ok(())).optional()?;
    Ok(known.map_or(Noted::Unknown, |()| Noted::New))
}

fn sweep(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let sql = "DELETE FROM notice WHERE handled < ?";
    connection.execute(sql, [now.as_millisecond() - kept])
}
