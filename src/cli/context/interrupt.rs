//! Handles Ctrl-C, SIGTERM and SIGHUP (a closed terminal, a dropped connection): the first drains,
//! the second stops immediately.

use tokio::sync::watch;

use crate::execute::Stop;

/// Runs `work` to its end and sends it stop requests on interrupts.
pub(in crate::cli) async fn interruptible<T>(
    requests: watch::Sender<Stop>,
    work: impl Future<Output = T>,
) -> T {
    let interrupted = tokio::spawn(forward_interrupts(Interrupts::install(), requests));
    let done = work.await;
    interrupted.abort();
    done
}

/// Sends [`Stop::Drain`] on the first interrupt and [`Stop::Now`] on the second.
async fn forward_interrupts(mut interrupts: Interrupts, requests: watch::Sender<Stop>) {
    for stop in [Stop::Drain, Stop::Now] {
        interrupts.next().await;
        // The receiver is gone once the run has ended.
        let _ = requests.send(stop);
    }
    std::future::pending::<()>().await;
}

/// Waits for the next interrupt.
pub(in crate::cli) async fn interrupt() {
    Interrupts::install().next().await;
}

/// The interrupts since the value was created. From then on, they do not end the process.
pub(in crate::cli) struct Interrupts {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
    /// SIGHUP, until the first interrupt: a closed terminal sends several.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Interrupts {
    /// Installs the handlers. A signal that cannot be handled keeps its effect.
    pub(in crate::cli) fn install() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        let hangup = (!hangup_is_ignored()).then(SignalKind::hangup);
        Self {
            signals: kinds
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
            hangup: hangup.and_then(|kind| signal(kind).ok()),
        }
    }

    /// Waits for the next interrupt. Only the first can be a SIGHUP.
    pub(in crate::cli) async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let mut signals = self.signals.iter_mut().chain(&mut self.hangup);
            if signals.any(|signal| signal.poll_recv(context).is_ready()) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        // The handler stays installed, so that another SIGHUP has no effect.
        self.hangup = None;
    }
}

#[cfg(not(unix))]
impl Interrupts {
    /// Handlers are installed by [`next`](Self::next).
    pub(in crate::cli) fn install() -> Self {
        Self {}
    }

    /// Waits for the next interrupt.
    pub(in crate::cli) async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}

/// Returns whether the process was started with SIGHUP ignored, as `nohup` does: then it continues
/// without its terminal. Known on Linux only. The answer of the first call is kept, because a
/// handler replaces it.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    static IS_IGNORED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *IS_IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        ignores_hangup(&status)
    })
}

/// Reads the mask of ignored signals of `/proc/self/status`. SIGHUP is its lowest bit.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn reads_whether_hangups_are_ignored() {
        assert!(ignores_hangup("SigBlk:\t0000\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
