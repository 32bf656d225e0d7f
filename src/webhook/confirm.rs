//! Polls the flows named by recorded callbacks, in the process that received them.
//!
//! The confirmer holds the ledger for a few seconds at a time. While another run holds it, that run
//! may handle the inbox itself; otherwise the callbacks stay recorded. Several confirmers can share
//! a ledger without coordination: the first one to acquire the lease handles the inbox.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::metrics::{Metrics, PollOutcome};
use super::retry_schedule::RetrySchedule;
use crate::address::Address;
use crate::api::time;
use crate::client::Client;
use crate::execute::{Event, ItemOutcome, Listener, Stop, SyncStats, stop_requested};
use crate::ledger::{Binding, HoldOptions, Inbox, LeaseHandle, LedgerError, Location, Store};
use crate::plan::Fatal;
use crate::sync::{Sync, SyncMode};

/// The time after which no new poll is started while the ledger is held.
const POLL_TIME: Duration = Duration::from_secs(4);
/// The time after which polls in progress are cancelled, except for calls that would have to be
/// probed. Other runs wait one minute for the ledger.
const MAX_HOLD: Duration = Duration::from_secs(12);
/// The time that polls in progress get when the process stops.
const DRAIN_GRACE: Duration = Duration::from_secs(4);
/// The additional time that calls which would have to be probed get when the process stops.
const CALL_GRACE: Duration = Duration::from_secs(20);
/// The pause between two leases, in which other runs can acquire the ledger.
const LEASE_PAUSE: Duration = Duration::from_millis(250);
/// The interval at which the inbox is read for callbacks recorded by other receivers.
const INBOX_INTERVAL: Duration = Duration::from_secs(15);
/// The first delay before a retry, when the ledger is held or the service does not respond.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest delay before a retry. The delay doubles up to this value.
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// The client and the event listener of one lease.
pub struct Connection {
    /// Calls the API while the lease is held.
    pub client: Client,
    /// Receives every event.
    pub listener: Listener,
}

/// An event of the confirmer itself.
#[derive(Debug)]
pub enum ConfirmerEvent<'a> {
    /// Flows were polled.
    Polled(&'a SyncStats),
    /// Flows cannot be polled at the moment. Reported once for each new reason.
    Unavailable(&'a Fatal),
    /// Flows can be polled again.
    Available,
}

/// The result of one step of the confirmer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmStep {
    /// The inbox has no unhandled callbacks, and no retry is due.
    Idle,
    /// Another run holds the ledger.
    LedgerHeld,
    /// Flows were polled.
    Polled(SyncStats),
}

/// Polls the flows named by recorded callbacks.
pub struct Confirmer<'a> {
    /// The inbox in which callbacks are recorded.
    pub inbox: Inbox,
    /// The ledger's file.
    pub ledger: Location,
    /// The endpoint and app of the ledger.
    pub binding: &'a Binding,
    /// The name of this process, shown to runs that wait for the ledger.
    pub holder: String,
    /// Returns the options to open the ledger, with the present evidence.
    pub options: Box<dyn Fn() -> HoldOptions + Send + 'a>,
    /// The project's folder.
    pub root: &'a Path,
    /// The maximum number of flows polled at the same time.
    pub concurrency: usize,
    /// Connects to the service for one lease.
    pub connect: Box<dyn Fn(Option<LeaseHandle>) -> Connection + Send + 'a>,
    /// Receives the confirmer's own events.
    pub on_event: Box<dyn Fn(ConfirmerEvent<'_>) + Send + 'a>,
    /// Counts the results of polls.
    pub metrics: Arc<Metrics>,
    /// Notified when this process has recorded a new callback.
    pub new_callback: Arc<Notify>,
    /// Requests the stop.
    pub stop: watch::Receiver<Stop>,
    /// The flows whose poll failed.
    pub retries: RetrySchedule,
}

