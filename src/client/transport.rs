//! One request out, one response back: over HTTP, or to the sandbox in the same process.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;

/// Sends requests. It repeats none and follows no redirect.
pub trait Transport: Send + Sync {
    /// Sends one request and reads its whole response.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// No connection was made: the request was not sent.
    NotSent(Problem),
    /// The ledger's lease is lost: the request was not sent, and no later one may be.
    LeaseLost(String),
    /// The connection broke after the request may have been sent.
    Disconnected(String),
    /// A response arrived that is not read: too large, or compressed unasked. The request may have been carried out, and a retry
    /// would meet the same.
    Unreadable(Problem),
}

/// A problem between treaty and the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The problem, with the host.
    pub message: String,
    /// The action that may solve it; empty when none is known.
    pub hint: &'static str,
    /// Whether a retry meets the same problem.
    pub is_permanent: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Problem {
    /// A problem that may have passed by the next attempt.
    pub fn passing(message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            message: message.into(),
            hint,
            is_permanent: false,
        }
    }

    /// A problem that each retry would meet again.
    pub fn permanent(message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            message: message.into(),
            hint,
            is_permanent: true,
        }
    }
}
