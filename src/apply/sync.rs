//! Bringing what was sent up to date: every flow that is under way is asked for, and what waited for signers is done.
//! Once, or again and again until nothing is under way any more, or where callbacks have told of something. Needs the
//! ledger alone.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{Instrument, info_span};

use super::caller::Caller;
use super::event::Listener;
use super::halt::{Fatal, Halt};
use super::round::Round;
use super::run::Stop;
use crate::client::Client;
use crate::id::{Address, AddressPattern};
use crate::ledger::{Failure, Records};

/// What a sync needs.
pub struct Sync<'a> {
    /// What has been done.
    pub records: &'a dyn Records,
    /// The API.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// These items; all when empty.
    pub targets: Vec<AddressPattern>,
    /// But not these.
    pub excludes: Vec<AddressPattern>,
    /// Items that are worked on at the same time.
    pub window: usize,
    /// Hears of everything.
    pub listener: Listener,
    /// Says when to stop.
    pub stop: watch::Receiver<Stop>,
    /// What it visits, and how often.
    pub course: Course,
}

/// What a sync visits, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// All that is under way, once.
    Once,
    /// All that is under way, until nothing is any more.
    Wait(Wait),
    /// What callbacks have told of, as long as there is any, and no longer than this.
    Told(Duration),
}

/// How a sync goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The time between two questions about a flow in which something has just happened.
    pub every: Duration,
    /// When it ends, whatever is under way then.
    pub until: Option<Timestamp>,
}

/// How the items stand after a sync.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Archived, and downloaded where that was asked for.
    pub finished: u64,
    /// All have signed, and nothing else was asked for.
    pub done: u64,
    /// Somebody is still to sign.
    pub waiting: u64,
    /// Refused, expired or revoked.
    pub ended: u64,
    /// Something failed; it is tried again by the next sync.
    pub failed: u64,
    /// Whether a call was carried out is not known.
    pub in_doubt: u64,
    /// An apply was not through with them: the next one goes on.
    pub cut_off: u64,
    /// Why items ended before all had signed: the first [`ENDINGS`].
    pub endings: Vec<(Address, Failure)>,
    /// Whether it was asked to stop before all were looked at.
    pub stopped: bool,
}

/// So many endings are kept.
pub const ENDINGS: usize = 100;

impl Sync<'_> {
    /// Visits what is under way.
    pub async fn all(&self) -> Result<Synced, Fatal> {
        let caller = Caller::new(self.records, self.client, self.root);
        let mut round = Round::begin(self, caller.clock)?;
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
                    let visit = async { (caller.visit(&item.record).await, item) };
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
                    Err(Halt::Fatal(why)) => {
                        // What is under way ends.
                        fatal.get_or_insert(why);
                    }
                    result => round.note(&item, result)?,
                },
                () = cut_off(&mut stop, &caller.out) => return Ok(round.end(true)),
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
