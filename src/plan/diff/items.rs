//! The action for the item of a row.

use super::action::ItemAction;
use crate::expr::Fingerprint;
use crate::ledger::{BegunRevocation, ItemStatus, RecordedItem};
use crate::manifest::OnChange;

/// Computes the action for the item of a row from its recorded state and desired fingerprint.
pub(crate) fn item_action(
    policy: OnChange,
    recorded: Option<RecordedItem>,
    desired: Fingerprint,
) -> ItemAction {
    let Some(recorded) = recorded else {
        return ItemAction::Create;
    };
    let same = recorded.fingerprint == desired;
    match recorded.status {
        ItemStatus::InDoubt => ItemAction::InDoubt,
        // The row had been removed and is in the sheet again.
        ItemStatus::Revoked if !recorded.sent => ItemAction::Create,
        ItemStatus::Open if recorded.revocation == Some(BegunRevocation::ByCommand) => {
            ItemAction::RevokeInterrupted
        }
        // The flow may be revoked: it is probed before anything is sent.
        ItemStatus::Open
            if recorded.revocation == Some(BegunRevocation::ByRun)
                && policy != OnChange::Reissue =>
        {
            ItemAction::Resume
        }
        status if status.is_sent() && same => ItemAction::Unchanged,
        ItemStatus::Open | ItemStatus::Failed if same || !recorded.sent => ItemAction::Resume,
        status if status.is_sent() && policy == OnChange::Keep => ItemAction::Kept,
        // A signed flow cannot be revoked; a flow that an operator revoked is not sent again.
        ItemStatus::Archived | ItemStatus::Revoked => ItemAction::Changed,
        _ if policy == OnChange::Reissue => ItemAction::Reissue,
        // Partly sent with other content, which is not recorded: it cannot be completed.
        _ => ItemAction::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_sends_an_item_twice() {
        use ItemStatus::{Archived, Failed, InDoubt, Open, Revoked, Signed};
        let (old, new) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let action = |status, sent, fingerprint, policy| {
            item_action(
                policy,
                Some(RecordedItem {
                    fingerprint: old,
                    status,
                    sent,
                    is_reissue: false,
                    revocation: None,
                }),
                fingerprint,
            )
        };
        for (status, sent, fingerprint, policy, expected) in [
            (Signed, true, old, OnChange::Error, ItemAction::Unchanged),
            (Signed, true, new, OnChange::Error, ItemAction::Changed),
            (Signed, true, new, OnChange::Keep, ItemAction::Kept),
            (Failed, false, new, OnChange::Error, ItemAction::Resume),
            (Failed, true, old, OnChange::Error, ItemAction::Resume),
            (Failed, true, new, OnChange::Error, ItemAction::Changed),
            (Open, true, new, OnChange::Keep, ItemAction::Changed),
            (Open, false, old, OnChange::Error, ItemAction::Resume),
            (Signed, true, new, OnChange::Reissue, ItemAction::Reissue),
            (Open, true, new, OnChange::Reissue, ItemAction::Reissue),
            (Open, false, new, OnChange::Reissue, ItemAction::Resume),
            (Archived, true, new, OnChange::Reissue, ItemAction::Changed),
            (Revoked, true, old, OnChange::Error, ItemAction::Unchanged),
            (Revoked, false, old, OnChange::Error, ItemAction::Create),
            (Revoked, false, new, OnChange::Error, ItemAction::Create),
            (InDoubt, true, new, OnChange::Reissue, ItemAction::InDoubt),
            (InDoubt, true, old, OnChange::Error, ItemAction::InDoubt),
            (InDoubt, true, new, OnChange::Keep, ItemAction::InDoubt),
        ] {
            assert_eq!(
                action(status, sent, fingerprint, policy),
                expected,
                "{status:?} {sent} {policy:?}"
            );
        }
        assert_eq!(item_action(OnChange::Error, None, new), ItemAction::Create);
    }
}
