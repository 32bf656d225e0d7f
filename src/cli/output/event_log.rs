//! Maps the typed events of a run to tracing events. Each has a field `event` with its kind.

use tracing::{debug, error, info, warn};

use crate::address::Address;
use crate::execute::{Event, ItemOutcome, SyncStats};
use crate::ledger::{Failure, ItemStatus};
use crate::plan::Lookup;

/// The target of these events.
const TARGET: &str = "treaty::run";

/// Logs the events of a run.
#[derive(Default)]
pub(in crate::cli) struct EventLog {
    /// The counts that were logged last.
    counts: Option<SyncStats>,
}

impl EventLog {
    pub(in crate::cli) fn log(&mut self, event: &Event) {
        match event {
            // The client logs its own events, inside the spans of their requests. One answer is no event of a run.
            Event::Client(_) | Event::Lookup(Lookup::Done) => {}
            Event::Lookup(Lookup::Started(count)) => {
                info!(target: TARGET, event = "asking", count, "looking up what exists");
            }
            Event::Revoking(count) => {
                info!(target: TARGET, event = "revoking", count, "revoking flows");
            }
            Event::Items(count) => {
                info!(target: TARGET, event = "items", count, "working on items");
            }
            Event::Resource {
                address,
                symbol,
                failure,
            } => resource(address, *symbol, failure.as_ref()),
            Event::Item {
                address,
                row,
                outcome,
            } => item(address, *row, outcome),
            Event::Following(counts) => self.following(counts),
            Event::Stopping(why) => {
                warn!(target: TARGET, event = "stopping", reason = why, "stopping");
            }
        }
    }

    /// Counts that have not changed are of no interest but to those who debug.
    fn following(&mut self, counts: &SyncStats) {
        macro_rules! counted {
            ($log:ident) => {
                $log!(
                    target: TARGET,
                    event = "following",
                    finished = counts.finished,
                    done = counts.done,
                    waiting = counts.waiting,
                    ended = counts.ended,
                    failed = counts.failed,
                    in_doubt = counts.in_doubt,
                    cut_off = counts.cut_off,
                    "following sent items"
                )
            };
        }
        if self.counts.as_ref() == Some(counts) {
            counted!(debug);
        } else {
            counted!(info);
            self.counts = Some(counts.clone());
        }
    }
}

fn resource(address: &Address, action: char, failure: Option<&Failure>) {
    match failure {
        None => {
            info!(target: TARGET, event = "resource", %address, status = "done", %action, "resource done");
        }
        Some(failure) => warn!(
            target: TARGET,
            event = "resource",
            %address,
            status = "failed",
            %action,
            err_code = failure.code,
            failure = failure.message,
            hint = hint(failure),
            "resource failed"
        ),
    }
}

fn item(address: &Address, row: Option<u64>, ended: &ItemOutcome) {
    macro_rules! with_failure {
        ($log:ident, $status:expr, $failure:expr, $message:literal) => {
            $log!(
                target: TARGET,
                event = "item",
                %address,
                row,
                status = $status,
                err_code = $failure.code,
                failure = $failure.message,
                hint = hint($failure),
                $message
            )
        };
    }
    match ended {
        ItemOutcome::Done(status) => {
            info!(target: TARGET, event = "item", %address, row, status = word(*status), "item done");
        }
        ItemOutcome::EndedEarly(status, why) => {
            with_failure!(warn, word(*status), why, "item ended before all had signed");
        }
        ItemOutcome::Failed(failure) => with_failure!(warn, "failed", failure, "item failed"),
        ItemOutcome::InDoubt(failure) => with_failure!(error, "in_doubt", failure, "item in doubt"),
        ItemOutcome::Interrupted => {
            info!(target: TARGET, event = "item", %address, row, status = "open", "item interrupted");
        }
    }
}

/// The hint of a failure, if it has one.
fn hint(failure: &Failure) -> Option<&str> {
    Some(failure.hint.as_str()).filter(|hint| !hint.is_empty())
}

/// The word for a status, as in reports.
fn word(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Open => "open",
        ItemStatus::Done => "done",
        ItemStatus::Waiting => "waiting",
        ItemStatus::Failed => "failed",
        ItemStatus::InDoubt => "in_doubt",
        ItemStatus::Finished => "finished",
        ItemStatus::Rejected => "rejected",
        ItemStatus::Expired => "expired",
        ItemStatus::Revoked => "revoked",
    }
}
