//! The binary, run as a process.

pub(crate) mod cases;
mod contracts;
pub(crate) mod deep_input;
mod endpoints;
mod environment_variables;
mod existing_accounts;
pub(crate) mod export;
mod field_reference;
mod foreign_text;
pub(crate) mod journeys;
pub(crate) mod logs;
pub(crate) mod nightly;
pub(crate) mod schema;
pub(crate) mod sheets;
pub(crate) mod signals;
pub(crate) mod special_files;
pub(crate) mod state;
pub(crate) mod terminal;
pub(crate) mod validation;
mod values;
mod workbooks;
