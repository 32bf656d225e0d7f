//! The ways in which a call fails, by what the service may have done.

use std::fmt;
use std::time::Duration;

use super::transport::Problem;
use crate::api::{ErrorCode, private_values};

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The service refused the call: nothing was done, and the same call would be refused again.
    Refused {
        /// The code of section 6, or the HTTP status.
        code: ErrorCode,
        /// The service's message, without private values.
        message: String,
    },
    /// The service throttles: nothing was done.
    Throttled {
        /// The delay that it asked for.
        retry_after: Option<Duration>,
    },
    /// The request was not sent: nothing was done.
    NotSent(Problem),
    /// The request may have been carried out.
    Unknown {
        /// What came instead of an answer.
        why: String,
        /// The delay that the service asked for.
        retry_after: Option<Duration>,
        /// How the answer was lost.
        cause: LossCause,
    },
    /// The app id or secret is not accepted.
    Credentials(String),
    /// The endpoint has been down for longer than `retries.outage`.
    Outage(Problem),
    /// The ledger's lease is lost: the request was not sent.
    LeaseLost(String),
}

/// How an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCause {
    /// The connection broke.
    Disconnected,
    /// No response came in time: the service may still be working on the call.
    TimedOut,
    /// A response came that is not the API's: an error of a gateway, or garbage.
    Garbled,
    /// A response came that is not read, such as one without an end. A retry would meet the same.
    Unreadable,
}

impl Failure {
    /// A lost answer.
    pub(super) fn lost(why: String, cause: LossCause) -> Self {
        Self::Unknown {
            why,
            retry_after: None,
            cause,
        }
    }

    /// Whether a retry would meet the same problem.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::NotSent(problem) => problem.is_permanent,
            Self::Unknown { cause, .. } => *cause == LossCause::Unreadable,
            _ => false,
        }
    }

    /// Whether another attempt may succeed: the service failed, the connection broke, or something else answered.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::NotSent(_)) && !self.is_permanent()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "{code} {message}"),
            Self::Throttled { .. } => f.write_str("the service asks to slow down"),
            Self::NotSent(problem) => write!(f, "the endpoint cannot be reached: {problem}"),
            Self::Unknown { why, .. } => write!(f, "no usable response: {why}"),
            Self::Outage(problem) => write!(f, "the endpoint is down: {problem}"),
            Self::LeaseLost(holder) => f.write_str(holder),
            Self::Credentials(why) => write!(f, "the credentials are refused: {why}"),
        }
    }
}

/// Removes from a service's message what must not be shown or kept: it may repeat what it was sent. Numbers of seven and more digits may be id
/// numbers and mobiles; links let people in; control characters are for terminals.
pub fn public(message: &str) -> String {
    const LONG: usize = 7;
    let words = message
        .split_whitespace()
        .map(|word| match word.find("://") {
            Some(_) => "(link)".to_owned(),
            None => {
                let mut kept = String::new();
                let mut digits = String::new();
                for character in word
                    .chars()
                    .filter(|character| !character.is_control())
                    .chain([' '])
                {
                    if character.is_ascii_digit() {
                        digits.push(character);
                        continue;
                    }
                    kept += if digits.len() < LONG { &digits } else { "***" };
                    digits.clear();
                    kept.push(character);
                }
                kept.trim_end().to_owned()
            }
        });
    words.collect::<Vec<_>>().join(" ")
}

/// Removes from a failure's message the private values of the request that it answers, and the app secret: a service may repeat them.
pub(super) fn redact_echo(failure: Failure, request: &[u8], secret: Option<&str>) -> Failure {
    let mut private = private_values(request);
    private.extend(secret.map(str::to_owned));
    // The longest first: one may be part of another.
    private.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let redact = |text: String| {
        let values = private.iter();
        values.fold(text, |text, value| text.replace(value.as_str(), "***"))
    };
    match failure {
        Failure::Refused { code, message } => Failure::Refused {
            code,
            message: redact(message),
        },
        Failure::Credentials(message) => Failure::Credentials(redact(message)),
        Failure::Unknown {
            why,
            retry_after,
            cause,
        } => Failure::Unknown {
            why: redact(why),
            retry_after,
            cause,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_the_values_of_the_request() {
        let request = r#"{"name":"张三","accountId":"a1","formFields":{"x":"伍万"},"signType":1}"#;
        let refused = |message: &str| Failure::Refused {
            code: ErrorCode(1),
            message: message.to_owned(),
        };
        let echo = refused("姓名张三与伍万不符 a1 hush");
        assert_eq!(
            redact_echo(echo, request.as_bytes(), Some("hush")),
            refused("姓名***与***不符 a1 ***")
        );
    }

    #[test]
    fn removes_long_numbers_and_links() {
        assert_eq!(
            public("idNo 33010619900101123X: 参数错误 12"),
            "idNo ***X: 参数错误 12"
        );
        assert_eq!(
            public("see https://o.tsign.cn/sign/1\u{1b}[31m\nnow"),
            "see (link) now"
        );
    }
}
