//! The tables of a flow in each format: all rows, and the failed rows.

use std::path::Path;

use super::columns::TableColumns;
use super::csv::{CsvRows, CsvTables};
use super::flow_report::FlowReport;
use super::row::ReportRow;
use super::summary::Summary;
use super::xlsx::{WorkbookRow, Workbooks};
use crate::manifest::ReportFormat;
use crate::util::atomic_file::FileError;

/// The unfinished tables of a flow.
pub(super) struct Tables {
    csv: Option<CsvTables>,
    xlsx: Option<Workbooks>,
    has_kept_failed: bool,
}

/// Encodes rows for the tables of a flow. Rows can be encoded in parallel.
pub(super) struct TableEncoder {
    columns: TableColumns,
    csv: bool,
    xlsx: bool,
}

/// Encoded rows that are not written yet.
pub(super) struct EncodedRows {
    csv: Option<CsvRows>,
    xlsx: Vec<WorkbookRow>,
}

impl Tables {
    /// Creates the tables of a flow; `None` if no format has tables.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be written.
    pub(super) fn begin(
        folder: &Path,
        run: &Summary,
        report: &FlowReport<'_>,
        formats: &[ReportFormat],
        has_failed_tables: bool,
    ) -> Result<Option<(Self, TableEncoder)>, FileError> {
        let csv = formats.contains(&ReportFormat::Csv);
        let xlsx = formats.contains(&ReportFormat::Xlsx);
        if !csv && !xlsx {
            return Ok(None);
        }
        let columns = TableColumns::of(report);
        let tables = Self {
            csv: csv
                .then(|| CsvTables::begin(folder, report.flow, &columns, has_failed_tables))
                .transpose()?,
            xlsx: xlsx
                .then(|| Workbooks::begin(folder, run, report.flow, &columns, has_failed_tables))
                .transpose()?,
            has_kept_failed: false,
        };
        let encoder = TableEncoder { columns, csv, xlsx };
        Ok(Some((tables, encoder)))
    }

    /// Writes the next rows.
    pub(super) fn write(&mut self, rows: EncodedRows) -> Result<(), FileError> {
        if let (Some(tables), Some(rows)) = (&mut self.csv, rows.csv) {
            tables.write(rows)?;
        }
        match &mut self.xlsx {
            Some(workbooks) => workbooks.write(&rows.xlsx),
            None => Ok(()),
        }
    }

    /// Returns whether [`Self::keep_failed`] was called.
    pub(super) fn has_kept_failed(&self) -> bool {
        self.has_kept_failed
    }

    /// Leaves the existing tables of failed rows as they are.
    pub(super) fn keep_failed(&mut self) {
        self.has_kept_failed = true;
        if let Some(csv) = &mut self.csv {
            csv.keep_failed();
        }
        if let Some(xlsx) = &mut self.xlsx {
            xlsx.keep_failed();
        }
    }

    /// Puts the tables in place; without failed rows, removes the tables of failed rows.
    pub(super) fn finish(self) -> Result<(), FileError> {
        self.csv.map_or(Ok(()), CsvTables::finish)?;
        self.xlsx.map_or(Ok(()), Workbooks::finish)
    }
}

impl TableEncoder {
    /// Returns an empty group of rows.
    pub(super) fn rows(&self) -> EncodedRows {
        EncodedRows {
            csv: self.csv.then(CsvRows::new),
            xlsx: Vec::new(),
        }
    }

    /// Encodes a row for all formats.
    ///
    /// # Errors
    /// [`FileError`] if the row cannot be encoded.
    pub(super) fn push(
        &self,
        rows: &mut EncodedRows,
        report: &FlowReport<'_>,
        row: &ReportRow,
    ) -> Result<(), FileError> {
        if let Some(csv) = &mut rows.csv {
            csv.push(&self.columns, report, row)?;
        }
        if self.xlsx {
            rows.xlsx.push(WorkbookRow::new(&self.columns, report, row));
        }
        Ok(())
    }
}
