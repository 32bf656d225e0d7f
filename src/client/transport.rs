//! The transport: sends one request and returns its response, over HTTP or to the sandbox in the
//! same process.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;

/// Sends requests, without retries and redirects.
pub trait Transport: Send + Sync {
    /// Sends a request and reads the complete response.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;
}

/// The reason why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// No connection was made: the request was not sent.
    NotSent(Problem),
    /// The ledger's lease is lost: the request was not sent, and no later one may be sent.
    LeaseLost(String),
    /// The connection broke after the request may have been sent.
    Disconnected(String),
    /// The response is too large, or compressed although the request did not allow it. The call may
    /// have taken effect, and a retry would have the same result.
    Unreadable(Problem),
}

/// A problem between treaty and the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The message, with the host.
    pub message: String,
    /// The key of the suggested action; empty if none is known.
    pub hint: &'static str,
    /// Whether a retry would have the same problem.
    pub is_permanent: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Problem {
    /// Creates a problem that may be gone at the next attempt.
    pub fn passing(message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            message: message.into(),
            hint,
            is_permanent: false,
        }
    }

    /// Creates a problem that every retry would have.
    pub fn permanent(message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            message: message.into(),
            hint,
            is_permanent: true,
        }
    }
}
