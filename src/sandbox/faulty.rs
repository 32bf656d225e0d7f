//! The sandbox over HTTP, with faults: lines are cut, answers do not end, the listener goes away for a while.
//!
//! A server of its own, since one that is nice to its callers cannot do that. Who looks at pages is served well.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::face::{LARGEST, Sandbox, below, plain};
use super::fault::Unanswered;
use super::faults::{Counters, Faults, operation_of};

/// A sandbox that does not always serve well.
#[derive(Debug, Clone)]
pub struct Faulty {
    sandbox: Sandbox,
    faults: Arc<Faults>,
    counters: Arc<Mutex<Counters>>,
}

/// Callers that still wait when the server ends wait no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// An answer that does not end is given up after so many pieces: 100 MB.
const PIECES: usize = 1600;
const PIECE: &[u8] = &[b' '; 65536];

impl Faulty {
    /// A sandbox whose calls meet these faults.
    pub fn new(sandbox: Sandbox, faults: Faults) -> Self {
        Self {
            sandbox,
            faults: Arc::new(faults),
            counters: Arc::default(),
        }
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.lock().clone()
    }

    /// Serves until the end.
    pub async fn serve(
        &self,
        listener: TcpListener,
        end: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let addr = listener.local_addr()?;
        let mut listener = listener;
        let mut end = std::pin::pin!(end);
        let (ending, ended) = watch::channel(());
        let (close, mut closed) = mpsc::unbounded_channel();
        let mut lines = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(time) = closed.recv() => {
                    drop(listener);
                    lines.abort_all();
                    tokio::select! {
                        () = &mut end => return Ok(()),
                        () = sleep(time) => {}
                    }
                    // Who asked for the same meanwhile has had it.
                    while closed.try_recv().is_ok() {}
                    listener = again(addr).await?;
                }
                Ok((stream, _)) = listener.accept() => {
                    lines.spawn(self.clone().line(stream, close.clone(), ended.clone()));
                }
                Some(_) = lines.join_next() => {}
            }
        }
        drop(ending);
        let all = async { while lines.join_next().await.is_some() {} };
        // Who does not go by then is cut off with the runtime.
        drop(timeout(PATIENCE, all).await);
        Ok(())
    }

    /// One caller's line, until it is cut.
    async fn line(
        self,
        stream: TcpStream,
        close: mpsc::UnboundedSender<Duration>,
        mut ended: watch::Receiver<()>,
    ) {
        let service = service_fn(|request| self.call(request, &close));
        let line = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let mut line = std::pin::pin!(line);
        tokio::select! {
            // That a line was cut is what was wanted.
            _ = line.as_mut() => return,
            _ = ended.changed() => line.as_mut().graceful_shutdown(),
        }
        drop(line.await);
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        close: &mpsc::UnboundedSender<Duration>,
    ) -> Result<Response<Body>, Unanswered> {
        if request.method() == Method::GET && below(request.uri().path()) == "faults" {
            return Ok(self.counted().map(Body::from));
        }
        let fault =
            operation_of(&request).and_then(|name| self.faults.decide(name, &mut self.lock()));
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(Body::new(body), LARGEST).await else {
            let answer = plain(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large");
            return Ok(answer.map(Body::from));
        };
        let request = Request::from_parts(parts, body);
        let Some(fault) = fault else {
            let answer = self.sandbox.handle(&request, Timestamp::now());
            return Ok(answer.map(Body::from));
        };
        match fault.serve(&self.sandbox, request).await {
            Ok(answer) => Ok(answer.map(Body::from)),
            Err(Unanswered::Endless) => Ok(endless()),
            Err(Unanswered::Closed(time)) => {
                // The server may have ended meanwhile.
                let _ = close.send(time);
                // It is cut with all other lines, once nobody listens any more.
                std::future::pending().await
            }
            Err(cut) => Err(cut),
        }
    }

    fn counted(&self) -> super::face::Answer {
        let Counters { calls, dealt, .. } = self.counters();
        let body = serde_json::json!({ "calls": calls, "faults": dealt.values().sum::<u64>(), "kinds": dealt });
        plain(StatusCode::OK, "application/json", body.to_string())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counters> {
        // Counting does not panic.
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that begins well and does not end.
fn endless() -> Response<Body> {
    let begin = Bytes::from_static(br#"{"errCode":0,"msg":"SUCCESS","data":"#);
    let pieces = stream::repeat(Bytes::from_static(PIECE)).take(PIECES);
    let body = stream::once(async { begin }).chain(pieces);
    let body = Body::from_stream(body.map(Ok::<_, Infallible>));
    let mut answer = plain(StatusCode::OK, "application/json", "").map(|_| Body::empty());
    *answer.body_mut() = body;
    answer
}

/// Listens again where it did before. Somebody else may have taken the port for a moment.
async fn again(addr: SocketAddr) -> std::io::Result<TcpListener> {
    const TRIES: usize = 50;
    for _ in 1..TRIES {
        if let Ok(listener) = TcpListener::bind(addr).await {
            return Ok(listener);
        }
        sleep(Duration::from_millis(100)).await;
    }
    TcpListener::bind(addr).await
}
