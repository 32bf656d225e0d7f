//! What happens, as it happens: the one source of progress, logs and counts.

use std::sync::Arc;

use super::sync::Synced;
use crate::client::ClientEvent;
use crate::id::Address;
use crate::ledger::Failure;
use crate::plan::ItemStatus;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call was attempted, or the endpoint went down, came back, or asked to slow down.
    Client(ClientEvent),
    /// Asking what exists begins: so many questions.
    Asking(usize),
    /// One question was answered.
    Asked,
    /// A standing thing is as it should be.
    Standing {
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
    Following(Synced),
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
