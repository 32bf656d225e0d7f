//! The items that `apply --retry` works on.

use serde::{Deserialize, Serialize};

use super::action::ItemAction;
use crate::expr::Fingerprint;
use crate::ledger::{BegunRevocation, ItemStatus, RecordedItem};

/// The items that `apply --retry` works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Retry {
    /// Only failed items.
    Failed,
    /// Only items in doubt: they are probed again.
    InDoubt,
    /// Only items that a signer refused: they are sent again.
    Rejected,
    /// Only items whose signing deadline passed: they are sent again.
    Expired,
}

impl Retry {
    /// Restricts an action to the items of this retry; work on others becomes
    /// [`ItemAction::Excluded`].
    pub fn narrow(
        self,
        action: ItemAction,
        recorded: Option<RecordedItem>,
        desired: Fingerprint,
    ) -> ItemAction {
        // The new contract of an earlier run with the same option may be under way, or may have failed.
        let is_begun =
            recorded.is_some_and(|recorded| recorded.is_reissue || recorded.revocation.is_some());
        let recorded = recorded.map(|recorded| {
            let same = recorded.fingerprint == desired
                || !recorded.sent
                || recorded.revocation == Some(BegunRevocation::ByRun);
            (recorded.status, same)
        });
        match (self, recorded) {
            (Self::Rejected, Some((ItemStatus::Rejected, _)))
            | (Self::Expired, Some((ItemStatus::Expired, _))) => ItemAction::Resend,
            (Self::Rejected | Self::Expired, Some((ItemStatus::Open | ItemStatus::Failed, _)))
                if is_begun =>
            {
                action
            }
            // Reports show an interrupted item as failed or in doubt: both retries include it.
            (Self::Failed, Some((ItemStatus::Failed | ItemStatus::Open, _)))
            | (Self::InDoubt, Some((ItemStatus::Open, _))) => action,
            (Self::InDoubt, Some((ItemStatus::InDoubt, true))) => ItemAction::Resume,
            _ if action.is_work() => ItemAction::Excluded,
            _ => action,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_works_only_on_its_items() {
        use ItemAction::{Changed, Create, Excluded, InDoubt, Resume, Unchanged};
        let (old, new) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let recorded = |status| {
            Some(RecordedItem {
                fingerprint: old,
                status,
                sent: true,
                is_reissue: false,
                revocation: None,
            })
        };
        for (retry, recorded, desired, action, expected) in [
            (Retry::Failed, None, new, Create, Excluded),
            (
                Retry::Failed,
                recorded(ItemStatus::Failed),
                old,
                Resume,
                Resume,
            ),
            (
                Retry::Failed,
                recorded(ItemStatus::Failed),
                new,
                Changed,
                Changed,
            ),
            (
                Retry::Failed,
                recorded(ItemStatus::Open),
                old,
                Resume,
                Resume,
            ),
            (
                Retry::Failed,
                recorded(ItemStatus::InDoubt),
                old,
                InDoubt,
                InDoubt,
            ),
            (
                Retry::InDoubt,
                recorded(ItemStatus::InDoubt),
                old,
                InDoubt,
                Resume,
            ),
            (
                Retry::InDoubt,
                recorded(ItemStatus::InDoubt),
                new,
                InDoubt,
                InDoubt,
            ),
            (
                Retry::InDoubt,
                recorded(ItemStatus::Failed),
                old,
                Resume,
                Excluded,
            ),
            (
                Retry::InDoubt,
                recorded(ItemStatus::Signed),
                old,
                Unchanged,
                Unchanged,
            ),
        ] {
            let narrowed = retry.narrow(action, recorded, desired);
            assert_eq!(narrowed, expected, "{retry:?} {recorded:?}");
        }
        // The repeated command continues what failed when it was given before.
        for (is_reissue, expected) in [(true, Resume), (false, Excluded)] {
            let failed = recorded(ItemStatus::Failed).map(|failed| RecordedItem {
                is_reissue,
                ..failed
            });
            assert_eq!(Retry::Rejected.narrow(Resume, failed, old), expected);
        }
    }
}
