//! The targets of treaty's tracing events.

/// The prefix of all targets of treaty.
pub(super) const PREFIX: &str = "treaty";

/// The target of events that the terminal shows in its own format: errors, diagnostics, notes.
pub(in crate::cli) const CONSOLE: &str = "treaty::console";

/// The target of the events of a run: items, resources, lookups.
pub(super) const RUN: &str = "treaty::run";
