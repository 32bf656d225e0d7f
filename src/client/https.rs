//! The wire over HTTPS.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{Method, Uri};
use hyper::body::{Body, Frame, SizeHint};
use reqwest::Url;

use super::pace::Departure;
use super::wire::{Wire, WireError};

/// An answer larger than this is none of the API's: many may be read at the same time.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// The largest document that is downloaded.
const LARGEST_DOCUMENT: usize = 64 * 1024 * 1024;

/// HTTPS with a pool of connections. No retries and no redirects: the one is the ledger's business, and the other
/// would carry credentials elsewhere.
#[derive(Debug)]
pub struct Https {
    client: reqwest::Client,
    /// The addresses of the operations, as the library wants them: few, and each is parsed once.
    operations: Mutex<HashMap<Uri, Url>>,
}

impl Https {
    /// A pool of so many connections. To an endpoint on this machine, no proxy is asked.
    pub fn new(connections: usize, loopback: bool) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(connections)
            .connect_timeout(std::time::Duration::from_secs(10))
            .user_agent(concat!("treaty/", env!("CARGO_PKG_VERSION")));
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| told(&error))?;
        Ok(Self {
            client,
            operations: Mutex::default(),
        })
    }

    fn request(
        &self,
        request: http::Request<Bytes>,
        departure: Departure,
    ) -> Result<reqwest::Request, String> {
        if *request.method() != Method::POST {
            return reqwest::Request::try_from(request).map_err(|error| told(&error));
        }
        let (parts, body) = request.into_parts();
        let mut known = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let url = match known.get(&parts.uri) {
            Some(url) => url.clone(),
            None => {
                let url = Url::parse(&parts.uri.to_string()).map_err(|error| error.to_string())?;
                known.entry(parts.uri).or_insert(url).clone()
            }
        };
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(if departure.counts() {
            let body = DepartingBody {
                departure: Some(departure),
                bytes: Some(body),
            };
            reqwest::Body::wrap(body)
        } else {
            body.into()
        });
        Ok(request)
    }
}

/// A body that is taken by its connection when the request is written.
struct DepartingBody {
    departure: Option<Departure>,
    bytes: Option<Bytes>,
}

impl Body for DepartingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        drop(self.departure.take());
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
        Box::pin(async move {
            let largest = match *request.method() {
                Method::GET => LARGEST_DOCUMENT,
                _ => LARGEST_ANSWER,
            };
            let request = self
                .request(request, departure)
                .map_err(WireError::NotSent)?;
            let mut response = self.client.execute(request).await.map_err(|error| {
                if error.is_connect() || error.is_builder() {
                    WireError::NotSent(told(&error))
                } else {
                    WireError::Lost(told(&error))
                }
            })?;
            let mut parts = http::Response::builder().status(response.status());
            if let Some(headers) = parts.headers_mut() {
                *headers = std::mem::take(response.headers_mut());
            }
            let mut body = BytesMut::new();
            while let Some(piece) = response
                .chunk()
                .await
                .map_err(|error| WireError::Lost(told(&error)))?
            {
                if body.len() + piece.len() > largest {
                    return Err(WireError::Lost("the answer does not end".to_owned()));
                }
                body.extend_from_slice(&piece);
            }
            parts
                .body(body.freeze())
                .map_err(|error| WireError::Lost(error.to_string()))
        })
    }
}

/// The innermost reason, without the URL: it may be one that lets people in.
fn told(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let text = reason.to_string();
    match error.url() {
        Some(url) => text.replace(url.as_str(), "the address"),
        None => text,
    }
}
