//! The file of a ledger: created atomically, and refused if it is newer, damaged, or belongs to
//! another endpoint or app.

use std::path::Path;
use std::thread::ScopedJoinHandle;

use rusqlite::{Connection, TransactionBehavior, params};

use super::erase::NO_REMNANTS;
use super::open_mode::OpenMode;
use super::{Binding, LedgerError, collision, schema};
use crate::expr::Salt;
use crate::util::failpoint::failpoint;
use crate::util::private_file;

/// The name of the mark of a migrated ledger that records ids more than once.
const REPEATED_IDS: &str = "repeatedIds";

/// Returns whether the file exists. An unreachable file is an error: it may record sent contracts,
/// so no new ledger may replace it.
pub(super) fn exists(path: &Path) -> Result<bool, LedgerError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_symlink() => Ok(true),
        // The target of the link may be on a disk that is not mounted.
        Ok(_) => std::fs::metadata(path)
            .map(|_| true)
            .map_err(|error| LedgerError::io(path, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(LedgerError::io(path, &error)),
    }
}

/// Opens a connection for writing to an existing ledger, and migrates it. Writes nothing to a file
/// that is not a ledger.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    open_as(OpenMode::ReadWrite, path)
}

/// Opens a connection to an existing ledger. One that can be written is migrated.
pub(super) fn open_as(mode: OpenMode, path: &Path) -> Result<Connection, LedgerError> {
    let own = |error: &rusqlite::Error| broken(path, error);
    private_file::resolve(path).map_err(|error| LedgerError::io(path, &error))?;
    let length = std::fs::metadata(path).map_err(|error| LedgerError::io(path, &error))?;
    if !length.is_file() {
        return Err(damaged(path, &t!("it is not a regular file")));
    }
    if length.len() == 0 {
        return Err(damaged(path, &t!("it is empty")));
    }
    let opened = mode.open(path).and_then(|connection| {
        let found = version(&connection)?;
        Ok((connection, found))
    });
    let (mut connection, found) = opened.map_err(|error| own(&error))?;
    if found > schema::VERSION {
        return Err(LedgerError::Newer(path.display().to_string()));
    }
    if found < 1 {
        return Err(damaged(path, &t!("it is not a ledger")));
    }
    schema::configure_reader(&connection).map_err(|error| own(&error))?;
    if mode != OpenMode::ReadWrite {
        if found == schema::VERSION {
            return Ok(connection);
        }
        return Err(LedgerError::ReadOnly {
            path: path.display().to_string(),
            why: t!("an older treaty has made it, and it must be migrated").into_owned(),
        });
    }
    schema::configure_writer(&connection).map_err(|error| own(&error))?;
    if found < schema::VERSION {
        migrate(&mut connection).map_err(|error| own(&error))?;
    }
    Ok(connection)
}

/// Creates an empty ledger in a temporary file and links it into place, so that the file is never
/// incomplete.
pub(super) fn create(path: &Path, binding: &Binding) -> Result<(), LedgerError> {
    let own = |error: std::io::Error| LedgerError::io(path, &error);
    // The ledger holds signing links: other users of the machine must not read it. The random name
    // keeps SQLite from writing through a file or link that someone else put there.
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ledger.").suffix(".part");
    let part = builder.tempfile_in(folder).map_err(own)?.into_temp_path();
    let fill = || {
        let mut connection = Connection::open(&part)?;
        initialize(&mut connection, binding)?;
        connection.close().map_err(|(_, error)| error)
    };
    fill().map_err(|error| broken(path, &error))?;
    failpoint("ledger.filled");
    // Unlike a rename, a hard link never replaces a file that another process has created.
    std::fs::hard_link(&part, path)
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Err(error),
            // Some file systems have no hard links.
            _ => std::fs::rename(&part, path),
        })
        .map_err(own)?;
    // A leftover temporary file is harmless.
    drop(part);
    failpoint("ledger.placed");
    Ok(())
}

/// Verifies the whole file, so that damage is found before a run starts. One thread checks all
/// pages; one thread for each table compares the table with its indexes.
pub(super) fn verify(mode: OpenMode, path: &Path) -> Result<(), LedgerError> {
    let own = |error: rusqlite::Error| broken(path, &error);
    let tables = tables(mode, path).map_err(own)?;
    let table_checks = tables
        .iter()
        .map(|table| format!("PRAGMA integrity_check('{table}')"));
    let checks = std::iter::once("PRAGMA quick_check(1)".to_owned()).chain(table_checks);
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = checks
            .map(|check| scope.spawn(move || run_check(mode, path, &check)))
            .collect();
        let results = threads.into_iter().map(ScopedJoinHandle::join);
        results.collect()
    });
    for result in results {
        let result = result.unwrap_or_else(|_| Ok("the check failed".to_owned()));
        match result.map_err(own)?.as_str() {
            "ok" => {}
            errors => {
                let mut lines = errors.lines().filter(|line| !line.starts_with("***"));
                return Err(damaged(path, lines.next().unwrap_or_default()));
            }
        }
    }
    Ok(())
}

