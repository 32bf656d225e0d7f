//! An HTTP server that injects faults: it closes connections, sends endless responses and closes
//! its listener.
//!
//! It controls the connections itself, because axum's server cannot do this.

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
use tokio_io_timeout::TimeoutStream;

use super::fault::NoResponse;
use super::rules::{Counters, Faults, operation_of};
use crate::sandbox::http::{
    HttpResponse, MAX_BODY_BYTES, Peer, Sandbox, body_too_large, relative_path, response,
};

/// A server of a sandbox with injected faults.
#[derive(Debug, Clone)]
pub struct FaultyServer {
    sandbox: Sandbox,
    faults: Arc<Faults>,
    counters: Arc<Mutex<Counters>>,
}

/// The time for open connections to finish when the server ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The time after which a connection is closed whose client does not read its responses.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The number of chunks in an "endless" response: about 100 MB.
const MAX_CHUNKS: usize = 1600;
const CHUNK: &[u8] = &[b' '; 65536];

impl FaultyServer {
    /// Creates a server that injects these faults.
    pub fn new(sandbox: Sandbox, faults: Faults) -> Self {
        Self {
            sandbox,
            faults: Arc::new(faults),
            counters: Arc::default(),
        }
    }

    /// Returns a copy of the counters.
    pub fn counters(&self) -> Counters {
        self.lock().clone()
    }

    /// Serves until `end` completes.
    pub async fn serve(
        &self,
        listener: TcpListener,
        end: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let addr = listener.local_addr()?;
        let mut listener = listener;
        let mut end = std::pin::pin!(end);
        let (ending, ended) = watch::channel(());
        let (close, mut close_requests) = mpsc::unbounded_channel();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(time) = close_requests.recv() => {
                    drop(listener);
                    connections.abort_all();
                    tokio::select! {
                        () = &mut end => return Ok(()),
                        () = sleep(time) => {}
                    }
                    // Requests to close that arrived in the meantime are satisfied.
                    while close_requests.try_recv().is_ok() {}
                    listener = bind_again(addr).await?;
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let server = self.clone();
                        connections.spawn(server.serve_connection(stream, close.clone(), ended.clone()));
                    }
                    // File descriptors may be exhausted.
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(ending);
        let all = async { while connections.join_next().await.is_some() {} };
        // The remaining connections are closed with the runtime.
        drop(timeout(SHUTDOWN_TIMEOUT, all).await);
        Ok(())
    }

    /// Serves one connection until it is closed.
    async fn serve_connection(
        self,
        stream: TcpStream,
        close: mpsc::UnboundedSender<Duration>,
        mut ended: watch::Receiver<()>,
    ) {
        let peer = stream.peer_addr().ok().map(Peer);
        let service = service_fn(|mut request: Request<Incoming>| {
            // A peer whose address is unknown has closed the connection.
            let far = Peer(SocketAddr::from(([0, 0, 0, 0], 0)));
            request.extensions_mut().insert(peer.unwrap_or(far));
            self.call(request, &close)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = http1::Builder::new().serve_connection(stream, service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // An error is the effect of an injected fault.
            _ = connection.as_mut() => return,
            _ = ended.changed() => connection.as_mut().graceful_shutdown(),
        }
        drop(connection.await);
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        close: &mpsc::UnboundedSender<Duration>,
    ) -> Result<Response<Body>, NoResponse> {
        // Refused before it is counted.
        if let Some(refusal) = self.sandbox.refuse(&request) {
            return Ok(refusal.map(Body::from));
        }
        if request.method() == Method::GET && relative_path(request.uri().path()) == "faults" {
            return Ok(self.counters_response().map(Body::from));
        }
        let fault =
            operation_of(&request).and_then(|name| self.faults.decide(name, &mut self.lock()));
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(Body::new(body), MAX_BODY_BYTES).await else {
            return Ok(body_too_large().map(Body::from));
        };
        let request = Request::from_parts(parts, body);
        let Some(fault) = fault else {
            let response = self.sandbox.handle(&request, Timestamp::now());
            return Ok(response.map(Body::from));
        };
        match fault.serve(&self.sandbox, request).await {
            Ok(response) => Ok(response.map(Body::from)),
            Err(NoResponse::Endless) => Ok(endless()),
            Err(NoResponse::ListenerClosed(time)) => {
                // Fails if the server has ended.
                let _ = close.send(time);
                // The server closes this connection together with the listener.
                std::future::pending().await
            }
            Err(closed) => Err(closed),
        }
    }

    fn counters_response(&self) -> HttpResponse {
        let Counters {
            calls, injected, ..
        } = self.counters();
        let faults = injected.values().sum::<u64>();
        let body = serde_json::json!({ "calls": calls, "faults": faults, "kinds": injected });
        response(StatusCode::OK, "application/json", body.to_string())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counters> {
        // No code panics while it holds the lock.
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Builds a response that starts as a success and does not end.
fn endless() -> Response<Body> {
    let start = Bytes::from_static(br#"{"errCode":0,"msg":"SUCCESS","data":"#);
    let chunks = stream::repeat(Bytes::from_static(CHUNK)).take(MAX_CHUNKS);
    let body = stream::once(async { start }).chain(chunks);
    let body = Body::from_stream(body.map(Ok::<_, Infallible>));
    let mut endless = response(StatusCode::OK, "application/json", "").map(|_| Body::empty());
    *endless.body_mut() = body;
    endless
}

/// Binds the address again. Retries, because another program may use the port for a moment.
async fn bind_again(addr: SocketAddr) -> std::io::Result<TcpListener> {
    const MAX_ATTEMPTS: usize = 50;
    for _ in 1..MAX_ATTEMPTS {
        if let Ok(listener) = TcpListener::bind(addr).await {
            return Ok(listener);
        }
        sleep(Duration::from_millis(100)).await;
    }
    TcpListener::bind(addr).await
}
