//! Follows sent items: polls their flows, adds deferred signers, archives, and downloads signed
//! documents. Needs no sheet and no manifest, only the ledger.

mod options;
mod poll;
mod run;
mod schedule;
mod sync_loop;

pub use options::{Sync, SyncMode, Wait};
