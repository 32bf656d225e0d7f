//! Writes `<flow>.csv` and `<flow>.failed.csv`: the columns of the sheet, then those of treaty.
//!
//! A report can be used as the sheet again, so the cells of the sheet are repeated as they are, except
//! for formulas. Control characters in treaty's own cells are escaped.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::flow_report::FlowReport;
use super::row::ReportRow;
use super::status::Status;
use crate::api::time;
use crate::ledger::ItemRecord;
use crate::sheet::{CHECK_COLUMN, REPORT_PREFIX as PREFIX, Row, escape_formula, protect_cell};
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::escape::escaped;
use crate::util::link;

/// The columns before those of the signers.
const COMMON: [&str; 9] = [
    "treaty_key",
    "treaty_status",
    "treaty_action",
    "treaty_doc_id",
    "treaty_flow_id",
    "treaty_error_code",
    "treaty_error",
    "treaty_hint",
    "treaty_attempts",
];
/// The columns of each signer, without prefix and signer name.
const SIGNER: [&str; 5] = [
    "account_id",
    "sign_url",
    "sign_short_url",
    "status",
    "sign_time",
];
/// The columns after those of the signers.
const LAST: [&str; 5] = [
    "treaty_sent_at",
    "treaty_ended_at",
    "treaty_file",
    "treaty_sha256",
    CHECK_COLUMN,
];
/// The columns of the table of failed rows.
const FAILED: [&str; 6] = [
    "treaty_key",
    "treaty_status",
    "treaty_error_code",
    "treaty_error",
    "treaty_hint",
    CHECK_COLUMN,
];

/// The two tables of a flow.
pub(super) struct Tables {
    all: AtomicFile,
    failed: AtomicFile,
    any_failed: bool,
    path: PathBuf,
}

/// The columns of the sheet that the tables repeat.
pub(super) struct SheetColumns {
    /// Their indexes in the sheet.
    indexes: Vec<usize>,
    path: PathBuf,
}

/// Encoded rows of both tables that are not written yet.
pub(super) struct EncodedRows {
    all: csv::Writer<Vec<u8>>,
    failed: csv::Writer<Vec<u8>>,
    any_failed: bool,
}

impl Tables {
    /// Creates both tables and writes their headers.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be written.
    pub(super) fn begin(
        folder: &Path,
        report: &FlowReport<'_>,
    ) -> Result<(Self, SheetColumns), FileError> {
        let sheet = report.rows.and_then(|rows| rows.sheet.as_ref());
        let header = sheet
            .map(|sheet| sheet.header().columns().to_vec())
            .unwrap_or_default();
        // Omits treaty's columns of a sheet that is an earlier report.
        let columns: Vec<usize> = (0..header.len())
            .filter(|at| !header[*at].starts_with(PREFIX))
            .collect();
        let path = folder.join(format!("{}.csv", report.flow));
        let own: Vec<String> = columns
            .iter()
            .map(|at| escape_formula(&header[*at]).into_owned())
            .collect();
        let mut all = own.clone();
        all.extend(COMMON.iter().map(|name| (*name).to_owned()));
        for signer in &report.signers {
            let own = SIGNER.iter();
            all.extend(own.map(|name| format!("{PREFIX}{signer}_{name}")));
        }
        all.extend(LAST.map(str::to_owned));
        let mut failed = own;
        failed.extend(FAILED.iter().map(|name| (*name).to_owned()));
        let begin = |path: &Path, names: &[String]| {
            let mut table = create_table(path)?;
            write_record(&mut table, path, names)?;
            table
                .into_inner()
                .map_err(|error| csv_error(path, error.into_error().into()))
        };
        let tables = Self {
            all: begin(&path, &all)?,
            failed: begin(&failed_path(&path), &failed)?,
            any_failed: false,
            path: path.clone(),
        };
        Ok((
            tables,
            SheetColumns {
                indexes: columns,
                path,
            },
        ))
    }

    /// Writes the next rows.
    pub(super) fn write(&mut self, rows: EncodedRows) -> Result<(), FileError> {
        self.any_failed |= rows.any_failed;
        for (file, rows) in [(&mut self.all, rows.all), (&mut self.failed, rows.failed)] {
            let bytes = rows
                .into_inner()
                .map_err(|error| csv_error(&self.path, error.into_error().into()))?;
            file.write_all(&bytes).map_err(|why| file.error(why))?;
        }
        Ok(())
    }

    /// Puts the tables in place; without failed rows, removes the table of failed rows.
    pub(super) fn finish(self) -> Result<(), FileError> {
        self.all.finish()?;
        if self.any_failed {
            self.failed.finish()
        } else {
            // Dropping the unfinished file removes it; a file of an earlier report is outdated.
            let earlier = failed_path(&self.path);
            match std::fs::remove_file(&earlier) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    Err(FileError { path: earlier, why })
                }
                _ => Ok(()),
            }
        }
    }
}

impl EncodedRows {
    /// Returns an empty instance.
    pub(super) fn new() -> Self {
        let empty = || {
            csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(Vec::new())
        };
        Self {
            all: empty(),
            failed: empty(),
            any_failed: false,
        }
    }

