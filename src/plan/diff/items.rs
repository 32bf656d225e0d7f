//! The actions for the items of a flow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::ItemAction;
use super::removed_rows::RemovedRow;
use crate::address::Address;
use crate::api::operation::Op;
use crate::expr::{Fingerprint, ShortFingerprint};
use crate::ledger::{BegunRevocation, ItemStatus, RecordedItem};
use crate::manifest::OnChange;
use crate::plan::forecast::Calls;

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

/// The actions for the items of a flow, in sheet order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowPlan {
    /// The flow's name.
    pub flow: String,
    /// One entry per row, in sheet order.
    pub rows: Vec<PlannedRow>,
    /// Recorded items without a row that have an action or must be reported.
    pub removed: Vec<RemovedRow>,
    /// Some items of each action, to be shown.
    pub samples: Vec<Sample>,
    /// The calls that the flow's items need.
    pub calls: Calls,
    /// The number of recorded items without a row whose contract can still be signed.
    pub without_row: u64,
    /// The number of listed items of each action.
    #[serde(skip)]
    listed: BTreeMap<ItemAction, usize>,
}

/// The action for a row, in a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PlannedRowTuple", into = "PlannedRowTuple")]
pub struct PlannedRow {
    /// The row number, capped at [`u32::MAX`], which is more than a run can send.
    pub row: u32,
    /// The action.
    pub action: ItemAction,
    /// The item's fingerprint, to detect that the row changed after the plan; `None` for a row
    /// without an item.
    pub fingerprint: Option<ShortFingerprint>,
    /// The fingerprint of the row's cells, by which reports find the row; `None` without cells.
    pub cells: Option<ShortFingerprint>,
    /// The recorded status of the item; `None` without a record.
    pub recorded: Option<ItemStatus>,
}

/// The form of a [`PlannedRow`] in a file: a plan can have a million rows.
type PlannedRowTuple = (
    u32,
    ItemAction,
    Option<ShortFingerprint>,
    Option<ShortFingerprint>,
    Option<ItemStatus>,
);

impl From<PlannedRow> for PlannedRowTuple {
    fn from(row: PlannedRow) -> Self {
        (
            row.row,
            row.action,
            row.fingerprint,
            row.cells,
            row.recorded,
        )
    }
}

impl From<PlannedRowTuple> for PlannedRow {
    fn from((row, action, fingerprint, cells, recorded): PlannedRowTuple) -> Self {
        Self {
            row,
            action,
            fingerprint,
            cells,
            recorded,
        }
    }
}

impl PlannedRow {
    /// Creates an entry; `fingerprint` is `None` for a row without an item, `cells` without cells.
    pub fn new(
        row: u64,
        action: ItemAction,
        fingerprint: Option<Fingerprint>,
        cells: Option<Fingerprint>,
    ) -> Self {
        Self {
            row: u32::try_from(row).unwrap_or(u32::MAX),
            action,
            fingerprint: fingerprint.map(ShortFingerprint::from),
            cells: cells.map(ShortFingerprint::from),
            recorded: None,
        }
    }

    /// Returns the entry with the recorded status of its item.
    #[must_use]
    pub fn with_recorded(self, recorded: Option<ItemStatus>) -> Self {
        Self { recorded, ..self }
    }

    /// Whether a fingerprint is the planned one.
    pub fn matches(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint == Some(fingerprint.into())
    }
}

/// An item that a plan shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Its address.
    pub address: Address,
    /// Its action.
    pub action: ItemAction,
    /// Its row number; `None` when the row was removed from the sheet.
    pub row: Option<u64>,
    /// Its recorded status, if its contract is replaced.
    pub replaced: Option<ItemStatus>,
    /// The difference from the contract that was sent, if the row has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// The known difference between a row and the contract that was sent for it. The ledger
/// has fingerprints of the accounts' fields and of all cells together, not of each cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The fields of the row's accounts that differ: `borrower.mobile`.
    pub fields: Vec<String>,
    /// The columns of these fields.
    pub columns: Vec<String>,
    /// Whether the cells differ; null if the ledger has no fingerprint of them.
    pub cells: Option<bool>,
}

/// The items that a plan lists by address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Listing {
    /// [`SAMPLES`] of each action; all of those whose contract ends.
    #[default]
    Samples,
    /// All that are not unchanged.
    Changes,
    /// All.
    All,
}

