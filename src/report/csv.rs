//! Writes `<flow>.csv` and `<flow>.failed.csv`: the columns of the sheet, then those of treaty.
//!
//! A report can be used as the sheet again, so the cells of the sheet are repeated as they are, except
//! for formulas. Control characters in treaty's own cells are escaped.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::columns::{TableColumns, TreatyColumn};
use super::flow_report::FlowReport;
use super::remove::remove_outdated;
use super::row::ReportRow;
use crate::sheet::{escape_formula, protect_cell};
use crate::util::atomic_file::{AtomicFile, FileAccess, FileError};

/// The two tables of a flow.
pub(super) struct CsvTables {
    all: AtomicFile,
    /// `None` if failed rows have no table of their own.
    failed: Option<AtomicFile>,
    any_failed: bool,
    path: PathBuf,
}

/// Encoded rows of both tables that are not written yet.
pub(super) struct CsvRows {
    all: csv::Writer<Vec<u8>>,
    failed: csv::Writer<Vec<u8>>,
    any_failed: bool,
}

impl CsvTables {
    /// Creates the tables and writes their headers.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be written.
    pub(super) fn begin(
        folder: &Path,
        flow: &str,
        columns: &TableColumns,
        has_failed: bool,
    ) -> Result<Self, FileError> {
        let path = folder.join(format!("{flow}.csv"));
        let own = columns.own.iter();
        let own: Vec<String> = own.map(|name| escape_formula(name).into_owned()).collect();
        let begin = |path: &Path, treaty: &[TreatyColumn]| {
            let treaty: Vec<String> = treaty.iter().map(|column| column.title.clone()).collect();
            let mut table = create_table(path)?;
            write_record(&mut table, path, &[&own[..], &treaty].concat())?;
            table
                .into_inner()
                .map_err(|error| csv_error(path, error.into_error().into()))
        };
        Ok(Self {
            all: begin(&path, &columns.results)?,
            failed: has_failed
                .then(|| begin(&failed_path(&path), &columns.failed))
                .transpose()?,
            any_failed: false,
            path,
        })
    }

    /// Writes the next rows.
    pub(super) fn write(&mut self, rows: CsvRows) -> Result<(), FileError> {
        self.any_failed |= rows.any_failed;
        let all = (Some(&mut self.all), rows.all);
        let failed = (self.failed.as_mut(), rows.failed);
        for (file, rows) in [all, failed] {
            let Some(file) = file else { continue };
            let bytes = rows
                .into_inner()
                .map_err(|error| csv_error(&self.path, error.into_error().into()))?;
            file.write_all(&bytes).map_err(|why| file.error(why))?;
        }
        Ok(())
    }

    /// Leaves an existing table of failed rows as it is.
    pub(super) fn keep_failed(&mut self) {
        // Dropping the unfinished file removes it.
        self.failed = None;
    }

    /// Puts the tables in place; without failed rows, removes the table of failed rows.
    pub(super) fn finish(self) -> Result<(), FileError> {
        self.all.finish()?;
        match self.failed {
            Some(failed) if self.any_failed => failed.finish(),
            // Dropping the unfinished file removes it; a file of an earlier report is outdated.
            Some(_) => remove_outdated(&failed_path(&self.path)),
            None => Ok(()),
        }
    }
}

impl CsvRows {
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
        columns: &TableColumns,
        report: &FlowReport<'_>,
        row: &ReportRow,
    ) -> Result<(), FileError> {
        let failed = |error| csv_error(Path::new(report.flow), error);
        let own = columns.own.len();
        write_cells(&mut self.all, own, columns.result_cells(report, row)).map_err(failed)?;
        if let Some(cells) = columns.failed_cells(report, row) {
            self.any_failed = true;
            write_cells(&mut self.failed, own, cells).map_err(failed)?;
        }
        Ok(())
    }
}

/// Writes the cells of one record. The first `own` are those of the sheet, which are read back, and so
/// is the key after them. Treaty's ids are written as they are, for programs.
fn write_cells<'a>(
    table: &mut csv::Writer<Vec<u8>>,
    own: usize,
    cells: impl Iterator<Item = Cow<'a, str>>,
) -> csv::Result<()> {
    for (at, cell) in cells.enumerate() {
        let written = if at <= own {
            protect_cell(&cell)
        } else {
            escape_formula(&cell)
        };
        table.write_field(written.as_bytes())?;
    }
    table.write_record(None::<&[u8]>)
}

/// Returns the path of the table of failed rows.
fn failed_path(all: &Path) -> PathBuf {
    all.with_extension("failed.csv")
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
    let text = error.to_string();
    FileError {
        access: FileAccess::Write,
        path: path.to_owned(),
        why: match error.into_kind() {
            csv::ErrorKind::Io(why) => why,
            _ => std::io::Error::other(text),
        },
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
            access: FileAccess::Write,
            path: path.to_owned(),
            why: error.into_error(),
        }),
    }
}
