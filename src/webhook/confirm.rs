//! Confirming: what callbacks have told of is asked for, in the same process that received them.
//!
//! It holds the ledger for a few seconds at a time. While another run holds it, that one may read the inbox itself;
//! otherwise what is in there waits. Several of these share a ledger without a word: whoever comes first does it.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::again::RetrySchedule;
use super::metrics::{Metrics, PollOutcome};
use crate::address::Address;
use crate::api::time;
use crate::client::Client;
use crate::execute::{Ended, Event, Listener, Stop, SyncStats};
use crate::ledger::{Binding, Inbox, LeaseHandle, LedgerError, Sqlite};
use crate::plan::Fatal;
use crate::sync::{Sync, SyncMode};

/// Nothing new is begun after holding the ledger for so long …
const BRIEF: Duration = Duration::from_secs(4);
/// … and what is under way is cut off after so long, but for calls that somebody hears of: those end first. Whoever wants the
/// ledger waits a minute for it.
const MOST: Duration = Duration::from_secs(12);
/// At the end of the process, what is under way has so long …
const GRACE: Duration = Duration::from_secs(4);
/// … and what somebody hears of has so much longer.
const LAST_GRACE: Duration = Duration::from_secs(20);
/// Between two holds others get in.
const REST: Duration = Duration::from_millis(250);
/// What other receivers have written down, or left behind, is looked for so often.
const POLL: Duration = Duration::from_secs(15);
/// When the ledger is not to be had, or nobody answers, it is tried again after this time …
const FIRST: Duration = Duration::from_secs(1);
/// … which doubles up to this.
const LAST: Duration = Duration::from_secs(15);

/// The way to the service while the ledger is held, and whoever hears of what happens on it.
pub struct Way {
    /// Calls as long as the ledger is held.
    pub client: Client,
    /// Hears of everything.
    pub listener: Listener,
}

/// What a confirmer says by itself.
#[derive(Debug)]
pub enum Said<'a> {
    /// Flows were asked for.
    Confirmed(&'a SyncStats),
    /// They cannot be asked for at the moment: said once, until it changes.
    Trouble(&'a Fatal),
    /// They can be asked for again.
    Back,
}

/// What one step has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// There was nothing to ask for.
    Nothing,
    /// Somebody else holds the ledger.
    Kept,
    /// Flows were asked for.
    SyncStats(SyncStats),
}

/// Asks for what callbacks have told of.
pub struct Confirmer<'a> {
    /// Where callbacks are written down.
    pub inbox: Inbox,
    /// The ledger's file.
    pub ledger: &'a Path,
    /// What it belongs to.
    pub binding: &'a Binding,
    /// Who holds it, for those who are kept out.
    pub holder: String,
    /// The project's folder.
    pub root: &'a Path,
    /// Flows that are asked for at the same time.
    pub window: usize,
    /// Makes a way to the service.
    pub way: Box<dyn Fn(Option<LeaseHandle>) -> Way + Send + 'a>,
    /// What it says.
    pub say: Box<dyn Fn(Said<'_>) + Send + 'a>,
    /// Counts what is found.
    pub metrics: Arc<Metrics>,
    /// Told when something was written down here.
    pub news: Arc<Notify>,
    /// Says when to stop.
    pub stop: watch::Receiver<Stop>,
    /// Flows that could not be asked for.
    pub again: RetrySchedule,
}

