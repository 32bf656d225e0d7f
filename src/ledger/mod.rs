//! The ledger: what has been done, so that it is not done again.
//!
//! It holds ids, states, keyed fingerprints and links; no names, id numbers or mobiles. Writes are acknowledged
//! once they are on disk, in the order in which they were given: who awaits the last one has all of them.

mod binding;
mod export;
mod file;
mod inbox;
mod lease;
mod lines;
mod record;
mod recorded;
mod schema;
mod seal;
mod sqlite;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use binding::Binding;
pub use export::{ExportError, ImportError, Imported};
pub use inbox::{CallbackEvent, CallbackReceipt, Inbox};
pub use record::{
    AccountRecord, Deferral, EntityId, Failure, ItemRecord, Notice, Resource, ResourceKind,
    RunRecord, SignState, Step, Write,
};
pub use recorded::{ItemStatus, RecordedAccount, RecordedGrant, RecordedItem, RecordedSeal};
pub(crate) use seal::SEAL_FINGERPRINT;
pub use seal::{seal_identity, seal_parts};
pub use sqlite::{LeaseHandle, Sqlite};
pub use state::{
    ItemWithSteps, KnownItem, KnownResource, KnownRun, KnownStep, Pending, Records, WrittenStep,
};

use crate::expr::Salt;

/// Why a ledger cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// Another run holds it.
    #[error("another run holds the ledger: {0}")]
    Held(String),
    /// Another run has taken it, since this one gave no sign of life for too long.
    #[error("another run has taken over the ledger while this one was stopped: {0}")]
    Taken(String),
    /// It belongs to another endpoint or app.
    #[error("the ledger {path} belongs to {what}, and ids of one never go to another")]
    Bound {
        /// The ledger's file.
        path: String,
        /// What it belongs to.
        what: String,
    },
    /// A newer treaty made it.
    #[error("the ledger {0} was made by a newer treaty")]
    Newer(String),
    /// It cannot be read or written.
    #[error("the ledger {path}: {why}")]
    Broken {
        /// The ledger's file.
        path: String,
        /// What the database says.
        why: String,
    },
}

/// Resolves once a write is on disk. Whoever drops it does not wait; the write is carried out all the same.
#[derive(Debug)]
pub struct Written(tokio::sync::oneshot::Receiver<Result<(), LedgerError>>);

impl Written {
    /// What is known already.
    fn known(result: Result<(), LedgerError>) -> Self {
        let (done, written) = tokio::sync::oneshot::channel();
        // Whoever waits is made in the next line.
        let _ = done.send(result);
        Self(written)
    }
}

impl Future for Written {
    type Output = Result<(), LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|result| {
            result.unwrap_or_else(|_| {
                Err(LedgerError::Broken {
                    path: String::new(),
                    why: "its writer has ended".to_owned(),
                })
            })
        })
    }
}

/// What has been done, and where more of it is written down.
pub trait Ledger: Send + Sync {
    /// The key of its fingerprints.
    fn salt(&self) -> &Salt;

    /// A thing by what it is known by.
    fn thing(&self, kind: ResourceKind, identity: &str) -> Result<Option<Resource>, LedgerError>;

    /// What is known of each item of a flow, by the fingerprint of its key.
    fn items(
        &self,
        flow: &str,
        each: &mut dyn FnMut(&str, RecordedItem),
    ) -> Result<(), LedgerError>;

    /// The names of all flows of which something is recorded.
    fn flows(&self) -> Result<Vec<String>, LedgerError>;

    /// All that is known of one item.
    fn item(&self, flow: &str, key: &str) -> Result<Option<ItemRecord>, LedgerError>;

    /// The steps of an item or a thing.
    fn steps(&self, subject: EntityId) -> Result<Vec<(String, Step)>, LedgerError>;

    /// The items of which somebody was asked, or may have been, and that have no end yet, with flow and key.
    fn under_way(&self, each: &mut dyn FnMut(EntityId, &str, &str)) -> Result<(), LedgerError>;

    /// The oldest callbacks that nobody has looked at.
    fn notices(&self, most: u32) -> Result<Vec<Notice>, LedgerError>;

    /// A number for a new item or thing.
    fn next_subject(&self) -> EntityId;

    /// Writes all of it in one transaction.
    fn write(&self, writes: Vec<Write>) -> Written;
}
