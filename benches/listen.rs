//! Response times of the callback receiver: signed callbacks at a fixed rate over 64 connections,
//! to the real router and a ledger on disk with 100,000 recorded contracts.
//!
//! `cargo bench --bench listen` runs four cases of ten seconds:
//!
//! - 500 callbacks/s to one receiver;
//! - 2,000 callbacks/s to one receiver;
//! - 500 callbacks/s to two receivers with one ledger;
//! - 500 callbacks/s to one receiver while a run writes to the ledger.
//!
//! The response time is measured from the scheduled time of a callback, not from the moment at
//! which a connection is free. So a late response also counts for the callbacks that wait behind
//! it. `SECONDS` sets the duration of a case; `RATE` runs one case with this rate.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};
use treaty::api::callback::Verifier;
use treaty::api::operation::Op;
use treaty::ledger::ItemStatus;
use treaty::ledger::{Binding, Inbox, Ledger, Store, Write};
use treaty::webhook::{Metrics, Receiver, ServerLimits, serve};

const APP: (&str, &str) = ("bench", "a secret of the bench");
const RECORDED: usize = 100_000;
const CONNECTIONS: usize = 64;

fn main() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seconds = number("SECONDS").unwrap_or(10);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    record(&path);
    // Rate, number of receivers, and whether a run writes at the same time.
    let cases = match number("RATE") {
        Some(rate) => vec![(rate, 1, false)],
        None => vec![
            (500, 1, false),
            (2_000, 1, false),
            (500, 2, false),
            (500, 1, true),
        ],
    };
    for (nth, (rate, receivers, with_writer)) in cases.into_iter().enumerate() {
        let bases: Vec<String> = (0..receivers).map(|_| receive(&path)).collect();
        let writer = with_writer.then(|| Writer::start(&path));
        let times = send(&bases, rate, rate * seconds, nth);
        let written = writer.map(Writer::stop);
        report(
            rate,
            receivers,
            written.map(|count| count / seconds),
            &times,
        );
    }
}

fn binding() -> Binding {
    Binding {
        endpoint: "bench".into(),
        app_id: Some(APP.0.into()),
    }
}

/// Records contracts that wait for a signature.
fn record(path: &Path) {
    let started = Instant::now();
    let ledger = Store::hold(path, &binding(), "a bench", "now").expect("a ledger");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut last = None;
    for nth in 0..RECORDED {
        let id = ledger.next_subject();
        let at = Timestamp::now();
        let key = format!("HT-{nth:07}");
        let process = serde_json::json!({ "flowId": flow(nth) });
        let writes = vec![
            Write::ItemBegun {
                id,
                flow: "loans".into(),
                fingerprint: ledger.salt().of(&key),
                key,
                content: None,
                cells: None,
                run: 1,
                at,
                afresh: false,
            },
            Write::Receipt {
                subject: id,
                step: "process".into(),
                op: Op::AddProcess,
                receipt: Arc::new(process),
            },
            Write::ItemEnded {
                id,
                status: ItemStatus::Waiting,
                failure: None,
                at,
            },
        ];
        last = Some(ledger.write(writes));
    }
    runtime.block_on(last.expect("a write")).expect("written");
    println!(
        "{RECORDED} items recorded in {:.1} s",
        started.elapsed().as_secs_f64()
    );
}

fn flow(nth: usize) -> String {
    format!("{}", 1_000_000_000 + nth)
}

/// Starts a receiver on its own threads and returns its address.
fn receive(path: &Path) -> String {
    let verifier = Verifier {
        app_id: APP.0.into(),
        app_secret: APP.1.to_owned().into(),
        max_age: SignedDuration::from_mins(15),
    };
    let inbox =
        Inbox::open(path, &binding(), &treaty::ledger::HoldOptions::default()).expect("an inbox");
    let (metrics, notify) = <(Arc<Metrics>, Arc<tokio::sync::Notify>)>::default();
    let receiver = Receiver::new(verifier, inbox, metrics, notify, |_| {});
    let router = receiver.router(&"/callback".parse().expect("a path"));
    let (sender, started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let addr = listener.local_addr().expect("an address").to_string();
            sender.send(addr).expect("the starter waits");
            // All clients of the benchmark have one address.
            let limits = ServerLimits {
                per_address: ServerLimits::default().connections,
                ..ServerLimits::default()
            };
            serve(listener, router, limits, std::future::pending()).await;
        });
    });
    started.recv().expect("an address")
}

