//! Determines the status of a recorded item from its record and the planned action.

use super::status::Status;
use crate::ledger::{BegunRevocation, Failure, ItemRecord, ItemStatus, revoke_interrupted};
use crate::plan::ItemAction;

/// The hint for items that the run did not begin.
pub(super) const APPLY_AGAIN: &str = t_key!("apply again");

/// Returns the status of a recorded item and its error, if any. Needs no plan.
pub fn recorded(record: &ItemRecord) -> (Status, Option<Failure>) {
    let default_failure = failure(t_key!("not started: the run ended earlier"), APPLY_AGAIN);
    record_status(
        ItemAction::Resume,
        record,
        record.run,
        default_failure,
        true,
    )
}

/// Returns the status of a recorded item with a planned action, and its error, if any.
pub(super) fn record_status(
    action: ItemAction,
    record: &ItemRecord,
    run: i64,
    default_failure: Failure,
    signing: bool,
) -> (Status, Option<Failure>) {
    let action = match action {
        // Only an earlier run can have sent it.
        ItemAction::Unplanned if record.run != run => ItemAction::Unchanged,
        action => action,
    };
    match action {
        ItemAction::Revoke if record.status != ItemStatus::Revoked => {
            let why = record.failure.clone().unwrap_or(default_failure);
            // The contract was sent, so it is not shown as not started.
            return (unknown_outcome(record).unwrap_or(Status::Failed), Some(why));
        }
        ItemAction::Orphaned => {
            let message = t_key!(
                "sending was interrupted, and the row is no longer in the sheet or is left out by where"
            );
            let hint = t_key!(
                "put the row back and apply again; or revoke the contract with onVanish: revoke"
            );
            let status = unknown_outcome(record).unwrap_or(Status::Failed);
            return (status, Some(failure(message, hint)));
        }
        // The contract that was sent before is as it was.
        ItemAction::Reissue | ItemAction::Resend if record.run != run => {
            let why = not_sent_again(record)
                .unwrap_or_else(|| default_failure.not_sent_again().translated());
            return (contract_status(record, run, signing), Some(why));
        }
        ItemAction::Unchanged | ItemAction::Kept if is_unchanged(record, signing) => {
            return (Status::Unchanged, None);
        }
        ItemAction::Changed => {
            let hint = match record.status {
                ItemStatus::Revoked => {
                    t_key!("restore the row; to send it again, apply with --reissue ADDRESS")
                }
                ItemStatus::Signed | ItemStatus::Archived => {
                    t_key!("restore the row; a new contract needs a new key")
                }
                _ => {
                    t_key!(
                        "restore the row, or set onChange: keep or onChange: reissue in the flow, or apply with --reissue ADDRESS"
                    )
                }
            };
            let differs = failure(t_key!("the row differs from what was sent"), hint);
            let why = with_end(record, differs);
            return (contract_status(record, run, signing), Some(why));
        }
        ItemAction::InDoubt => return (Status::InDoubt, record.failure.clone()),
        _ => {}
    }
    if let Some(why) = not_sent_again(record) {
        return (contract_status(record, run, signing), Some(why));
    }
    status_of_record(record, run, default_failure, signing)
}

/// Returns whether reports show a recorded contract as unchanged.
fn is_unchanged(record: &ItemRecord, signing: bool) -> bool {
    !signing && record.failure.is_none() && record.status.is_sent_and_unfinished()
}

