//! The loop over the items of a run, with a bounded number in progress.

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::event::ItemOutcome;
use super::executor::{Executor, ItemFuture, RunStats};
use super::stop::{Stop, Stopped, stop_requested};
use crate::client::{Client, MAX_CALLS_PER_REQUEST};

impl Executor<'_> {
    /// Executes items in their order and counts their outcomes, until all have ended or the run
    /// stops. No new item is started once more than `tolerate` items of the run have failed; none:
    /// no bound. Returns the number of items that were started.
    pub(crate) async fn run_items<'s>(
        &'s self,
        items: impl Iterator<Item = ItemFuture<'s>>,
        tolerate: Option<u64>,
        stats: &mut RunStats,
    ) -> u64 {
        let mut items = items.fuse();
        let client = self.context.client;
        let mut in_progress = FuturesUnordered::new();
        let mut stop = self.stop();
        let mut started = 0;
        loop {
            while stats.stopped.is_none() && can_start_item(client, in_progress.len()) {
                if *stop.borrow() != Stop::No {
                    self.stop_run(Stopped::Asked, stats);
                    break;
                }
                let Some(item) = items.next() else { break };
                started += 1;
                in_progress.push(item);
            }
            tokio::select! {
                biased;
                next = in_progress.next() => match next {
                    Some((address, row, Ok(outcome))) => {
                        self.report_outcome(address, row, outcome, stats);
                    }
                    Some((address, row, Err(fatal))) => {
                        self.report_outcome(address, row, ItemOutcome::Interrupted, stats);
                        self.stop_run(Stopped::Fatal(fatal), stats);
                    }
                    None => return started,
                },
                () = stop_requested(&mut stop, Stop::Now) => {
                    stats.interrupted += in_progress.len() as u64;
                    self.stop_run(Stopped::Asked, stats);
                    return started;
                }
                // A delayed request frees a slot for another item.
                () = client.another_is_delayed() => {}
            }
            if let Err(fatal) = self.context.check_mismatches() {
                self.stop_run(Stopped::Fatal(fatal), stats);
            }
            if let Some(tolerated) = tolerate.filter(|tolerated| stats.failed > *tolerated) {
                self.stop_run(Stopped::Failures { tolerated }, stats);
            }
        }
    }
}

/// Returns whether another item may be started while `in_progress` items are in progress.
///
/// The number of active items is at most the number of requests that may be in flight. Items that
/// wait before a retry or a probe are not active; with them, the bound is [`MAX_CALLS_PER_REQUEST`]
/// times as high. With a concurrency of 1, items are executed one at a time.
fn can_start_item(client: &Client, in_progress: usize) -> bool {
    match client.concurrency() {
        1 => in_progress == 0,
        concurrency => {
            let active = in_progress.saturating_sub(client.delayed());
            active < concurrency && in_progress < MAX_CALLS_PER_REQUEST * concurrency
        }
    }
}
