//! Callbacks that receivers get over local sockets (section 5.9).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use treaty::api::callback::Callback;
use treaty::api::{DocStatus, FlowStatus};
use treaty::sandbox::{AutoSign, Notifier, Sandbox, SealChoice, UserAction};

use crate::office::{APP, Asked, Office, contract};

/// A received callback: its address, headers and body.
struct Arrived {
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

/// A server that receives callbacks and puts them into a channel.
struct Receiver {
    base: String,
    arrived: UnboundedReceiver<Arrived>,
}

impl Receiver {
    /// Starts a receiver. `status` gives the status of the nth response, from 0.
    async fn start(status: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        let (tell, arrived) = unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let status = Arc::new(status);
        let app = axum::Router::new().fallback(move |request: Request| {
            let (tell, count, status) = (tell.clone(), count.clone(), status.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
                let nth = count.fetch_add(1, Ordering::SeqCst);
                let body = String::from_utf8(body.to_vec()).expect("UTF-8");
                // The test may have dropped the channel.
                let _ = tell.send(Arrived {
                    uri: parts.uri,
                    headers: parts.headers,
                    body,
                });
                StatusCode::from_u16(status(nth)).expect("a status")
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, arrived }
    }

    /// Returns the callbacks that have arrived since the last call.
    fn all(&mut self) -> Vec<Arrived> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).collect()
    }

