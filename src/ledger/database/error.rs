//! Errors of a ledger's database.

use tokio_postgres::error::SqlState;

/// The result of a statement.
pub(in crate::ledger) type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a ledger's database.
#[derive(Debug, thiserror::Error)]
pub(in crate::ledger) enum Error {
    /// `SQLite` has reported it.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Postgres or the connection to it has reported it.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The server cannot be reached, or does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The server asks for a password, or for a kind of login that the driver does not know.
    #[error("{0}")]
    Login(String),
    /// The database stores texts in an encoding that cannot hold every character.
    #[error("{}", t!("its encoding is %{encoding}, not UTF8", encoding = _0))]
    Encoding(String),
    /// The connection was lost during a transaction.
    #[error("{}", t!("the connection to the database was lost"))]
    Lost,
    /// A column has another value than treaty writes.
    #[error("column {column}: {why}")]
    Value {
        /// The position of the column, from 0.
        column: usize,
        /// The reason.
        why: String,
    },
    /// The file of a ledger cannot be read.
    #[error("{0}")]
    File(String),
    /// The operating system gives no random bytes.
    #[error("random bytes: {0}")]
    Random(String),
    /// There is no row where treaty always writes one.
    #[error("a row is missing")]
    NoRow,
}

impl Error {
    /// Creates the error of a number that stands for nothing.
    pub(in crate::ledger) fn out_of_range(column: usize, number: i64) -> Self {
        Self::Value {
            column,
            why: format!("{number} is out of range"),
        }
    }

    /// Returns whether the connection was lost, so that the outcome of a commit is unknown.
    pub(in crate::ledger) fn is_lost(&self) -> bool {
        match self {
            Self::Lost | Self::Unreachable(_) => true,
            Self::Postgres(error) => error.is_closed() || ends_connection(error),
            _ => false,
        }
    }

    /// Returns whether another connection has locked the file for too long.
    pub(in crate::ledger) fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
    }

    /// Returns whether Postgres has ended the transaction because of another one.
    pub(in crate::ledger) fn is_deadlock(&self) -> bool {
        let states = [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ];
        self.sql_state().is_some_and(|state| states.contains(state))
    }

    /// Returns the state code of Postgres.
    pub(in crate::ledger) fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            _ => None,
        }
    }
}

/// Returns whether an error says that the server has closed the connection or closes it now.
pub(super) fn ends_connection(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(error) => {
            [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                SqlState::IDLE_SESSION_TIMEOUT,
            ]
            .contains(error.code())
                || error.code().code().starts_with("08")
        }
        // An error without a code that is not of a value comes from the connection.
        None => {
            let source = std::error::Error::source(error);
            source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        }
    }
}

/// Returns the message of the server, or of the connection with its cause.
fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", error.message(), error.code().code());
    }
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
