//! Handles Ctrl-C and SIGTERM: the first drains, the second stops immediately.

use tokio::sync::watch;

use crate::execute::Stop;

/// Runs `work` to its end and sends it stop requests on interrupts.
pub(in crate::cli) async fn interruptible<T>(
    requests: watch::Sender<Stop>,
    work: impl Future<Output = T>,
) -> T {
    let interrupted = tokio::spawn(forward_interrupts(requests));
    let done = work.await;
    interrupted.abort();
    done
}

/// Sends [`Stop::Drain`] on the first interrupt and [`Stop::Now`] on the second.
async fn forward_interrupts(requests: watch::Sender<Stop>) {
    for stop in [Stop::Drain, Stop::Now] {
        interrupt().await;
        // The receiver is gone once the run has ended.
        let _ = requests.send(stop);
    }
    std::future::pending::<()>().await;
}

/// Waits for the next interrupt.
#[cfg(unix)]
pub(in crate::cli) async fn interrupt() {
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

/// Waits for the next interrupt.
#[cfg(not(unix))]
pub(in crate::cli) async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
}
