//! The actions for the items of a flow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::ItemAction;
use super::planned_row::PlannedRow;
use super::removed_rows::RemovedRow;
use crate::address::Address;
use crate::api::operation::Op;
use crate::ledger::ItemStatus;
use crate::plan::forecast::Calls;

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
