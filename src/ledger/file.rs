//! The file of a ledger: created atomically, and refused if it is newer, damaged, or belongs to
//! another endpoint or app.

use std::path::Path;
use std::thread::ScopedJoinHandle;

use super::database::{Connection, Error, Result, params};
use super::erase::NO_REMNANTS;
use super::failure::{broken, broken_file, damaged};
use super::location::Location;
use super::open_mode::OpenMode;
use super::{Binding, LedgerError, collision, schema, version};
use crate::expr::Salt;
use crate::util::failpoint::failpoint;
use crate::util::private_file;

/// The name of the mark of a migrated ledger that records ids more than once.
const REPEATED_IDS: &str = "repeatedIds";
/// The name of the key of the fingerprints.
const SALT: &str = "salt";

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
    let own = |error: &rusqlite::Error| broken_file(path, error);
    private_file::resolve(path).map_err(|error| LedgerError::io(path, &error))?;
    let length = std::fs::metadata(path).map_err(|error| LedgerError::io(path, &error))?;
    if !length.is_file() {
        return Err(damaged(path, &t!("it is not a regular file")));
    }
    if length.len() == 0 {
        return Err(damaged(path, &t!("it is empty")));
    }
    let opened = mode.open(path).and_then(|connection| {
        let found = tables_version(&connection)?;
        Ok((connection, found))
    });
    let (connection, found) = opened.map_err(|error| own(&error))?;
    if found > schema::VERSION {
        return Err(LedgerError::Newer(path.display().to_string()));
    }
    if found < 1 {
        return Err(damaged(path, &t!("it is not a ledger")));
    }
    schema::configure_reader(&connection).map_err(|error| own(&error))?;
    if mode != OpenMode::ReadWrite {
        if found == schema::VERSION {
            return Ok(connection.into());
        }
        return Err(LedgerError::ReadOnly {
            path: path.display().to_string(),
            why: t!("an older treaty has made it, and it must be migrated").into_owned(),
        });
    }
    schema::configure_writer(&connection).map_err(|error| own(&error))?;
    let connection = connection.into();
    if found < schema::VERSION {
        migrate(&connection).map_err(|error| broken(&path.into(), &error))?;
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
        let connection = rusqlite::Connection::open(&part)?.into();
        initialize(&connection, binding)
    };
    fill().map_err(|error| broken(&path.into(), &error))?;
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
    let own = |error: rusqlite::Error| broken_file(path, &error);
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

fn tables_version(connection: &rusqlite::Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Migrates a ledger of an older treaty to the current version.
fn migrate(connection: &Connection) -> Result<()> {
    let version = || connection.query_one("PRAGMA user_version", &[], |row| row.get::<i64>(0));
    for (older, step) in (1..).zip(schema::MIGRATIONS) {
        let transaction = connection.begin()?;
        // Another process may have migrated it meanwhile.
        if version()? == older {
            transaction.execute_batch(step)?;
            if older + 1 == schema::HAS_WAITING {
                transaction.execute(&schema::mark_waiting(), &[])?;
            }
            transaction.execute_batch(&format!("PRAGMA user_version = {}", older + 1))?;
        }
        transaction.commit()?;
    }
    if !collision::describe_duplicates(connection)?.is_empty() {
        version::set(connection, REPEATED_IDS, 1_i64)?;
    }
    Ok(())
}

/// Describes the ids that a migrated ledger records more than once. Reads only a mark in others,
/// which check each response.
pub(super) fn repeated_ids(connection: &Connection) -> Result<Vec<String>> {
    let mark = "SELECT 1 FROM meta WHERE name = ?";
    if connection.exists(mark, params![REPEATED_IDS])? {
        collision::describe_duplicates(connection)
    } else {
        Ok(Vec::new())
    }
}

/// Returns the key of the fingerprints of a new ledger, and the values of its table `meta`: the
/// binding and an id.
pub(super) fn initial_values(binding: &Binding) -> Result<(Salt, [(&'static str, String); 3])> {
    let salt = Salt(version::random_bytes()?);
    let app = salt.of(binding.app_id()).to_string();
    let values = [
        ("endpoint", binding.endpoint.clone()),
        ("app", app),
        ("id", version::random_id()?),
    ];
    Ok((salt, values))
}

/// Creates the tables and stores the salt, the binding, an id and a serial.
pub(super) fn initialize(connection: &Connection, binding: &Binding) -> Result<()> {
    let (salt, values) = initial_values(binding)?;
    let transaction = connection.begin()?;
    transaction.execute_batch(&schema::tables())?;
    write_salt(&transaction, &salt)?;
    for (name, value) in values {
        version::set(&transaction, name, &value)?;
    }
    version::set(&transaction, NO_REMNANTS, 1_i64)?;
    version::set(&transaction, "serial", 0_i64)?;
    transaction.execute_batch(&format!("PRAGMA user_version = {}", schema::VERSION))?;
    transaction.commit()
}

/// Checks that the ledger belongs to the endpoint and app, and returns its salt.
pub(super) fn check_binding(
    location: &Location,
    connection: &Connection,
    binding: &Binding,
) -> Result<Salt, LedgerError> {
    let own = |error: &Error| broken(location, error);
    let text = |name: &str| version::text(connection, name).map_err(|error| own(&error));
    let salt = read_salt(connection).map_err(|error| own(&error))?;
    let bound = |what: String| LedgerError::Bound {
        path: location.to_string(),
        what,
    };
    let endpoint = text("endpoint")?.unwrap_or_default();
    if endpoint != binding.endpoint {
        return Err(bound(
            t!("the endpoint %{endpoint}", endpoint = endpoint).into_owned(),
        ));
    }
    let app = text("app")?.unwrap_or_default();
    let differs = |app_id: &String| app != salt.of(app_id).to_string();
    if binding.app_id.as_ref().is_some_and(differs) {
        return Err(bound(t!("another app id").into_owned()));
    }
    Ok(salt)
}

/// Replaces the key of the fingerprints: see [`read_salt`].
pub(super) fn write_salt(connection: &Connection, salt: &Salt) -> Result<()> {
    if connection.sqlite().is_none() {
        return version::set(connection, SALT, &hex::encode(salt.0));
    }
    version::set(connection, SALT, &salt.0)
}

/// Reads the key of the fingerprints: bytes in a file, hexadecimal digits in Postgres.
fn read_salt(connection: &Connection) -> Result<Salt> {
    let sql = "SELECT value FROM meta WHERE name = ?";
    if connection.sqlite().is_some() {
        return connection.query_one(sql, params![SALT], |row| row.get(0).map(Salt));
    }
    connection.query_one(sql, params![SALT], |row| {
        let mut salt = [0; 32];
        let decoded = hex::decode_to_slice(row.get::<&str>(0)?, &mut salt);
        decoded.map_err(|error| Error::Value {
            column: 0,
            why: error.to_string(),
        })?;
        Ok(Salt(salt))
    })
}