/// The number of items of each action that a plan shows without `--all`.
pub const SAMPLES: usize = 3;

impl FlowPlan {
    /// Creates a plan without rows.
    pub fn new(flow: &str) -> Self {
        Self {
            flow: flow.to_owned(),
            rows: Vec::new(),
            removed: Vec::new(),
            samples: Vec::new(),
            calls: Calls::default(),
            without_row: 0,
            listed: BTreeMap::new(),
        }
    }

    /// Adds the next row.
    pub fn push(
        &mut self,
        row: PlannedRow,
        key: Option<&str>,
        difference: Option<Difference>,
        listing: Listing,
    ) {
        self.rows.push(row);
        if let Some(key) = key.filter(|_| self.lists(row.action, listing)) {
            self.list(Sample {
                address: Address::item(&self.flow, key),
                action: row.action,
                row: Some(u64::from(row.row)),
                replaced: row.recorded.filter(|_| row.action.replaces()),
                difference,
            });
        }
    }

    /// Adds an item whose row was removed from the sheet.
    pub fn push_removed(&mut self, key: &str, action: ItemAction, listing: Listing) {
        if self.lists(action, listing) {
            self.list(Sample {
                address: Address::item(&self.flow, key),
                action,
                row: None,
                replaced: None,
                difference: None,
            });
        }
        self.calls
            .add(Op::Revoke, u64::from(action == ItemAction::Revoke));
        self.removed.push(RemovedRow {
            key: key.to_owned(),
            action,
        });
    }

    fn list(&mut self, sample: Sample) {
        *self.listed.entry(sample.action).or_default() += 1;
        self.samples.push(sample);
    }

    /// Whether the next item with an action is listed.
    pub(crate) fn lists(&self, action: ItemAction, listing: Listing) -> bool {
        let is_wanted = match listing {
            Listing::Samples => action.is_always_listed(),
            Listing::Changes => action.symbol() != Some('='),
            Listing::All => true,
        };
        action.symbol().is_some()
            && (is_wanted
                || self
                    .listed
                    .get(&action)
                    .is_none_or(|count| *count < SAMPLES))
    }

    /// Returns the listed items with an action. Without `all`, those that a plan lists without
    /// being asked.
    pub fn listed(&self, action: ItemAction, all: bool) -> impl Iterator<Item = &Sample> {
        let most = if all || action.is_always_listed() {
            usize::MAX
        } else {
            SAMPLES
        };
        let own = self.samples.iter();
        own.filter(move |sample| sample.action == action).take(most)
    }

    /// Marks an earlier row as invalid, because a later row conflicts with it.
    pub fn refuse(&mut self, row: u64) {
        let wanted = u32::try_from(row).unwrap_or(u32::MAX);
        if let Ok(at) = self
            .rows
            .binary_search_by_key(&wanted, |planned| planned.row)
        {
            self.rows[at].action = ItemAction::Invalid;
        }
        self.samples.retain(|sample| sample.row != Some(row));
    }

    /// The number of items with an action.
    pub fn counted(&self, action: ItemAction) -> u64 {
        self.actions().filter(|own| *own == action).count() as u64
    }

    /// The number of items whose action has a symbol.
    pub fn count(&self, symbol: char) -> u64 {
        let of_kind = |action: &ItemAction| action.symbol() == Some(symbol);
        self.actions().filter(of_kind).count() as u64
    }

    /// The number of items with an action by their recorded status, in the order of the statuses.
    pub fn counted_by_status(&self, action: ItemAction) -> BTreeMap<ItemStatus, u64> {
        let mut counts = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.action == action) {
            if let Some(status) = row.recorded {
                *counts.entry(status).or_default() += 1;
            }
        }
        counts
    }

    /// The number of items that apply sends or probes.
    pub fn work(&self) -> u64 {
        self.rows.iter().filter(|row| row.action.is_work()).count() as u64
    }

    /// The number of items that apply revokes because their row was removed.
    pub fn revocations(&self) -> u64 {
        self.counted(ItemAction::Revoke)
    }

    fn actions(&self) -> impl Iterator<Item = ItemAction> {
        let rows = self.rows.iter().map(|row| row.action);
        rows.chain(self.removed.iter().map(|item| item.action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_row_takes_24_bytes() {
        assert_eq!(size_of::<PlannedRow>(), 24);
    }

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
