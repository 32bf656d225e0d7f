//! The failures of a call, classified by whether the call may have taken effect.

use std::fmt;
use std::time::Duration;

use super::transport::Problem;
use crate::api::ErrorCode;

/// The reason why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// The service refused the call: a retry would be refused, too. If a gateway repeated the call,
    /// the refusal may concern the repetition only.
    Refused {
        /// The code of section 6, or the HTTP status.
        code: ErrorCode,
        /// The service's message, without private values.
        message: String,
    },
    /// The service throttled the call. If a gateway repeated the call, the limit may concern the
    /// repetition only.
    Throttled {
        /// The requested delay.
        retry_after: Option<Duration>,
    },
    /// The request was not sent.
    NotSent(Problem),
    /// The call may have taken effect.
    Unknown {
        /// A description of what was received instead of an answer.
        why: String,
        /// The delay that the service requested.
        retry_after: Option<Duration>,
        /// The cause of the loss.
        cause: LossCause,
    },
    /// The service does not accept the app id or secret.
    Credentials(String),
    /// The endpoint has been down for longer than `retries.outage`.
    Outage(Problem),
    /// The ledger's lease is lost: the request was not sent.
    LeaseLost(String),
    /// The command was stopped while the call waited: no further request was sent.
    Stopped,
}

/// The cause of a lost answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCause {
    /// The connection broke.
    Disconnected,
    /// The request timed out: the service may still be processing it.
    TimedOut,
    /// The response is not from the API: an error page of a gateway, or garbage.
    Garbled,
    /// The response was not read completely, for example because it is too large. A retry would
    /// have the same result.
    Unreadable,
}

impl CallFailure {
    /// Creates the failure of a lost answer.
    pub(super) fn lost(why: String, cause: LossCause) -> Self {
        Self::Unknown {
            why,
            retry_after: None,
            cause,
        }
    }

    /// Returns whether a retry would fail in the same way.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::NotSent(problem) => problem.is_permanent,
            Self::Unknown { cause, .. } => *cause == LossCause::Unreadable,
            // Redirects are not followed.
            Self::Refused { code, .. } => (300..400).contains(&code.0),
            _ => false,
        }
    }

    /// Returns the delay that the service requested.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::Unknown { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns whether a retry may succeed: the connection broke, or the service or a gateway
    /// failed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::NotSent(_)) && !self.is_permanent()
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "{code} {message}"),
            Self::Throttled { .. } => f.write_str(&t!("the service throttles the request")),
            Self::NotSent(problem) => f.write_str(&t!(
                "the endpoint cannot be reached: %{problem}",
                problem = problem
            )),
            Self::Unknown { why, .. } => f.write_str(&t!("no usable response: %{why}", why = why)),
            Self::Outage(problem) => {
                f.write_str(&t!("the endpoint is down: %{problem}", problem = problem))
            }
            Self::LeaseLost(holder) => f.write_str(holder),
            Self::Stopped => f.write_str(&t!("stopped while the call waited")),
            Self::Credentials(why) => {
                f.write_str(&t!("the credentials are refused: %{why}", why = why))
            }
        }
    }
}
