//! The ledger: the durable record of what was sent, so that nothing is sent twice.
//!
//! It holds ids, states, keyed fingerprints and links; no names, id numbers or mobile numbers. A
//! write is acknowledged once it is on disk. Writes are executed in order: when the last one is
//! acknowledged, all earlier ones are on disk, too.

mod age;
mod binding;
mod collision;
mod database;
mod erase;
mod export;
mod failure;
mod file;
mod inbox;
mod known;
mod lease;
mod lines;
mod location;
mod lock;
mod marker;
mod open_mode;
mod opening;
mod postgres;
mod queries;
mod reads;
mod receipt;
mod record;
mod recorded;
mod recorded_field;
mod schema;
mod seal;
pub mod step_name;
mod store;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
mod version;
#[cfg(test)]
mod version_tests;
mod writer;
mod writes;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use binding::Binding;
pub use collision::Collision;
pub use database::PostgresSettings;
pub use export::{ExportError, ImportError, Imported};
pub use inbox::{CallbackEvent, CallbackReceipt, Inbox};
pub use known::{
    ItemWithSteps, KnownItem, KnownResource, KnownRun, KnownStep, Pending, RawStep, Records,
};
pub use lease::Holder;
pub use location::Location;
pub use receipt::{ADDED_MARKS, DownloadedFile, Receipt};
pub use record::{
    AccountRecord, Deferral, EntityId, Failure, ItemRecord, Notice, Resource, ResourceKind,
    RunRecord, SignState, Step, Write, revoke_interrupted,
};
pub use recorded::{
    BegunRevocation, ItemStatus, RecordedAccount, RecordedGrant, RecordedItem, RecordedSeal,
};
pub use recorded_field::{
    RecordedField, RecordedFields, declared_fields, is_kept, is_made, is_protected, kept_fields,
};
pub(crate) use seal::SEAL_FINGERPRINT;
pub use seal::{seal_identity, seal_parts};
pub use store::{LeaseHandle, Store};
pub use version::{Evidence, HoldOptions, LedgerVersion, VersionPolicy};

use crate::api::operation::Op;
use crate::expr::Salt;
use crate::util::atomic_file::is_disk_full;

/// An error of a ledger.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// Another run holds the lease.
    #[error("{}", t!("another run holds the ledger: %{holder}", holder = _0))]
    Held(String),
    /// Another run has taken the lease, because this run did not renew it in time.
    #[error("{}", t!("another run has taken over the ledger while this one was suspended: %{holder}", holder = _0))]
    Taken(String),
    /// The ledger belongs to another endpoint or app, whose ids are unknown to this one.
    #[error("{}", t!("the ledger %{path} belongs to %{what} and cannot be used with another one", path = shown(path), what = what))]
    Bound {
        /// The ledger's file.
        path: String,
        /// The endpoint or app to which it belongs.
        what: String,
    },
    /// A newer treaty has created or migrated the ledger.
    #[error("{}", t!("the ledger %{path} was made by a newer treaty", path = shown(_0)))]
    Newer(String),
    /// The ledger's file is missing, but it existed.
    #[error("{}", t!("the ledger %{path}: the file is missing, and with it the record of what was sent; %{evidence} shows that it existed", path = shown(path), evidence = evidence))]
    Missing {
        /// The ledger's file.
        path: String,
        /// The file that shows it, with the ledger's version.
        evidence: String,
    },
    /// The ledger's file is missing, but not its write-ahead log, which belongs to no other file.
    #[error("{}", t!("the ledger %{path}: the file is missing, but its log %{log} exists", path = shown(path), log = log))]
    LogOnly {
        /// The ledger's file.
        path: String,
        /// The log.
        log: String,
    },
    /// The ledger is an older copy, or has lost its `-wal` file.
    #[error("{}", t!("the ledger %{path} is too old: its serial is %{serial}, but %{file} records the serial %{known}", path = shown(path), serial = serial, file = source_file, known = known))]
    Older {
        /// The ledger's file.
        path: String,
        /// The ledger's serial.
        serial: i64,
        /// The file that records the later serial.
        source_file: String,
        /// The later serial.
        known: i64,
    },
    /// The ledger is not the one that was used before.
    #[error("{}", t!("the ledger %{path} (%{own}) is not the one that %{file} records (%{known})", path = shown(path), own = own, file = source_file, known = known))]
    Replaced {
        /// The ledger's file.
        path: String,
        /// The ledger's version.
        own: String,
        /// The file that records the other ledger.
        source_file: String,
        /// The other ledger's version.
        known: String,
    },
    /// The ledger does not know a process that has written to it: it is a copy that was changed
    /// elsewhere.
    #[error("{}", t!("the ledger %{path} is another copy: it does not know the last changes that %{file} records", path = shown(path), file = source_file))]
    Diverged {
        /// The ledger's file.
        path: String,
        /// The file that records the changes.
        source_file: String,
    },
    /// A ledger with records was to be replaced by an empty one.
    #[error("{}", t!("%{why}; --new-ledger starts with an empty ledger, but %{path} has records", why = why, path = shown(path)))]
    NotEmpty {
        /// The ledger's file.
        path: String,
        /// The reason why the ledger is refused.
        why: String,
    },
    /// The marker of the ledger cannot be read.
    #[error("{}", t!("the marker %{path} is damaged: %{why}", path = shown(path), why = why))]
    DamagedMarker {
        /// The marker's file.
        path: String,
        /// The reason.
        why: String,
    },
    /// There is nothing to accept.
    #[error("{}", t!("the ledger %{path} is current, so there is nothing to accept", path = shown(_0)))]
    Current(String),
    /// A response has an id that is recorded for something else. Nothing of the write was executed;
    /// later writes are.
    #[error("{0}")]
    Collision(Collision),
    /// The file or its folder is read-only, and the ledger cannot be read without writing.
    #[error("{}", t!("the ledger %{path} cannot be used while it is read-only: %{why}", path = shown(path), why = why))]
    ReadOnly {
        /// The ledger's file.
        path: String,
        /// The reason.
        why: String,
    },
    /// There is no space left to write the ledger.
    #[error("{}", t!("the ledger %{path} cannot be written: the disk is full", path = shown(_0)))]
    Full(String),
    /// The schema has other tables than a ledger.
    #[error("{}", t!("%{path} is not a ledger: its tables are others", path = shown(_0)))]
    NoLedger(String),
    /// The database cannot be reached, or the connection was lost and cannot be restored.
    #[error("{}", t!("the ledger %{path} cannot be reached: %{why}", path = shown(path), why = why))]
    Unreachable {
        /// The database.
        path: String,
        /// The reason.
        why: String,
    },
    /// The database has reported an error.
    #[error("{}", t!("the ledger %{path}: %{why}", path = shown(path), why = why))]
    Server {
        /// The database.
        path: String,
        /// The reason.
        why: String,
    },
    /// The database refuses the user, the password or an action.
    #[error("{}", t!("the ledger %{path} refuses access: %{why}", path = shown(path), why = why))]
    Refused {
        /// The database.
        path: String,
        /// The reason.
        why: String,
    },
    /// The ledger cannot be read or written.
    #[error("{}", t!("the ledger %{path}: %{why}", path = shown(path), why = why))]
    Broken {
        /// The ledger's file or database.
        path: String,
        /// The reason.
        why: String,
    },
}

