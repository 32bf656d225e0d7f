//! The rows of the table of failed rows: the wrong cells are coloured and have a note with the reason.

use rust_xlsxwriter::{Workbook, XlsxError};

use super::table::{CellNote, Column, Kind, Table};
use crate::report::columns::{ColumnKind, TableColumns};
use crate::report::flow_report::FlowReport;
use crate::report::row::ReportRow;
use crate::sheet::workbook_cell;
use crate::util::escape::escaped_except;

/// The cells of a failed row.
pub(super) struct FailedCells {
    cells: csv::StringRecord,
    notes: Vec<CellNote>,
}

impl FailedCells {
    /// Returns the cells of a row; `None` if it did not fail.
    pub(super) fn new(
        columns: &TableColumns,
        report: &FlowReport<'_>,
        row: &ReportRow,
    ) -> Option<Self> {
        let cells = columns.failed_cells(report, row)?;
        let mut notes: Vec<CellNote> = Vec::new();
        for error in &row.cell_errors {
            let Some(column) = columns.position(error.column) else {
                continue;
            };
            let text = escaped_except(&error.text, &['\n']);
            match notes.iter_mut().find(|note| note.column == column) {
                Some(note) => note.text = [&*note.text, &*text].join("\n"),
                None => notes.push(CellNote {
                    column,
                    text: text.into_owned(),
                }),
            }
        }
        Some(Self {
            cells: cells
                .map(|cell| workbook_cell(&cell).into_owned())
                .collect(),
            notes,
        })
    }

    /// Adds the row to a table.
    pub(super) fn push_to(&self, table: &mut Table, book: &mut Workbook) -> Result<(), XlsxError> {
        table.push(book, &self.cells, &self.notes)
    }
}

/// Returns the columns of the table of failed rows.
pub(super) fn failed_columns(columns: &TableColumns) -> Vec<Column> {
    let own = columns.own.iter().map(|name| Column::new(name, Kind::Own));
    let treaty = columns.failed.iter().map(|column| {
        let kind = match column.kind {
            ColumnKind::Status => Kind::Status,
            ColumnKind::Message => Kind::Wrapped,
            ColumnKind::Other => Kind::Treaty,
        };
        Column::new(&column.title, kind)
    });
    own.chain(treaty).collect()
}
