//! The action for a row.

use serde::{Deserialize, Serialize};

use super::action::ItemAction;
use crate::expr::{Fingerprint, ShortFingerprint};
use crate::ledger::ItemStatus;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_row_takes_24_bytes() {
        assert_eq!(size_of::<PlannedRow>(), 24);
    }
}
