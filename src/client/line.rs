//! The line: what a request passes on its way to its answer. It waits for its place, leaves when the pace allows it, and is
//! carried by the wire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::call::Settings;
use super::failure::{Failure, Lost};
use super::pace::{Departure, Pace};
use super::window::Window;
use super::wire::{Wire, WireError};
use crate::api::operation::Op;

/// Carries requests, so many at the same time and so many a second.
pub(super) struct Line {
    wire: Arc<dyn Wire>,
    pub(super) window: Window,
    pace: Pace,
    operation_paces: BTreeMap<Op, Pace>,
    timeout: Duration,
}

type Carried = Result<Response<Bytes>, Failure>;

/// A request on its way, which is given up when this is dropped.
struct OnItsWay(JoinHandle<Carried>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    pub(super) fn new(wire: Arc<dyn Wire>, settings: &Settings) -> Self {
        let operation_paces = settings.operation_rates.iter();
        Self {
            wire,
            window: Window::new(settings.concurrency),
            pace: Pace::new(settings.rate),
            operation_paces: operation_paces
                .map(|(op, rate)| (*op, Pace::new(Some(*rate))))
                .collect(),
            timeout: settings.timeout,
        }
    }

    /// Waits for an operation's turn.
    pub(super) async fn turn(&self, op: Op) {
        if let Some(pace) = self.operation_paces.get(&op) {
            pace.turn().await;
        }
        self.pace.turn().await;
    }

    /// The service asks to slow down. Gives the new pace, where it changes.
    pub(super) fn slow_down(&self, op: Op, after: Option<Duration>) -> Option<f64> {
        if let Some(pace) = self.operation_paces.get(&op) {
            pace.slow_down(after);
        }
        self.pace.slow_down(after)
    }

    /// Sends a request whose turn it is, and waits for its response, no longer than the timeout. Only operations keep to the
    /// pace.
    pub(super) async fn send(self: &Arc<Self>, op: Option<Op>, request: Request<Bytes>) -> Carried {
        let turned = Instant::now();
        if self.pace.is_limited() || !self.operation_paces.is_empty() {
            return self.carry(op, request, turned).await;
        }
        // Where nothing but places is waited for, a task of its own carries it: they change hands while whoever asked is busy
        // with others. Under a limit, tasks would wake in another order, and an operation's calls leave in crowds.
        let line = self.clone();
        let carrying = async move { line.carry(op, request, turned).await };
        let mut on_its_way = OnItsWay(tokio::spawn(carrying));
        (&mut on_its_way.0)
            .await
            .unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(cut("the run has ended".to_owned())),
            })
    }

    async fn carry(&self, op: Option<Op>, request: Request<Bytes>, turned: Instant) -> Carried {
        let ended = || Failure::NotSent("the client has ended".to_owned());
        let _place = self.window.place().await.ok_or_else(ended)?;
        let mut departure = Departure::default();
        if let Some(op) = op {
            if let Some(pace) = self.operation_paces.get(&op) {
                pace.depart(turned, &mut departure).await;
            }
            self.pace.depart(turned, &mut departure).await;
        }
        let begin = Instant::now();
        let answer = self.wire.send(request, departure);
        let result = timeout(self.timeout, answer).await;
        if let Some(op) = op {
            let overload = match &result {
                Ok(Ok(response)) => matches!(response.status().as_u16(), 429 | 502..=504),
                Ok(Err(error)) => matches!(error, WireError::Lost(_)),
                Err(_) => true,
            };
            self.window.answered(op, begin.elapsed(), overload);
        }
        match result {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(WireError::NotSent(why))) => Err(Failure::NotSent(why)),
            Ok(Err(WireError::Barred(why))) => Err(Failure::Barred(why)),
            Ok(Err(WireError::Lost(why))) => Err(cut(why)),
            Err(_) => Err(Failure::Unknown {
                why: format!("no answer within {} s", self.timeout.as_secs_f64()),
                after: None,
                lost: Lost::Late,
            }),
        }
    }
}

fn cut(why: String) -> Failure {
    Failure::Unknown {
        why,
        after: None,
        lost: Lost::Cut,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;

    /// Notes what is sent, and answers all but `/hangs`.
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Wire for Notes {
        fn send(
            &self,
            request: Request<Bytes>,
            _: Departure,
        ) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
            let path = request.uri().path().to_owned();
            let hangs = path == "/hangs";
            self.0.lock().expect("a lock").push(path);
            if hangs {
                std::future::pending().boxed()
            } else {
                std::future::ready(Ok(Response::default())).boxed()
            }
        }
    }

    fn one_place(wire: &Arc<Notes>, rate: Option<f64>) -> Arc<Line> {
        let settings = Settings {
            endpoint: String::new(),
            credentials: None,
            rate,
            operation_rates: BTreeMap::new(),
            concurrency: Some(1),
            attempts: 1,
            backoff: Duration::ZERO,
            max_backoff: Duration::ZERO,
            timeout: Duration::from_secs(30),
            outage: Duration::ZERO,
            throttle_codes: Vec::new(),
        };
        Arc::new(Line::new(wire.clone(), &settings))
    }

    fn request(path: &'static str) -> Request<Bytes> {
        Request::get(path).body(Bytes::new()).expect("a request")
    }

    /// What a run that is cut off has not sent stays unsent, and a place is free once nobody waits for its answer.
    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_for_those_who_do_not_wait_any_more() {
        for rate in [None, Some(100.0)] {
            let wire = Arc::<Notes>::default();
            let line = one_place(&wire, rate);
            let soon = Duration::from_millis(1);
            let hangs = line.send(Some(Op::Detail), request("/hangs"));
            let waits = line.send(Some(Op::Detail), request("/waits"));
            let both = timeout(soon, async { tokio::join!(hangs, waits) });
            assert!(both.await.is_err());
            let answer = line.send(Some(Op::Detail), request("/last")).await;
            assert!(answer.is_ok(), "{answer:?}");
            assert_eq!(*wire.0.lock().expect("a lock"), ["/hangs", "/last"]);
        }
    }
}
