//! The errors of a step, by their consequence for the resource or item and for the run.

use super::event::ItemOutcome;
use crate::api::operation::Op;
use crate::client::CallFailure;
use crate::ledger::{Failure, LedgerError};
use crate::plan::{Fatal, classify};

/// The errors that stop the work on a resource or item.
#[derive(Debug, Clone)]
pub(crate) enum StepError {
    /// The resource or item failed for a known reason. The run continues.
    Failed(Failure),
    /// It is unknown whether a call took effect, and the probe did not determine it.
    InDoubt(Failure),
    /// It is unknown whether a call took effect, and the probe failed: the next run probes again.
    ProbeFailed(Failure),
    /// The run cannot continue. Items in progress stay open, and the next run probes their calls.
    Fatal(Fatal),
}

impl From<LedgerError> for StepError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Collision(collision) => {
                Self::InDoubt(response_mismatch(collision.to_string()))
            }
            error => Self::Fatal(Fatal::Ledger(error)),
        }
    }
}

impl StepError {
    /// Creates a failure without an error code.
    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed(Failure {
            code: None,
            message: message.into(),
            hint: hint.into(),
        })
    }

    /// Converts the failure of a call, after all its attempts.
    pub(crate) fn of(op: Op, failure: CallFailure) -> Self {
        match classify(op, failure) {
            Ok(failure) => Self::Failed(failure),
            Err(fatal) => Self::Fatal(fatal),
        }
    }

    /// Returns the outcome of the item, or the error that stops the run.
    pub(crate) fn into_outcome(self) -> Result<ItemOutcome, Fatal> {
        match self {
            Self::Failed(failure) => Ok(ItemOutcome::Failed(failure)),
            Self::InDoubt(failure) | Self::ProbeFailed(failure) => {
                Ok(ItemOutcome::InDoubt(failure))
            }
            Self::Fatal(fatal) => Err(fatal),
        }
    }

    /// Returns the failure of the resource or item, or the error that stops the run.
    pub(crate) fn into_failure(self) -> Result<Failure, Fatal> {
        match self {
            Self::Failed(failure) | Self::InDoubt(failure) | Self::ProbeFailed(failure) => {
                Ok(failure)
            }
            Self::Fatal(fatal) => Err(fatal),
        }
    }

    /// Creates the error of a call in doubt; `why` is the reason for which the probe is unclear.
    pub(crate) fn in_doubt(op: Op, why: &str) -> Self {
        Self::InDoubt(Failure {
            code: None,
            message: t!("it is unknown whether %{op} took effect: %{why}", op = op, why = why).into_owned(),
            hint: t!("it is not sent again automatically: apply --retry in-doubt probes it again, state settle \
                   records what the service's own pages show").into_owned(),
        })
    }
}

/// Returns the failure of a response that belongs to another row or resource.
pub(crate) fn response_mismatch(message: String) -> Failure {
    Failure {
        code: None,
        message,
        hint: t!("the response belongs to another request: do not use the signing links of either row; check both \
               rows on the service's own pages, then run treaty apply --retry in-doubt").into_owned(),
    }
}