impl Confirmer<'_> {
    /// Goes on until it is asked to stop.
    pub async fn run(mut self) {
        let mut pause = FIRST;
        let mut trouble = None;
        while *self.stop.borrow() == Stop::No {
            let step = self.step().await;
            if let Err(why) = &step
                && !matches!(why, Fatal::Ledger(LedgerError::Taken(_)))
            {
                let told = why.to_string();
                if trouble.as_ref() != Some(&told) {
                    (self.say)(Said::Trouble(why));
                    trouble = Some(told);
                }
            }
            let (wait, wakes) = match step {
                Ok(Confirmed::Nothing) => (self.again.wait().min(POLL), true),
                Ok(Confirmed::SyncStats(synced)) => {
                    if trouble.take().is_some() {
                        (self.say)(Said::Back);
                    }
                    (self.say)(Said::Confirmed(&synced));
                    pause = FIRST;
                    (REST, false)
                }
                Ok(Confirmed::Kept) | Err(_) => {
                    let now = pause;
                    pause = LAST.min(pause * 2);
                    (now, false)
                }
            };
            let news = self.news.clone();
            let woken = async {
                if wakes {
                    news.notified().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = asked_to_stop(&mut self.stop) => {}
                _ = timeout(wait, woken) => {}
            }
        }
    }

    /// Asks for what there is to ask for, if the ledger is to be had.
    pub async fn step(&mut self) -> Result<Confirmed, Fatal> {
        let due = self.again.take_due(Instant::now());
        if due.is_empty() && self.inbox.unhandled().await? == 0 {
            return Ok(Confirmed::Nothing);
        }
        let result = self.hold_and_ask(&due).await;
        if !matches!(result, Ok(Confirmed::SyncStats(_))) {
            self.again.put_back(due);
        }
        result
    }

    async fn hold_and_ask(&mut self, due: &[(Address, u32)]) -> Result<Confirmed, Fatal> {
        let since = time::text(Timestamp::now());
        let held = Sqlite::hold_briefly(self.ledger, self.binding, &self.holder, &since)?;
        let Some(ledger) = held else {
            return Ok(Confirmed::Kept);
        };
        let way = (self.way)(ledger.pulse());
        let failed: Arc<Mutex<Vec<Address>>> = Arc::default();
        let (ask, stop) = watch::channel(Stop::No);
        // An address that is written out is a pattern that means itself.
        let targets: Vec<_> = due
            .iter()
            .filter_map(|(address, _)| address.to_string().parse().ok())
            .collect();
        let course = if targets.is_empty() {
            SyncMode::FromCallbacks(BRIEF)
        } else {
            SyncMode::Once
        };
        let sync = Sync {
            records: &ledger,
            client: &way.client,
            root: self.root,
            targets,
            excludes: Vec::new(),
            concurrency: self.window,
            listener: self.listener(way.listener.clone(), failed.clone()),
            stop,
            mode: course,
        };
        let synced = tokio::select! {
            biased;
            synced = sync.run() => synced?,
            never = bounded(&ask, &mut self.stop) => match never {},
        };
        let failed = std::mem::take(&mut *failed.lock().unwrap_or_else(PoisonError::into_inner));
        self.again.failed(failed, due, Instant::now());
        Ok(Confirmed::SyncStats(synced))
    }

    /// Hears of everything: counts what was found, and notes what is to be asked for again.
    fn listener(&self, inner: Listener, failed: Arc<Mutex<Vec<Address>>>) -> Listener {
        let metrics = self.metrics.clone();
        Arc::new(move |event| {
            match &event {
                // There are always none at the beginning.
                Event::Items(_) => return,
                Event::Item { address, ended, .. } => {
                    metrics.visited(PollOutcome::of(ended));
                    if matches!(ended, Ended::Failed(_) | Ended::InDoubt(_)) {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.push(address.clone());
                    }
                }
                _ => {}
            }
            inner(event);
        })
    }
}

/// Ends a sync that has held the ledger for too long, and lets it end when the process does.
async fn bounded(ask: &watch::Sender<Stop>, stop: &mut watch::Receiver<Stop>) -> Infallible {
    let in_time = timeout(MOST, asked_to_stop(stop)).await;
    if in_time.is_ok() {
        ask.send_replace(Stop::Drain);
        sleep(GRACE).await;
    }
    ask.send_replace(Stop::Soon);
    asked_to_stop(stop).await;
    sleep(LAST_GRACE).await;
    ask.send_replace(Stop::Now);
    std::future::pending().await
}

async fn asked_to_stop(stop: &mut watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop != Stop::No).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}
