//! A ledger in an `SQLite` file.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::record::{ItemRecord, RunRecord, Step, SubjectId, Thing, ThingKind, Write};
use super::writer::Writer;
use super::{Ledger, LedgerError, Written, schema, store};
use crate::plan::RecordedItem;
use crate::render::Salt;

/// What a ledger belongs to: ids of one endpoint or app mean nothing to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The endpoint.
    pub endpoint: String,
    /// The app's id; empty for the sandbox. Kept as a fingerprint.
    pub app_id: String,
}

/// A ledger in a file, or an empty one where there is no file yet.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    reader: Mutex<Connection>,
    writer: Option<Writer>,
    salt: Salt,
    next_subject: AtomicI64,
    /// Held as long as the ledger is open for writing; the system lets go of it when the process dies.
    _lock: Option<Lock>,
}

/// A lock that ends with its value, and not with the last copy of its file that a process being started may hold.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file unlocks it too, if nobody else has it.
        let _ = self.0.unlock();
    }
}

impl Sqlite {
    /// An empty ledger, kept nowhere.
    pub fn empty(binding: &Binding) -> Result<Self, LedgerError> {
        let nowhere = Path::new("");
        let make = || {
            let mut connection = Connection::open_in_memory()?;
            create(&mut connection, binding)?;
            Ok(connection)
        };
        let connection = make().map_err(|error| broken(nowhere, &error))?;
        Self::reader(nowhere, connection, binding)
    }

    /// Opens it to be read. Where there is no file yet, an empty ledger is read and none is made.
    pub fn read(path: &Path, binding: &Binding) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Self::empty(binding);
        }
        let open = || {
            // Reading a WAL database takes write access to its side files.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(std::time::Duration::from_secs(10))?;
            migrate(&connection)?;
            Ok((version(&connection)? > 0).then_some(connection))
        };
        match open().map_err(|error| broken(path, &error))? {
            Some(connection) => Self::reader(path, connection, binding),
            // Made, and not begun: its first run was cut off.
            None => Self::empty(binding),
        }
    }

    fn reader(path: &Path, connection: Connection, binding: &Binding) -> Result<Self, LedgerError> {
        Ok(Self {
            salt: check(path, &connection, binding)?,
            path: path.to_owned(),
            reader: Mutex::new(connection),
            writer: None,
            next_subject: AtomicI64::new(0),
            _lock: None,
        })
    }

    /// Opens it to be written, and keeps every other run out until it is dropped.
    pub fn hold(
        path: &Path,
        binding: &Binding,
        holder: &str,
        since: &str,
    ) -> Result<Self, LedgerError> {
        let broken = |error: &rusqlite::Error| broken(path, error);
        let io = |error: std::io::Error| LedgerError::Broken {
            path: path.display().to_string(),
            why: error.to_string(),
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.with_added_extension("lock"))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::Held(holder_of(path))),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let mut connection = Connection::open(path).map_err(|error| broken(&error))?;
        let open = |connection: &mut Connection| {
            schema::configure(connection)?;
            if version(connection)? == 0 {
                create(connection, binding)?;
            }
            migrate(connection)
        };
        open(&mut connection).map_err(|error| broken(&error))?;
        private(path).map_err(io)?;
        let salt = check(path, &connection, binding)?;
        connection
            .execute(
                "INSERT INTO lease (id, holder, since, fence) VALUES (1, ?1, ?2, 1)
                 ON CONFLICT (id) DO UPDATE SET holder = ?1, since = ?2, fence = fence + 1",
                params![holder, since],
            )
            .map_err(|error| broken(&error))?;
        let next = store::next_subject(&connection).map_err(|error| broken(&error))?;
        let reader = Connection::open(path).map_err(|error| broken(&error))?;
        schema::configure(&reader).map_err(|error| broken(&error))?;
        let own = path.to_owned();
        Ok(Self {
            path: path.to_owned(),
            reader: Mutex::new(reader),
            writer: Some(Writer::start(connection, move |error| {
                self::broken(&own, error)
            })),
            salt,
            next_subject: AtomicI64::new(next),
            _lock: Some(Lock(lock)),
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

    fn thing(&self, kind: ThingKind, identity: &str) -> Result<Option<Thing>, LedgerError> {
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

    fn steps(&self, subject: SubjectId) -> Result<Vec<(String, Step)>, LedgerError> {
        self.reading(|connection| store::steps(connection, subject))
    }

    fn waiting(&self) -> Result<Vec<(SubjectId, String, String)>, LedgerError> {
        self.reading(store::waiting)
    }

    fn next_subject(&self) -> SubjectId {
        self.next_subject.fetch_add(1, Ordering::Relaxed)
    }

    fn write(&self, writes: Vec<Write>) -> Written {
        match &self.writer {
            Some(thread) => thread.write(writes),
            None => {
                let (done, written) = tokio::sync::oneshot::channel();
                let _ = done.send(Err(LedgerError::Broken {
                    path: self.path.display().to_string(),
                    why: "it was opened to be read".to_owned(),
                }));
                Written(written)
            }
        }
    }
}

pub(super) fn broken(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let why = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            format!("the file is damaged, and is left as it is ({error})")
        }
        Some(rusqlite::ErrorCode::DiskFull) => "the disk is full".to_owned(),
        _ => error.to_string(),
    };
    LedgerError::Broken {
        path: path.display().to_string(),
        why,
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings a ledger of an older treaty up to date.
fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let found = version(connection)?;
    if found == 0 {
        return Ok(());
    }
    for (older, step) in (1..).zip(schema::MIGRATIONS) {
        if older >= found {
            let newer = older + 1;
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {step} PRAGMA user_version = {newer}; COMMIT"
            ))?;
        }
    }
    Ok(())
}

