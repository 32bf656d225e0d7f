//! Bringing what was sent up to date: every flow that is under way is asked for, and what waited for signers is done.
//! Once, or again and again until nothing is under way any more, or where callbacks have told of something. Needs the
//! ledger alone.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{Instrument, info_span};

use super::options::Sync;
use super::sync_loop::SyncLoop;
use crate::address::Address;
use crate::execute::{StepContext, StepError, Stop, SyncStats};
use crate::plan::Fatal;

impl Sync<'_> {
    /// Visits what is under way.
    pub async fn all(&self) -> Result<SyncStats, Fatal> {
        let context = StepContext::new(self.records, self.client, self.root);
        let mut round = SyncLoop::begin(self, context.clock)?;
        let mut window = FuturesUnordered::new();
        let mut fatal = None;
        let (mut stop, mut draining) = (self.stop.clone(), self.stop.clone());
        loop {
            let goes_on = fatal.is_none() && *stop.borrow() == Stop::No && !round.is_over();
            if goes_on {
                round.read_inbox()?;
                while window.len() < self.window
                    && let Some(item) = round.next()?
                {
                    let span = info_span!("item", address = %Address::item(&item.flow, &item.key));
                    let visit = async { (context.poll(&item.record).await, item) };
                    window.push(visit.instrument(span));
                }
            }
            if window.is_empty() && (!goes_on || round.is_through()) {
                let stopped = *stop.borrow() != Stop::No;
                return fatal.map_or_else(|| Ok(round.end(stopped)), Err);
            }
            let has_room = goes_on && window.len() < self.window;
            tokio::select! {
                biased;
                Some((result, item)) = window.next() => match result {
                    Err(StepError::Fatal(why)) => {
                        // What is under way ends.
                        fatal.get_or_insert(why);
                    }
                    result => round.note(&item, result)?,
                },
                () = cut_off(&mut stop, &context.unsettled) => return Ok(round.end(true)),
                () = drained(&mut draining), if goes_on => {}
                () = sleep_until(round.wake()), if has_room => {}
            }
        }
    }
}

/// Resolves once it is to end here.
async fn cut_off(stop: &mut watch::Receiver<Stop>, out: &watch::Sender<usize>) {
    let mut out = out.subscribe();
    loop {
        match *stop.borrow_and_update() {
            Stop::Now => return,
            Stop::Soon if *out.borrow_and_update() == 0 => return,
            _ => {}
        }
        tokio::select! {
            Ok(()) = stop.changed() => {}
            Ok(()) = out.changed() => {}
        }
    }
}

/// Resolves once nothing new is to be begun.
async fn drained(stop: &mut watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop != Stop::No).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}
