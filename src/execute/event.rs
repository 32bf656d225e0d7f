//! What happens, as it happens: the one source of progress, logs and counts.

use std::sync::Arc;

use crate::address::Address;
use crate::client::ClientEvent;
use crate::ledger::{Failure, ItemStatus};
use crate::plan::Lookup;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call was attempted, or the endpoint went down, came back, or asked to slow down.
    Client(ClientEvent),
    /// Existing resources are looked up.
    Lookup(Lookup),
    /// A standing thing is as it should be.
    Resources {
        /// Which.
        address: Address,
        /// The sign of what was done.
        symbol: char,
        /// Why it is not, if it is not.
        failure: Option<Failure>,
    },
    /// Flows of items whose rows have vanished are ended: so many.
    Revoking(u64),
    /// Work on items begins: so many.
    Items(u64),
    /// How those stand that are followed until they have their end. Those that were not visited yet count as waiting.
    Following(SyncStats),
    /// An item ended, for this run.
    Item {
        /// Which.
        address: Address,
        /// Its row, where there is a sheet.
        row: Option<u64>,
        /// How.
        ended: Ended,
    },
    /// Nothing new is started any more.
    Stopping(String),
}

/// How an item ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// All that can be done now is done; and how the item stands by that.
    Done(ItemStatus),
    /// Its flow has ended before all had signed, and why.
    Over(ItemStatus, Failure),
    /// It failed.
    Failed(Failure),
    /// Whether a call was carried out is not known.
    InDoubt(Failure),
    /// The run was stopped while it was under way.
    Open,
}

/// Hears of everything.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// How the items stand after a sync.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SyncStats {
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
