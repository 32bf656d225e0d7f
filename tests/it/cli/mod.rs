//! The binary, run as a process.

mod bad_workbooks;
pub(crate) mod cases;
mod contracts;
mod correction;
pub(crate) mod deep_input;
mod doctor;
mod drift;
mod endpoints;
mod environment_variables;
mod events;
mod existing_accounts;
pub(crate) mod export;
mod field_reference;
mod foreign_text;
#[cfg(unix)]
mod gitops;
pub(crate) mod journeys;
pub(crate) mod logs;
mod new_projects;
pub(crate) mod nightly;
mod preview;
mod saved_plans;
pub(crate) mod schema;
pub(crate) mod sheets;
pub(crate) mod signals;
pub(crate) mod special_files;
pub(crate) mod state;
mod status;
pub(crate) mod terminal;
pub(crate) mod validation;
mod values;
mod workbooks;
