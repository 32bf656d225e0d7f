//! The wire over HTTPS.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Method;
use hyper::body::{Body, Frame, SizeHint};

use super::pace::Departure;
use super::wire::{Wire, WireError};
use crate::https::{Pool, Unanswered};

/// An answer larger than this is none of the API's: many may be read at the same time.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// The largest document that is downloaded.
const LARGEST_DOCUMENT: usize = 64 * 1024 * 1024;

/// HTTPS, with a pool of connections.
#[derive(Debug)]
pub struct Https {
    pool: Pool<DepartingBody>,
}

impl Https {
    /// With so many connections to each host.
    pub fn new(connections: usize) -> Result<Self, String> {
        let pool = Pool::new(connections)?;
        Ok(Self { pool })
    }
}

/// A body that is taken by its connection when the request is written.
#[derive(Debug)]
struct DepartingBody {
    departure: Departure,
    bytes: Option<Bytes>,
}

impl Body for DepartingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        drop(std::mem::take(&mut self.departure));
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.bytes.as_ref().map_or(0, Bytes::len);
        // No body is longer than 2^64.
        SizeHint::with_exact(u64::try_from(left).unwrap_or(u64::MAX))
    }
}

impl Wire for Https {
    fn send(
        &self,
        request: http::Request<Bytes>,
        departure: Departure,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, WireError>> {
        let largest = match *request.method() {
            Method::GET => LARGEST_DOCUMENT,
            _ => LARGEST_ANSWER,
        };
        let request = request.map(|body| DepartingBody {
            departure,
            bytes: (!body.is_empty()).then_some(body),
        });
        Box::pin(async move {
            let answer = self.pool.send(request, largest).await;
            answer.map_err(|unanswered| match unanswered {
                Unanswered::NotSent(why) => WireError::NotSent(why),
                Unanswered::Lost(why) => WireError::Lost(why),
            })
        })
    }
}
