//! One request's way: read, verified, written down, answered. Never a state from the callback alone.

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
use super::outcome::{Outcome, Verdict};
use crate::address::FlowId;
use crate::api::callback::{VerifiedCallback, Verifier};
use crate::expr::{Fingerprint, Salt};
use crate::ledger::{CallbackEvent, Inbox};

/// Nothing of section 5.9 comes near to it.
const LARGEST: usize = 64 * 1024;
/// Within so long a body is here, or is not read to its end.
const BODY: Duration = Duration::from_secs(5);
/// The service waits 2 s (5.9.1): what is not on disk by then is answered with 503, and sent again.
const WRITTEN: Duration = Duration::from_millis(1500);
/// Whoever asks how the receiver is gets an answer that is at most so old.
const FRESH: Duration = Duration::from_secs(1);

const HEALTH: &str = "/healthz";
const METRICS: &str = "/metrics";
/// The form of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where callbacks are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackPath(String);

impl std::str::FromStr for CallbackPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !text.starts_with('/') || !text.chars().all(plain) {
            return Err("write it as /callback: letters, digits, and any of / - _ . ~".to_owned());
        }
        if [HEALTH, METRICS].contains(&text) {
            return Err(format!("{text} is taken"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for CallbackPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of a callback, for those who watch. Nothing in it is private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackLog<'a> {
    /// What became of it.
    pub outcome: Outcome,
    /// The flow, once it is verified.
    pub flow: Option<&'a FlowId>,
    /// Why it was not taken.
    pub why: &'a str,
}

/// Receives callbacks for one ledger.
#[derive(Clone)]
pub struct Receiver(Arc<ReceiverState>);

struct ReceiverState {
    verifier: Verifier,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    news: Arc<Notify>,
    hear: Box<dyn Fn(&CallbackLog<'_>) + Send + Sync>,
    health: Mutex<Option<(Instant, bool)>>,
}

impl Receiver {
    /// A receiver that writes into an inbox. `news` is told when something is to be confirmed, `hear` of every
    /// callback.
    pub fn new(
        verifier: Verifier,
        inbox: Inbox,
        metrics: Arc<Metrics>,
        news: Arc<Notify>,
        hear: impl Fn(&CallbackLog<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ReceiverState {
            verifier,
            inbox,
            metrics,
            news,
            hear: Box::new(hear),
            health: Mutex::default(),
        }))
    }

    /// Its way for each path.
    pub fn router(&self, path: &CallbackPath) -> Router {
        Router::new()
            .route(&path.0, post(receive))
            .route(HEALTH, get(health))
            .route(METRICS, get(metrics))
            .with_state(self.clone())
    }
}

async fn receive(State(Receiver(desk)): State<Receiver>, request: Request) -> Response {
    let begun = Instant::now();
    let mut flow = None;
    let verdict = desk.take(request, &mut flow).await;
    desk.metrics.callback(verdict.outcome, begun.elapsed());
    (desk.hear)(&CallbackLog {
        outcome: verdict.outcome,
        flow: flow.as_ref(),
        why: verdict.told(),
    });
    verdict.into_response()
}

/// Whether callbacks can be written down.
async fn health(State(Receiver(desk)): State<Receiver>) -> Response {
    if desk.is_well().await {
        "ok\n".into_response()
    } else {
        let said = "the inbox cannot be written\n";
        (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
    }
}

async fn metrics(State(Receiver(desk)): State<Receiver>) -> Response {
    let unhandled = timeout(WRITTEN, desk.inbox.unhandled()).await;
    let unhandled = unhandled.ok().and_then(Result::ok);
    let text = desk.metrics.text(unhandled);
    ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response()
}

impl ReceiverState {
    async fn take(&self, request: Request, flow: &mut Option<FlowId>) -> Verdict {
        let (parts, body) = request.into_parts();
        let length = parts.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > LARGEST) {
            return Verdict::oversized();
        }
        let body = match timeout(BODY, read(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(verdict)) => return verdict,
            Err(_) => return Verdict::cut_off("the body did not come in time"),
        };
        let query = parts.uri.query();
        let now = Timestamp::now();
        let news = self.verifier.verify(&parts.headers, query, &body, now);
        let told = match news {
            Ok(VerifiedCallback::Flow(id)) => flow.insert(id),
            Ok(VerifiedCallback::Other) => return Verdict::taken(Outcome::Unknown),
            Err(refused) => return refused.into(),
        };
        let told = CallbackEvent {
            digest: digest(self.inbox.salt(), &body),
            flow_id: told.as_str().to_owned(),
            at: now,
        };
        match self.note(told).await {
            Ok(outcome) => {
                if outcome == Outcome::New {
                    self.news.notify_one();
                }
                Verdict::taken(outcome)
            }
            Err(why) => Verdict::failed(why),
        }
    }

    async fn note(&self, told: CallbackEvent) -> Result<Outcome, String> {
        match timeout(WRITTEN, self.inbox.note(told)).await {
            Ok(Ok(noted)) => Ok(noted.into()),
            Ok(Err(error)) => Err(error.to_string()),
            // It may be written all the same: then the next one is a repeat.
            Err(_) => Err("the ledger was not written in time".to_owned()),
        }
    }

    /// Asked seldom: to write takes the disk's time.
    async fn is_well(&self) -> bool {
        let mut health = self.health.lock().await;
        if let Some((asked, well)) = *health
            && asked.elapsed() < FRESH
        {
            return well;
        }
        let tried = timeout(WRITTEN, self.inbox.try_out()).await;
        let well = matches!(tried, Ok(Ok(())));
        *health = Some((Instant::now(), well));
        well
    }
}

/// The bytes of a body that is not too large. What is too large is not read on.
async fn read(body: Body) -> Result<Vec<u8>, Verdict> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else {
            return Err(Verdict::cut_off("the body did not come to its end"));
        };
        if bytes.len() + piece.len() > LARGEST {
            return Err(Verdict::oversized());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What tells a callback from every other: the body as it is, for each attempt has a time and a signature of its own.
fn digest(salt: &Salt, body: &[u8]) -> Fingerprint {
    match std::str::from_utf8(body) {
        Ok(text) => salt.of(text),
        Err(_) => salt.of(&hex::encode(body)),
    }
}
