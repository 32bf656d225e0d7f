//! Receiving callbacks (section 5.9): accepted callbacks, and the responses to all others.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use treaty::address::FlowId;
use treaty::api::callback::{Refused, VerifiedCallback};
use treaty::ledger::Binding;
use treaty::webhook::{CallbackOutcome, CallbackPath};

use crate::support::listener::{APP, LONG, Listening, finish, headers, sign, signed, verifier};
use crate::support::rig::{Rig, binding};

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().expect("a time")
}

fn stamp(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}

const TIMESTAMP: &str = "x-tsign-open-timestamp";
const ALGORITHM: &str = "x-tsign-open-signature-algorithm";
const SIGNATURE: &str = "x-tsign-open-signature";
const APP_ID: &str = "x-tsign-open-app-id";

/// Returns headers with one header replaced or removed.
fn with(mut headers: HeaderMap, name: &'static str, value: Option<&str>) -> HeaderMap {
    match value {
        Some(value) => drop(headers.insert(name, value.parse().expect("a value"))),
        None => drop(headers.remove(name)),
    }
    headers
}

#[test]
fn accepts_every_known_form_of_signature() {
    let body = finish("100");
    let time = stamp(now());
    let query = "zone=%E5%8D%8E+%E4%B8%9C%20&batch=7";
    let mac = |values: &str| sign(&[time.as_bytes(), values.as_bytes(), body.as_bytes()]);
    let over = |values: &str| hex::encode(mac(values));
    for (query, signature) in [
        (None, over("")),
        (None, over("").to_uppercase()),
        (None, STANDARD.encode(mac(""))),
        (None, format!(" {} ", over(""))),
        (Some(""), over("")),
        (Some(query), over("7华 东 ")),
        (Some(query), over("7华+东 ")),
        (Some(query), over("7%E5%8D%8E+%E4%B8%9C%20")),
        (Some(query), over("")),
        (Some(query), STANDARD.encode(mac("7华 东 "))),
    ] {
        let all = headers(&[
            (APP_ID, APP.0),
            (TIMESTAMP, &time),
            (ALGORITHM, "hmac-sha256"),
            (SIGNATURE, &signature),
        ]);
        let case = format!("{query:?} {signature}");
        let flow = Ok(VerifiedCallback::Flow(FlowId::from("100")));
        let verify =
            |headers: &HeaderMap| verifier().verify(headers, query, body.as_bytes(), now());
        assert_eq!(verify(&all), flow, "{case}");
        // Headers that carry no further information are optional.
        let fewer = with(with(all, APP_ID, None), ALGORITHM, None);
        assert_eq!(verify(&fewer), flow, "{case}");
    }
}

#[test]
fn refuses_wrong_signatures_and_headers() {
    let body = finish("100");
    let good = signed(now(), "12", body.as_bytes());
    let other = hex::encode(sign(&[b"other"]));
    let short = &other[..62];
    let verify = |headers: &HeaderMap, query, body: &str| {
        verifier().verify(headers, Some(query), body.as_bytes(), now())
    };
    assert!(verify(&good, "a=1&b=2", &body).is_ok());
    for (query, body) in [
        ("a=1&b=2", finish("101")),
        ("a=1&b=3", body.clone()),
        ("a=2&b=1", body.clone()),
        ("a=12&b=2", body.clone()),
        ("", body.clone()),
        ("a=1&b=2", String::new()),
    ] {
        assert_eq!(
            verify(&good, query, &body),
            Err(Refused::Forged),
            "{query} {body}"
        );
    }
    let later = stamp(now() + SignedDuration::from_millis(1));
    for (name, value, expected) in [
        (TIMESTAMP, None, Refused::Unsigned(TIMESTAMP)),
        (TIMESTAMP, Some("1700000000"), Refused::Unsigned(TIMESTAMP)),
        (
            TIMESTAMP,
            Some("-170000000000"),
            Refused::Unsigned(TIMESTAMP),
        ),
        (TIMESTAMP, Some("yesterday"), Refused::Unsigned(TIMESTAMP)),
        (TIMESTAMP, Some(&*later), Refused::Forged),
        (SIGNATURE, None, Refused::Unsigned(SIGNATURE)),
        (SIGNATURE, Some(""), Refused::Unsigned(SIGNATURE)),
        (SIGNATURE, Some(short), Refused::Unsigned(SIGNATURE)),
        (SIGNATURE, Some("无"), Refused::Unsigned(SIGNATURE)),
        (SIGNATURE, Some(&*other), Refused::Forged),
        (APP_ID, Some("another"), Refused::OtherApp),
        (ALGORITHM, Some("hmac-md5"), Refused::Algorithm),
    ] {
        let headers = with(good.clone(), name, value);
        let found = verify(&headers, "a=1&b=2", &body);
        assert_eq!(found, Err(expected), "{name}: {value:?}");
    }
}

