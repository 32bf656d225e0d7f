//! Why work on something stops, and what that means for it and for the run.

use crate::api::operation::Op;
use crate::client;
use crate::ledger::{Failure, LedgerError};
use crate::plan::{Fatal, classify};

/// Why work on a thing or an item stops.
#[derive(Debug, Clone)]
pub(crate) enum StepError {
    /// It failed, for this one: nothing more was done.
    Failed(Failure),
    /// Whether a call was carried out is not known, and looking does not tell.
    InDoubt(Failure),
    /// Whether a call was carried out is not known, and looking has failed for now: the next run looks again.
    ProbeFailed(Failure),
    /// Nothing can go on. What was under way stays open, and is looked up by the next run.
    Fatal(Fatal),
}

impl From<LedgerError> for StepError {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(Fatal::Ledger(error))
    }
}

impl StepError {
    /// A failure without a code.
    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed(Failure {
            code: None,
            message: message.into(),
            hint: hint.into(),
        })
    }

    /// A call that failed after all its attempts.
    pub(crate) fn of(op: Op, failure: client::Failure) -> Self {
        match classify(op, failure) {
            Ok(failure) => Self::Failed(failure),
            Err(fatal) => Self::Fatal(fatal),
        }
    }

    /// Doubt about a call.
    pub(crate) fn in_doubt(op: Op, why: &str) -> Self {
        Self::InDoubt(Failure {
            code: None,
            message: format!("whether {op} was carried out is not known: {why}"),
            hint: "it is not sent again by itself: apply --retry in-doubt looks once more, state settle says what a \
                   person saw on the service's own pages"
                .to_owned(),
        })
    }
}
