//! Items whose row was removed from the sheet, and the limit of revocations.

use serde::{Deserialize, Serialize};

use super::action::ItemAction;
use crate::ledger::{BegunRevocation, ItemStatus, RecordedItem};
use crate::manifest::{OnVanish, Tolerance};

/// A recorded item whose row was removed from the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedRow {
    /// Its key.
    pub key: String,
    /// Its action.
    pub action: ItemAction,
}

/// The action for an item whose row was removed; `None` when there is nothing to do or to report.
pub(crate) fn removed_row_action(
    policy: OnVanish,
    recorded_item: RecordedItem,
) -> Option<ItemAction> {
    let revoke = policy == OnVanish::Revoke;
    match recorded_item.status {
        ItemStatus::InDoubt => Some(ItemAction::InDoubt),
        _ if revoke && recorded_item.can_be_revoked() => Some(ItemAction::Revoke),
        ItemStatus::Open if recorded_item.revocation == Some(BegunRevocation::ByCommand) => {
            Some(ItemAction::RevokeInterrupted)
        }
        // The run was interrupted before a report could show the item.
        ItemStatus::Open if recorded_item.sent => Some(ItemAction::Orphaned),
        _ => None,
    }
}

/// The revocations of a flow in one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revocations {
    /// The number of recorded items that can be revoked.
    pub recorded: u64,
    /// The number of items whose row was removed.
    pub removed: u64,
    /// The number of changed items that are revoked and sent again.
    pub reissued: u64,
}

impl Revocations {
    /// The number of revocations if it exceeds the limit, otherwise `None`.
    ///
    /// A single reissued item does not count unless the limit is explicit (`--max-revoke`).
    pub(crate) fn too_many(self, allowed: Tolerance, is_explicit: bool) -> Option<u64> {
        let reissued = if self.reissued > 1 || is_explicit {
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
    fn revokes_only_sent_items_that_have_not_ended() {
        use ItemStatus::{Archived, Failed, InDoubt, Open, Rejected, Signed, Waiting};
        let (keep, revoke) = (OnVanish::Keep, OnVanish::Revoke);
        for (policy, status, sent, expected) in [
            (keep, Signed, true, None),
            (revoke, Signed, true, None),
            (keep, Waiting, true, None),
            (revoke, Waiting, true, Some(ItemAction::Revoke)),
            (keep, Open, true, Some(ItemAction::Orphaned)),
            (revoke, Open, true, Some(ItemAction::Revoke)),
            (revoke, Open, false, None),
            (keep, Failed, true, None),
            (revoke, Failed, true, Some(ItemAction::Revoke)),
            (revoke, Failed, false, None),
            (revoke, Archived, true, None),
            (revoke, Rejected, true, None),
            (revoke, InDoubt, true, Some(ItemAction::InDoubt)),
        ] {
            let recorded_item = RecordedItem {
                fingerprint: Fingerprint([1; 16]),
                status,
                sent,
                is_reissue: false,
                revocation: None,
            };
            let action = removed_row_action(policy, recorded_item);
            assert_eq!(action, expected, "{policy:?} {status:?} {sent}");
        }
    }

    #[test]
    fn the_limit_counts_removed_and_reissued_items() {
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
        assert_eq!(too_many(3, 0, 1, tenth), None, "a single reissue");
        assert_eq!(too_many(3, 0, 2, tenth), Some(2));
        assert_eq!(too_many(3, 1, 2, Tolerance::Count(3)), None);
    }
}
