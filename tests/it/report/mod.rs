//! Reports after a run.

pub(crate) mod files;
pub(crate) mod junit;
