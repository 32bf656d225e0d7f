//! The HTTP server below the router: limits the number of connections and closes slow ones.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use super::client_address::AddressLimiter;
use super::receive::is_monitoring;

/// The maximum size of a request's headers, in bytes.
const MAX_HEADERS: usize = 16 * 1024;
/// The time that requests in progress get when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept: file descriptors may be exhausted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// The maximum number of open connections; more wait to be accepted.
    pub connections: usize,
    /// The maximum number of connections of one client address that are served. More wait. Behind a
    /// reverse proxy, all callbacks come from its address.
    pub per_address: usize,
    /// The maximum number of connections that request health or metrics.
    pub monitoring: usize,
    /// The timeout for the headers of the next request, also on a kept-alive connection.
    pub read_timeout: Duration,
    /// The time after which a connection is closed whose client does not read its responses.
    pub write_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            per_address: 64,
            monitoring: 32,
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// Serves requests until `end` resolves, then accepts no more and finishes those in progress.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    end: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let (shutdown, shutting_down) = watch::channel(());
    let server = Server {
        router: TowerToHyperService::new(router),
        limits,
        monitoring: Arc::new(Semaphore::new(limits.monitoring)),
        shutting_down,
    };
    let mut addresses = AddressLimiter::new(limits.per_address);
    let mut connections = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        let next = async {
            let permit = permits.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = &mut end => break,
            Some(_) = connections.join_next() => {}
            (permit, accepted) = next => match accepted {
                Ok((stream, address)) => {
                    let Some(mut address_permit) = addresses.admit(address.ip()) else {
                        // Closes the connection: too many of its address wait already.
                        continue;
                    };
                    let server = server.clone();
                    connections.spawn(async move {
                        if address_permit.wait(server.limits.read_timeout).await {
                            server.serve_connection(stream).await;
                        }
                        drop((address_permit, permit));
                    });
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop((listener, server));
    drop(shutdown);
    let all = async { while connections.join_next().await.is_some() {} };
    // Connections that are still open after the grace period are aborted.
    drop(timeout(GRACE, all).await);
}

/// The state that all connections share.
#[derive(Clone)]
struct Server {
    router: TowerToHyperService<Router>,
    limits: ServerLimits,
    /// The connections that may request health or metrics.
    monitoring: Arc<Semaphore>,
    shutting_down: watch::Receiver<()>,
}

impl Server {
    /// Serves one connection until either side closes it.
    async fn serve_connection(self, stream: TcpStream) {
        // Responses are small: send them without waiting for more data.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let permit: Mutex<Option<OwnedSemaphorePermit>> = Mutex::default();
        let service = service_fn(|request| self.respond(request, &permit));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.read_timeout)
            .max_buf_size(MAX_HEADERS)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let mut connection = std::pin::pin!(connection);
        let mut shutting_down = self.shutting_down.clone();
        tokio::select! {
            // hyper has answered a malformed request already, where that is possible.
            _ = connection.as_mut() => return,
            _ = shutting_down.changed() => connection.as_mut().graceful_shutdown(),
        }
        drop(connection.await);
    }

    /// Responds to a request. A connection that requests health or metrics takes a permit, which it
    /// keeps in `permit` until it is closed; without one, it is closed.
    async fn respond(
        &self,
        request: Request<Incoming>,
        permit: &Mutex<Option<OwnedSemaphorePermit>>,
    ) -> Result<Response, std::convert::Infallible> {
        if is_monitoring(request.uri().path()) {
            let mut permit = permit
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if permit.is_none() {
                *permit = self.monitoring.clone().try_acquire_owned().ok();
            }
            if permit.is_none() {
                let message = "too many connections request health or metrics\n";
                let close = [(header::CONNECTION, "close")];
                return Ok((StatusCode::SERVICE_UNAVAILABLE, close, message).into_response());
            }
        }
        self.router.call(request.map(Body::new)).await
    }
}
