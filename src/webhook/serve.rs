//! The server under the router: so many connections at most, and none that is slow for long.

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

/// So many connections are served; more wait to be accepted. Each reads one request at a time.
const CONNECTIONS: usize = 512;
/// A connection whose next headers are not here by then is closed; also one that is kept for later requests.
const HEADERS: Duration = Duration::from_secs(10);
/// Headers that need more are refused.
const LONGEST_HEADERS: usize = 16 * 1024;
/// What is under way at the end has so long to be answered.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted: files may be scarce.
const SCARCE: Duration = Duration::from_millis(100);

/// Serves until the end; then takes no more, and answers what is under way.
pub async fn serve(listener: TcpListener, router: Router, end: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (ending, ended) = watch::channel(());
    let mut lines = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = &mut end => break,
            Some(_) = lines.join_next() => {}
            (place, accepted) = next => match accepted {
                Ok((stream, _)) => {
                    let line = line(stream, router.clone(), ended.clone());
                    lines.spawn(async move {
                        line.await;
                        drop(place);
                    });
                }
                Err(_) => sleep(SCARCE).await,
            },
        }
    }
    drop(listener);
    drop(ending);
    let all = async { while lines.join_next().await.is_some() {} };
    // Who does not go by then is cut off.
    drop(timeout(GRACE, all).await);
}

/// One connection, until it is closed by either side.
async fn line(stream: TcpStream, router: Router, mut ended: watch::Receiver<()>) {
    // Answers are small, and are not held back for more to come.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let line = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(LONGEST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut line = std::pin::pin!(line);
    tokio::select! {
        // Whatever a caller did wrong has been answered, as far as he can be answered.
        _ = line.as_mut() => return,
        _ = ended.changed() => line.as_mut().graceful_shutdown(),
    }
    drop(line.await);
}
