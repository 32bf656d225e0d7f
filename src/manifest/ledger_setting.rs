//! The setting `ledger`: a file in the project's folder, or a Postgres database.

use std::fmt;
use std::path::{Path, PathBuf};

use super::value::StaticText;
use crate::diagnostic::{Diagnostic, Findings};
use crate::util::postgres_address::{PostgresAddress, default_schema, is_postgres};

/// The declared location of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerSetting {
    /// A file.
    File(PathBuf),
    /// A schema of a Postgres database.
    Postgres {
        /// The address, without a password.
        address: PostgresAddress,
        /// The path beside which the files on this machine are: the lock and the marker.
        local: PathBuf,
    },
}

impl LedgerSetting {
    /// Returns the path beside which the files on this machine are.
    pub fn local(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Postgres { local, .. } => local,
        }
    }

    /// Returns the setting of a project without one: `.treaty/ENVIRONMENT.db`.
    pub(super) fn default_file(root: &Path, environment: &str) -> Self {
        Self::File(root.join(".treaty").join(format!("{environment}.db")))
    }

    /// Resolves a declared setting. Adds an error to `findings` and returns none if it cannot be used.
    pub(super) fn resolve(
        root: &Path,
        (project, environment): (&str, &str),
        declared: &StaticText,
        findings: &mut Findings,
    ) -> Option<Self> {
        if declared.is_placeholder {
            return None;
        }
        let text = declared.text.replace("{environment}", environment);
        let resolved = if is_postgres(&text) {
            let schema = default_schema(project, environment);
            let address = PostgresAddress::parse(&text, &schema, root);
            let local = root.join(".treaty").join(format!("{environment}.postgres"));
            address
                .map(|address| Self::Postgres { address, local })
                .map_err(|error| (error.to_string(), error.hint()))
        } else {
            let hint = "use a file inside the project's folder, or postgres://USER@HOST/DATABASE";
            super::path::inside(root, root, &text)
                .map(Self::File)
                .map_err(|why| (why, hint.to_owned()))
        };
        match resolved {
            Ok(setting) => Some(setting),
            Err((message, hint)) => {
                findings.push(Diagnostic::error(message).at(&declared.span).hint(hint));
                None
            }
        }
    }
}

/// The path of the file, or the address of the database.
impl fmt::Display for LedgerSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres { address, .. } => address.fmt(f),
        }
    }
}