#[test]
fn callbacks_expire_after_max_age_and_forgery_takes_precedence() {
    let body = finish("100");
    for (minutes, seconds, expected) in [
        (15, 0, None),
        (-15, 0, None),
        (15, 1, Some(901)),
        (-15, -1, Some(-901)),
        (60 * 24 * 365, 0, Some(31_536_000)),
    ] {
        let at = now() - SignedDuration::from_secs(minutes * 60 + seconds);
        let headers = signed(at, "", body.as_bytes());
        let found = verifier().verify(&headers, None, body.as_bytes(), now());
        assert_eq!(found.err(), expected.map(Refused::Stale), "{minutes}");
        let forged = verifier().verify(&headers, None, b"{}", now());
        assert_eq!(forged, Err(Refused::Forged), "{minutes}");
    }
}

/// Returns a rig with one sent contract, the id of its flow, and a listener on its ledger.
async fn listening() -> (Rig, String, Listening) {
    let rig = Rig::loans(1);
    rig.apply().await;
    let flow = rig.sent()[0].id.to_string();
    let listening = Listening::start(&rig.ledger_path(), &binding()).await;
    (rig, flow, listening)
}

#[tokio::test]
async fn each_callback_outcome_has_its_response_status() {
    use CallbackOutcome::{Forged, Malformed, Oversized, Repeated, Stale, Unknown};
    let (_rig, flow, listening) = listening().await;
    let own = finish(&flow);
    let good = || signed(Timestamp::now(), "", own.as_bytes());
    let old = Timestamp::now() - SignedDuration::from_mins(16);
    let huge = "x".repeat(64 * 1024 + 1);
    let fits = format!(
        "{}{}",
        finish("2"),
        " ".repeat(64 * 1024 - finish("2").len())
    );
    let of = |body: &str| {
        (
            signed(Timestamp::now(), "", body.as_bytes()),
            body.to_owned(),
        )
    };
    let update = r#"{"action":"SIGN_FLOW_UPDATE","flowId":"3","signResult":"odd"}"#;
    let cases: [(&str, (HeaderMap, String), u16, CallbackOutcome); 14] = [
        ("new", (good(), own.clone()), 200, CallbackOutcome::New),
        ("repeated", (good(), own.clone()), 200, Repeated),
        ("unknown flow", of(&finish("1")), 200, Unknown),
        ("unknown flow again", of(&finish("1")), 200, Repeated),
        ("unknown result", of(update), 200, Unknown),
        ("as large as may be", of(&fits), 200, Unknown),
        (
            "unknown action",
            of(r#"{"action":"OTHER","flowId":"1"}"#),
            200,
            Unknown,
        ),
        ("forged", (good(), finish("9")), 401, Forged),
        ("unsigned", (HeaderMap::new(), own.clone()), 401, Forged),
        (
            "other app",
            (with(good(), APP_ID, Some("x")), own.clone()),
            401,
            Forged,
        ),
        (
            "stale",
            (signed(old, "", own.as_bytes()), own.clone()),
            403,
            Stale,
        ),
        ("oversized", of(&huge), 413, Oversized),
        ("no JSON", of("{"), 400, Malformed),
        (
            "no flow",
            of(r#"{"action":"SIGN_FLOW_FINISH"}"#),
            400,
            Malformed,
        ),
    ];
    for (case, (headers, body), status, outcome) in cases {
        let answered = listening.send("/callback", headers, body.into()).await;
        assert_eq!(
            (answered, &listening.heard()[..]),
            (status, &[outcome][..]),
            "{case}"
        );
    }
    // Invalid UTF-8 that is no JSON; then invalid UTF-8 in a field that is not read.
    assert_eq!(listening.tell(Bytes::from_static(b"\xff\xfe")).await, 400);
    let elsewhere =
        [&b"{\"action\":\"SIGN_FLOW_FINISH\",\"flowId\":\"4\",\"x\":\"\xff\"}"[..]].concat();
    assert_eq!(listening.tell(elsewhere).await, 200);
    for (path, status) in [("/", 404), ("/callback/", 404), ("/healthz", 405)] {
        let answered = listening.send(path, good(), own.clone().into()).await;
        assert_eq!(answered, status, "{path}");
    }
    assert_eq!(listening.get("/callback").await.0, 405);
    assert_eq!(listening.unhandled().await, 1, "only of the own flow");
}

#[tokio::test]
async fn records_repeated_attempts_of_a_callback_once() {
    let (rig, flow, listening) = listening().await;
    let body = finish(&flow);
    for attempt in 0..6 {
        // Each attempt has its own timestamp, and may have another query.
        let at = Timestamp::now() - SignedDuration::from_secs(attempt);
        let path = format!("/callback?attempt={attempt}");
        let headers = signed(at, &attempt.to_string(), body.as_bytes());
        assert_eq!(
            listening.send(&path, headers, body.clone().into()).await,
            200
        );
    }
    let repeated = [CallbackOutcome::Repeated; 5];
    assert_eq!(
        listening.heard(),
        [&[CallbackOutcome::New][..], &repeated].concat()
    );
    assert_eq!(listening.unhandled().await, 1);
    let ledger = rusqlite::Connection::open(rig.ledger_path()).expect("a ledger");
    let times = ledger.query_row("SELECT times FROM notice", [], |row| row.get(0));
    assert_eq!(times, Ok(6));
}

/// Sends raw bytes, and returns everything received until the connection closes.
async fn raw(base: &str, bytes: &[u8]) -> String {
    let addr = base.trim_start_matches("http://");
    let mut line = tokio::net::TcpStream::connect(addr).await.expect("a line");
    line.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // A reset connection has sent its whole response.
    let _ = line.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn stops_reading_an_oversized_callback() {
    let (_rig, _, listening) = listening().await;
    let head = "POST /callback HTTP/1.1\r\nhost: here\r\n";
    // The content length announces a terabyte; no body follows.
    let announced = format!("{head}content-length: 1099511627776\r\n\r\n");
    let answer = raw(&listening.base, announced.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // A chunked body announces no length, and does not end.
    let piece = format!("{:x}\r\n{}\r\n", 4096, "x".repeat(4096)).repeat(17);
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{piece}");
    let answer = raw(&listening.base, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let answer = raw(&listening.base, b"\x16\x03\x01 no HTTP\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let long = format!("{head}x: {}\r\n\r\n", "x".repeat(20_000));
    let answer = raw(&listening.base, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(listening.heard(), [CallbackOutcome::Oversized; 2]);
}

#[tokio::test(start_paused = true)]
async fn slow_senders_time_out() {
    let (_rig, _, listening) = listening().await;
    let begun = tokio::time::Instant::now();
    assert_eq!(
        raw(&listening.base, b"POST /callback HTTP/1.1\r\nhost").await,
        ""
    );
    let body = b"POST /callback HTTP/1.1\r\nhost: here\r\ncontent-length: 10\r\n\r\n{";
    let answer = raw(&listening.base, body).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn responds_503_while_the_ledger_is_locked() {
    let (rig, flow, listening) = listening().await;
    let own = finish(&flow);
    assert_eq!(listening.get("/healthz").await, (200, "ok\n".to_owned()));
    let locked = rusqlite::Connection::open(rig.ledger_path()).expect("a ledger");
    locked.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    assert_eq!(listening.tell(own.clone()).await, 503);
    assert_eq!(listening.get("/healthz").await.0, 503);
    locked.execute_batch("ROLLBACK").expect("free again");
    assert_eq!(listening.tell(own).await, 200);
    let well = async {
        while listening.get("/healthz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, well).await.expect("well again");
    let heard = listening.heard();
    assert_eq!(heard[0], CallbackOutcome::Failed);
    // The first callback was recorded after the lock was released, after its 503 response.
    assert_eq!(heard[1], CallbackOutcome::Repeated);
    assert_eq!(listening.unhandled().await, 1);
}

#[tokio::test]
async fn metrics_have_the_prometheus_format() {
    let (_rig, flow, listening) = listening().await;
    listening.tell(finish(&flow)).await;
    listening.tell(finish("1")).await;
    listening.tell("{").await;
    let (status, text) = listening.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "treaty_callbacks_total{outcome=\"new\"} 1",
        "treaty_callbacks_total{outcome=\"unknown\"} 1",
        "treaty_callbacks_total{outcome=\"malformed\"} 1",
        "treaty_callback_seconds_count 3",
        "treaty_inbox_unhandled 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let mut families: Vec<(&str, &str)> = Vec::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            families.push(kind.split_once(' ').expect("a name and a type"));
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let (family, kind) = families.last().expect("a type before");
            let name = name.split('{').next().expect("a name");
            let suffixes: &[&str] = match *kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            let own = name.strip_prefix(family);
            assert!(
                own.is_some_and(|suffix| suffixes.contains(&suffix)),
                "{line}"
            );
            value.parse::<f64>().expect("a number");
        }
    }
    assert_eq!(families.len(), 5);
}

#[tokio::test]
async fn answers_open_requests_and_accepts_no_new_ones_at_shutdown() {
    let (_rig, flow, mut listening) = listening().await;
    let body = finish(&flow);
    let addr = listening.base.trim_start_matches("http://").to_owned();
    let mut line = tokio::net::TcpStream::connect(&addr).await.expect("a line");
    let mut head = format!(
        "POST /callback HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in &signed(Timestamp::now(), "", body.as_bytes()) {
        let value = value.to_str().expect("text");
        write!(head, "{name}: {value}\r\n").expect("a string");
    }
    line.write_all(format!("{head}expect: 100-continue\r\n\r\n").as_bytes())
        .await
        .expect("sent");
    // The response asks for the body: the request is in progress.
    let mut asked = [0; 25];
    line.read_exact(&mut asked).await.expect("an answer");
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    listening.end();
    let refused = async {
        while tokio::net::TcpStream::connect(&addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, refused)
        .await
        .expect("nobody accepts");
    line.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.expect("the end");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(listening.unhandled().await, 1);
}

#[test]
fn refuses_invalid_and_reserved_callback_paths() {
    for (path, good) in [
        ("/", true),
        ("/callback", true),
        ("/a/b-c_d.e~f", true),
        ("callback", false),
        ("", false),
        ("/healthz", false),
        ("/metrics", false),
        ("/{x}", false),
        ("/:x", false),
        ("/*", false),
        ("/a?b", false),
        ("/甲", false),
    ] {
        assert_eq!(path.parse::<CallbackPath>().is_ok(), good, "{path}");
    }
}

#[tokio::test]
async fn creates_a_missing_ledger_and_refuses_another_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/l.db");
    let listening = Listening::start(&path, &binding()).await;
    assert_eq!(listening.tell(finish("1")).await, 200);
    assert_eq!(listening.heard(), [CallbackOutcome::Unknown]);
    let other = Binding {
        endpoint: "elsewhere".into(),
        ..binding()
    };
    let error = treaty::ledger::Inbox::open(&path, &other, &treaty::ledger::HoldOptions::default())
        .expect_err("another endpoint");
    assert!(
        error.to_string().contains("belongs to the endpoint test"),
        "{error}"
    );
}
