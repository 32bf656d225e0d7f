//! Finds the cell with the `thirdId` of a row's account.

use super::rows::FlowRows;
use crate::diagnostic::Place;
use crate::manifest::RowAccountKind;

impl FlowRows<'_> {
    /// Returns the cell that the `thirdId` of an account comes from: the row if it is rendered from
    /// several columns, the declaration if there is no sheet. `None` for an unknown account.
    pub fn third_id_cell(&self, account: &str, row: u64) -> Option<Place> {
        let mut declared = self.flow.accounts.iter();
        let declared = declared.find(|declared| declared.name == account)?;
        let third_id = match &declared.kind {
            RowAccountKind::Person(person) => &person.third_id,
            RowAccountKind::Organization(organization) => &organization.third_id,
        };
        let Some(sheet) = &self.sheet else {
            return Some(third_id.span().into());
        };
        let mut columns = third_id.uses().columns.iter();
        let column = match (columns.next(), columns.next()) {
            (Some(column), None) => Some(column.as_str()),
            _ => None,
        };
        Some(sheet.header().cell(row, column).into())
    }
}
