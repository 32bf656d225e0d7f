//! Errors of a ledger's database as errors of the ledger.

use std::path::Path;

use tokio_postgres::error::SqlState;

use super::LedgerError;
use super::database::Error;
use super::location::Location;

/// Converts an error of a ledger's database.
pub(super) fn broken(location: &Location, error: &Error) -> LedgerError {
    if let (Location::File(path), Error::Sqlite(error)) = (location, error) {
        return broken_file(path, error);
    }
    let path = location.to_string();
    let state = error.sql_state();
    if error.is_lost() {
        return LedgerError::Unreachable {
            path,
            why: error.to_string(),
        };
    }
    if state == Some(&SqlState::DISK_FULL) {
        return LedgerError::Full(path);
    }
    if state == Some(&SqlState::LOCK_NOT_AVAILABLE) {
        let holder = t!("another transaction has locked it for 20 s");
        return LedgerError::Held(holder.into_owned());
    }
    let is_refused = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_CATALOG_NAME,
        // A role without the right to use a schema does not see its tables.
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
    ];
    let why = error.to_string();
    let is_login = matches!(error, Error::Login(_));
    if is_login || state.is_some_and(|state| is_refused.contains(state)) {
        return LedgerError::Refused { path, why };
    }
    match location {
        Location::File(_) => LedgerError::Broken { path, why },
        Location::Postgres { .. } => LedgerError::Server { path, why },
    }
}

/// Creates the error of a damaged file.
pub(super) fn damaged(path: &Path, why: &str) -> LedgerError {
    LedgerError::Broken {
        path: path.display().to_string(),
        why: t!(
            "the file is damaged and was not changed (%{why})",
            why = why
        )
        .into_owned(),
    }
}

/// Converts an error of a file.
pub(super) fn broken_file(path: &Path, error: &rusqlite::Error) -> LedgerError {
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
