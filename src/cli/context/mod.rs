//! State and helpers that several commands share: the loaded project, its ledger, the API client,
//! and the handling of interrupts.

pub(super) mod drift;
pub(super) mod endpoint;
pub(super) mod follow;
pub(super) mod interrupt;
pub(super) mod ledger;
pub(super) mod ledger_version;
pub(super) mod location;
pub(super) mod names;
mod password_file;
pub(super) mod run_folder;
pub(super) mod runtime;
pub(super) mod saved_plan;
pub(super) mod session;
pub(super) mod single_keys;
pub(super) mod suggest;
