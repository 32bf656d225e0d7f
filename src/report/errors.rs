//! Writes `errors.csv` and `errors.xlsx`: all findings of the checks before a run, for the people who
//! own the sheet.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::csv::{create_table, finish, write_record};
use super::remove::remove_outdated;
use super::xlsx::{Column, Kind, MAX_ROWS, Table, WorkbookFile};
use crate::diagnostic::{Diagnostic, DiagnosticListener, Place, Severity};
use crate::sheet::{escape_formula, fit_cell};
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::escape::escaped;

/// Returns the columns; in the workbook, with their kind.
fn columns() -> [(Cow<'static, str>, Kind); 9] {
    [
        (t!("level"), Kind::Status),
        (t!("row"), Kind::Treaty),
        (t!("key"), Kind::Treaty),
        (t!("column"), Kind::Treaty),
        (t!("message"), Kind::Wrapped),
        (t!("hint"), Kind::Wrapped),
        (t!("file"), Kind::Treaty),
        (t!("place"), Kind::Treaty),
        (t!("related"), Kind::Wrapped),
    ]
}

/// A table of diagnostics, written as they are found and not held in memory.
#[derive(Clone)]
pub struct ErrorTable(Arc<Mutex<TableState>>);

struct TableState {
    /// The path of the CSV file.
    path: PathBuf,
    /// The number of warnings up to which no file is written.
    max_warnings: usize,
    /// The first warnings, until the files are created.
    first: Vec<Diagnostic>,
    files: Option<Result<Files, FileError>>,
}

impl ErrorTable {
    /// Creates a table in the folder of the reports. It is written if there is an error, or if there
    /// are more than `max_warnings` warnings.
    pub fn new(folder: &Path, max_warnings: usize) -> Self {
        Self(Arc::new(Mutex::new(TableState {
            path: folder.join("errors.csv"),
            max_warnings,
            first: Vec::new(),
            files: None,
        })))
    }

    /// Returns a function that adds a diagnostic to the table.
    pub fn listener(&self) -> DiagnosticListener {
        let table = self.clone();
        Arc::new(move |diagnostic| table.state().push(diagnostic))
    }

    /// Puts the table in place and returns the paths of its files; none if there is nothing to
    /// write. In that case removes the table of an earlier command.
    ///
    /// # Errors
    /// [`FileError`] if the table cannot be written or removed.
    pub fn finish(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut state = self.state();
        let paths = [state.path.clone(), workbook_path(&state.path)];
        match state.files.take() {
            Some(files) => {
                files?.finish(&state.path)?;
                Ok(paths.into())
            }
            None => {
                for path in &paths {
                    remove_outdated(path)?;
                }
                Ok(Vec::new())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, TableState> {
        // The state is consistent even after a panic of another thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TableState {
    /// Adds a diagnostic.
    fn push(&mut self, diagnostic: &Diagnostic) {
        let is_warning = diagnostic.severity == Severity::Warning;
        if self.files.is_none() && is_warning && self.first.len() < self.max_warnings {
            self.first.push(diagnostic.clone());
            return;
        }
        let opened = self.files.take().unwrap_or_else(|| self.begin());
        let written = opened.and_then(|mut files| {
            files.push(&self.path, diagnostic)?;
            Ok(files)
        });
        self.files = Some(written);
    }

    /// Creates the files and writes the first warnings.
    fn begin(&mut self) -> Result<Files, FileError> {
        let mut files = Files::create(&self.path)?;
        for diagnostic in std::mem::take(&mut self.first) {
            files.push(&self.path, &diagnostic)?;
        }
        Ok(files)
    }
}

/// The unfinished files of the table.
struct Files {
    csv: csv::Writer<AtomicFile>,
    workbook: WorkbookFile,
    table: Table,
}

impl Files {
    /// Creates the files and writes their headers.
    fn create(path: &Path) -> Result<Self, FileError> {
        let mut csv = create_table(path)?;
        write_record(
            &mut csv,
            path,
            &columns().map(|(name, _)| name.into_owned()),
        )?;
        let mut workbook = WorkbookFile::create(&workbook_path(path))?;
        let columns = columns()
            .map(|(name, kind)| Column::new(&name, kind))
            .into();
        let table = workbook.edit(|book| Table::begin(book, &t!("errors"), columns, MAX_ROWS))?;
        Ok(Self {
            csv,
            workbook,
            table,
        })
    }

    fn push(&mut self, path: &Path, diagnostic: &Diagnostic) -> Result<(), FileError> {
        let texts = record(diagnostic);
        let cells = texts.iter().map(|text| fit_cell(text));
        let cells = cells.collect::<Vec<_>>().into();
        self.workbook
            .edit(|book| self.table.push(book, &cells, &[]))?;
        let texts = texts.map(|text| escape_formula(&text).into_owned());
        write_record(&mut self.csv, path, &texts)
    }

    fn finish(mut self, path: &Path) -> Result<(), FileError> {
        self.workbook.edit(|book| self.table.finish(book))?;
        self.workbook.save()?;
        finish(self.csv, path)
    }
}

fn workbook_path(csv: &Path) -> PathBuf {
    csv.with_extension("xlsx")
}

/// Returns the cells of a diagnostic.
fn record(diagnostic: &Diagnostic) -> [String; 9] {
    let (file, row, column) = match &diagnostic.place {
        None => Default::default(),
        Some(Place::File(path)) => (path.display().to_string(), String::new(), String::new()),
        Some(Place::Span(span)) => (span.file.path.clone(), String::new(), String::new()),
        Some(Place::Cell(cell)) => {
            let column = cell.column.as_ref().map(|(name, _)| name.to_string());
            (
                cell.file.to_string(),
                cell.row.to_string(),
                column.unwrap_or_default(),
            )
        }
    };
    let level = match diagnostic.severity {
        Severity::Error => t!("error"),
        Severity::Warning => t!("warning"),
    };
    let place = diagnostic.place.as_ref().map(ToString::to_string);
    let related = diagnostic.related.iter();
    let related: Vec<String> = related
        .map(|(place, why)| format!("{place} ({why})"))
        .collect();
    let texts = [
        level.into_owned(),
        row,
        diagnostic.key.clone().unwrap_or_default(),
        column,
        diagnostic.message.clone(),
        diagnostic.hint.clone().unwrap_or_default(),
        file,
        place.unwrap_or_default(),
        related.join("; "),
    ];
    texts.map(|text| escaped(&text).into_owned())
}
