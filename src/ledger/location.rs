//! The location of a ledger: a file, or a schema of a Postgres database.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio_postgres::error::SqlState;

use super::database::{self, Connection, PostgresSettings};
use super::{Binding, LedgerError, file, postgres};

/// The location of a ledger.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A schema of a Postgres database.
    Postgres {
        /// The database, the schema and the password.
        settings: Box<PostgresSettings>,
        /// The path beside which the files on this machine are: the lock, and the marker with the
        /// ledger's last known version.
        local: PathBuf,
    },
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres { settings, .. } => settings.address.fmt(f),
        }
    }
}

impl Location {
    /// Returns the path beside which the files on this machine are.
    pub fn local(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Postgres { local, .. } => local,
        }
    }

    /// Returns whether there is a ledger.
    pub(super) fn exists(&self) -> Result<bool, LedgerError> {
        match self {
            Self::File(path) => file::exists(path),
            Self::Postgres { settings, .. } => {
                postgres::exists(settings).map_err(|error| broken(self, &error))
            }
        }
    }

    /// Opens a connection for writing to an existing ledger, and migrates it.
    pub(super) fn open(&self) -> Result<Connection, LedgerError> {
        match self {
            Self::File(path) => file::open(path),
            Self::Postgres { settings, .. } => postgres::open(self, settings),
        }
    }

    /// Creates an empty ledger. Does nothing if another process has created one meanwhile.
    pub(super) fn create(&self, binding: &Binding) -> Result<(), LedgerError> {
        match self {
            Self::File(path) => file::create(path, binding),
            Self::Postgres { settings, .. } => {
                postgres::create(settings, binding).map_err(|error| broken(self, &error))
            }
        }
    }

    /// Verifies a whole file. A server verifies its own.
    pub(super) fn verify(&self) -> Result<(), LedgerError> {
        match self {
            Self::File(path) => file::verify(super::open_mode::OpenMode::ReadWrite, path),
            Self::Postgres { .. } => Ok(()),
        }
    }
}

/// Converts an error of a ledger's database.
pub(super) fn broken(location: &Location, error: &database::Error) -> LedgerError {
    if let (Location::File(path), database::Error::Sqlite(error)) = (location, error) {
        return file::broken(path, error);
    }
    let path = location.to_string();
    let state = error.sql_state();
    if matches!(
        error,
        database::Error::Unreachable(_) | database::Error::Lost
    ) {
        return LedgerError::Unreachable {
            path,
            why: error.to_string(),
        };
    }
    if state == Some(&SqlState::DISK_FULL) {
        return LedgerError::Full(path);
    }
    if state == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
        return LedgerError::ReadOnly {
            path,
            why: t!("it must be written").into_owned(),
        };
    }
    let is_refused = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_CATALOG_NAME,
    ];
    let why = error.to_string();
    let is_login = matches!(error, database::Error::Login(_));
    if is_login || state.is_some_and(|state| is_refused.contains(state)) {
        return LedgerError::Refused { path, why };
    }
    LedgerError::Broken { path, why }
}
