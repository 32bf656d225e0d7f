//! The inputs of a sync.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::address::AddressPattern;
use crate::client::Client;
use crate::execute::{Listener, Stop};
use crate::ledger::Records;

/// The inputs of a sync.
pub struct Sync<'a> {
    /// The recorded state.
    pub records: &'a dyn Records,
    /// The API client.
    pub client: &'a Client,
    /// The project's folder.
    pub root: &'a Path,
    /// Selects matching items; selects all when empty.
    pub targets: Vec<AddressPattern>,
    /// Items that are not selected.
    pub excludes: Vec<AddressPattern>,
    /// The maximum number of items in progress.
    pub concurrency: usize,
    /// Receives progress events.
    pub listener: Listener,
    /// Signals when to stop.
    pub stop: watch::Receiver<Stop>,
    /// Which items are polled, and how often.
    pub mode: SyncMode,
}

/// Which items a sync polls, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// Polls every item in progress once.
    Once,
    /// Polls every item in progress until none is left.
    Continuous(Wait),
    /// Polls the items of unhandled callbacks until none is left, for at most this duration.
    FromCallbacks(Duration),
}

/// The timing of a continuous sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The shortest interval between two polls of a flow.
    pub every: Duration,
    /// The time at which the sync ends even if items are still in progress.
    pub until: Option<Timestamp>,
}

/// The number of ended items that a sync reports by address.
pub(crate) const MAX_ENDINGS: usize = 100;
