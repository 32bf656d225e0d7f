//! The error type that `serde` requires of a deserializer.

use std::fmt;

/// An error of a `Deserialize` implementation.
///
/// The deserializer reports its own errors at once and goes on; this type carries the few that
/// stop a value.
#[derive(Debug)]
pub(super) enum Error {
    /// Already reported at the location of the value.
    Reported,
    /// Not reported yet.
    Message(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("the value is invalid"),
            Self::Message(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Message(message.to_string())
    }
}
