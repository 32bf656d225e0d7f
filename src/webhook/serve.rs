//! The HTTP server below the router: limits the number of connections and closes slow ones.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The maximum number of open connections; more wait to be accepted.
const MAX_CONNECTIONS: usize = 512;
/// The timeout for the headers of the next request, also on a kept-alive connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of a request's headers, in bytes.
const MAX_HEADERS: usize = 16 * 1024;
/// The time that requests in progress get when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept: file descriptors may be exhausted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves requests until `end` resolves, then accepts no more and finishes those in progress.
pub async fn serve(listener: TcpListener, router: Router, end: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (shutdown, shutting_down) = watch::channel(());
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
                Ok((stream, _)) => {
                    let connection = serve_connection(stream, router.clone(), shutting_down.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    drop(shutdown);
    let all = async { while connections.join_next().await.is_some() {} };
    // Connections that are still open after the grace period are aborted.
    drop(timeout(GRACE, all).await);
}

/// Serves one connection until either side closes it.
async fn serve_connection(
    stream: TcpStream,
    router: Router,
    mut shutting_down: watch::Receiver<()>,
) {
    // Responses are small: send them without waiting for more data.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // hyper has answered a malformed request already, where that is possible.
        _ = connection.as_mut() => return,
        _ = shutting_down.changed() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
