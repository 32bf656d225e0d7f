//! How fast callbacks are answered: signed ones at a fixed rate, over many connections, to the real router and a ledger on
//! disk in which 100,000 contracts are recorded.
//!
//! `cargo bench --bench listen` sends 500 a second for ten seconds, then 2,000, then 500 to two receivers of one ledger,
//! and then 500 while a run writes into it. A callback's time begins when it was to be sent, not when a connection was
//! free for it: a receiver that is late for one is late for those behind it. `SECONDS` lasts longer, `RATE` sends
//! another rate alone.

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
use treaty::ledger::{Binding, Inbox, Ledger, Sqlite, Write};
use treaty::webhook::{Metrics, Receiver, serve};

const APP: (&str, &str) = ("bench", "a secret of the bench");
const RECORDED: usize = 100_000;
const LINES: usize = 64;

fn main() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seconds = number("SECONDS").unwrap_or(10);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    record(&path);
    // Receivers and senders have threads of their own, as they would on two machines.
    let cases = match number("RATE") {
        Some(rate) => vec![(rate, 1, false)],
        None => vec![
            (500, 1, false),
            (2_000, 1, false),
            (500, 2, false),
            (500, 1, true),
        ],
    };
    for (nth, (rate, receivers, beside)) in cases.into_iter().enumerate() {
        let bases: Vec<String> = (0..receivers).map(|_| receive(&path)).collect();
        let run = beside.then(|| Beside::start(&path));
        let took = send(&bases, rate, rate * seconds, nth);
        let written = run.map(Beside::end);
        report(rate, receivers, written.map(|count| count / seconds), &took);
    }
}

fn binding() -> Binding {
    Binding {
        endpoint: "bench".into(),
        app_id: APP.0.into(),
    }
}

/// Contracts that wait for somebody to sign.
fn record(path: &Path) {
    let begun = Instant::now();
    let ledger = Sqlite::hold(path, &binding(), "a bench", "now").expect("a ledger");
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
    runtime
        .block_on(last.expect("some"))
        .expect("all are written");
    println!(
        "{RECORDED} items recorded in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}

fn flow(nth: usize) -> String {
    format!("{}", 1_000_000_000 + nth)
}

/// A receiver on threads of its own; gives its address.
fn receive(path: &Path) -> String {
    let verifier = Verifier {
        app_id: APP.0.into(),
        app_secret: APP.1.to_owned().into(),
        max_age: SignedDuration::from_mins(15),
    };
    let inbox = Inbox::open(path, &binding()).expect("an inbox");
    let (metrics, news) = <(Arc<Metrics>, Arc<tokio::sync::Notify>)>::default();
    let receiver = Receiver::new(verifier, inbox, metrics, news, |_| {});
    let router = receiver.router(&"/callback".parse().expect("a path"));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let addr = listener.local_addr().expect("an address").to_string();
            tell.send(addr).expect("somebody waits");
            serve(listener, router, std::future::pending()).await;
        });
    });
    told.recv().expect("an address")
}

/// A run that holds the ledger and writes, as an apply does: 64 items at a time, a receipt each.
struct Beside {
    ended: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Beside {
    fn start(path: &Path) -> Self {
        let ledger = Sqlite::hold(path, &binding(), "a bench", "now").expect("a ledger");
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let mut count = 0;
            while !end.load(Ordering::Relaxed) {
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
                for one in receipts {
                    runtime.block_on(one).expect("written");
                }
            }
            count
        });
        Self { ended, thread }
    }

    fn end(self) -> usize {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends")
    }
}

/// How long each took; none: it was not answered with 200.
type Took = Vec<Option<Duration>>;

fn send(bases: &[String], rate: usize, count: usize, case: usize) -> Took {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let begin = Instant::now() + Duration::from_millis(200);
        let next = Arc::new(AtomicUsize::new(0));
        let lines: Vec<_> = (0..LINES)
            .map(|line| {
                let base = bases[line % bases.len()].clone();
                tokio::spawn(one_line(base, next.clone(), begin, rate, count, case))
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for line in lines {
            all.extend(line.await.expect("it ends"));
        }
        all
    })
}

/// One of the senders' connections: it takes whatever is to be sent next.
async fn one_line(
    base: String,
    next: Arc<AtomicUsize>,
    begin: Instant,
    rate: usize,
    count: usize,
    case: usize,
) -> Took {
    let mut stream = TcpStream::connect(&base).await.expect("a connection");
    stream.set_nodelay(true).expect("set");
    let mut took = Vec::new();
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        if nth >= count {
            return took;
        }
        let due = begin
            + Duration::from_secs(1) * u32::try_from(nth).expect("few")
                / u32::try_from(rate).expect("few");
        sleep_until(due).await;
        let good = exchange(&mut stream, &request(nth, case))
            .await
            .is_some_and(|status| status == 200);
        took.push(good.then(|| due.elapsed()));
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<u16> {
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let read = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        answer.extend_from_slice(&piece[..read]);
        // Answers are JSON objects without objects in them.
        if answer.ends_with(b"}") {
            return std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok();
        }
    }
}

/// A callback as the service sends it. Every tenth is one that came before.
fn request(nth: usize, case: usize) -> Vec<u8> {
    let what = if nth % 10 == 9 { nth - 5 } else { nth };
    let body = format!(
        r#"{{"action":"SIGN_FLOW_UPDATE","thirdOrderNo":"order-{case}-{what}","accountId":"0056911b07ba41969a4b28d3ad6ac4e8","flowId":"{}","signTime":"2026-11-24 09:00:00","signResult":2}}"#,
        flow(what * 7919 % RECORDED)
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

fn report(rate: usize, receivers: usize, written: Option<usize>, took: &Took) {
    let mut good: Vec<Duration> = took.iter().flatten().copied().collect();
    good.sort();
    let errors = took.len() - good.len();
    let at = |share: usize| {
        let index = (good.len() * share / 1000).min(good.len().saturating_sub(1));
        good.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    let beside = written.map_or_else(String::new, |count| {
        format!(", beside a run that writes {count} receipts/s")
    });
    println!(
        "{rate}/s to {receivers} of one ledger{beside}: {} callbacks, p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms, {errors} errors",
        took.len(),
        at(500),
        at(990),
        at(999),
        at(1000),
    );
}
