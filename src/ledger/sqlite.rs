//! A ledger in an `SQLite` file.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::file::{self, broken};
use super::lease::{self, LeaseConflict, LeaseRequest, LeaseValidity, Lock};
use super::record::{EntityId, ItemRecord, Notice, Resource, ResourceKind, RunRecord, Step, Write};
use super::recorded::RecordedItem;
use super::writer::{Queue, Writer, WriterState};
use super::{Binding, Ledger, LedgerError, Written, store};
use crate::expr::Salt;
use crate::util::failpoint::failpoint;

/// Whoever holds a ledger briefly is waited for so long …
const PATIENCE: Duration = Duration::from_mins(1);
/// … and is asked so often.
const BETWEEN: Duration = Duration::from_millis(20);
/// What is about to be made or given back is waited for so many times.
const TRIES: usize = 50;

/// A ledger in a file, or an empty one where there is no file yet.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    reader: Mutex<Connection>,
    salt: Salt,
    next_subject: AtomicI64,
    held: Option<Held>,
    /// The check of the whole file, while it goes on.
    check: Mutex<Option<JoinHandle<Result<(), LedgerError>>>>,
}

/// What only the one run has that may write. Its fields end in their order: the lease is given back before the lock.
#[derive(Debug)]
struct Held {
    writer: Writer,
    pulse: LeaseHandle,
    _lock: Option<Lock>,
}

/// Tells whether this run still holds its ledger, before a call that nobody else may make.
#[derive(Debug, Clone)]
pub struct LeaseHandle {
    sure: LeaseValidity,
    queue: Queue,
}

impl LeaseHandle {
    /// Resolves at once while nobody else can have taken the ledger; otherwise the ledger itself is asked.
    pub async fn check(&self) -> Result<(), LedgerError> {
        if self.sure.is_fresh() {
            return Ok(());
        }
        self.queue.write(Vec::new()).await
    }
}

impl Sqlite {
    /// An empty ledger, kept nowhere.
    pub fn empty(binding: &Binding) -> Result<Self, LedgerError> {
        let nowhere = Path::new("");
        let make = || {
            let mut connection = Connection::open_in_memory()?;
            file::create(&mut connection, binding)?;
            Ok(connection)
        };
        let connection = make().map_err(|error| broken(nowhere, &error))?;
        Self::reader(nowhere, connection, binding)
    }

    /// Opens it to be read. Where there is no file yet, an empty ledger is read and none is made.
    pub fn read(path: &Path, binding: &Binding) -> Result<Self, LedgerError> {
        if !file::is_there(path)? {
            refuse_lost(path)?;
            return Self::empty(binding);
        }
        let connection = file::open(path)?;
        let mut ledger = Self::reader(path, connection, binding)?;
        ledger.check = Mutex::new(Some(check(path)));
        Ok(ledger)
    }

    fn reader(path: &Path, connection: Connection, binding: &Binding) -> Result<Self, LedgerError> {
        Ok(Self {
            salt: file::check(path, &connection, binding)?,
            path: path.to_owned(),
            reader: Mutex::new(connection),
            next_subject: AtomicI64::new(0),
            held: None,
            check: Mutex::default(),
        })
    }

    /// Opens it to be written, and keeps every other run out until it is dropped, or until its holder has given no
    /// sign of life for half a minute. Whoever holds it briefly is waited for.
    pub fn hold(
        path: &Path,
        binding: &Binding,
        holder: &str,
        since: &str,
    ) -> Result<Self, LedgerError> {
        let lock = made(path, binding)?;
        // Before the lease is taken: a damaged ledger is left as it is.
        file::open(path)?;
        file::sound(path)?;
        let claim = LeaseRequest {
            holder,
            since,
            machine: &lease::machine(&lock_path(path)),
            locked: false,
            brief: false,
        };
        Self::claim(path, binding, lock, claim, PATIENCE)
    }

