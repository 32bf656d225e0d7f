//! The error of adopting or resolving.

use crate::execute::StepError;
use crate::ledger::{Failure, LedgerError};
use crate::plan::Fatal;

/// The reason why a resource or item is not adopted or resolved.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The id does not match the declared or recorded state.
    #[error("{}", .0.message)]
    Rejected(Failure),
    /// The service cannot be reached, or the ledger cannot be read.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

impl From<StepError> for AdoptError {
    fn from(error: StepError) -> Self {
        error
            .into_failure()
            .map_or_else(Self::Fatal, Self::Rejected)
    }
}

impl From<LedgerError> for AdoptError {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(error.into())
    }
}

/// Creates an [`AdoptError::Rejected`].
pub(crate) fn rejected(message: impl Into<String>, hint: impl Into<String>) -> AdoptError {
    StepError::failed(message, hint).into()
}
