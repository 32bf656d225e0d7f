//! A service on this machine with a configurable latency that records the calls that arrive.
//!
//! Calls for rows are answered without stored objects. Calls for resources are few and go to the
//! sandbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::{Response, header};
use treaty::api::RetryClass;
use treaty::api::operation::Op;
use treaty::sandbox::Sandbox;

use super::clock::Clock;

/// The prefix of the account id of a person; the `thirdId` follows.
const PERSON: &str = "0123456789abcdef";
const PLATFORM: &str = "0123456789abcdef0123456789abcdef";
/// The initial capacity for arrivals. Growing the vector during a measurement would delay calls.
const ARRIVALS_CAPACITY: usize = 1 << 20;

/// A call that arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) op: Op,
    /// The row of the person, if the request names one.
    pub(crate) row: Option<u32>,
}

/// A handle to the service.
pub(crate) struct Service {
    /// The base URL.
    pub(crate) base: String,
    state: Arc<State>,
}

struct State {
    sandbox: Sandbox,
    /// `None` without latency.
    clock: Option<Arc<Clock>>,
    /// The minimum and maximum latency.
    latency: (Duration, Duration),
    next: AtomicU64,
    requests: AtomicU64,
    arrivals: Mutex<Vec<Arrival>>,
    /// The tasks of each flow; the id of the first flow is 1.
    flows: Mutex<Vec<Tasks>>,
    behaviour: Behaviour,
    /// The times of the accepted requests of the last second.
    accepted: Mutex<VecDeque<Instant>>,
}

/// The failures of the service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behaviour {
    /// The share of requests, from 0 to 1, that end with 503, 502, 500 or a closed connection,
    /// without effect.
    pub(crate) failing: f64,
    /// Whether calls of class *probe* fail, too. treaty waits five seconds before it repeats one.
    pub(crate) probes_fail: bool,
    /// The number of requests per second above which the service returns 429.
    pub(crate) limit: Option<usize>,
}

/// The tasks of a flow.
#[derive(Debug, Clone, Copy, Default)]
struct Tasks {
    platform: bool,
    row: Option<u32>,
}

impl Service {
    /// Starts the service on two threads. It runs until the process ends.
    pub(crate) fn start(latency: (Duration, Duration)) -> Self {
        Self::start_with(latency, Behaviour::default())
    }

    /// Starts the service with failures.
    pub(crate) fn start_with(latency: (Duration, Duration), behaviour: Behaviour) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("a port");
                let base = format!("http://{}", listener.local_addr().expect("an address"));
                let state = Arc::new(State {
                    sandbox: Sandbox::in_memory(&base),
                    clock: (!latency.1.is_zero()).then(Clock::start),
                    latency,
                    next: AtomicU64::new(1),
                    requests: AtomicU64::new(0),
                    arrivals: Mutex::new(Vec::with_capacity(ARRIVALS_CAPACITY)),
                    flows: Mutex::default(),
                    behaviour,
                    accepted: Mutex::default(),
                });
                let service = Self {
                    base,
                    state: state.clone(),
                };
                sender.send(service).expect("the receiver waits");
                let app = axum::Router::new()
                    .fallback(move |request: Request| answer(state.clone(), request));
                axum::serve(listener, app).await.expect("served");
            });
        });
        receiver.recv().expect("a service")
    }

    /// Returns and removes the recorded calls.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.state.arrivals.lock().expect("a lock"))
    }

    /// Returns the number of recorded calls.
    pub(crate) fn count(&self) -> usize {
        self.state.arrivals.lock().expect("a lock").len()
    }
}

/// Returns a pseudorandom number from 0 to 1, the same in every run.
fn pseudorandom(nth: u64) -> f64 {
    let share = u32::try_from(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).expect("24 bits");
    f64::from(share) / f64::from(1 << 24)
}

fn status(status: u16) -> Response<Body> {
    let response = Response::builder().status(status).body(Body::empty());
    response.expect("a response")
}

async fn answer(state: Arc<State>, request: Request) -> Response<Body> {
    let at = Instant::now();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 26).await.expect("a body");
    let op = Op::at(parts.uri.path().trim_start_matches('/'));
    if let Some(op) = op {
        let row = row(op, &body);
        let arrival = Arrival { at, op, row };
        state.arrivals.lock().expect("a lock").push(arrival);
    }
    if let Some(failure) = op.and_then(|op| state.failure(op, at)) {
        return failure;
    }
    if let Some(clock) = &state.clock {
        let (min, max) = state.latency;
        let nth = state.next.load(Ordering::Relaxed);
        let wait = min + max.saturating_sub(min).mul_f64(pseudorandom(nth));
        clock.until(at + wait).await;
    }
    if let Some(text) = op.and_then(|op| state.row_response(op, &body)) {
        return Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(text.into())
            .expect("a response");
    }
    let request = http::Request::from_parts(parts, body);
    let answer = state.sandbox.handle(&request, jiff::Timestamp::now());
    answer.map(Into::into)
}

