//! What can go wrong with one call, and a call that goes wrong: whether its work is done, when, and what comes back.
//!
//! The same for calls over a socket and from the same process; what it means that a line is cut, they know themselves.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use jiff::Timestamp;
use tokio::time::sleep;

use super::face::{Answer, Sandbox, plain};
use crate::api::ErrorCode;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The line is cut before the work: nothing is done.
    LostBefore,
    /// The work is done, and the line is cut.
    LostAfter,
    /// The work is done, and the answer comes so much later.
    AnswerLate(Duration),
    /// The line is cut at once, and the work is done so much later.
    WorkLate(Duration),
    /// The work begins so much later, whether or not the caller still waits; then the answer comes.
    Slow(Duration),
    /// HTTP 429, and nothing is done.
    Throttled {
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// A gateway answers with this status, and nothing is done.
    Status(u16),
    /// The work is done, and a gateway answers with this status.
    StatusAfter(u16),
    /// The work is done, and a gateway answers with a page and status 200.
    Garbage,
    /// The work is done, and the right answer says that it is `text/html`.
    ContentType,
    /// The work is done, and the answer is well formed without what it should hold.
    Fieldless,
    /// The work is done, and the answer says that it could not be carried out (1436015).
    Failed,
    /// The work is done, and the answer ends in its middle.
    Truncated,
    /// The work is done, and the answer does not end.
    Huge,
    /// The listener is closed for so long, and all lines are cut; nothing is done.
    Refused(Duration),
}

/// Why a caller gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The line is cut.
    Cut,
    /// The answer never ends.
    Endless,
    /// Nobody listens for so long.
    Closed(Duration),
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cut => "the line is cut",
            Self::Endless => "the answer does not end",
            Self::Closed(_) => "nobody listens",
        })
    }
}

impl std::error::Error for Unanswered {}

/// What a gateway shows when it has no answer.
const PAGE: &str = "<html><head><title>Error</title></head><body><center><h1>Error</h1></center></body></html>\r\n";

impl Fault {
    /// What it is called in files and in counts.
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
            Self::Failed => "failed",
            Self::Truncated => "truncated",
            Self::Huge => "huge",
            Self::Refused(_) => "refused",
        }
    }

    /// Serves a request as the fault has it. The work of a late call is done also when nobody waits any more: a
    /// service does not know that its caller has gone.
    pub async fn serve(
        self,
        sandbox: &Sandbox,
        request: Request<Bytes>,
    ) -> Result<Answer, Unanswered> {
        match self {
            Self::LostBefore => return Err(Unanswered::Cut),
            Self::Refused(time) => return Err(Unanswered::Closed(time)),
            Self::Status(status) => return Ok(gateway(status)),
            Self::Throttled { retry_after } => return Ok(throttled(retry_after)),
            Self::WorkLate(time) => {
                drop(later(sandbox.clone(), request, time));
                return Err(Unanswered::Cut);
            }
            Self::Slow(time) => {
                let answer = later(sandbox.clone(), request, time).await;
                return answer.map_err(|_| Unanswered::Cut);
            }
            _ => {}
        }
        let mut answer = sandbox.handle(&request, Timestamp::now());
        match self {
            Self::LostAfter => return Err(Unanswered::Cut),
            Self::Huge => return Err(Unanswered::Endless),
            Self::AnswerLate(time) => sleep(time).await,
            Self::StatusAfter(status) => return Ok(gateway(status)),
            Self::Garbage => return Ok(gateway(200)),
            Self::ContentType => {
                let html = header::HeaderValue::from_static("text/html; charset=utf-8");
                answer.headers_mut().insert(header::CONTENT_TYPE, html);
            }
            Self::Fieldless => {
                let empty = r#"{"errCode":0,"msg":"SUCCESS","data":{}}"#;
                return Ok(plain(StatusCode::OK, "application/json", empty));
            }
            Self::Failed => {
                let code = ErrorCode::NOT_SIGNED;
                let failed = format!(
                    r#"{{"errCode":{code},"msg":"{}","data":null}}"#,
                    code.message()
                );
                return Ok(plain(StatusCode::OK, "application/json", failed));
            }
            Self::Truncated => {
                let half = answer.body().len() / 2;
                answer.body_mut().truncate(half);
            }
            _ => {}
        }
        Ok(answer)
    }
}

fn later(
    sandbox: Sandbox,
    request: Request<Bytes>,
    time: Duration,
) -> tokio::task::JoinHandle<Answer> {
    tokio::spawn(async move {
        sleep(time).await;
        sandbox.handle(&request, Timestamp::now())
    })
}

fn gateway(status: u16) -> Answer {
    // What is no status cannot be written in a file; a bad gateway is near enough.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    plain(status, "text/html", PAGE)
}

fn throttled(retry_after: Option<u64>) -> Answer {
    let mut answer = gateway(429);
    if let Some(seconds) = retry_after {
        let value = header::HeaderValue::from(seconds);
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
    answer
}
