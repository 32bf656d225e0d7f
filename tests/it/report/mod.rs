//! Reports after a run.

pub(crate) mod changed_sheets;
pub(crate) mod files;
pub(crate) mod junit;
mod not_sent_again;
mod workbooks;