/// Returns a path without the `./` that it has in the current folder.
fn shown(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

impl LedgerError {
    /// Creates the error of a file that cannot be read or written.
    fn io(path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem {
            return Self::ReadOnly {
                path: path.display().to_string(),
                why: t!("it must be written").into_owned(),
            };
        }
        if is_disk_full(error) {
            return Self::Full(path.display().to_string());
        }
        Self::Broken {
            path: path.display().to_string(),
            why: error.to_string(),
        }
    }
}

/// A future that resolves once a write is on disk. The write is executed even if the future is
/// dropped.
#[derive(Debug)]
pub struct Written(tokio::sync::oneshot::Receiver<Result<(), LedgerError>>);

impl Written {
    /// Creates a future that is ready with a result.
    fn ready(result: Result<(), LedgerError>) -> Self {
        let (done, written) = tokio::sync::oneshot::channel();
        // The receiver still exists, so sending cannot fail.
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
                    why: "its writer thread has ended".to_owned(),
                })
            })
        })
    }
}

/// A store of recorded state that a run reads and writes.
pub trait Ledger: Send + Sync {
    /// Returns the key of the ledger's fingerprints.
    fn salt(&self) -> &Salt;

    /// Looks up a resource by its kind and identity.
    fn resource(&self, kind: ResourceKind, identity: &str)
    -> Result<Option<Resource>, LedgerError>;

    /// Visits the items of a flow, with their keys.
    fn items(
        &self,
        flow: &str,
        each: &mut dyn FnMut(&str, RecordedItem),
    ) -> Result<(), LedgerError>;

    /// Returns the names of all recorded flows, in ascending order.
    fn flows(&self) -> Result<Vec<String>, LedgerError>;

    /// Looks up an item by its flow and key.
    fn item(&self, flow: &str, key: &str) -> Result<Option<ItemRecord>, LedgerError>;

    /// Returns the steps of an item or a resource, with their names.
    fn steps(&self, subject: EntityId) -> Result<Vec<(String, Step)>, LedgerError>;

    /// Returns whether the id of an account or a seal is recorded for another identity.
    fn collision(
        &self,
        kind: ResourceKind,
        identity: &str,
        remote_id: &str,
    ) -> Result<Option<Collision>, LedgerError>;

    /// Returns the refused steps of an item, with their operations.
    fn refused(&self, subject: EntityId) -> Result<Vec<(String, Op)>, LedgerError>;

    /// Visits the items in progress, with flow and key: a signer may have been added, and no final
    /// state is recorded.
    fn under_way(&self, each: &mut dyn FnMut(EntityId, &str, &str)) -> Result<(), LedgerError>;

    /// Returns up to `most` unhandled callbacks, the oldest first.
    fn notices(&self, most: u32) -> Result<Vec<Notice>, LedgerError>;

    /// Returns an unused id for a new item or resource.
    fn next_subject(&self) -> EntityId;

    /// Executes writes in one transaction, or none of them if a response in them has an id that is
    /// recorded for something else.
    fn write(&self, writes: Vec<Write>) -> Written;
}