    /// Encodes a row; a failed row is also added to the table of failed rows.
    pub(super) fn push(
        &mut self,
        columns: &SheetColumns,
        report: &FlowReport<'_>,
        row: &ReportRow,
    ) -> Result<(), FileError> {
        let all = sheet_cells(columns, row.cells.as_ref())
            .map(Cow::Borrowed)
            .chain(treaty_cells(report, row).map(own_cell));
        let failed = |error| csv_error(&columns.path, error);
        write_cells(&mut self.all, all).map_err(failed)?;
        if row.status == Status::Failed
            && let Some((cells, failure)) = row.failed_row()
        {
            self.any_failed = true;
            let [code, error, hint] = failure;
            let key = row.key.as_deref().unwrap_or_default();
            let check = check_values(report, cells);
            let treaty = [key, row.status.word(), &code, &error, &hint, &check];
            let treaty = treaty.map(|cell| own_cell(Cow::Borrowed(cell)));
            let cells = sheet_cells(columns, cells).map(Cow::Borrowed).chain(treaty);
            write_cells(&mut self.failed, cells).map_err(failed)?;
        }
        Ok(())
    }
}

/// Returns the check values of the cells of a row, which tell whether a spreadsheet changed them.
fn check_values(report: &FlowReport<'_>, row: Option<&Row>) -> String {
    let values = report
        .rows
        .zip(row)
        .map(|(rows, row)| rows.check_values(row));
    values.unwrap_or_default()
}

/// Returns the cells of a row in the columns of the sheet; empty cells without a row.
fn sheet_cells<'a>(
    columns: &'a SheetColumns,
    row: Option<&'a Row>,
) -> impl Iterator<Item = &'a str> {
    let cell = move |at: &usize| row.and_then(|row| row.at(*at)).unwrap_or_default();
    columns.indexes.iter().map(cell)
}

/// Writes the cells of one record.
fn write_cells<'a>(
    table: &mut csv::Writer<Vec<u8>>,
    cells: impl Iterator<Item = Cow<'a, str>>,
) -> csv::Result<()> {
    for cell in cells {
        table.write_field(protect_cell(&cell).as_bytes())?;
    }
    table.write_record(None::<&[u8]>)
}

/// Returns a cell of treaty, which may contain text of the service, with unsafe characters escaped.
pub(super) fn own_cell(cell: Cow<'_, str>) -> Cow<'_, str> {
    match escaped(&cell) {
        Cow::Owned(escaped) => Cow::Owned(escaped),
        Cow::Borrowed(_) => cell,
    }
}

/// Returns the path of the table of failed rows.
fn failed_path(all: &Path) -> PathBuf {
    all.with_extension("failed.csv")
}

/// Returns the cells of treaty's columns.
fn treaty_cells<'a>(
    report: &'a FlowReport<'_>,
    row: &'a ReportRow,
) -> impl Iterator<Item = Cow<'a, str>> {
    let details = &row.details;
    let item = details.record.as_ref();
    let [code, error, hint] = details.failure_texts().map(Cow::Owned);
    let attempts = item.map_or(String::new(), |item| item.attempts.to_string());
    let common = [
        row.key.as_deref().unwrap_or_default().into(),
        row.status.word().into(),
        row.action.word().into(),
        details.doc_ids().into(),
        details.flow_id().into(),
        code,
        error,
        hint,
        attempts.into(),
    ];
    let signers = report.signers.iter().flat_map(move |name| {
        let signer = details.signer(name);
        [
            signer.account_id().into(),
            link::shown(signer.sign_url()).into(),
            link::shown(signer.sign_short_url()).into(),
            signer.signer_status().into(),
            signer.signer_time().into(),
        ]
    });
    let moment = |at: Option<jiff::Timestamp>| at.map(time::text).unwrap_or_default();
    let last = [
        moment(item.and_then(|item| item.sent_at)),
        moment(item.and_then(ItemRecord::ended_at)),
        details.file_paths(),
        details.file_digests(),
        check_values(report, row.cells.as_ref()),
    ];
    common
        .into_iter()
        .chain(signers)
        .chain(last.map(Cow::Owned))
}

/// Creates a CSV file as spreadsheets expect it: UTF-8 with a byte order mark and CRLF line ends.
///
/// # Errors
/// [`FileError`] if the file cannot be created.
pub(super) fn create_table(path: &Path) -> Result<csv::Writer<AtomicFile>, FileError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all("\u{feff}".as_bytes())
        .map_err(|source| file.error(source))?;
    Ok(csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(file))
}

/// Writes one record.
///
/// # Errors
/// [`FileError`] if the file cannot be written.
pub(super) fn write_record(
    table: &mut csv::Writer<AtomicFile>,
    path: &Path,
    cells: &[String],
) -> Result<(), FileError> {
    table
        .write_record(cells)
        .map_err(|error| csv_error(path, error))
}

fn csv_error(path: &Path, error: csv::Error) -> FileError {
    FileError {
        path: path.to_owned(),
        why: std::io::Error::other(error),
    }
}

/// Puts the file in place.
///
/// # Errors
/// [`FileError`] if the file cannot be written.
pub(super) fn finish(table: csv::Writer<AtomicFile>, path: &Path) -> Result<(), FileError> {
    match table.into_inner() {
        Ok(file) => file.finish(),
        Err(error) => Err(FileError {
            path: path.to_owned(),
            why: std::io::Error::other(error.to_string()),
        }),
    }
}
