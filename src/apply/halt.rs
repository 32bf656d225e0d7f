//! Why work on something stops, and what that means for it and for the run.

use crate::api::operation::Op;
use crate::client::{self, Problem};
use crate::ledger::{Failure, LedgerError};

/// Why work on a thing or an item stops.
#[derive(Debug, Clone)]
pub(super) enum Halt {
    /// It failed, for this one: nothing more was done.
    Failed(Failure),
    /// Whether a call was carried out is not known, and looking does not tell.
    InDoubt(Failure),
    /// Whether a call was carried out is not known, and looking has failed for now: the next run looks again.
    NotLooked(Failure),
    /// Nothing can go on. What was under way stays open, and is looked up by the next run.
    Fatal(Fatal),
}

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

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Fatal(Fatal::Ledger(error))
    }
}

impl Halt {
    /// A failure without a code.
    pub(super) fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed(Failure {
            code: None,
            message: message.into(),
            hint: hint.into(),
        })
    }

    /// Doubt about a call.
    pub(super) fn in_doubt(op: Op, why: &str) -> Self {
        Self::InDoubt(Failure {
            code: None,
            message: format!("whether {op} was carried out is not known: {why}"),
            hint: "it is not sent again by itself: apply --retry in-doubt looks once more, state settle says what a \
                   person saw on the service's own pages"
                .to_owned(),
        })
    }

    /// A call that failed after all its attempts.
    pub(super) fn of(op: Op, failure: client::Failure) -> Self {
        use client::Failure as F;
        match failure {
            F::Refused { code, message } => Self::Failed(Failure {
                code: Some(code.0),
                message: match code.english() {
                    "" => format!("{op}: {code} {message}"),
                    english => format!("{op}: {code} {message} ({english})"),
                },
                hint: code.hint().to_owned(),
            }),
            F::NotSent(problem) | F::Outage(problem) => Self::Fatal(Fatal::Unreachable(problem)),
            F::LeaseLost(why) => Self::Fatal(Fatal::Ledger(LedgerError::Taken(why))),
            F::Credentials(why) => Self::Fatal(Fatal::Credentials(why)),
            failure @ (F::Throttled { .. } | F::Unknown { .. }) => Self::Failed(Failure {
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
}
