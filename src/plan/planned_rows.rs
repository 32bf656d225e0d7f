//! Finds the planned row of a row of the sheet, which may have been saved again since the plan.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::diff::PlannedRow;
use crate::expr::{Fingerprint, ShortFingerprint};

/// The planned rows of a flow, by the cells that they had when the plan was made.
pub struct PlannedRows<'a> {
    rows: &'a [PlannedRow],
    /// The index of each row, built when a row is not at its planned place.
    by_cells: OnceLock<HashMap<ShortFingerprint, usize>>,
}

impl<'a> PlannedRows<'a> {
    /// Creates a lookup for the rows of a plan, in sheet order.
    pub fn new(rows: &'a [PlannedRow]) -> Self {
        Self {
            rows,
            by_cells: OnceLock::new(),
        }
    }

    /// Returns the planned row of the row that is now at an index and has these cells; `None` if
    /// the row was added or changed since.
    pub fn find(&self, at: usize, cells: Option<Fingerprint>) -> Option<&'a PlannedRow> {
        let cells = cells.map(ShortFingerprint::from);
        let here = self.rows.get(at).filter(|row| row.cells == cells);
        here.or_else(|| {
            let index = self.by_cells.get_or_init(|| {
                let rows = self.rows.iter().enumerate();
                rows.filter_map(|(at, row)| Some((row.cells?, at)))
                    .collect()
            });
            self.rows.get(*index.get(&cells?)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ItemAction;

    #[test]
    fn finds_rows_that_moved_and_no_changed_ones() {
        let cells = |number| Some(Fingerprint([number; 16]));
        let row =
            |number| PlannedRow::new(u64::from(number), ItemAction::Create, None, cells(number));
        let rows = [row(2), row(3), row(4)];
        let planned = PlannedRows::new(&rows);
        let found = |at, cells| planned.find(at, cells).map(|row| row.row);
        assert_eq!(found(1, cells(3)), Some(3));
        assert_eq!(found(2, cells(3)), Some(3));
        assert_eq!(found(7, cells(2)), Some(2));
        assert_eq!(found(1, cells(9)), None);
        assert_eq!(found(0, None), None);
    }
}