fn tables(mode: OpenMode, path: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = mode.connect(path)?;
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut tables = connection.prepare(sql)?;
    let names = tables.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Runs a check and returns its first row: `ok`, or the errors.
fn run_check(mode: OpenMode, path: &Path, check: &str) -> rusqlite::Result<String> {
    mode.connect(path)?.query_row(check, [], |row| row.get(0))
}

fn damaged(path: &Path, why: &str) -> LedgerError {
    LedgerError::Broken {
        path: path.display().to_string(),
        why: t!(
            "the file is damaged and was not changed (%{why})",
            why = why
        )
        .into_owned(),
    }
}

pub(super) fn broken(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let why = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            return damaged(path, &error.to_string());
        }
        Some(rusqlite::ErrorCode::DatabaseBusy) => {
            let holder = t!("another process has been writing to it for 10 s");
            return LedgerError::Held(holder.into_owned());
        }
        Some(rusqlite::ErrorCode::DiskFull) => {
            return LedgerError::Full(path.display().to_string());
        }
        Some(rusqlite::ErrorCode::ReadOnly) => {
            return LedgerError::ReadOnly {
                path: path.display().to_string(),
                why: t!("it must be written").into_owned(),
            };
        }
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

/// Migrates a ledger of an older treaty to the current version.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for (older, step) in (1..).zip(schema::MIGRATIONS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated it meanwhile.
        if version(&transaction)? == older {
            transaction.execute_batch(step)?;
            if older + 1 == schema::HAS_WAITING {
                transaction.execute(&schema::mark_waiting(), [])?;
            }
            transaction.pragma_update(None, "user_version", older + 1)?;
        }
        transaction.commit()?;
    }
    if !collision::describe_duplicates(connection)?.is_empty() {
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, x'01')";
        connection.execute(sql, [REPEATED_IDS])?;
    }
    Ok(())
}

/// Describes the ids that a migrated ledger records more than once. Reads only a mark in others,
/// which check each response.
pub(super) fn repeated_ids(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut mark = connection.prepare_cached("SELECT 1 FROM meta WHERE name = ?")?;
    if mark.exists([REPEATED_IDS])? {
        collision::describe_duplicates(connection)
    } else {
        Ok(Vec::new())
    }
}

/// Creates the tables and stores the salt, the binding, an id and a serial.
pub(super) fn initialize(connection: &mut Connection, binding: &Binding) -> rusqlite::Result<()> {
    let mut salt = [0; 32];
    connection.query_row("SELECT randomblob(32)", [], |row| {
        salt = row.get(0)?;
        Ok(())
    })?;
    let salt = Salt(salt);
    let transaction = connection.transaction()?;
    transaction.execute_batch(&schema::tables())?;
    let app = salt.of(binding.app_id()).to_string();
    for (name, value) in [
        ("salt", &salt.0[..]),
        ("endpoint", binding.endpoint.as_bytes()),
        ("app", app.as_bytes()),
        (NO_REMNANTS, &[1]),
    ] {
        transaction.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)",
            params![name, value],
        )?;
    }
    transaction.execute_batch(
        "INSERT INTO meta (name, value) VALUES ('id', lower(hex(randomblob(16)))), ('serial', 0)",
    )?;
    transaction.pragma_update(None, "user_version", schema::VERSION)?;
    transaction.commit()
}

/// Checks that the ledger belongs to the endpoint and app, and returns its salt.
pub(super) fn check_binding(
    path: &Path,
    connection: &Connection,
    binding: &Binding,
) -> Result<Salt, LedgerError> {
    let own = |error: &rusqlite::Error| broken(path, error);
    let meta = |name: &str| {
        let sql = "SELECT value FROM meta WHERE name = ?";
        connection
            .query_row(sql, [name], |row| row.get::<_, Vec<u8>>(0))
            .map_err(|error| own(&error))
    };
    let text = |name: &str| meta(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let salt = meta("salt")?.try_into();
    let salt: [u8; 32] = salt.map_err(|_| damaged(path, "its salt has the wrong length"))?;
    let salt = Salt(salt);
    let bound = |what: String| LedgerError::Bound {
        path: path.display().to_string(),
        what,
    };
    let endpoint = text("endpoint")?;
    if endpoint != binding.endpoint {
        return Err(bound(
            t!("the endpoint %{endpoint}", endpoint = endpoint).into_owned(),
        ));
    }
    let app = text("app")?;
    let differs = |app_id: &String| app != salt.of(app_id).to_string();
    if binding.app_id.as_ref().is_some_and(differs) {
        return Err(bound(t!("another app id").into_owned()));
    }
    Ok(salt)
}
