//! Everything that is printed: results on standard output; logs, progress, diagnostics, prompts and
//! errors on standard error; metrics in a file.

pub(super) mod annotations;
mod clap_error;
pub(super) mod diagnostics;
pub(super) mod drift;
pub(super) mod env_values;
pub(super) mod error;
mod event_log;
mod excerpt;
pub(super) mod existing_accounts;
mod findings_junit;
pub(super) mod links;
mod log_file;
mod log_format;
pub(super) mod logging;
pub(super) mod metrics;
mod moves;
pub(super) mod out;
mod plan_changes;
pub(super) mod plan_head;
pub(super) mod plan_json;
pub(super) mod plan_markdown;
pub(super) mod plan_text;
pub(super) mod progress;
pub(super) mod prompt;
pub(super) mod sheet_changes;
pub(super) mod style;
pub(super) mod target;
mod undeclared;
pub(in crate::cli) mod wrap;

pub(super) use log_format::stamped;
