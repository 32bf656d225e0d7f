//! Why something is not taken over.

use crate::execute::StepError;
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

impl From<StepError> for NotAdopted {
    fn from(halt: StepError) -> Self {
        match halt {
            StepError::Failed(failure)
            | StepError::InDoubt(failure)
            | StepError::ProbeFailed(failure) => Self::No(failure),
            StepError::Fatal(fatal) => Self::Fatal(fatal),
        }
    }
}

impl From<LedgerError> for NotAdopted {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(error.into())
    }
}

pub(crate) fn no(message: impl Into<String>, hint: impl Into<String>) -> NotAdopted {
    StepError::failed(message, hint).into()
}
