//! When and why a run stops before all is done.

use tokio::sync::watch;

use crate::plan::Fatal;

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It does.
    No,
    /// Nothing new is started; what is under way ends.
    Drain,
    /// It ends as soon as no call is out that would have to be looked up; a sync alone knows this one.
    Soon,
    /// It ends here; what is under way is looked up by the next run.
    Now,
}

/// Why a run ended before all was done.
#[derive(Debug, Clone)]
pub enum Stopped {
    /// Somebody asked for it.
    Asked,
    /// More failed than is tolerated.
    Failures {
        /// How many may.
        tolerated: u64,
    },
    /// It could not go on.
    Fatal(Fatal),
}

/// Resolves once the run must end at once.
pub(crate) async fn stopped_now(stop: &mut watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop == Stop::Now).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}