impl Confirmer<'_> {
    /// Polls until a stop is requested.
    pub async fn run(mut self) {
        let mut retry_delay = FIRST_RETRY;
        let mut reported = None;
        while *self.stop.borrow() == Stop::No {
            let step = self.step().await;
            if let Err(why) = &step
                && !matches!(why, Fatal::Ledger(LedgerError::Taken(_)))
            {
                let text = why.to_string();
                if reported.as_ref() != Some(&text) {
                    (self.on_event)(ConfirmerEvent::Unavailable(why));
                    reported = Some(text);
                }
            }
            let (wait, can_wake) = match step {
                Ok(ConfirmStep::Idle) => (self.retries.wait().min(INBOX_INTERVAL), true),
                Ok(ConfirmStep::Polled(stats)) => {
                    if reported.take().is_some() {
                        (self.on_event)(ConfirmerEvent::Available);
                    }
                    (self.on_event)(ConfirmerEvent::Polled(&stats));
                    retry_delay = FIRST_RETRY;
                    (LEASE_PAUSE, false)
                }
                Ok(ConfirmStep::LedgerHeld) | Err(_) => {
                    let delay = retry_delay;
                    retry_delay = LONGEST_RETRY.min(retry_delay * 2);
                    (delay, false)
                }
            };
            let new_callback = self.new_callback.clone();
            let woken = async {
                if can_wake {
                    new_callback.notified().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = stop_requested(&mut self.stop, Stop::Drain) => {}
                _ = timeout(wait, woken) => {}
            }
        }
    }

    /// Polls the flows that are due, if the ledger can be held.
    pub async fn step(&mut self) -> Result<ConfirmStep, Fatal> {
        let due = self.retries.take_due(Instant::now());
        if due.is_empty() && self.inbox.unhandled().await? == 0 {
            return Ok(ConfirmStep::Idle);
        }
        let result = self.hold_and_poll(&due).await;
        if !matches!(result, Ok(ConfirmStep::Polled(_))) {
            self.retries.put_back(due);
        }
        result
    }

    async fn hold_and_poll(&mut self, due: &[(Address, u32)]) -> Result<ConfirmStep, Fatal> {
        let since = time::text(Timestamp::now());
        let options = (self.options)();
        let held = Store::hold_briefly(&self.ledger, self.binding, &self.holder, &since, &options)?;
        let Some(ledger) = held else {
            return Ok(ConfirmStep::LedgerHeld);
        };
        let connection = (self.connect)(ledger.lease());
        let failed: Arc<Mutex<Vec<Address>>> = Arc::default();
        let (ask, stop) = watch::channel(Stop::No);
        // A complete address is a pattern that matches itself only.
        let targets: Vec<_> = due
            .iter()
            .filter_map(|(address, _)| address.to_string().parse().ok())
            .collect();
        let mode = if targets.is_empty() {
            SyncMode::FromCallbacks(POLL_TIME)
        } else {
            SyncMode::Once
        };
        let sync = Sync {
            records: &ledger,
            client: &connection.client,
            root: self.root,
            targets,
            excludes: Vec::new(),
            concurrency: self.concurrency,
            listener: self.listener(connection.listener.clone(), failed.clone()),
            stop,
            mode,
        };
        let stats = tokio::select! {
            biased;
            stats = sync.run() => stats?,
            never = request_stops(&ask, &mut self.stop) => match never {},
        };
        let failed = std::mem::take(&mut *failed.lock().unwrap_or_else(PoisonError::into_inner));
        self.retries.record_failures(failed, due, Instant::now());
        Ok(ConfirmStep::Polled(stats))
    }

    /// Wraps a listener: counts the results of polls, and collects the flows to retry.
    fn listener(&self, inner: Listener, failed: Arc<Mutex<Vec<Address>>>) -> Listener {
        let metrics = self.metrics.clone();
        Arc::new(move |event| {
            match &event {
                // Always zero at the start of a sync.
                Event::Items(_) => return,
                Event::Item {
                    address, outcome, ..
                } => {
                    metrics.record_poll(PollOutcome::of(outcome));
                    if !matches!(
                        outcome,
                        ItemOutcome::Sent | ItemOutcome::Done(_) | ItemOutcome::EndedEarly(..)
                    ) {
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

/// Stops a sync when the ledger was held for [`MAX_HOLD`], or when the process stops.
async fn request_stops(ask: &watch::Sender<Stop>, stop: &mut watch::Receiver<Stop>) -> Infallible {
    let in_time = timeout(MAX_HOLD, stop_requested(stop, Stop::Drain)).await;
    if in_time.is_ok() {
        ask.send_replace(Stop::Drain);
        sleep(DRAIN_GRACE).await;
    }
    ask.send_replace(Stop::Soon);
    stop_requested(stop, Stop::Drain).await;
    sleep(CALL_GRACE).await;
    ask.send_replace(Stop::Now);
    std::future::pending().await
}
