//! Items whose rows are no longer in the sheet, and the guard over all that would be revoked.

use super::action::ItemAction;
use crate::ledger::{ItemStatus, RecordedItem};
use crate::manifest::{OnVanish, Tolerance};

/// An item that is recorded, and has no row any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRow {
    /// Its key.
    pub key: String,
    /// What is to be done with it.
    pub action: ItemAction,
}

/// What is to be done with an item whose row is no longer in the sheet; none when there is nothing to do or to say.
pub(crate) fn removed_row_action(policy: OnVanish, known: RecordedItem) -> Option<ItemAction> {
    let revoke = policy == OnVanish::Revoke;
    match known.status {
        ItemStatus::InDoubt => Some(ItemAction::InDoubt),
        // What all have signed stands.
        _ if revoke && known.can_be_revoked() => Some(ItemAction::Revoke),
        // No report has told of it yet: its run was cut off.
        ItemStatus::Open if known.sent => Some(ItemAction::Orphaned),
        _ => None,
    }
}

/// What one apply would revoke of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revocations {
    /// Items of the flow that could be revoked.
    pub recorded: u64,
    /// Items whose rows have vanished.
    pub removed: u64,
    /// Items that changed, and are sent anew.
    pub reissued: u64,
}

impl Revocations {
    /// How many would be revoked, if that is more than is allowed. One that changed is let through unless somebody
    /// has said a number: its new contract follows at once.
    pub(crate) fn too_many(self, allowed: Tolerance, said: bool) -> Option<u64> {
        let reissued = if self.reissued > 1 || said {
            self.reissued
        } else {
            0
        };
        let all = self.removed + reissued;
        (all > allowed.of(self.recorded)).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Fingerprint;

    #[test]
    fn only_what_was_sent_and_can_be_ended_is_revoked() {
        use ItemStatus::{Done, Failed, Finished, InDoubt, Open, Rejected, Waiting};
        let (keep, revoke) = (OnVanish::Keep, OnVanish::Revoke);
        for (policy, status, sent, expected) in [
            (keep, Done, true, None),
            (revoke, Done, true, None),
            (keep, Waiting, true, None),
            (revoke, Waiting, true, Some(ItemAction::Revoke)),
            (keep, Open, true, Some(ItemAction::Orphaned)),
            (revoke, Open, true, Some(ItemAction::Revoke)),
            (revoke, Open, false, None),
            (keep, Failed, true, None),
            (revoke, Failed, true, Some(ItemAction::Revoke)),
            (revoke, Failed, false, None),
            (revoke, Finished, true, None),
            (revoke, Rejected, true, None),
            (revoke, InDoubt, true, Some(ItemAction::InDoubt)),
        ] {
            let known = RecordedItem {
                fingerprint: Fingerprint([1; 16]),
                status,
                sent,
            };
            let action = removed_row_action(policy, known);
            assert_eq!(action, expected, "{policy:?} {status:?} {sent}");
        }
    }

    #[test]
    fn the_guard_counts_what_vanished_and_what_is_sent_anew() {
        let too_many = |recorded, removed, reissued, allowed| {
            let all = Revocations {
                recorded,
                removed,
                reissued,
            };
            all.too_many(allowed, false)
        };
        let tenth = Tolerance::Share(0.1);
        assert_eq!(too_many(200, 20, 0, tenth), None);
        assert_eq!(too_many(200, 21, 0, tenth), Some(21));
        assert_eq!(too_many(200, 15, 10, tenth), Some(25));
        assert_eq!(too_many(3, 1, 0, tenth), Some(1));
        assert_eq!(too_many(3, 0, 1, tenth), None, "one that changed");
        assert_eq!(too_many(3, 0, 2, tenth), Some(2));
        assert_eq!(too_many(3, 1, 2, Tolerance::Count(3)), None);
    }
}