    /// Holds a ledger, which was read through when it was opened first, for a few seconds; none while somebody else does.
    pub fn hold_briefly(
        path: &Path,
        binding: &Binding,
        holder: &str,
        since: &str,
    ) -> Result<Option<Self>, LedgerError> {
        let claim = LeaseRequest {
            holder,
            since,
            machine: &lease::machine(&lock_path(path)),
            locked: false,
            brief: true,
        };
        match Self::claim(path, binding, lock(path)?, claim, Duration::ZERO) {
            Ok(held) => Ok(Some(held)),
            Err(LedgerError::Held(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn claim(
        path: &Path,
        binding: &Binding,
        mut lock: Option<Lock>,
        mut claim: LeaseRequest<'_>,
        patience: Duration,
    ) -> Result<Self, LedgerError> {
        let broken = |error: &rusqlite::Error| broken(path, error);
        let mut connection = file::open(path)?;
        let reader = file::open(path)?;
        let salt = file::check(path, &connection, binding)?;
        let begun = Instant::now();
        let (moment, fence) = loop {
            let moment = LeaseValidity::now();
            claim.locked = lock.is_some();
            let kept = match claimed(&mut connection, &claim) {
                Ok(Ok(fence)) => break (moment, fence),
                Ok(Err(kept)) => kept,
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    // Whoever writes for so long has been stopped in the middle of it.
                    let by = lease::holder(&connection).map_err(|error| broken(&error))?;
                    LeaseConflict {
                        by: by.unwrap_or_default(),
                        brief: false,
                    }
                }
                Err(error) => return Err(broken(&error)),
            };
            if !kept.brief || begun.elapsed() >= patience {
                return Err(LedgerError::Held(kept.by));
            }
            drop(lock.take());
            std::thread::sleep(BETWEEN);
            lock = self::lock(path)?;
        };
        failpoint("lease.taken");
        if lock.is_none() {
            lock = late(path)?;
            if lock.is_some() {
                let machine = lease::machine(&lock_path(path));
                lease::tell_locked(&connection, fence, &machine).map_err(|error| broken(&error))?;
            }
        }
        let next = store::next_subject(&connection).map_err(|error| broken(&error))?;
        let sure = LeaseValidity::since(moment);
        let desk = WriterState {
            connection,
            fence,
            sure: sure.clone(),
            flows: HashSet::new(),
        };
        let own = path.to_owned();
        let writer = Writer::start(desk, move |error| self::broken(&own, error));
        Ok(Self {
            path: path.to_owned(),
            reader: Mutex::new(reader),
            salt,
            next_subject: AtomicI64::new(next),
            held: Some(Held {
                pulse: LeaseHandle {
                    sure,
                    queue: writer.queue.clone(),
                },
                writer,
                _lock: lock,
            }),
            check: Mutex::default(),
        })
    }

    /// From now on every write is on disk before `write` returns. For those whose clock stands still and jumps whenever
    /// they only wait: it knows nothing of the thread that writes.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        if let Some(held) = &mut self.held {
            held.writer.queue.at_once = true;
        }
        self
    }

    /// Tells whether this run still holds the ledger; none when it was opened to be read.
    pub fn pulse(&self) -> Option<LeaseHandle> {
        self.held.as_ref().map(|held| held.pulse.clone())
    }

    /// Waits until all of the file was read, which began when it was opened to be read: nothing is decided by a damaged
    /// one. What is held was read before.
    pub fn sound(&self) -> Result<(), LedgerError> {
        let check = self
            .check
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        check.map_or(Ok(()), |check| {
            check.join().unwrap_or_else(|_| {
                Err(LedgerError::Broken {
                    path: self.path.display().to_string(),
                    why: "it could not be checked".to_owned(),
                })
            })
        })
    }

    /// Whether a run has this name.
    pub fn has_run(&self, name: &str) -> Result<bool, LedgerError> {
        self.reading(|connection| store::has_run(connection, name))
    }

    /// Begins a run.
    pub async fn begin_run(&self, name: &str, at: &str) -> Result<RunRecord, LedgerError> {
        let id = self.reading(store::next_run)?;
        let run = RunRecord {
            id,
            name: name.to_owned(),
        };
        self.write(vec![Write::RunBegun {
            run: run.clone(),
            at: at.to_owned(),
        }])
        .await?;
        Ok(run)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn reading<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        read(&self.connection()).map_err(|error| broken(&self.path, &error))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while reading leaves a connection that can still be read.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Sqlite {
    fn salt(&self) -> &Salt {
        &self.salt
    }

    fn thing(&self, kind: ResourceKind, identity: &str) -> Result<Option<Resource>, LedgerError> {
        self.reading(|connection| store::thing(connection, kind, identity))
    }

    fn items(
        &self,
        flow: &str,
        each: &mut dyn FnMut(&str, RecordedItem),
    ) -> Result<(), LedgerError> {
        self.reading(|connection| store::items(connection, flow, each))
    }

    fn item(&self, flow: &str, key: &str) -> Result<Option<ItemRecord>, LedgerError> {
        self.reading(|connection| store::item(connection, flow, key))
    }

    fn steps(&self, subject: EntityId) -> Result<Vec<(String, Step)>, LedgerError> {
        self.reading(|connection| store::steps(connection, subject))
    }

    fn flows(&self) -> Result<Vec<String>, LedgerError> {
        self.reading(store::flows)
    }

    fn under_way(&self, each: &mut dyn FnMut(EntityId, &str, &str)) -> Result<(), LedgerError> {
        self.reading(|connection| store::under_way(connection, each))
    }

    fn notices(&self, most: u32) -> Result<Vec<Notice>, LedgerError> {
        self.reading(|connection| store::notices(connection, most))
    }

    fn next_subject(&self) -> EntityId {
        self.next_subject.fetch_add(1, Ordering::Relaxed)
    }

    fn write(&self, writes: Vec<Write>) -> Written {
        match &self.held {
            Some(held) => held.writer.queue.write(writes),
            None => Written::known(Err(LedgerError::Broken {
                path: self.path.display().to_string(),
                why: "it was opened to be read".to_owned(),
            })),
        }
    }
}

/// Makes a ledger where there is none, and gives its lock; none where somebody has it.
pub(super) fn made(path: &Path, binding: &Binding) -> Result<Option<Lock>, LedgerError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| file::io(path, &error))?;
    }
    let mut lock = lock(path)?;
    // Somebody may be about to make it.
    let mut tries = TRIES;
    while lock.is_none() && tries > 0 && !file::is_there(path)? {
        std::thread::sleep(BETWEEN);
        lock = self::lock(path)?;
        tries -= 1;
    }
    if !file::is_there(path)? {
        if lock.is_none() {
            return Err(LedgerError::Held("it has just begun".to_owned()));
        }
        refuse_lost(path)?;
        file::make(path, binding)?;
    }
    if let Some(lock) = &lock {
        lock.tell_of_a_ledger()
            .map_err(|error| file::io(path, &error))?;
    }
    Ok(lock)
}

