//! A listener on this machine, and callbacks that are signed for it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::{Notify, oneshot};
use treaty::api::callback::Verifier;
use treaty::ledger::{Binding, CallbackEvent, CallbackReceipt, Inbox};
use treaty::webhook::{CallbackOutcome, Metrics, Receiver, ServerLimits, serve};

use crate::support::rig::Rig;

/// The app's id and secret.
pub(crate) const APP: (&str, &str) = ("listening", "a secret of the listener");

pub(crate) fn verifier() -> Verifier {
    Verifier {
        app_id: APP.0.to_owned(),
        app_secret: APP.1.to_owned().into(),
        max_age: SignedDuration::from_mins(15),
    }
}

/// Computes HMAC-SHA256 over the concatenated parts.
pub(crate) fn sign(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(APP.1.as_bytes()).expect("any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Returns a callback that reports a finished flow.
pub(crate) fn finish(flow: &str) -> String {
    json!({
        "action": "SIGN_FLOW_FINISH", "flowId": flow, "flowStatus": 2,
        "createTime": "2026-11-24 08:00:00", "endTime": "2026-11-24 09:00:00",
    })
    .to_string()
}

/// Returns the headers of a callback that is signed at a time.
pub(crate) fn signed(at: Timestamp, values: &str, body: &[u8]) -> HeaderMap {
    let timestamp = at.as_millisecond().to_string();
    let signature = hex::encode(sign(&[timestamp.as_bytes(), values.as_bytes(), body]));
    headers(&[
        ("x-tsign-open-app-id", APP.0),
        ("x-tsign-open-timestamp", &timestamp),
        ("x-tsign-open-signature-algorithm", "hmac-sha256"),
        ("x-tsign-open-signature", &signature),
    ])
}

pub(crate) fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = list.iter();
    pairs
        .map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, value.parse().expect("a value"))
        })
        .collect()
}

/// A listener that ends when the value is dropped.
pub(crate) struct Listening {
    pub(crate) base: String,
    pub(crate) news: Arc<Notify>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) inbox: Inbox,
    heard: Arc<Mutex<Vec<CallbackOutcome>>>,
    end: Option<oneshot::Sender<()>>,
}

impl Listening {
    pub(crate) async fn start(ledger: &Path, binding: &Binding) -> Self {
        Self::start_with(ledger, binding, ServerLimits::default()).await
    }

    pub(crate) async fn start_with(ledger: &Path, binding: &Binding, limits: ServerLimits) -> Self {
        let inbox = Inbox::open(ledger, binding, &treaty::ledger::HoldOptions::default())
            .expect("an inbox");
        let (metrics, news) = <(Arc<Metrics>, Arc<Notify>)>::default();
        let heard: Arc<Mutex<Vec<CallbackOutcome>>> = Arc::default();
        let ear = heard.clone();
        let receiver = Receiver::new(
            verifier(),
            inbox.clone(),
            metrics.clone(),
            news.clone(),
            move |one| ear.lock().expect("a lock").push(one.outcome),
        );
        let router = receiver.router(&"/callback".parse().expect("a path"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (end, ended) = oneshot::channel();
        tokio::spawn(serve(listener, router, limits, async {
            let _ = ended.await;
        }));
        Self {
            base,
            news,
            metrics,
            inbox,
            heard,
            end: Some(end),
        }
    }

    /// Stops accepting connections.
    pub(crate) fn end(&mut self) {
        drop(self.end.take());
    }

    pub(crate) fn client() -> reqwest::Client {
        let client = treaty::util::http_client::builder().no_proxy().build();
        client.expect("a client")
    }

    /// Sends a signed callback, and returns the status.
    pub(crate) async fn tell(&self, body: impl Into<Bytes>) -> u16 {
        let body = body.into();
        self.send("/callback", signed(Timestamp::now(), "", &body), body)
            .await
    }

    pub(crate) async fn send(&self, path: &str, headers: HeaderMap, body: Bytes) -> u16 {
        let request = Self::client().post(format!("{}{path}", self.base));
        let answer = request.headers(headers).body(body).send().await;
        answer.expect("an answer").status().as_u16()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = Self::client().get(format!("{}{path}", self.base)).send();
        let answer = answer.await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("text"))
    }

    /// Returns the outcomes of callbacks since the last call.
    pub(crate) fn heard(&self) -> Vec<CallbackOutcome> {
        std::mem::take(&mut self.heard.lock().expect("a lock"))
    }

    pub(crate) async fn unhandled(&self) -> u64 {
        self.inbox.unhandled().await.expect("a count")
    }
}

/// Records a callback while the clock is paused.
pub(crate) fn note(inbox: &Inbox, flow: &str, nth: u32) -> CallbackReceipt {
    let told = CallbackEvent {
        digest: inbox.salt().of(&format!("{flow} {nth}")),
        flow_id: flow.to_owned(),
        at: Timestamp::now(),
    };
    futures::executor::block_on(inbox.record(told)).expect("noted")
}

/// Makes the sandbox sign its callbacks as the listener's app.
pub(crate) fn show_app(rig: &Rig) {
    let request = http::Request::post("/account/idexchange")
        .header("content-type", "application/json")
        .header("x-tsign-open-app-id", APP.0)
        .header("x-tsign-open-app-secret", APP.1)
        .body(Bytes::from_static(br#"{"thirdId":"nobody"}"#));
    rig.sandbox
        .handle(&request.expect("a request"), Timestamp::now());
}

/// The timeout of a test that waits.
pub(crate) const LONG: Duration = Duration::from_secs(30);