fn create(connection: &mut Connection, binding: &Binding) -> rusqlite::Result<()> {
    let mut salt = [0; 32];
    connection.query_row("SELECT randomblob(32)", [], |row| {
        salt = row.get(0)?;
        Ok(())
    })?;
    let salt = Salt(salt);
    let transaction = connection.transaction()?;
    transaction.execute_batch(schema::TABLES)?;
    let app = salt.of(&binding.app_id).to_string();
    for (name, value) in [
        ("salt", &salt.0[..]),
        ("endpoint", binding.endpoint.as_bytes()),
        ("app", app.as_bytes()),
    ] {
        transaction.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)",
            params![name, value],
        )?;
    }
    transaction.pragma_update(None, "user_version", schema::VERSION)?;
    transaction.commit()
}

/// Holds the file against what it should be, and gives its salt.
fn check(path: &Path, connection: &Connection, binding: &Binding) -> Result<Salt, LedgerError> {
    let own = |error: &rusqlite::Error| broken(path, error);
    let found = version(connection).map_err(|error| own(&error))?;
    if found > schema::VERSION {
        return Err(LedgerError::Newer(path.display().to_string()));
    }
    let meta = |name: &str| {
        let sql = "SELECT value FROM meta WHERE name = ?";
        connection
            .query_row(sql, [name], |row| row.get::<_, Vec<u8>>(0))
            .map_err(|error| own(&error))
    };
    let text = |name: &str| meta(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let salt: [u8; 32] = meta("salt")?.try_into().map_err(|_| LedgerError::Broken {
        path: path.display().to_string(),
        why: "the file is damaged, and is left as it is (its salt is of the wrong length)"
            .to_owned(),
    })?;
    let salt = Salt(salt);
    let bound = |what: String| LedgerError::Bound {
        path: path.display().to_string(),
        what,
    };
    let endpoint = text("endpoint")?;
    if endpoint != binding.endpoint {
        return Err(bound(format!("the endpoint {endpoint}")));
    }
    if text("app")? != salt.of(&binding.app_id).to_string() {
        return Err(bound("another app id".to_owned()));
    }
    Ok(salt)
}

/// Who holds the ledger, since when; the lock alone cannot tell.
fn holder_of(path: &Path) -> String {
    let read = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection
            .query_row(
                "SELECT holder || ', since ' || since FROM lease",
                [],
                |row| row.get(0),
            )
            .optional()
    };
    read()
        .ok()
        .flatten()
        .unwrap_or_else(|| "it has just begun".to_owned())
}

