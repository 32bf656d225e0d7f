//! Why a run cannot go on, and what a failed call means.

use crate::api::operation::Op;
use crate::client::{self, Problem};
use crate::ledger::{Failure, LedgerError};

/// Why a run cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fatal {
    /// The endpoint cannot be reached.
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(Problem),
    /// It answers, and does not say what there is.
    #[error("what exists of {of} cannot be told: {why}")]
    NotTold {
        /// What it was asked about.
        of: String,
        /// What it said.
        why: String,
    },
    /// The app id or secret is not accepted.
    #[error("the credentials are refused: {0}")]
    Credentials(String),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Divides failed calls into those that concern one resource or item, and those that end the run.
pub(crate) fn classify(op: Op, failure: client::Failure) -> Result<Failure, Fatal> {
    use client::Failure as F;
    match failure {
        F::Refused { code, message } => Ok(Failure {
            code: Some(code.0),
            message: match code.english() {
                "" => format!("{op}: {code} {message}"),
                english => format!("{op}: {code} {message} ({english})"),
            },
            hint: code.hint().to_owned(),
        }),
        F::NotSent(problem) | F::Outage(problem) => Err(Fatal::Unreachable(problem)),
        F::LeaseLost(why) => Err(Fatal::Ledger(LedgerError::Taken(why))),
        F::Credentials(why) => Err(Fatal::Credentials(why)),
        failure @ (F::Throttled { .. } | F::Unknown { .. }) => Ok(Failure {
            code: None,
            message: format!("{op}: {failure}"),
            hint: if failure.is_permanent() {
                "apply again once the cause is removed"
            } else {
                "apply again"
            }
            .to_owned(),
        }),
    }
}
