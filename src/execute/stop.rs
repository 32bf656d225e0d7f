//! Stop requests, and the reasons for which a run stops early.

use std::convert::Infallible;
use std::future::pending;

use tokio::sync::watch;

use crate::client::Client;
use crate::plan::Fatal;

/// The requests to stop a run, in rising urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// No request: the run continues.
    No,
    /// No new items are started. Items in progress are finished, unless the service or an outage
    /// makes their calls wait.
    Drain,
    /// The run ends as soon as no call is in flight that the next run would have to probe. Used by
    /// a sync only.
    Soon,
    /// The run ends immediately. The next run probes the calls in flight.
    Now,
}

/// The reasons for which a run stopped early.
#[derive(Debug, Clone)]
pub enum Stopped {
    /// A stop was requested.
    Asked,
    /// More items failed than are tolerated.
    Failures {
        /// The number of items that may fail.
        tolerated: u64,
    },
    /// The run ends after its first items.
    Canary(CanaryEnd),
    /// The run could not continue.
    Fatal(Fatal),
}

/// The reason why a run ends after its first items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryEnd {
    /// One of them, or a resource, failed or is in doubt.
    Failed,
    /// One of them was not signed by all signers.
    NotSigned,
    /// The operator does not agree to send the others.
    Declined,
}

/// Resolves once a stop of at least this urgency is requested.
pub(crate) async fn stop_requested(stop: &mut watch::Receiver<Stop>, urgency: Stop) {
    if stop.wait_for(|stop| *stop >= urgency).await.is_err() {
        // The sender is gone: no request can come any more.
        std::future::pending::<()>().await;
    }
}

/// Runs `work` to its end, and ends the waits of the client's calls once a stop is requested.
pub(crate) async fn ending_waits<T>(
    client: &Client,
    stop: &watch::Receiver<Stop>,
    work: impl Future<Output = T>,
) -> T {
    let mut stop = stop.clone();
    let end = async {
        stop_requested(&mut stop, Stop::Drain).await;
        client.end_waits();
        pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        never = end => match never {},
        done = work => done,
    }
}