/// Returns the status that follows from the record alone, and its error, if any.
fn status_of_record(
    record: &ItemRecord,
    run: i64,
    default_failure: Failure,
    signing: bool,
) -> (Status, Option<Failure>) {
    match record.status {
        // A later step has failed.
        ItemStatus::Waiting | ItemStatus::Archived if record.failure.is_some() => {
            (Status::Failed, record.failure.clone())
        }
        ItemStatus::Waiting if record.polled_at.is_none() => (Status::Sent, None),
        ItemStatus::Waiting => (Status::Waiting, None),
        ItemStatus::Signed => (Status::Signed, None),
        ItemStatus::Archived => (Status::Archived, None),
        ItemStatus::Rejected => (Status::Rejected, record.failure.clone()),
        ItemStatus::Expired => (Status::Expired, record.failure.clone()),
        ItemStatus::Revoked => (Status::Revoked, record.failure.clone()),
        ItemStatus::InDoubt => (Status::InDoubt, record.failure.clone()),
        // Of one that was sent in part, the recorded failure says what is missing.
        ItemStatus::Failed if record.sent || signing || record.run == run => {
            (Status::Failed, record.failure.clone())
        }
        ItemStatus::Open if record.sent || signing || record.run == run => {
            let message = if record.revocation == Some(BegunRevocation::ByRun) {
                t_key!(
                    "the run ended while the contract was being revoked, to send it again or because its row was removed"
                )
            } else if record.sent {
                t_key!("the run ended while a request of a contract that was sent was in progress")
            } else {
                t_key!("the run ended before the contract was sent")
            };
            let hint = t_key!("apply again: treaty probes the service before it sends anything");
            let why = record.failure.clone();
            let why = why.unwrap_or_else(|| match record.revocation {
                Some(BegunRevocation::ByCommand) => revoke_interrupted(),
                _ => failure(message, hint),
            });
            (Status::Interrupted, Some(why))
        }
        ItemStatus::Failed | ItemStatus::Open => (Status::NotStarted, Some(default_failure)),
    }
}

/// Returns why an item was not sent again, although a run was to do so.
fn not_sent_again(record: &ItemRecord) -> Option<Failure> {
    let own = record.failure.as_ref();
    own.filter(|failure| failure.is_not_sent_again())
        .map(|failure| failure.clone().translated())
}

/// Returns the failure of the contract that was sent.
fn own_failure(record: &ItemRecord) -> Option<&Failure> {
    let failure = record.failure.as_ref();
    failure.filter(|failure| !failure.is_not_sent_again())
}

/// Returns the status of an item whose row cannot be used as it is now. The contract that was sent
/// has its own status, so that it is not taken for unsent; without one, the row has failed.
pub(super) fn contract_status(record: &ItemRecord, run: i64, signing: bool) -> Status {
    // The contract that was sent is as it was.
    let record = &ItemRecord {
        failure: own_failure(record).cloned(),
        ..record.clone()
    };
    match unknown_outcome(record) {
        Some(unknown) => unknown,
        None if is_unchanged(record, signing) => Status::Unchanged,
        None if record.status.is_sent() => {
            let none = failure("", "");
            status_of_record(record, run, none, signing).0
        }
        None => Status::Failed,
    }
}

/// Adds why the contract has ended, if it has, to why its row was not used.
pub(super) fn with_end(record: &ItemRecord, why: Failure) -> Failure {
    let ended = record
        .failure
        .as_ref()
        .filter(|_| record.status.has_ended());
    match ended {
        Some(ended) => Failure {
            code: ended.code,
            message: format!("{}{}{}", ended.message, t!("; "), why.message),
            ..why
        },
        None => why,
    }
}

/// Returns the status of an item that may have been sent and whose outcome is unknown, whatever has
/// become of its row.
pub(super) fn unknown_outcome(record: &ItemRecord) -> Option<Status> {
    match record.status {
        ItemStatus::InDoubt => Some(Status::InDoubt),
        ItemStatus::Open if record.sent => Some(Status::Interrupted),
        _ => None,
    }
}

