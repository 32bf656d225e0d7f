//! Planning the items of a flow.

use super::action::ItemAction;
use super::removed_rows::RemovedRow;
use crate::address::Address;
use crate::api::operation::Op;
use crate::expr::Fingerprint;
use crate::ledger::{ItemStatus, RecordedItem};
use crate::manifest::OnChange;
use crate::plan::forecast::Calls;

/// What a flow says about rows that changed.
pub(crate) type ItemPolicy = OnChange;

/// What is to be done with an item.
pub(crate) fn item_action(
    policy: ItemPolicy,
    known: Option<RecordedItem>,
    desired: Fingerprint,
) -> ItemAction {
    let Some(known) = known else {
        return ItemAction::Create;
    };
    let same = known.fingerprint == desired;
    match known.status {
        ItemStatus::InDoubt => ItemAction::InDoubt,
        // Its row had vanished, and is back.
        ItemStatus::Revoked if !known.sent => ItemAction::Create,
        status if status.is_sent() && same => ItemAction::Unchanged,
        ItemStatus::Open | ItemStatus::Failed if same || !known.sent => ItemAction::Resume,
        status if status.is_sent() && policy == OnChange::Keep => ItemAction::Kept,
        // What all have signed cannot be revoked, and what a person has ended is not sent again.
        ItemStatus::Finished | ItemStatus::Revoked => ItemAction::Changed,
        _ if policy == OnChange::Reissue => ItemAction::Reissue,
        // Half sent otherwise: what it said then is not known any more, so it cannot be finished either.
        _ => ItemAction::Changed,
    }
}

/// What one apply takes, of all that it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Only what has failed.
    Failed,
    /// Only what is in doubt: it is looked up once more.
    InDoubt,
}

impl Retry {
    /// What is left of an action when only some are taken.
    pub fn narrow(
        self,
        action: ItemAction,
        known: Option<RecordedItem>,
        desired: Fingerprint,
    ) -> ItemAction {
        let known = known.map(|known| {
            let same = known.fingerprint == desired || !known.sent;
            (known.status, same)
        });
        match (self, known) {
            // What was cut off is told to be failed, or in doubt once somebody may have been asked: it is both's.
            (Self::Failed, Some((ItemStatus::Failed | ItemStatus::Open, _)))
            | (Self::InDoubt, Some((ItemStatus::Open, _))) => action,
            (Self::InDoubt, Some((ItemStatus::InDoubt, true))) => ItemAction::Resume,
            _ if action.is_work() => ItemAction::Excluded,
            _ => action,
        }
    }
}

/// What is to be done with a flow's items, in the sheet's order.
#[derive(Debug)]
pub struct FlowPlan {
    /// The flow's name.
    pub flow: String,
    /// One entry a row, in the sheet's order.
    pub rows: Vec<PlannedRow>,
    /// Recorded items without a row that something is to be done about, or to be said.
    pub removed: Vec<RemovedRow>,
    /// Some items of each kind, to be shown.
    pub samples: Vec<Sample>,
    /// The calls that it needs.
    pub calls: Calls,
}

/// What is to be done with a row: a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRow {
    /// The row's number, as far as it fits; no sheet that can be sent in a night has more rows.
    pub row: u32,
    /// What.
    pub action: ItemAction,
    /// The first half of the item's fingerprint: whether the row is still the one that was planned.
    pub print: u64,
}

impl PlannedRow {
    /// An entry.
    pub fn new(row: u64, action: ItemAction, print: Option<Fingerprint>) -> Self {
        let half = print.map_or([0; 8], |print| {
            let mut half = [0; 8];
            half.copy_from_slice(&print.0[..8]);
            half
        });
        Self {
            row: u32::try_from(row).unwrap_or(u32::MAX),
            action,
            print: u64::from_be_bytes(half),
        }
    }

    /// Whether a fingerprint is the one that was planned.
    pub fn is(&self, print: Fingerprint) -> bool {
        self.print == Self::new(0, self.action, Some(print)).print
    }
}

/// An item that a plan shows.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Which.
    pub address: Address,
    /// What is to be done.
    pub action: ItemAction,
    /// Where it comes from; none when its row has vanished.
    pub row: Option<u64>,
}

/// How many items of each kind a plan shows unless all are asked for.
pub const SAMPLES: usize = 3;

impl FlowPlan {
    /// A plan without rows yet.
    pub fn new(flow: &str) -> Self {
        Self {
            flow: flow.to_owned(),
            rows: Vec::new(),
            removed: Vec::new(),
            samples: Vec::new(),
            calls: Calls::default(),
        }
    }

    /// Takes the next row.
    pub fn push(
        &mut self,
        row: u64,
        key: Option<&str>,
        action: ItemAction,
        print: Option<Fingerprint>,
        all: bool,
    ) {
        self.rows.push(PlannedRow::new(row, action, print));
        if let Some(key) = key {
            self.show(key, action, Some(row), all);
        }
    }

