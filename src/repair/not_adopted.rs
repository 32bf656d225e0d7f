//! Why something is not taken over.

use crate::execute::Halt;
use crate::ledger::{Failure, LedgerError};
use crate::plan::Fatal;

/// Why something is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum NotAdopted {
    /// It is not what it should be.
    #[error("{}", .0.message)]
    No(Failure),
    /// Nothing can be asked, or read.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

impl From<Halt> for NotAdopted {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Failed(failure) | Halt::InDoubt(failure) | Halt::NotLooked(failure) => {
                Self::No(failure)
            }
            Halt::Fatal(fatal) => Self::Fatal(fatal),
        }
    }
}

impl From<LedgerError> for NotAdopted {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(error.into())
    }
}

pub(crate) fn no(message: impl Into<String>, hint: impl Into<String>) -> NotAdopted {
    Halt::failed(message, hint).into()
}
