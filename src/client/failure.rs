//! The failures of a call, classified by whether the call may have taken effect.

use std::fmt;
use std::time::Duration;

use super::transport::Problem;
use crate::api::{ErrorCode, private_values};

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
            Self::Throttled { .. } => f.write_str("the service throttles the request"),
            Self::NotSent(problem) => write!(f, "the endpoint cannot be reached: {problem}"),
            Self::Unknown { why, .. } => write!(f, "no usable response: {why}"),
            Self::Outage(problem) => write!(f, "the endpoint is down: {problem}"),
            Self::LeaseLost(holder) => f.write_str(holder),
            Self::Stopped => f.write_str("stopped while the call waited"),
            Self::Credentials(why) => write!(f, "the credentials are refused: {why}"),
        }
    }
}

/// Removes private data from a service's message, which may repeat the request: numbers of seven or
/// more digits (id numbers, mobile numbers), links (they give access), and invisible characters
/// (they control terminals).
pub fn public(message: &str) -> String {
    const MIN_DIGITS: usize = 7;
    let words = message
        .split_whitespace()
        .map(|word| match word.find("://") {
            Some(_) => "(link)".to_owned(),
            None => {
                let mut kept = String::new();
                let mut digits = String::new();
                for character in word
                    .chars()
                    .filter(|character| !is_invisible(*character))
                    .chain([' '])
                {
                    if character.is_ascii_digit() {
                        digits.push(character);
                        continue;
                    }
                    kept += if digits.len() < MIN_DIGITS {
                        &digits
                    } else {
                        "***"
                    };
                    digits.clear();
                    kept.push(character);
                }
                kept.trim_end().to_owned()
            }
        });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns whether a character controls terminals or changes the direction of text.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Removes private values of a request from the service's message about it.
pub(super) struct Redactor<'a> {
    /// The body of the request.
    pub(super) request: &'a [u8],
    /// The app secret.
    pub(super) secret: Option<&'a str>,
}

impl Redactor<'_> {
    /// Removes the request's private values, and everything that [`public`] removes.
    pub(super) fn clean(&self, message: &str) -> String {
        let mut private = private_values(self.request);
        private.extend(self.secret.map(str::to_owned));
        // Short ASCII values are kept: they occur in codes and other words.
        private.retain(|value| !value.is_ascii() || value.len() > 2);
        let escaped = private.iter().map(|value| {
            let json = serde_json::Value::from(value.as_str()).to_string();
            json.trim_matches('"').to_owned()
        });
        let escaped: Vec<String> = escaped.collect();
        private.extend(escaped);
        // The longest first, because one value may contain another.
        private.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let mut message = message.to_owned();
        for value in &private {
            message = message.replace(value.as_str(), "***");
        }
        // The message may have other white space than the value.
        let mut message = words(&message);
        for value in private.iter().map(|value| words(value)) {
            message = message.replace(&value, "***");
        }
        public(&message)
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_the_values_of_the_request() {
        let request = r#"{"name":"张三 1234567","accountId":"a1","formFields":{"x":"浙江  杭州","y":"50"},"signType":1}"#;
        let redactor = Redactor {
            request: request.as_bytes(),
            secret: Some("hush"),
        };
        for (message, expected) in [
            ("姓名张三 1234567与浙江  杭州不符 a1", "姓名***与***不符 a1"),
            ("浙江 杭州: hush, HTTP 503", "***: ***, HTTP 503"),
        ] {
            assert_eq!(redactor.clean(message), expected);
        }
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
