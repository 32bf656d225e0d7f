//! Runs a sync: polls the selected flows, with a bounded number in progress.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{Instrument, info_span};

use super::options::Sync;
use super::sync_loop::SyncLoop;
use crate::address::Address;
use crate::execute::{StepContext, StepError, Stop, SyncStats, ending_waits, stop_requested};
use crate::plan::Fatal;

impl Sync<'_> {
    /// Polls items until the sync is complete or stopped.
    ///
    /// # Errors
    ///
    /// Returns the first fatal error, once the polls in progress have ended.
    pub async fn run(&self) -> Result<SyncStats, Fatal> {
        let synced = ending_waits(self.client, &self.stop, self.run_to_end()).await?;
        if synced.has_polled() {
            // The results of polls are written in the background, and are read after this.
            self.records.write(Vec::new()).await?;
        }
        Ok(synced)
    }

    async fn run_to_end(&self) -> Result<SyncStats, Fatal> {
        let context = StepContext::new(self.records, self.client, self.root);
        let mut sync_loop = SyncLoop::begin(self, context.clock)?;
        let mut in_progress = FuturesUnordered::new();
        let mut fatal = None;
        let (stop, mut draining) = (self.stop.clone(), self.stop.clone());
        loop {
            let is_running = fatal.is_none() && *stop.borrow() == Stop::No && !sync_loop.is_over();
            if is_running {
                sync_loop.read_inbox()?;
                while in_progress.len() < self.concurrency
                    && let Some(item) = sync_loop.next()?
                {
                    let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
                    let poll = async { (context.poll(&item.record).await, item) };
                    in_progress.push(poll.instrument(span));
                }
            }
            if in_progress.is_empty() && (!is_running || sync_loop.is_drained()) {
                let stopped = *stop.borrow() != Stop::No;
                return fatal.map_or_else(|| Ok(sync_loop.end(stopped)), Err);
            }
            let has_capacity = is_running && in_progress.len() < self.concurrency;
            tokio::select! {
                biased;
                Some((result, item)) = in_progress.next() => match result {
                    // A call waited when the stop was requested.
                    Err(StepError::Fatal(Fatal::Stopped)) => sync_loop.interrupt(&item),
                    Err(StepError::Fatal(error)) => {
                        fatal.get_or_insert(error);
                    }
                    result => {
                        sync_loop.record(&item, result)?;
                        if let Err(error) = context.check_mismatches() {
                            fatal.get_or_insert(error);
                        }
                    }
                },
                () = interrupted(stop.clone(), &context.unsettled) => return Ok(sync_loop.end(true)),
                () = stop_requested(&mut draining, Stop::Drain), if is_running => {}
                () = sleep_until(sync_loop.wake()), if has_capacity => {}
            }
        }
    }
}

/// Completes when the sync must end now: on `Stop::Now`, or on `Stop::Soon` with no request in
/// flight.
async fn interrupted(mut stop: watch::Receiver<Stop>, unsettled: &watch::Sender<usize>) {
    stop_requested(&mut stop, Stop::Soon).await;
    let mut unsettled = unsettled.subscribe();
    tokio::select! {
        () = stop_requested(&mut stop, Stop::Now) => {}
        _ = unsettled.wait_for(|requests| *requests == 0) => {}
    }
}
