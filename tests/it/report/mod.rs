//! Reports after a run.

pub(crate) mod changed_sheets;
pub(crate) mod files;
pub(crate) mod junit;
mod workbooks;
