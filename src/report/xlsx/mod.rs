//! Writes `<flow>.xlsx` and `<flow>.failed.xlsx`: the tables of a flow as workbooks.
//!
//! Every cell is text, so that the workbook can be used as the sheet again. The rows go through
//! temporary files without a name in the folder of the reports.

mod failed;
mod file;
mod style;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use failed::{FailedCells, failed_columns};
pub(super) use file::WorkbookFile;
pub(super) use table::{Column, Kind, MAX_ROWS, Table};

use super::columns::{ColumnKind, TableColumns};
use super::flow_report::FlowReport;
use super::remove::remove_outdated;
use super::row::ReportRow;
use super::status::{Counts, Status};
use super::summary::Summary;
use crate::sheet::{results_sheet, workbook_cell};
use crate::util::atomic_file::FileError;

/// The workbooks of a flow.
pub(super) struct Workbooks {
    all: WorkbookFile,
    results: Table,
    /// The failed rows in the workbook of all rows.
    failed_results: Table,
    /// The workbook of failed rows and its table; `None` if failed rows have no workbook of their own.
    failed: Option<(WorkbookFile, Table)>,
    counts: Counts,
    run: Summary,
    flow: String,
}

/// A row for the workbooks that is not written yet.
pub(super) struct WorkbookRow {
    status: Status,
    cells: csv::StringRecord,
    failed: Option<FailedCells>,
}

impl Workbooks {
    /// Creates the workbooks and writes the headers of their tables.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be written.
    pub(super) fn begin(
        folder: &Path,
        run: &Summary,
        flow: &str,
        columns: &TableColumns,
        has_failed: bool,
    ) -> Result<Self, FileError> {
        let mut all = WorkbookFile::create(&folder.join(format!("{flow}.xlsx")))?;
        let failed_workbook = || {
            let mut file = WorkbookFile::create(&folder.join(format!("{flow}.failed.xlsx")))?;
            let columns = failed_columns(columns);
            let rows = file.edit(|book| Table::begin(book, &t!("failed"), columns, MAX_ROWS))?;
            Ok((file, rows))
        };
        let results = result_columns(columns);
        Ok(Self {
            results: all.edit(|book| Table::begin(book, results_sheet(), results, MAX_ROWS))?,
            failed_results: all.edit(|book| {
                Table::begin(book, &t!("failed"), failed_columns(columns), MAX_ROWS)
            })?,
            all,
            failed: has_failed.then(failed_workbook).transpose()?,
            counts: Counts::new(),
            run: run.clone(),
            flow: flow.to_owned(),
        })
    }

    /// Writes the next rows.
    pub(super) fn write(&mut self, rows: &[WorkbookRow]) -> Result<(), FileError> {
        for row in rows {
            *self.counts.entry(row.status).or_default() += 1;
        }
        let failed = || rows.iter().filter_map(|row| row.failed.as_ref());
        self.all.edit(|book| {
            for row in rows {
                self.results.push(book, &row.cells, &[])?;
            }
            for row in failed() {
                row.push_to(&mut self.failed_results, book)?;
            }
            Ok(())
        })?;
        let Some((file, table)) = &mut self.failed else {
            return Ok(());
        };
        file.edit(|book| {
            for row in failed() {
                row.push_to(table, book)?;
            }
            Ok(())
        })
    }

    /// Leaves an existing workbook of failed rows as it is.
    pub(super) fn keep_failed(&mut self) {
        self.failed = None;
    }

    /// Puts the workbooks in place; without failed rows, removes the workbook of failed rows.
    pub(super) fn finish(mut self) -> Result<(), FileError> {
        let (run, flow, counts) = (&self.run, &self.flow, &self.counts);
        self.all.edit(|book| {
            self.results.finish(book)?;
            self.failed_results.finish(book)?;
            summary::write(book, run, flow, counts)
        })?;
        self.all.save()?;
        let Some((mut file, rows)) = self.failed else {
            return Ok(());
        };
        if rows.is_empty() {
            return remove_outdated(file.path());
        }
        file.edit(|book| rows.finish(book))?;
        file.save()
    }
}

impl WorkbookRow {
    /// Encodes a row.
    pub(super) fn new(columns: &TableColumns, report: &FlowReport<'_>, row: &ReportRow) -> Self {
        let cells = columns.result_cells(report, row);
        Self {
            status: row.status,
            cells: cells
                .map(|cell| workbook_cell(&cell).into_owned())
                .collect(),
            failed: FailedCells::new(columns, report, row),
        }
    }
}

/// Returns the columns of the table of all rows.
fn result_columns(columns: &TableColumns) -> Vec<Column> {
    let own = columns.own.iter().map(|name| Column::new(name, Kind::Own));
    let treaty = columns.results.iter().map(|column| {
        let kind = match column.kind {
            ColumnKind::Status => Kind::Status,
            ColumnKind::Message | ColumnKind::Other => Kind::Treaty,
        };
        Column::new(&column.title, kind)
    });
    own.chain(treaty).collect()
}
