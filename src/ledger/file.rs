//! The file of a ledger: made whole or not at all, and refused when it is newer, damaged, or somebody else's.

use std::fs::File;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::{Binding, LedgerError, schema};
use crate::expr::Salt;
use crate::util::failpoint::failpoint;

/// Whether there is a ledger. One that cannot be reached is no reason to begin a new one: it knows what was sent.
pub(super) fn is_there(path: &Path) -> Result<bool, LedgerError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_symlink() => Ok(true),
        // It may lead to a disk that is not there.
        Ok(_) => std::fs::metadata(path)
            .map(|_| true)
            .map_err(|error| io(path, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io(path, &error)),
    }
}

/// Opens a connection to a ledger that is there. Nothing is written to a file that is no ledger of ours.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let own = |error: &rusqlite::Error| broken(path, error);
    let length = std::fs::metadata(path).map_err(|error| io(path, &error))?;
    if length.len() == 0 {
        return Err(damaged(path, "it is empty"));
    }
    // Reading a WAL database takes write access to its side files.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| own(&error))?;
    let found = version(&connection).map_err(|error| own(&error))?;
    if found > schema::VERSION {
        return Err(LedgerError::Newer(path.display().to_string()));
    }
    if found < 1 {
        return Err(damaged(path, "it is no ledger"));
    }
    schema::configure(&connection).map_err(|error| own(&error))?;
    if found < schema::VERSION {
        migrate(&mut connection).map_err(|error| own(&error))?;
    }
    Ok(connection)
}

/// Makes an empty ledger beside its place and moves it there, so that what is there is never half a ledger.
pub(super) fn make(path: &Path, binding: &Binding) -> Result<(), LedgerError> {
    let own = |error: std::io::Error| io(path, &error);
    let part = path.with_added_extension("part");
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(own(error)),
        _ => {}
    }
    // Links in the ledger let people sign: nobody else on the machine may read it.
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(&part).map_err(own)?);
    let fill = || {
        let mut connection = Connection::open(&part)?;
        create(&mut connection, binding)?;
        connection.close().map_err(|(_, error)| error)
    };
    fill().map_err(|error| broken(path, &error))?;
    failpoint("ledger.filled");
    // Unlike a rename, a link never replaces what somebody else has put there meanwhile.
    std::fs::hard_link(&part, path)
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system has links.
            _ => std::fs::rename(&part, path),
        })
        .map_err(own)?;
    // A second name does no harm, and is overwritten by the next.
    let _ = std::fs::remove_file(&part);
    failpoint("ledger.placed");
    Ok(())
}

/// Reads all of the file: a page that is damaged may not be met until it is too late. One thread looks at all pages, and one
/// for each table holds it against its indexes.
pub(super) fn sound(path: &Path) -> Result<(), LedgerError> {
    let own = |error: rusqlite::Error| broken(path, &error);
    let tables = tables(path).map_err(own)?;
    let of_tables = tables
        .iter()
        .map(|table| format!("PRAGMA integrity_check('{table}')"));
    let checks = std::iter::once("PRAGMA quick_check(1)".to_owned()).chain(of_tables);
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = checks
            .map(|check| scope.spawn(move || first_error(path, &check)))
            .collect();
        let found = threads.into_iter().map(ScopedJoinHandle::join);
        found.collect()
    });
    for found in found {
        let found = found.unwrap_or_else(|_| Ok("it could not be checked".to_owned()));
        match found.map_err(own)?.as_str() {
            "ok" => {}
            found => {
                let mut lines = found.lines().filter(|line| !line.starts_with("***"));
                return Err(damaged(path, lines.next().unwrap_or_default()));
            }
        }
    }
    Ok(())
}

/// A connection for checks.
fn checking(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    schema::configure(&connection)?;
    Ok(connection)
}

fn tables(path: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = checking(path)?;
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut tables = connection.prepare(sql)?;
    let names = tables.query_map([], |row| row.get(0))?;
    names.collect()
}

/// What a check finds first; `ok` when that is nothing.
fn first_error(path: &Path, check: &str) -> rusqlite::Result<String> {
    checking(path)?.query_row(check, [], |row| row.get(0))
}

pub(super) fn io(path: &Path, error: &std::io::Error) -> LedgerError {
    LedgerError::Broken {
        path: path.display().to_string(),
        why: error.to_string(),
    }
}

fn damaged(path: &Path, why: &str) -> LedgerError {
    LedgerError::Broken {
        path: path.display().to_string(),
        why: format!("the file is damaged, and is left as it is ({why})"),
    }
}

pub(super) fn broken(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let why = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            return damaged(path, &error.to_string());
        }
        Some(rusqlite::ErrorCode::DatabaseBusy) => {
            return LedgerError::Held("somebody has been writing to it for 10 s".to_owned());
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
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for (older, step) in (1..).zip(schema::MIGRATIONS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Somebody else may have done it meanwhile.
        if version(&transaction)? == older {
            transaction.execute_batch(step)?;
            if older + 1 == schema::VERSION {
                transaction.execute(schema::TELL_WAITING, [])?;
            }
            transaction.pragma_update(None, "user_version", older + 1)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

pub(super) fn create(connection: &mut Connection, binding: &Binding) -> rusqlite::Result<()> {
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
pub(super) fn check(
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
    let salt: [u8; 32] = salt.map_err(|_| damaged(path, "its salt is of the wrong length"))?;
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
