//! Reports after a run.

pub(crate) mod files;
