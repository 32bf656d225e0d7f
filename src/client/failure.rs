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
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::NotSent(problem) => problem.is_permanent,
            Self::Unknown { cause, .. } => *cause == LossCause::Unreadable,
            // A redirect, which is not followed.
            Self::Refused { code, .. } => (300..400).contains(&code.0),
            _ => false,
        }
    }

    /// Whether another attempt may succeed: the service failed, the connection broke, or something else answered.
    pub fn is_transient(&self) -> bool {
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
/// numbers and mobiles; links let people in; invisible characters are for terminals.
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
                    .filter(|character| !is_invisible(*character))
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

/// Whether a character is for terminals or changes the direction of the text around it.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Cleans a service's messages about one request: a service may repeat a name that it was sent.
pub(super) struct Redactor<'a> {
    /// The body of the request.
    pub(super) request: &'a [u8],
    /// The app secret.
    pub(super) secret: Option<&'a str>,
}

impl Redactor<'_> {
    /// A message without the request's private values, and without what [`public`] removes.
    pub(super) fn clean(&self, message: &str) -> String {
        let mut private = private_values(self.request);
        private.extend(self.secret.map(str::to_owned));
        // Short ones are parts of codes and of other words.
        private.retain(|value| !value.is_ascii() || value.len() > 2);
        let escaped = private.iter().map(|value| {
            let json = serde_json::Value::from(value.as_str()).to_string();
            json.trim_matches('"').to_owned()
        });
        let escaped: Vec<String> = escaped.collect();
        private.extend(escaped);
        // The longest first: one may be part of another.
        private.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let mut message = message.to_owned();
        for value in &private {
            message = message.replace(value.as_str(), "***");
        }
        // White space may differ.
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