impl State {
    /// Returns the failure response, if the request fails.
    fn failure(&self, op: Op, at: Instant) -> Option<Response<Body>> {
        let Behaviour {
            failing,
            probes_fail,
            limit,
        } = self.behaviour;
        if let Some(limit) = limit {
            let mut accepted = self.accepted.lock().expect("a lock");
            while accepted
                .front()
                .is_some_and(|first| at - *first >= Duration::from_secs(1))
            {
                accepted.pop_front();
            }
            if accepted.len() >= limit {
                return Some(status(429));
            }
            accepted.push_back(at);
        }
        let nth = self.requests.fetch_add(1, Ordering::Relaxed);
        let may_fail = probes_fail || !matches!(op.retry_class(), RetryClass::Probe(_));
        if !may_fail || pseudorandom(nth) >= failing {
            return None;
        }
        Some(match nth % 4 {
            0 => status(503),
            1 => status(502),
            2 => status(500),
            _ => {
                let broken = std::io::Error::other("closed");
                let body = futures::stream::iter([Err::<Vec<u8>, _>(broken)]);
                Response::new(Body::from_stream(body))
            }
        })
    }

    /// Returns the response to a call for a row; `None` for a call for a resource.
    fn row_response(&self, op: Op, body: &[u8]) -> Option<String> {
        let id = || self.next.fetch_add(1, Ordering::Relaxed);
        let success =
            |data: String| Some(format!(r#"{{"errCode":0,"msg":"success","data":{data}}}"#));
        match op {
            Op::ExchangeId if text(body, "thirdId")?.starts_with('C') => {
                Some(r#"{"errCode":1435204,"msg":"账号不存在"}"#.to_owned())
            }
            Op::CreatePerson if text(body, "thirdId")?.starts_with('C') => success(format!(
                r#"{{"accountId":"{PERSON}{}"}}"#,
                text(body, "thirdId")?
            )),
            // A resumed run updates the account whose response was lost in the kill.
            Op::UpdatePerson if text(body, "accountId")?.starts_with(&format!("{PERSON}C")) => {
                success("null".to_owned())
            }
            Op::CreateByTemplate => success(format!(r#"{{"docId":"{:032}"}}"#, id())),
            Op::AddProcess => {
                let mut flows = self.flows();
                flows.push(Tasks::default());
                success(format!(r#"{{"flowId":"{}"}}"#, flows.len()))
            }
            Op::PlatformSignTask => {
                let flow = text(body, "flowId")?;
                self.change(flow, |tasks| tasks.platform = true)?;
                success(format!(r#"{{"flowId":"{flow}","accountId":"{PLATFORM}"}}"#))
            }
            Op::HandPersonSignTask => {
                let row = row(op, body);
                self.change(text(body, "flowId")?, |tasks| tasks.row = row)?;
                success(format!(
                    r#"{{"signUrl":"https://sign.example/{0:032}","signShortUrl":"https://s.example/{0}"}}"#,
                    id()
                ))
            }
            Op::UndoTask => {
                self.change(text(body, "flowId")?, |tasks| tasks.row = None)?;
                success("null".to_owned())
            }
            Op::Detail => {
                let flow = text(body, "flowId")?;
                let tasks = self.change(flow, |tasks| *tasks)?;
                let platform = tasks
                    .platform
                    .then(|| format!(r#"{{"accountId":"{PLATFORM}","signStatus":2}}"#));
                let person = tasks
                    .row
                    .map(|row| format!(r#"{{"accountId":"{PERSON}C{row:07}","signStatus":0}}"#));
                let signers: Vec<String> = platform.into_iter().chain(person).collect();
                success(format!(
                    r#"{{"flowId":"{flow}","flowStatus":1,"docId":"1","docName":"1","signDetail":[{}]}}"#,
                    signers.join(",")
                ))
            }
            _ => None,
        }
    }

    fn flows(&self) -> MutexGuard<'_, Vec<Tasks>> {
        self.flows.lock().expect("a lock")
    }

    fn change<T>(&self, flow: &str, change: impl FnOnce(&mut Tasks) -> T) -> Option<T> {
        let nth: usize = flow.parse().ok()?;
        self.flows().get_mut(nth.checked_sub(1)?).map(change)
    }
}

/// Returns the row of a call: the number in the `thirdId` of the person.
fn row(op: Op, body: &[u8]) -> Option<u32> {
    let person = match op {
        Op::CreatePerson => text(body, "thirdId")?,
        Op::HandPersonSignTask => text(body, "accountId")?,
        _ => return None,
    };
    person.rsplit_once('C')?.1.parse().ok()
}

/// Returns a text field of a request. The callers send no escapes in these fields.
fn text<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let body = std::str::from_utf8(body).ok()?;
    let start = body.find(&format!("\"{name}\":"))? + name.len() + 3;
    let text = body[start..].trim_start().strip_prefix('"')?;
    text.split('"').next()
}