    fn callbacks(&mut self) -> Vec<Callback> {
        let read = |one: Arrived| serde_json::from_str(&one.body).expect("a callback");
        self.all().into_iter().map(read).collect()
    }
}

fn now() -> Timestamp {
    "2024-11-20T08:00:00Z".parse().expect("a time")
}

/// Returns a notifier that retries almost immediately.
fn notifier(url: Option<String>) -> Notifier {
    Notifier {
        url,
        interval: Duration::from_millis(1),
        auto_sign: None,
    }
}

/// Creates a flow that waits for one person, 甲.
fn asked(more: &Value) -> (Office, Value, Asked) {
    let office = Office::new("http://127.0.0.1:1", now());
    let (flow, asked) = in_office(&office, more);
    (office, flow, asked)
}

fn in_office(office: &Office, more: &Value) -> (Value, Asked) {
    let doc = office.document("loan.pdf", &contract());
    let flow = office.flow("借款", &doc, more);
    let person = office.person("甲");
    let asked = office.ask(&flow, &person, "乙方签字");
    (flow, asked)
}

fn sign(office: &Office, asked: &Asked) {
    let deed = UserAction::Sign(vec![SealChoice::Handwritten]);
    let done = office.sandbox.act(asked.token(), &deed, office.now);
    done.expect("signed");
}

async fn flush(notifier: &Notifier, office: &Office) {
    let sent = notifier.flush(&office.sandbox, office.now).await;
    sent.expect("a client");
}

/// Computes the signature as the document says: timestamp, query values in key order, body.
fn expected_signature(arrived: &Arrived, values: &[&str]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(APP.1.as_bytes()).expect("any length");
    mac.update(&header(arrived, "x-tsign-open-timestamp"));
    for value in values {
        mac.update(value.as_bytes());
    }
    mac.update(arrived.body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn header(arrived: &Arrived, name: &str) -> Vec<u8> {
    let value = arrived.headers.get(name);
    value.expect("the header").as_bytes().to_vec()
}

#[tokio::test]
async fn sends_callbacks_for_signing_and_archiving() {
    let mut receiver = Receiver::start(|_| 200).await;
    let notifier = notifier(Some(format!("{}/told", receiver.base)));
    let (office, flow, asked) = asked(&json!({}));
    sign(&office, &asked);
    flush(&notifier, &office).await;
    let [Callback::Update(update)] = &receiver.callbacks()[..] else {
        panic!("an update");
    };
    assert_eq!(update.sign_result, DocStatus::Signed);
    assert_eq!(update.third_order_no.as_deref(), Some("order-1"));
    assert_eq!(update.sign_time, "2024-11-20 16:00:00");
    assert_eq!(update.result_description, None);

    let archive = json!({ "flowId": flow });
    office.call("sign/contract/archiveProcess", &archive);
    flush(&notifier, &office).await;
    let [Callback::Finish(finish)] = &receiver.callbacks()[..] else {
        panic!("an end");
    };
    assert_eq!(finish.flow_status, FlowStatus::Finished);
    assert_eq!(finish.business_scene.as_deref(), Some("借款"));
    assert_eq!(finish.flow_id, update.flow_id);
    assert_eq!(finish.status_description, None);
    assert_eq!(finish.end_time, "2024-11-20 16:00:00");
    flush(&notifier, &office).await;
    assert!(receiver.all().is_empty(), "nothing is told twice");
}

#[tokio::test]
async fn sends_callbacks_for_a_refusal_with_its_reason() {
    let mut receiver = Receiver::start(|_| 204).await;
    let notifier = notifier(Some(receiver.base.clone()));
    let (office, _, asked) = asked(&json!({}));
    let reason = "金额不对".to_owned();
    let refused = UserAction::Refuse { reason };
    let done = office.sandbox.act(asked.token(), &refused, now());
    done.expect("refused");
    flush(&notifier, &office).await;
    let told = receiver.callbacks();
    assert_eq!(told.len(), 2);
    for callback in told {
        match callback {
            Callback::Update(update) => {
                assert_eq!(update.sign_result, DocStatus::Rejected);
                assert_eq!(update.result_description.as_deref(), Some("金额不对"));
            }
            Callback::Finish(finish) => {
                // Section 5.9.4 does not list status 7.
                assert_eq!(finish.flow_status, FlowStatus::Ended);
                assert_eq!(finish.status_description.as_deref(), Some("金额不对"));
            }
        }
    }
}

#[tokio::test]
async fn sends_callbacks_for_revocation_and_expiry() {
    let mut receiver = Receiver::start(|_| 200).await;
    let notifier = notifier(Some(receiver.base.clone()));
    let (office, flow, _) = asked(&json!({}));
    office.call("sign/revoke", &json!({ "flowId": flow }));
    flush(&notifier, &office).await;
    let end = (now() + SignedDuration::from_hours(1)).as_millisecond();
    let (mut other, ..) = asked(&json!({ "signValidity": end }));
    flush(&notifier, &other).await;
    other.now = now() + SignedDuration::from_hours(2);
    flush(&notifier, &other).await;
    let ends: Vec<FlowStatus> = receiver
        .callbacks()
        .into_iter()
        .map(|callback| match callback {
            Callback::Finish(finish) => finish.flow_status,
            Callback::Update(_) => panic!("nobody has acted"),
        })
        .collect();
    assert_eq!(ends, [FlowStatus::Revoked, FlowStatus::Expired]);
}

#[tokio::test]
async fn callbacks_are_signed_over_timestamp_query_and_body() {
    let mut receiver = Receiver::start(|_| 200).await;
    let url = format!("{}/told?zone=%E5%8D%8E%E4%B8%9C&batch=7", receiver.base);
    let (office, _, asked) = asked(&json!({}));
    sign(&office, &asked);
    flush(&notifier(Some(url)), &office).await;
    let arrived = receiver.all();
    let [one] = &arrived[..] else {
        panic!("one callback");
    };
    assert_eq!(one.uri.path(), "/told");
    assert_eq!(header(one, "x-tsign-open-app-id"), APP.0.as_bytes());
    assert_eq!(
        header(one, "x-tsign-open-signature-algorithm"),
        b"hmac-sha256"
    );
    assert_eq!(header(one, "x-tsign-open-timestamp").len(), 13);
    let expected = expected_signature(one, &["7", "华东"]);
    assert_eq!(header(one, "x-tsign-open-signature"), expected.as_bytes());
}

/// The order numbers of all tasks that one signer has signed are sent together.
#[tokio::test]
async fn joins_the_order_numbers_of_one_signer_with_commas() {
    let mut receiver = Receiver::start(|_| 200).await;
    let notifier = notifier(Some(receiver.base.clone()));
    let (office, flow, _) = asked(&json!({}));
    let mut told = Vec::new();
    let person = office.person("乙");
    for number in ["N1", "N2"] {
        let ask = json!({ "flowId": flow, "accountId": person, "thirdOrderNo": number });
        let url = office.call("sign/contract/handPersonSignTask", &ask)["signUrl"].take();
        let token = url.as_str().and_then(|url| url.rsplit('/').next());
        told.push(token.expect("a token").to_owned());
    }
    for (token, numbers) in told.iter().zip(["N1", "N1,N2"]) {
        let deed = UserAction::Sign(vec![SealChoice::Handwritten]);
        let done = office.sandbox.act(token, &deed, now());
        done.expect("signed");
        flush(&notifier, &office).await;
        let [Callback::Update(update)] = &receiver.callbacks()[..] else {
            panic!("an update");
        };
        assert_eq!(update.third_order_no.as_deref(), Some(numbers));
    }
    for numbers in ["P1", "P1,P2"] {
        let number = &numbers[numbers.len() - 2..];
        let sign = json!({
            "flowId": flow, "thirdOrderNo": number, "posList": [{ "signType": 1, "key": "乙方签字" }],
        });
        office.call("sign/contract/platformSignTask", &sign);
        flush(&notifier, &office).await;
        let [Callback::Update(update)] = &receiver.callbacks()[..] else {
            panic!("an update");
        };
        assert_eq!(update.third_order_no.as_deref(), Some(numbers));
    }
}

/// Calls of another app, also failed ones, do not change the app that signs (5.9.2).
#[tokio::test]
async fn callbacks_are_signed_with_the_secret_of_the_flows_app() {
    let mut receiver = Receiver::start(|_| 200).await;
    let (office, _, asked) = asked(&json!({}));
    let headers = [
        ("content-type", "application/json"),
        ("x-tsign-open-app-id", "another"),
        ("x-tsign-open-app-secret", "another secret"),
    ];
    let read = r#"{"thirdId":"nobody"}"#;
    office.send(http::Method::POST, "/account/idexchange", &headers, read);
    sign(&office, &asked);
    flush(&notifier(Some(receiver.base.clone())), &office).await;
    let arrived = receiver.all();
    let [one] = &arrived[..] else {
        panic!("one callback");
    };
    assert_eq!(header(one, "x-tsign-open-app-id"), APP.0.as_bytes());
    let signature = header(one, "x-tsign-open-signature");
    assert_eq!(signature, expected_signature(one, &[]).as_bytes());
}

#[tokio::test]
async fn sends_a_callback_at_most_six_times() {
    let mut failing = Receiver::start(|_| 500).await;
    let (office, _, first) = asked(&json!({}));
    sign(&office, &first);
    flush(&notifier(Some(failing.base.clone())), &office).await;
    let arrived = failing.all();
    assert_eq!(arrived.len(), 6);
    assert!(arrived.iter().all(|one| one.body == arrived[0].body));
    for one in &arrived {
        // Each attempt has its own timestamp and therefore its own signature.
        let signature = header(one, "x-tsign-open-signature");
        assert_eq!(signature, expected_signature(one, &[]).as_bytes());
    }

    let mut slow = Receiver::start(|nth| if nth < 2 { 404 } else { 200 }).await;
    let (office, _, second) = asked(&json!({}));
    sign(&office, &second);
    flush(&notifier(Some(slow.base.clone())), &office).await;
    assert_eq!(slow.all().len(), 3);
}

#[tokio::test]
async fn a_redirect_counts_as_delivered_and_is_not_followed() {
    let mut receiver = Receiver::start(|_| 302).await;
    let (office, _, asked) = asked(&json!({}));
    sign(&office, &asked);
    flush(&notifier(Some(receiver.base.clone())), &office).await;
    assert_eq!(receiver.all().len(), 1);
}

#[tokio::test]
async fn sends_callbacks_only_to_local_notice_urls() {
    let mut common = Receiver::start(|_| 200).await;
    let mut own = Receiver::start(|_| 200).await;
    let notifier = notifier(Some(common.base.clone()));
    let (office, _, near) = asked(&json!({ "noticeUrl": format!("{}/own", own.base) }));
    sign(&office, &near);
    flush(&notifier, &office).await;
    assert_eq!((own.all().len(), common.all().len()), (1, 0));

    // The port is the receiver's own: a callback sent to the wrong host would arrive there.
    let port = own.base.rsplit(':').next().expect("a port");
    for far in [
        format!("http://127.0.0.1:{port}@receiver.invalid/"),
        format!("http://127.0.0.1.receiver.invalid:{port}/"),
        "https://receiver.invalid/".to_owned(),
    ] {
        let (office, _, asked) = self::asked(&json!({ "noticeUrl": far }));
        sign(&office, &asked);
        flush(&notifier, &office).await;
        assert_eq!((own.all().len(), common.all().len()), (0, 1), "{far}");
        let (office, _, asked) = self::asked(&json!({ "noticeUrl": far }));
        sign(&office, &asked);
        flush(&self::notifier(None), &office).await;
        assert_eq!((own.all().len(), common.all().len()), (0, 0), "{far}");
    }
}

#[tokio::test]
async fn sends_callbacks_for_automatic_refusals_while_running() {
    let mut receiver = Receiver::start(|_| 200).await;
    let (office, ..) = asked(&json!({}));
    let auto_sign = AutoSign {
        after: SignedDuration::ZERO,
        refuse: 1.0,
        seed: 0,
    };
    let notifier = Notifier {
        auto_sign: Some(auto_sign),
        ..notifier(Some(receiver.base.clone()))
    };
    let running = tokio::spawn(notifier.run(office.sandbox.clone()));
    for _ in 0..2 {
        let arrived = tokio::time::timeout(Duration::from_secs(30), receiver.arrived.recv()).await;
        let arrived = arrived.expect("in time").expect("a callback");
        let callback: Callback = serde_json::from_str(&arrived.body).expect("a callback");
        match callback {
            Callback::Update(update) => assert_eq!(update.sign_result, DocStatus::Rejected),
            Callback::Finish(finish) => assert_eq!(finish.flow_status, FlowStatus::Ended),
        }
    }
    running.abort();
}

#[tokio::test]
async fn callbacks_wait_until_the_app_is_known() {
    let mut receiver = Receiver::start(|_| 200).await;
    let notifier = notifier(Some(receiver.base.clone()));
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Sandbox::open(folder.path(), "http://127.0.0.1:1").expect("a world");
    let office = Office {
        sandbox: open(),
        now: now(),
    };
    let (flow, asked) = in_office(&office, &json!({}));
    drop(office);
    let office = Office {
        sandbox: open(),
        now: now(),
    };
    sign(&office, &asked);
    flush(&notifier, &office).await;
    assert!(receiver.all().is_empty(), "nobody's secret could sign it");
    office.call("sign/contract/detail", &json!({ "flowId": flow }));
    flush(&notifier, &office).await;
    assert_eq!(receiver.callbacks().len(), 1);
}