/// Links in the ledger let people sign: nobody else on the machine may read it.
fn private(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operation::Op;
    use crate::plan::ItemStatus;
    use crate::render::Fingerprint;

    fn binding() -> Binding {
        Binding {
            endpoint: "sandbox".into(),
            app_id: String::new(),
        }
    }

    fn hold(path: &Path) -> Result<Sqlite, LedgerError> {
        Sqlite::hold(path, &binding(), "a test", "2026-11-23 08:00:00")
    }

    fn begun(id: SubjectId) -> Write {
        Write::ItemBegun {
            id,
            flow: "loan".into(),
            key: format!("HT-{id}"),
            fingerprint: Fingerprint([7; 16]),
            run: 1,
            afresh: false,
        }
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_reopening() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        let ledger = hold(&path).expect("held");
        let id = ledger.next_subject();
        let intent = Write::Intent {
            subject: id,
            step: "signers.a".into(),
            op: Op::HandPersonSignTask,
            legal: true,
        };
        ledger
            .write(vec![begun(id), intent])
            .await
            .expect("written");
        assert_eq!(
            ledger.steps(id).expect("read"),
            [("signers.a".to_owned(), Step::Intent(None))]
        );
        drop(ledger);
        let ledger = hold(&path).expect("held again");
        assert!(ledger.next_subject() > id);
        let item = ledger
            .item("loan", &format!("HT-{id}"))
            .expect("read")
            .expect("there");
        assert!(item.sent && item.status == ItemStatus::Open && item.attempts == 1);
        ledger
            .write(vec![Write::Void {
                subject: id,
                step: "signers.a".into(),
            }])
            .await
            .expect("written");
        let item = ledger
            .item("loan", &format!("HT-{id}"))
            .expect("read")
            .expect("there");
        assert!(!item.sent, "a refused call asks nobody");
    }

    #[tokio::test]
    async fn a_ledger_of_an_older_treaty_is_brought_up_to_date() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        let ledger = hold(&path).expect("held");
        let intent = Write::Intent {
            subject: 1,
            step: "signers.a".into(),
            op: Op::HandPersonSignTask,
            legal: true,
        };
        ledger.write(vec![begun(1), intent]).await.expect("written");
        drop(ledger);
        // What version 2 added is taken away again.
        let connection = Connection::open(&path).expect("a database");
        connection
            .execute_batch(
                "DROP INDEX waiting; ALTER TABLE step DROP COLUMN begun;
                 ALTER TABLE step DROP COLUMN deferral; PRAGMA user_version = 1",
            )
            .expect("version 1");
        drop(connection);
        for ledger in [Sqlite::read(&path, &binding()), hold(&path)] {
            let ledger = ledger.expect("opened");
            let steps = ledger.steps(1).expect("read");
            assert_eq!(steps, [("signers.a".to_owned(), Step::Intent(None))]);
            assert!(ledger.waiting().expect("read").is_empty());
        }
    }

    #[test]
    fn a_second_run_is_kept_out_and_told_who_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        let first = hold(&path).expect("held");
        let error = hold(&path).expect_err("kept out");
        assert_eq!(
            error.to_string(),
            "another run holds the ledger: a test, since 2026-11-23 08:00:00"
        );
        drop(first);
        hold(&path).expect("free again");
    }

    #[test]
    fn a_ledger_belongs_to_its_endpoint_and_app() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        drop(hold(&path).expect("held"));
        for other in [
            Binding {
                endpoint: "https://o.tsign.cn/opentreaty-service".into(),
                ..binding()
            },
            Binding {
                app_id: "another".into(),
                ..binding()
            },
        ] {
            assert!(matches!(
                Sqlite::read(&path, &other),
                Err(LedgerError::Bound { .. })
            ));
            assert!(matches!(
                Sqlite::hold(&path, &other, "", ""),
                Err(LedgerError::Bound { .. })
            ));
        }
        let bytes = std::fs::read(&path).expect("read");
        assert!(!bytes.windows(7).any(|window| window == b"another"));
    }

    #[test]
    fn reading_makes_no_file_and_a_damaged_one_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        let ledger = Sqlite::read(&path, &binding()).expect("an empty ledger");
        assert!(ledger.item("loan", "HT-1").expect("read").is_none() && !path.exists());
        let damaged = b"this is no database, but it is long enough to be taken for one".repeat(20);
        std::fs::write(&path, &damaged).expect("written");
        for result in [
            Sqlite::read(&path, &binding()).map(drop),
            hold(&path).map(drop),
        ] {
            assert!(result.expect_err("refused").to_string().contains("damaged"));
        }
        assert_eq!(std::fs::read(&path).expect("read"), damaged);
    }
}
