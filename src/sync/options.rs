//! The inputs of a sync.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::address::AddressPattern;
use crate::client::Client;
use crate::execute::{Listener, Stop};
use crate::ledger::Records;

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
    pub course: SyncMode,
}

/// What a sync visits, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// All that is under way, once.
    Once,
    /// All that is under way, until nothing is any more.
    Continuous(Wait),
    /// What callbacks have told of, as long as there is any, and no longer than this.
    FromCallbacks(Duration),
}

/// How a sync goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The time between two questions about a flow in which something has just happened.
    pub every: Duration,
    /// When it ends, whatever is under way then.
    pub until: Option<Timestamp>,
}

/// So many endings are kept.
pub(crate) const ENDINGS: usize = 100;
