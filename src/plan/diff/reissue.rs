//! The action for an item that `--reissue` names.

use super::action::ItemAction;
use super::items::item_action;
use crate::expr::Fingerprint;
use crate::ledger::{ItemStatus, RecordedItem};
use crate::manifest::OnChange;

/// The reasons for which an item that `--reissue` names is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NotReissued {
    /// All have signed.
    Signed,
    /// It is unknown whether it was sent.
    InDoubt,
    /// Its contract is already the reissue of the same row, and is under way.
    UnderWay,
    /// The row has errors.
    Invalid,
    /// `where` leaves the row out.
    LeftOut,
    /// `--target` or `--exclude` leave it out.
    Excluded,
    /// It is recorded and has no row in the sheet.
    NoRow,
    /// Neither a record nor a row has its address.
    Unknown,
}

/// Computes the action for an item that `--reissue` names. A contract that is already the reissue
/// of the same row is not sent once more: an interrupted command can be repeated.
pub(crate) fn reissue_action(
    policy: OnChange,
    recorded: Option<RecordedItem>,
    desired: Fingerprint,
) -> Result<ItemAction, NotReissued> {
    use ItemStatus::{
        Archived, Expired, Failed, InDoubt, Open, Rejected, Revoked, Signed, Waiting,
    };
    let plain = item_action(policy, recorded, desired);
    let Some(recorded) = recorded else {
        return Ok(plain);
    };
    let is_same = recorded.fingerprint == desired;
    let is_begun = is_same && recorded.is_reissue && recorded.revocation.is_none();
    match recorded.status {
        InDoubt => Err(NotReissued::InDoubt),
        // Nobody was asked to sign.
        _ if !recorded.sent => Ok(plain),
        Signed | Archived => Err(NotReissued::Signed),
        Rejected | Expired | Revoked => Ok(ItemAction::Resend),
        Waiting if is_begun => Err(NotReissued::UnderWay),
        Open | Failed if is_begun => Ok(ItemAction::Resume),
        Waiting | Open | Failed => Ok(ItemAction::Reissue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::BegunRevocation::{self, ByCommand, ByRun};

    #[test]
    fn replaces_a_contract_once() {
        use ItemAction::{Create, Reissue, Resend, Resume};
        use ItemStatus::{
            Archived, Expired, Failed, InDoubt, Open, Rejected, Revoked, Signed, Waiting,
        };
        let (old, new) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let action = |status, sent, is_reissue, revocation: Option<BegunRevocation>, desired| {
            let recorded = RecordedItem {
                fingerprint: old,
                status,
                sent,
                is_reissue,
                revocation,
            };
            reissue_action(OnChange::Error, Some(recorded), desired)
        };
        for (status, sent, is_reissue, revocation, desired, expected) in [
            (Waiting, true, false, None, old, Ok(Reissue)),
            (Waiting, true, false, None, new, Ok(Reissue)),
            (Waiting, true, true, None, old, Err(NotReissued::UnderWay)),
            (Waiting, true, true, None, new, Ok(Reissue)),
            (Open, true, false, None, old, Ok(Reissue)),
            (Open, true, false, Some(ByRun), old, Ok(Reissue)),
            (Open, true, false, Some(ByCommand), old, Ok(Reissue)),
            (Open, true, true, None, old, Ok(Resume)),
            (Open, true, true, Some(ByRun), old, Ok(Reissue)),
            (Open, true, true, Some(ByCommand), old, Ok(Reissue)),
            (Open, true, true, None, new, Ok(Reissue)),
            (Open, false, true, None, old, Ok(Resume)),
            (Open, false, false, None, new, Ok(Resume)),
            (Failed, true, false, None, old, Ok(Reissue)),
            (Failed, true, true, None, old, Ok(Resume)),
            (Failed, false, false, None, old, Ok(Resume)),
            (Rejected, true, false, None, old, Ok(Resend)),
            (Rejected, true, true, None, old, Ok(Resend)),
            (Expired, true, false, None, new, Ok(Resend)),
            (Revoked, true, false, None, old, Ok(Resend)),
            (Revoked, false, true, None, old, Ok(Create)),
            (Signed, true, false, None, new, Err(NotReissued::Signed)),
            (Archived, true, false, None, old, Err(NotReissued::Signed)),
            (InDoubt, true, false, None, old, Err(NotReissued::InDoubt)),
            (InDoubt, false, false, None, old, Err(NotReissued::InDoubt)),
        ] {
            assert_eq!(
                action(status, sent, is_reissue, revocation, desired),
                expected,
                "{status:?} {sent} {is_reissue} {revocation:?} {}",
                desired == old
            );
        }
        assert_eq!(reissue_action(OnChange::Error, None, new), Ok(Create));
    }
}
