//! Errors that end a run, and the classification of failed calls.

use crate::address::AccountId;
use crate::api::operation::Op;
use crate::client::{CallFailure, Problem};
use crate::ledger::{Failure, LedgerError};
use crate::util::language::is_chinese;

/// An error that ends a run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fatal {
    /// The endpoint cannot be reached, or does not process requests.
    #[error("{}", t!("the endpoint cannot be reached: %{problem}", problem = _0))]
    Unreachable(Problem),
    /// The service answered a lookup with an error.
    #[error("{}", t!("cannot look up %{subject}: %{reason}", subject = subject, reason = reason))]
    LookupFailed {
        /// The account or `thirdId` of the lookup.
        subject: String,
        /// The error code and message of the service.
        reason: String,
    },
    /// The service rejected the app id or the secret.
    #[error("{}", t!("the credentials are refused: %{why}", why = _0))]
    Credentials(String),
    /// The service named one account for several `thirdId`s.
    #[error("{}", t!("account/idexchange has the account %{account} for more than one thirdId", account = _0))]
    SharedAccount(AccountId),
    /// Several responses had the ids of other rows or resources.
    #[error("{}", t!("%{count} responses had ids of other rows or resources", count = _0))]
    MismatchedResponses(usize),
    /// The command was stopped while a call waited: the call was not sent.
    #[error("{}", t!("stopped while calls waited for the service"))]
    Stopped,
    /// The ledger cannot be read or written, or its lease was lost.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Converts the failure of a call.
///
/// Returns a [`Failure`] when it concerns one resource or item.
///
/// # Errors
///
/// Returns [`Fatal`] when it ends the run: no connection, refused credentials, a lost lease, a stop.
pub(crate) fn classify(op: Op, failure: CallFailure) -> Result<Failure, Fatal> {
    use CallFailure as F;
    match failure {
        F::Refused { code, message } => Ok(Failure {
            code: Some(code.0),
            message: match code.english() {
                // The message of the service is in Chinese.
                english if english.is_empty() || is_chinese() => {
                    format!("{op}: {code} {message}")
                }
                english => format!("{op}: {code} {message} ({english})"),
            },
            hint: code.hint().into_owned(),
        }),
        F::NotSent(problem) | F::Outage(problem) => Err(Fatal::Unreachable(problem)),
        F::LeaseLost(why) => Err(Fatal::Ledger(LedgerError::Taken(why))),
        F::Credentials(why) => Err(Fatal::Credentials(why)),
        F::Stopped => Err(Fatal::Stopped),
        failure @ (F::Throttled { .. } | F::Unknown { .. }) => Ok(Failure {
            code: None,
            message: format!("{op}: {failure}"),
            hint: if failure.is_permanent() {
                t!("remove the cause, then apply again")
            } else {
                t!("apply again")
            }
            .into_owned(),
        }),
    }
}