/// Creates a failure without a code of the service from the keys of its texts.
pub(super) fn failure(message: &str, hint: &str) -> Failure {
    Failure {
        code: None,
        message: t!(message).into_owned(),
        hint: t!(hint).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Fingerprint;

    const RUN: i64 = 2;

    fn record(status: ItemStatus, sent: bool, run: i64) -> ItemRecord {
        ItemRecord {
            id: 1,
            fingerprint: Fingerprint([1; 16]),
            status,
            sent,
            attempts: 1,
            run,
            failure: None,
            content: None,
            cells: None,
            sent_at: sent.then_some(jiff::Timestamp::UNIX_EPOCH),
            moved_at: None,
            polled_at: None,
            earlier: 0,
            revocation: None,
        }
    }

    fn status(action: ItemAction, record: &ItemRecord) -> Status {
        let unstarted = failure("not started: the run was interrupted", APPLY_AGAIN);
        record_status(action, record, RUN, unstarted, false).0
    }

    /// An unknown outcome is shown as unknown, also if the row is invalid, changed or removed.
    #[test]
    fn an_unknown_outcome_is_never_failed_or_not_started() {
        use ItemAction::{Changed, InDoubt, Orphaned, Resume, Revoke, Unchanged, Unplanned};
        for run in [1, RUN] {
            let interrupted = record(ItemStatus::Open, true, run);
            for action in [Resume, Changed, Orphaned, Revoke, Unchanged, Unplanned] {
                assert_eq!(
                    status(action, &interrupted),
                    Status::Interrupted,
                    "{action:?}"
                );
            }
            let doubt = record(ItemStatus::InDoubt, true, run);
            for action in [Resume, Changed, Orphaned, Revoke, InDoubt, Unplanned] {
                assert_eq!(status(action, &doubt), Status::InDoubt, "{action:?}");
            }
        }
    }

    #[test]
    fn only_items_that_asked_nobody_are_not_started() {
        use ItemAction::{Resume, Revoke};
        for (recorded, expected) in [
            (record(ItemStatus::Open, false, 1), Status::NotStarted),
            (record(ItemStatus::Failed, false, 1), Status::NotStarted),
            (record(ItemStatus::Open, false, RUN), Status::Interrupted),
            (record(ItemStatus::Failed, false, RUN), Status::Failed),
            (record(ItemStatus::Failed, true, 1), Status::Failed),
            (record(ItemStatus::Waiting, true, 1), Status::Sent),
        ] {
            assert_eq!(status(Resume, &recorded), expected, "{recorded:?}");
        }
        let sent = record(ItemStatus::Waiting, true, 1);
        assert_eq!(status(Revoke, &sent), Status::Failed);
    }

    #[test]
    fn a_reissue_that_did_not_start_has_an_error() {
        let sent = record(ItemStatus::Waiting, true, 1);
        let unstarted = failure("not started", APPLY_AGAIN);
        let (status, failure) = record_status(ItemAction::Reissue, &sent, RUN, unstarted, false);
        assert_eq!(status, Status::Unchanged);
        let message = failure.map(|failure| failure.message);
        assert_eq!(message.as_deref(), Some("not sent again: not started"));
    }

    #[test]
    fn a_changed_row_keeps_the_reason_why_its_contract_ended() {
        let mut rejected = record(ItemStatus::Rejected, true, 1);
        rejected.failure = Some(failure("a signer refused: 内容有误", ""));
        let unstarted = failure("not started", "");
        let (status, why) = record_status(ItemAction::Changed, &rejected, RUN, unstarted, true);
        let message = why.map(|why| why.message);
        let expected = "a signer refused: 内容有误; the row differs from what was sent";
        assert_eq!(
            (status, message.as_deref()),
            (Status::Rejected, Some(expected))
        );
    }

    #[test]
    fn an_item_waits_once_it_was_polled() {
        let mut sent = record(ItemStatus::Waiting, true, RUN);
        assert_eq!(recorded(&sent).0, Status::Sent);
        sent.polled_at = sent.sent_at;
        assert_eq!(recorded(&sent).0, Status::Waiting);
        assert_eq!(
            recorded(&record(ItemStatus::Signed, true, RUN)).0,
            Status::Signed
        );
        assert_eq!(
            recorded(&record(ItemStatus::Archived, true, RUN)).0,
            Status::Archived
        );
    }
}
