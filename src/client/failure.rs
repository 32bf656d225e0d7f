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
        /// How its answer was lost.
        lost: Lost,
    },
    /// The app id or secret is not accepted.
    Credentials(String),
    /// The endpoint has been down for too long: nothing is tried any more.
    Down(String),
    /// The caller may call no more: it was not sent.
    Barred(String),
}

/// How an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The line was cut.
    Cut,
    /// Nothing came in time: the service may still be working on it.
    Late,
    /// Something answered, a gateway at least, and not as the API does.
    Garbled,
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
            Self::Down(why) => write!(f, "the endpoint is down: {why}"),
            Self::Barred(why) => f.write_str(why),
            Self::Credentials(why) => write!(f, "the credentials are refused: {why}"),
        }
    }
}

/// What may be kept and shown of a service's words: it may repeat what it was sent. Long numbers are id numbers and
/// mobiles, and links let people in; control characters are nobody's words.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_and_links_of_a_message_are_not_kept() {
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
