//! The events of a run: the only source of progress, logs and counts.

use std::sync::Arc;

use crate::address::Address;
use crate::client::ClientEvent;
use crate::ledger::{Failure, ItemStatus};
use crate::plan::Lookup;

/// An event of a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// An attempt of a call ended, or the endpoint failed, recovered or throttled.
    Client(ClientEvent),
    /// The lookup of existing resources has progressed.
    Lookup(Lookup),
    /// An action on a resource ended.
    Resource {
        /// The resource.
        address: Address,
        /// The symbol of the action, as the plan shows it.
        symbol: char,
        /// The reason for which it failed; none if it succeeded.
        failure: Option<Failure>,
    },
    /// The revocation of items whose rows were removed begins, with their number.
    Revoking(u64),
    /// Work on items begins, with their number.
    Items(u64),
    /// The statuses of the items that a continuous sync follows. Items not yet polled count as
    /// waiting.
    Following(SyncStats),
    /// Work on an item ended in this run.
    Item {
        /// The item.
        address: Address,
        /// The number of its row; none without a sheet.
        row: Option<u64>,
        /// The outcome.
        outcome: ItemOutcome,
    },
    /// No new items are started any more; the text is the reason.
    Stopping(String),
}

/// The outcome of an item in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It was sent; signatures are missing.
    Sent,
    /// All steps that can run now are done; with the item's new status.
    Done(ItemStatus),
    /// Its flow ended before all signers had signed; with the new status and the reason.
    EndedEarly(ItemStatus, Failure),
    /// It failed for a known reason.
    Failed(Failure),
    /// It is unknown whether a call took effect, and a person must check it.
    InDoubt(Failure),
    /// It is not known yet whether a call took effect: the next run probes it.
    Unsettled(Failure),
    /// The run stopped while it was in progress.
    Interrupted,
}

/// Receives the events of a run.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// The statuses of the items after a sync.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SyncStats {
    /// The number of items that are archived, and downloaded where the flow declares it.
    pub archived: u64,
    /// The number of items that all signers have signed and that need no archive.
    pub signed: u64,
    /// The number of items with a signer that has not signed yet.
    pub waiting: u64,
    /// The number of items that a signer refused.
    pub rejected: u64,
    /// The number of items whose signing deadline passed.
    pub expired: u64,
    /// The number of items whose flow was revoked.
    pub revoked: u64,
    /// The number of items that failed; the next sync retries them, or the next apply if they are
    /// not sent completely.
    pub failed: u64,
    /// The number of items in doubt.
    pub in_doubt: u64,
    /// The number of items that were interrupted; the next apply probes and continues.
    pub interrupted: u64,
    /// The items whose flow ended early, each with the reason; the first 100.
    pub endings: Vec<(Address, Failure)>,
    /// Whether the sync was stopped before it had polled all items.
    pub stopped: bool,
}

impl SyncStats {
    /// The number of items whose flow ended before all signers had signed.
    pub fn ended(&self) -> u64 {
        self.rejected + self.expired + self.revoked
    }

    /// Returns whether an item was polled.
    pub fn has_polled(&self) -> bool {
        let Self {
            archived,
            signed,
            waiting,
            rejected,
            expired,
            revoked,
            failed,
            in_doubt,
            interrupted,
            ..
        } = self;
        let ended = rejected + expired + revoked;
        archived + signed + waiting + ended + failed + in_doubt + interrupted > 0
    }
}