/// A simulated run: holds the ledger and writes 64 receipts at a time, like apply.
struct Writer {
    stopped: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Writer {
    fn start(path: &Path) -> Self {
        let ledger = Store::hold(path, &binding(), "a bench", "now").expect("a ledger");
        let stopped = Arc::new(AtomicBool::new(false));
        let should_stop = stopped.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let mut count = 0;
            while !should_stop.load(Ordering::Relaxed) {
                let receipts: Vec<_> = (0..64)
                    .map(|_| {
                        ledger.write(vec![Write::Receipt {
                            subject: ledger.next_subject(),
                            step: "document".into(),
                            op: Op::CreateByTemplate,
                            receipt: Arc::new(
                                serde_json::json!({ "docId": "2018041823454409001" }),
                            ),
                        }])
                    })
                    .collect();
                count += receipts.len();
                for receipt in receipts {
                    runtime.block_on(receipt).expect("written");
                }
            }
            count
        });
        Self { stopped, thread }
    }

    /// Stops writing and returns the number of receipts.
    fn stop(self) -> usize {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer ends")
    }
}

/// The response times; `None` for a callback without a response 200.
type Times = Vec<Option<Duration>>;

fn send(bases: &[String], rate: usize, count: usize, case: usize) -> Times {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let start = Instant::now() + Duration::from_millis(200);
        let next = Arc::new(AtomicUsize::new(0));
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|nth| {
                let base = bases[nth % bases.len()].clone();
                tokio::spawn(send_on_connection(
                    base,
                    next.clone(),
                    start,
                    rate,
                    count,
                    case,
                ))
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for connection in connections {
            all.extend(connection.await.expect("the connection ends"));
        }
        all
    })
}

/// Sends callbacks on one connection. Takes the next unsent callback each time.
async fn send_on_connection(
    base: String,
    next: Arc<AtomicUsize>,
    start: Instant,
    rate: usize,
    count: usize,
    case: usize,
) -> Times {
    let mut stream = TcpStream::connect(&base).await.expect("a connection");
    stream.set_nodelay(true).expect("set");
    let mut times = Vec::new();
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        if nth >= count {
            return times;
        }
        let due = start
            + Duration::from_secs(1) * u32::try_from(nth).expect("few")
                / u32::try_from(rate).expect("few");
        sleep_until(due).await;
        let is_ok = exchange(&mut stream, &request(nth, case))
            .await
            .is_some_and(|status| status == 200);
        times.push(is_ok.then(|| due.elapsed()));
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<u16> {
    stream.write_all(request).await.ok()?;
    let mut response = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let read = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        response.extend_from_slice(&buffer[..read]);
        // Responses are JSON objects without nested objects.
        if response.ends_with(b"}") {
            return std::str::from_utf8(response.get(9..12)?).ok()?.parse().ok();
        }
    }
}

/// Returns the request of a callback. Every tenth callback is a repetition.
fn request(nth: usize, case: usize) -> Vec<u8> {
    let event = if nth % 10 == 9 { nth - 5 } else { nth };
    let body = format!(
        r#"{{"action":"SIGN_FLOW_UPDATE","thirdOrderNo":"order-{case}-{event}","accountId":"0056911b07ba41969a4b28d3ad6ac4e8","flowId":"{}","signTime":"2026-11-24 09:00:00","signResult":2}}"#,
        flow(event * 7919 % RECORDED)
    );
    let timestamp = Timestamp::now().as_millisecond().to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(APP.1.as_bytes()).expect("any length");
    mac.update(timestamp.as_bytes());
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    format!(
        "POST /callback HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-tsign-open-app-id: {}\r\nx-tsign-open-timestamp: {timestamp}\r\n\
         x-tsign-open-signature-algorithm: hmac-sha256\r\nx-tsign-open-signature: {signature}\r\n\r\n{body}",
        body.len(),
        APP.0
    )
    .into_bytes()
}

fn report(rate: usize, receivers: usize, written: Option<usize>, times: &Times) {
    let mut ok: Vec<Duration> = times.iter().flatten().copied().collect();
    ok.sort();
    let errors = times.len() - ok.len();
    let percentile = |permille: usize| {
        let index = (ok.len() * permille / 1000).min(ok.len().saturating_sub(1));
        ok.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let writer = written.map_or_else(String::new, |count| {
        format!(", while a run writes {count} receipts/s")
    });
    println!(
        "{rate}/s, {receivers} receiver(s), one ledger{writer}: {} callbacks, p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms, {errors} errors",
        times.len(),
        percentile(500),
        percentile(990),
        percentile(999),
        percentile(1000),
    );
}
