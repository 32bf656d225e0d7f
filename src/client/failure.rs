//! How a call can fail, told by what it may have done.

use std::time::Duration;

use crate::api::ErrorCode;

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The service refused it: nothing was done, and the same call would be refused again.
    Refused {
        /// The code of section 6, or the HTTP status.
        code: ErrorCode,
        /// The service's own words.
        message: String,
    },
    /// The service says "slow down", and did nothing.
    Throttled {
        /// How long to wait, if it said so.
        after: Option<Duration>,
    },
    /// It never left: nothing was done.
    NotSent(String),
    /// Whether it was carried out is not known.
    Unknown {
        /// What came instead of an answer.
        why: String,
        /// How long to wait before the next, if the service said so.
        after: Option<Duration>,
    },
    /// The app id or secret is not accepted.
    Credentials(String),
}

impl Failure {
    /// Whether nothing was done for sure.
    pub fn is_definite(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "{code} {message}"),
            Self::Throttled { .. } => f.write_str("the service asks to slow down"),
            Self::NotSent(why) => write!(f, "the endpoint cannot be reached: {why}"),
            Self::Unknown { why, .. } => write!(f, "no proper answer: {why}"),
            Self::Credentials(why) => write!(f, "the credentials are refused: {why}"),
        }
    }
}
