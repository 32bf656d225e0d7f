//! The location of a ledger: a file, or a schema of a Postgres database.

use std::fmt;
use std::path::{Path, PathBuf};

use super::database::PostgresSettings;

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
}