/// Refuses to begin anew where there was a ledger: it knew what was sent.
fn refuse_lost(path: &Path) -> Result<(), LedgerError> {
    let lock = lock_path(path);
    if std::fs::metadata(&lock).is_ok_and(|lock| lock.len() > 0) {
        return Err(LedgerError::Broken {
            path: path.display().to_string(),
            why: format!(
                "it is gone, and with it what was sent: put it back from a backup; or remove {} to begin anew",
                lock.display()
            ),
        });
    }
    Ok(())
}

/// The lock of whoever has given the lease back and is about to give its lock back, too. Without it, others would have to
/// wait until the lease runs out if this run is killed.
fn late(path: &Path) -> Result<Option<Lock>, LedgerError> {
    for _ in 0..TRIES {
        std::thread::sleep(BETWEEN);
        if let Some(lock) = lock(path)? {
            return Ok(Some(lock));
        }
    }
    Ok(None)
}

/// Returns the path of a ledger's lock file: next to the ledger, after symbolic links are resolved.
fn lock_path(path: &Path) -> PathBuf {
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    file.with_added_extension("lock")
}

/// The lock beside a ledger; none where somebody has it.
fn lock(path: &Path) -> Result<Option<Lock>, LedgerError> {
    let open = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path(path));
    let file = open.map_err(|error| file::io(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(file::io(path, &error)),
    }
}

fn claimed(
    connection: &mut Connection,
    claim: &LeaseRequest<'_>,
) -> rusqlite::Result<Result<i64, LeaseConflict>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let fence = lease::take(&transaction, claim, lease::now())?;
    transaction.commit()?;
    Ok(fence)
}

fn check(path: &Path) -> JoinHandle<Result<(), LedgerError>> {
    let path = path.to_owned();
    std::thread::spawn(move || file::sound(&path))
}
