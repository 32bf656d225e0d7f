//! The kinds of faults, and how each one changes the processing of a request and its response.
//!
//! Independent of the transport: the caller carries out [`NoResponse`] on a socket or in process.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use jiff::Timestamp;
use tokio::time::sleep;

use crate::api::ErrorCode;
use crate::sandbox::http::{HttpResponse, JSON, Sandbox, response};

/// A fault that is injected into one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the request is processed.
    LostBefore,
    /// The request is processed, then the connection is closed without a response.
    LostAfter,
    /// The request is processed, and the response is delayed by this time.
    AnswerLate(Duration),
    /// The connection is closed immediately, and the request is processed after this delay.
    WorkLate(Duration),
    /// Processing starts after this delay, even if the client is gone. The response is correct.
    Slow(Duration),
    /// HTTP status 429. The request is not processed.
    Throttled {
        /// The value of the `Retry-After` header, in seconds.
        retry_after: Option<u64>,
    },
    /// A gateway page with this HTTP status. The request is not processed.
    Status(u16),
    /// The request is processed, and the response is a gateway page with this HTTP status.
    StatusAfter(u16),
    /// The request is processed, and the response is a gateway page with HTTP status 200.
    Garbage,
    /// The request is processed, and the correct response has the content type `text/html`.
    ContentType,
    /// The request is processed, and the response is a success without data.
    Fieldless,
    /// The request is processed, and the response is this error.
    Failed(ErrorCode),
    /// The request is processed, and the response body is cut off in the middle.
    Truncated,
    /// The request is processed, and the response body does not end.
    Huge,
    /// The listener and all connections are closed for this time. The request is not processed.
    Refused(Duration),
}

/// The reason why a client gets no complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResponse {
    /// The connection is closed.
    ConnectionClosed,
    /// The response body does not end.
    Endless,
    /// The listener is closed for this time.
    ListenerClosed(Duration),
}

impl std::fmt::Display for NoResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ConnectionClosed => "connection closed",
            Self::Endless => "response body does not end",
            Self::ListenerClosed(_) => "connection refused",
        })
    }
}

impl std::error::Error for NoResponse {}

/// The page that a gateway sends instead of a response.
const GATEWAY_PAGE: &str = "<html><head><title>Error</title></head><body><center><h1>Error</h1></center></body></html>\r\n";

impl Fault {
    /// Returns the name of the kind in fault files and in counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostBefore => "lostBefore",
            Self::LostAfter => "lostAfter",
            Self::AnswerLate(_) => "answerLate",
            Self::WorkLate(_) => "workLate",
            Self::Slow(_) => "slow",
            Self::Throttled { .. } => "throttled",
            Self::Status(_) | Self::StatusAfter(_) => "status",
            Self::Garbage => "garbage",
            Self::ContentType => "contentType",
            Self::Fieldless => "fieldless",
            Self::Failed(_) => "failed",
            Self::Truncated => "truncated",
            Self::Huge => "huge",
            Self::Refused(_) => "refused",
        }
    }

    /// Serves a request with this fault. A delayed request is processed even if the client is gone,
    /// as in a real service.
    pub async fn serve(
        self,
        sandbox: &Sandbox,
        request: Request<Bytes>,
    ) -> Result<HttpResponse, NoResponse> {
        match self {
            Self::LostBefore => return Err(NoResponse::ConnectionClosed),
            Self::Refused(time) => return Err(NoResponse::ListenerClosed(time)),
            Self::Status(status) => return Ok(gateway(status)),
            Self::Throttled { retry_after } => return Ok(throttled(retry_after)),
            Self::WorkLate(time) => {
                drop(process_later(sandbox.clone(), request, time));
                return Err(NoResponse::ConnectionClosed);
            }
            Self::Slow(time) => {
                let result = process_later(sandbox.clone(), request, time).await;
                return result.map_err(|_| NoResponse::ConnectionClosed);
            }
            _ => {}
        }
        let mut served = sandbox.handle(&request, Timestamp::now());
        match self {
            Self::LostAfter => return Err(NoResponse::ConnectionClosed),
            Self::Huge => return Err(NoResponse::Endless),
            Self::AnswerLate(time) => sleep(time).await,
            Self::StatusAfter(status) => return Ok(gateway(status)),
            Self::Garbage => return Ok(gateway(200)),
            Self::ContentType => {
                let html = header::HeaderValue::from_static("text/html; charset=utf-8");
                served.headers_mut().insert(header::CONTENT_TYPE, html);
            }
            Self::Fieldless => {
                let empty = r#"{"errCode":0,"msg":"SUCCESS","data":{}}"#;
                return Ok(response(StatusCode::OK, JSON, empty));
            }
            Self::Failed(code) => {
                let failed = format!(
                    r#"{{"errCode":{code},"msg":"{}","data":null}}"#,
                    code.message()
                );
                return Ok(response(StatusCode::OK, JSON, failed));
            }
            Self::Truncated => {
                let half = served.body().len() / 2;
                served.body_mut().truncate(half);
            }
            _ => {}
        }
        Ok(served)
    }
}

fn process_later(
    sandbox: Sandbox,
    request: Request<Bytes>,
    time: Duration,
) -> tokio::task::JoinHandle<HttpResponse> {
    tokio::spawn(async move {
        sleep(time).await;
        sandbox.handle(&request, Timestamp::now())
    })
}

fn gateway(status: u16) -> HttpResponse {
    // Fault files contain only valid statuses.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response(status, "text/html", GATEWAY_PAGE)
}

fn throttled(retry_after: Option<u64>) -> HttpResponse {
    let mut page = gateway(429);
    if let Some(seconds) = retry_after {
        let value = header::HeaderValue::from(seconds);
        page.headers_mut().insert(header::RETRY_AFTER, value);
    }
    page
}
