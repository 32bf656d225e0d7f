//! Handles one request: reads the callback, verifies it, records it, and responds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use http::{StatusCode, header};
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use super::metrics::Metrics;
use super::outcome::{CallbackOutcome, CallbackResponse};
use crate::address::FlowId;
use crate::api::callback::{VerifiedCallback, Verifier};
use crate::expr::{Fingerprint, Salt};
use crate::ledger::{CallbackEvent, Inbox};

/// The maximum size of a body, in bytes. No callback of section 5.9 comes close to it.
const MAX_BODY: usize = 64 * 1024;
/// The timeout for reading a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout for recording a callback. The service waits 2 s (5.9.1); a callback that is not on
/// disk by then is answered with 503, so that the service sends it again.
const RECORD_TIMEOUT: Duration = Duration::from_millis(1500);
/// The time for which the result of a health check is cached.
const HEALTH_CACHE: Duration = Duration::from_secs(1);

const HEALTH: &str = "/healthz";
const METRICS: &str = "/metrics";
/// The content type of the Prometheus text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns whether a path is that of health or metrics.
pub(super) fn is_monitoring(path: &str) -> bool {
    [HEALTH, METRICS].contains(&path)
}

/// The path at which callbacks are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackPath(String);

impl std::str::FromStr for CallbackPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !text.starts_with('/') || !text.chars().all(is_plain) {
            return Err("write a path such as /callback: letters, digits, / - _ . ~".to_owned());
        }
        if is_monitoring(text) {
            return Err(format!("{text} is reserved: choose another path"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for CallbackPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A log record of one callback, without private data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackLog<'a> {
    /// The outcome.
    pub outcome: CallbackOutcome,
    /// The flow's id, if the callback was verified.
    pub flow: Option<&'a FlowId>,
    /// The reason for the outcome.
    pub why: &'a str,
}

/// Receives callbacks for one ledger.
#[derive(Clone)]
pub struct Receiver(Arc<ReceiverState>);

struct ReceiverState {
    verifier: Verifier,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    new_callback: Arc<Notify>,
    on_callback: Box<dyn Fn(&CallbackLog<'_>) + Send + Sync>,
    health: Mutex<Option<(Instant, bool)>>,
}

impl Receiver {
    /// Creates a receiver that records callbacks in an inbox. It notifies `new_callback` when a
    /// flow should be polled, and calls `on_callback` for every callback.
    pub fn new(
        verifier: Verifier,
        inbox: Inbox,
        metrics: Arc<Metrics>,
        new_callback: Arc<Notify>,
        on_callback: impl Fn(&CallbackLog<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ReceiverState {
            verifier,
            inbox,
            metrics,
            new_callback,
            on_callback: Box::new(on_callback),
            health: Mutex::default(),
        }))
    }

    /// Returns the router for callbacks, health checks and metrics.
    pub fn router(&self, path: &CallbackPath) -> Router {
        Router::new()
            .route(&path.0, post(receive))
            .route(HEALTH, get(health))
            .route(METRICS, get(metrics))
            .with_state(self.clone())
    }
}

async fn receive(State(Receiver(receiver)): State<Receiver>, request: Request) -> Response {
    let begun = Instant::now();
    let mut flow = None;
    let response = receiver.handle(request, &mut flow).await;
    receiver
        .metrics
        .record_callback(response.outcome, begun.elapsed());
    (receiver.on_callback)(&CallbackLog {
        outcome: response.outcome,
        flow: flow.as_ref(),
        why: response.reason(),
    });
    response.into_response()
}

/// Responds 200 if callbacks can be recorded, otherwise 503.
async fn health(State(Receiver(receiver)): State<Receiver>) -> Response {
    if receiver.is_healthy().await {
        "ok\n".into_response()
    } else {
        let message = "the inbox cannot be written\n";
        (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
    }
}

async fn metrics(State(Receiver(receiver)): State<Receiver>) -> Response {
    let unhandled = timeout(RECORD_TIMEOUT, receiver.inbox.unhandled()).await;
    let unhandled = unhandled.ok().and_then(Result::ok);
    let text = receiver.metrics.text(unhandled);
    ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response()
}

impl ReceiverState {
    /// Reads, verifies and records a callback. `flow` receives the flow's id once it is verified.
    async fn handle(&self, request: Request, flow: &mut Option<FlowId>) -> CallbackResponse {
        let (parts, body) = request.into_parts();
        let length = parts.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > MAX_BODY) {
            return CallbackResponse::oversized();
        }
        let body = match timeout(BODY_TIMEOUT, read(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(response)) => return response,
            Err(_) => return CallbackResponse::incomplete("the body did not arrive in time"),
        };
        let query = parts.uri.query();
        let now = Timestamp::now();
        let news = self.verifier.verify(&parts.headers, query, &body, now);
        let id = match news {
            Ok(VerifiedCallback::Flow(id)) => flow.insert(id),
            Ok(VerifiedCallback::Other) => {
                return CallbackResponse::accepted(CallbackOutcome::Unknown);
            }
            Err(refused) => return refused.into(),
        };
        let event = CallbackEvent {
            digest: digest(self.inbox.salt(), &body),
            flow_id: id.as_str().to_owned(),
            at: now,
        };
        match self.record(event).await {
            Ok(outcome) => {
                if outcome == CallbackOutcome::New {
                    self.new_callback.notify_one();
                }
                CallbackResponse::accepted(outcome)
            }
            Err(why) => CallbackResponse::failed(why),
        }
    }

    async fn record(&self, event: CallbackEvent) -> Result<CallbackOutcome, String> {
        match timeout(RECORD_TIMEOUT, self.inbox.record(event)).await {
            Ok(Ok(receipt)) => Ok(receipt.into()),
            Ok(Err(error)) => Err(error.to_string()),
            // It may still be written later: then the next attempt is a repeat.
            Err(_) => Err("the ledger was not written in time".to_owned()),
        }
    }

    /// Checks whether callbacks can be recorded. The result is cached: the check writes to disk.
    async fn is_healthy(&self) -> bool {
        let mut health = self.health.lock().await;
        if let Some((checked, is_healthy)) = *health
            && checked.elapsed() < HEALTH_CACHE
        {
            return is_healthy;
        }
        let check = timeout(RECORD_TIMEOUT, self.inbox.check_writable()).await;
        let is_healthy = matches!(check, Ok(Ok(())));
        *health = Some((Instant::now(), is_healthy));
        is_healthy
    }
}

/// Reads a body of at most [`MAX_BODY`] bytes. The rest of a larger body is not read.
async fn read(body: Body) -> Result<Vec<u8>, CallbackResponse> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            return Err(CallbackResponse::incomplete("the body broke off"));
        };
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(CallbackResponse::oversized());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Returns the digest of a callback: of the body alone, because each delivery attempt has its own
/// timestamp and signature.
fn digest(salt: &Salt, body: &[u8]) -> Fingerprint {
    match std::str::from_utf8(body) {
        Ok(text) => salt.of(text),
        Err(_) => salt.of(&hex::encode(body)),
    }
}
