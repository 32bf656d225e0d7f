//! Maps the events of a run to tracing events. Each has a field `event` with its kind.

use tracing::{debug, error, info, warn};

use super::target::RUN;
use crate::address::Address;
use crate::execute::{Event, ItemOutcome, SyncStats};
use crate::ledger::{Failure, ItemStatus};
use crate::plan::Lookup;

/// Logs the events of a run.
#[derive(Default)]
pub(super) struct EventLog {
    /// The counts of the last `following` event.
    counts: Option<SyncStats>,
}

impl EventLog {
    /// Logs an event.
    pub(super) fn log(&mut self, event: &Event) {
        match event {
            // The client logs its own events inside the spans of their requests.
            Event::Client(_) | Event::Lookup(Lookup::Done) => {}
            Event::Lookup(Lookup::Started(count)) => {
                info!(target: RUN, event = "asking", count, "looking up accounts");
            }
            Event::Revoking(count) => {
                info!(target: RUN, event = "revoking", count, "revoking flows");
            }
            Event::Items(count) => {
                info!(target: RUN, event = "items", count, "processing items");
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
                warn!(target: RUN, event = "stopping", reason = why, "stopping");
            }
        }
    }

    /// Logs the counts at info level, or at debug level if they have not changed.
    fn following(&mut self, counts: &SyncStats) {
        macro_rules! counted {
            ($log:ident) => {
                $log!(
                    target: RUN,
                    event = "following",
                    archived = counts.archived,
                    signed = counts.signed,
                    waiting = counts.waiting,
                    ended = counts.ended(),
                    failed = counts.failed,
                    in_doubt = counts.in_doubt,
                    interrupted = counts.interrupted,
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
            info!(target: RUN, event = "resource", %address, status = "done", %action, "resource done");
        }
        Some(failure) => warn!(
            target: RUN,
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
                target: RUN,
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
        ItemOutcome::Sent => {
            info!(target: RUN, event = "item", %address, row, status = "sent", "item sent");
        }
        ItemOutcome::Done(status) => {
            info!(target: RUN, event = "item", %address, row, status = word(*status), "item done");
        }
        ItemOutcome::EndedEarly(status, why) => {
            with_failure!(
                warn,
                word(*status),
                why,
                "item ended before all signers signed"
            );
        }
        ItemOutcome::Failed(failure) => with_failure!(warn, "failed", failure, "item failed"),
        ItemOutcome::InDoubt(failure) => with_failure!(error, "in_doubt", failure, "item in doubt"),
        ItemOutcome::Unsettled(failure) => {
            with_failure!(error, "interrupted", failure, "item interrupted");
        }
        ItemOutcome::Interrupted => {
            info!(target: RUN, event = "item", %address, row, status = "interrupted", "item interrupted");
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
        ItemStatus::Open => "interrupted",
        ItemStatus::Signed => "signed",
        ItemStatus::Waiting => "waiting",
        ItemStatus::Failed => "failed",
        ItemStatus::InDoubt => "in_doubt",
        ItemStatus::Archived => "archived",
        ItemStatus::Rejected => "rejected",
        ItemStatus::Expired => "expired",
        ItemStatus::Revoked => "revoked",
    }
}
