//! One request out, one response back: over HTTPS, or to the emulator in the same process.

use bytes::Bytes;
use futures::future::BoxFuture;

use super::pace::Departure;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireError {
    /// The request never left: nothing was done.
    NotSent(String),
    /// It was held back, as every later one would be: the caller may not call any more.
    Barred(String),
    /// It left, or may have: whether it was carried out is not known.
    Lost(String),
}

/// Carries requests. It neither repeats nor redirects any.
pub trait Wire: Send + Sync {
    /// Sends one. What it drops at the moment at which the request leaves tells the pace of it.
    fn send(
        &self,
        request: http::Request<Bytes>,
        departure: Departure,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, WireError>>;
}
