//! A transport that injects faults.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use treaty::client::{Problem, Transport, TransportError};
use treaty::sandbox::{Counters, Fault, Faults, NoResponse, Sandbox, operation_name};

/// Longer than any test.
const FOREVER: Duration = Duration::from_hours(10_000);

/// The response is lost, and the service carries out the call three seconds later.
pub(crate) const LATE: Fault = Fault::WorkLate(Duration::from_secs(3));
/// The request is not sent.
pub(crate) const NOT_SENT: Fault = Fault::Refused(Duration::ZERO);
/// The call is carried out, and its response never arrives.
pub(crate) const HANG_AFTER: Fault = Fault::AnswerLate(FOREVER);
/// The request never arrives, and neither does a response.
pub(crate) const HANG_BEFORE: Fault = Fault::Slow(FOREVER);

/// A transport to a sandbox that injects faults and records the calls.
pub(crate) struct FaultyTransport {
    pub(crate) sandbox: Sandbox,
    /// Notified when a call hangs.
    pub(crate) hangs: tokio::sync::Notify,
    pub(crate) state: Mutex<TransportState>,
}

/// The faults and the calls of a transport.
#[derive(Default)]
pub(crate) struct TransportState {
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// The end of a period in which the connection is refused.
    closed: Option<tokio::time::Instant>,
    pub(crate) calls: BTreeMap<String, usize>,
    /// The last request body by path.
    pub(crate) bodies: BTreeMap<String, Bytes>,
    pub(crate) total: usize,
    /// The latency of each response.
    pub(crate) latency: Duration,
    /// The arrival time of each call, on the test's clock.
    pub(crate) times: Vec<tokio::time::Instant>,
    /// The fields of responses that always have their first value, by path.
    pub(crate) repeated: Vec<(&'static str, &'static str, Option<serde_json::Value>)>,
    /// The faults of all calls of a path whose request contains a text.
    pub(crate) of_requests: Vec<(&'static str, &'static str, Fault)>,
    /// Whether details omit the newest task, so that no probe finds the effect of a lost response.
    pub(crate) hides_newest_task: bool,
}

impl TransportState {
    /// Answers with the first values of repeated fields.
    fn repeat(&mut self, path: &str, response: http::Response<Bytes>) -> http::Response<Bytes> {
        let own = self.repeated.iter_mut();
        let own = own.filter(|(repeated, ..)| path.ends_with(&format!("/{repeated}")));
        own.fold(response, |response, (_, field, first)| {
            response.map(|body| {
                let mut answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                if let Some(value) = answer["data"].get_mut(*field) {
                    *value = first.get_or_insert(value.clone()).clone();
                }
                answer.to_string().into()
            })
        })
    }

    /// Records a call, and returns its fault.
    fn arrived(&mut self, request: &http::Request<Bytes>) -> Option<Fault> {
        let now = tokio::time::Instant::now();
        let path = request.uri().path();
        let named = operation_name(request.method(), path);
        let path = named.unwrap_or(path.trim_start_matches('/')).to_owned();
        self.total += 1;
        self.times.push(now);
        self.bodies.insert(path.clone(), request.body().clone());
        *self.calls.entry(path).or_default() += 1;
        if self.closed.is_some_and(|until| now < until) {
            return Some(NOT_SENT);
        }
        let of_request = self.of_requests.iter().find(|(path, text, _)| {
            let body = String::from_utf8_lossy(request.body());
            named == Some(*path) && body.contains(text)
        });
        if let Some((_, _, fault)) = of_request {
            return Some(*fault);
        }
        let fault = self.faults.decide(named?, &mut self.counters);
        if let Some(Fault::Refused(time)) = fault {
            self.closed = Some(now + time);
        }
        fault
    }
}

impl Transport for FaultyTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let fault = self.state.lock().expect("a lock").arrived(&request);
            tokio::task::yield_now().await;
            if matches!(fault, Some(HANG_AFTER | HANG_BEFORE)) {
                self.hangs.notify_one();
            }
            match fault {
                // Serving it would carry out the call as soon as the paused clock advances.
                Some(HANG_BEFORE) => std::future::pending().await,
                None => {
                    let latency = self.state.lock().expect("a lock").latency;
                    if !latency.is_zero() {
                        tokio::time::sleep(latency).await;
                    }
                    let response = self.sandbox.handle(&request, Timestamp::now());
                    let path = request.uri().path();
                    let mut state = self.state.lock().expect("a lock");
                    let response = state.repeat(path, response);
                    let hides = state.hides_newest_task;
                    drop(state);
                    Ok(if hides && request.uri().path().ends_with("/detail") {
                        without_newest_task(response)
                    } else {
                        response
                    })
                }
                Some(fault) => {
                    let answer = fault.serve(&self.sandbox, request).await;
                    answer.map_err(|gone| match gone {
                        NoResponse::ListenerClosed(_) => {
                            TransportError::NotSent(Problem::passing("connection refused", ""))
                        }
                        NoResponse::ConnectionClosed => {
                            TransportError::Disconnected("connection reset".into())
                        }
                        NoResponse::Endless => TransportError::Disconnected(gone.to_string()),
                    })
                }
            }
        })
    }
}

fn without_newest_task(response: http::Response<Bytes>) -> http::Response<Bytes> {
    response.map(|body| {
        let mut detail: serde_json::Value = serde_json::from_slice(&body).expect("a detail");
        if let Some(tasks) = detail["data"]["signDetail"].as_array_mut() {
            tasks.pop();
        }
        detail.to_string().into()
    })
}
