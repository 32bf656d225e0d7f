//! Logs: one tracing subscriber for the process, the format of its lines, and the files that they go to.

pub(super) mod event_log;
mod log_file;
mod log_format;
pub(super) mod logging;

pub(super) use log_format::{escaped, stamped};
