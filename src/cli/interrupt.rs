//! Ctrl-C and SIGTERM: once drains, twice stops.

use tokio::sync::watch;

use crate::execute::Stop;

/// Works until it is done, and tells it of interrupts.
pub(super) async fn interruptible<T>(ask: watch::Sender<Stop>, work: impl Future<Output = T>) -> T {
    let interrupted = tokio::spawn(interrupts(ask));
    let done = work.await;
    interrupted.abort();
    done
}

/// The first interrupt lets what is under way end, the second ends at once.
async fn interrupts(ask: watch::Sender<Stop>) {
    for stop in [Stop::Drain, Stop::Now] {
        interrupt().await;
        // Nobody listens any more when the run has ended.
        let _ = ask.send(stop);
    }
    std::future::pending::<()>().await;
}

/// The next interrupt.
#[cfg(unix)]
pub(super) async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
pub(super) async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
}