    /// Takes an item whose row has vanished.
    pub fn push_removed(&mut self, key: &str, action: ItemAction, all: bool) {
        self.show(key, action, None, all);
        self.calls
            .add(Op::Revoke, u64::from(action == ItemAction::Revoke));
        self.removed.push(RemovedRow {
            key: key.to_owned(),
            action,
        });
    }

    /// Shows an item, as long as few of its kind are shown.
    pub fn show(&mut self, key: &str, action: ItemAction, row: Option<u64>, all: bool) {
        let same = |sample: &&Sample| sample.action == action;
        let shown = self.samples.iter().filter(same).count();
        if action.symbol().is_some() && (all || shown < SAMPLES) {
            self.samples.push(Sample {
                address: Address::item(&self.flow, key),
                action,
                row,
            });
        }
    }

    /// Takes back what was planned for an earlier row: another row showed that it cannot be used.
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

    /// How many items have an action.
    pub fn counted(&self, action: ItemAction) -> u64 {
        self.actions().filter(|own| *own == action).count() as u64
    }

    /// How many items of a kind.
    pub fn count(&self, symbol: char) -> u64 {
        let of_kind = |action: &ItemAction| action.symbol() == Some(symbol);
        self.actions().filter(of_kind).count() as u64
    }

    /// How many items apply sends.
    pub fn work(&self) -> u64 {
        self.rows.iter().filter(|row| row.action.is_work()).count() as u64
    }

    /// How many items apply ends, since their rows have vanished.
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
    fn what_was_sent_is_never_sent_again() {
        use ItemStatus::{Done, Failed, Finished, InDoubt, Open, Revoked};
        let (old, new) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let action = |status, sent, print, policy| {
            item_action(
                policy,
                Some(RecordedItem {
                    fingerprint: old,
                    status,
                    sent,
                }),
                print,
            )
        };
        for (status, sent, print, policy, expected) in [
            (Done, true, old, OnChange::Error, ItemAction::Unchanged),
            (Done, true, new, OnChange::Error, ItemAction::Changed),
            (Done, true, new, OnChange::Keep, ItemAction::Kept),
            (Failed, false, new, OnChange::Error, ItemAction::Resume),
            (Failed, true, old, OnChange::Error, ItemAction::Resume),
            (Failed, true, new, OnChange::Error, ItemAction::Changed),
            (Open, true, new, OnChange::Keep, ItemAction::Changed),
            (Open, false, old, OnChange::Error, ItemAction::Resume),
            (Done, true, new, OnChange::Reissue, ItemAction::Reissue),
            (Open, true, new, OnChange::Reissue, ItemAction::Reissue),
            (Open, false, new, OnChange::Reissue, ItemAction::Resume),
            (Finished, true, new, OnChange::Reissue, ItemAction::Changed),
            (Revoked, true, old, OnChange::Error, ItemAction::Unchanged),
            (Revoked, false, old, OnChange::Error, ItemAction::Create),
            (Revoked, false, new, OnChange::Error, ItemAction::Create),
            (InDoubt, true, new, OnChange::Reissue, ItemAction::InDoubt),
            (InDoubt, true, old, OnChange::Error, ItemAction::InDoubt),
            (InDoubt, true, new, OnChange::Keep, ItemAction::InDoubt),
        ] {
            assert_eq!(
                action(status, sent, print, policy),
                expected,
                "{status:?} {sent} {policy:?}"
            );
        }
        assert_eq!(item_action(OnChange::Error, None, new), ItemAction::Create);
    }

    #[test]
    fn a_retry_takes_only_what_it_is_for() {
        use ItemAction::{Changed, Create, Excluded, InDoubt, Resume, Unchanged};
        let (old, new) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let known = |status| {
            Some(RecordedItem {
                fingerprint: old,
                status,
                sent: true,
            })
        };
        for (retry, known, desired, action, expected) in [
            (Retry::Failed, None, new, Create, Excluded),
            (
                Retry::Failed,
                known(ItemStatus::Failed),
                old,
                Resume,
                Resume,
            ),
            (
                Retry::Failed,
                known(ItemStatus::Failed),
                new,
                Changed,
                Changed,
            ),
            (Retry::Failed, known(ItemStatus::Open), old, Resume, Resume),
            (
                Retry::Failed,
                known(ItemStatus::InDoubt),
                old,
                InDoubt,
                InDoubt,
            ),
            (
                Retry::InDoubt,
                known(ItemStatus::InDoubt),
                old,
                InDoubt,
                Resume,
            ),
            (
                Retry::InDoubt,
                known(ItemStatus::InDoubt),
                new,
                InDoubt,
                InDoubt,
            ),
            (
                Retry::InDoubt,
                known(ItemStatus::Failed),
                old,
                Resume,
                Excluded,
            ),
            (
                Retry::InDoubt,
                known(ItemStatus::Done),
                old,
                Unchanged,
                Unchanged,
            ),
        ] {
            let narrowed = retry.narrow(action, known, desired);
            assert_eq!(narrowed, expected, "{retry:?} {known:?}");
        }
    }
}
