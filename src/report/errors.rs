//! Writes `errors.csv`: all diagnostics of the checks before a run, if there are more than are
//! printed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::csv::{create_table, finish, write_record};
use crate::diagnostic::{Diagnostic, DiagnosticListener, Place, Severity};
use crate::sheet::escape_formula;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::escape::escaped;

const COLUMNS: [&str; 8] = [
    "level", "file", "row", "column", "place", "message", "hint", "related",
];

/// A table of diagnostics, written as they are found and not held in memory.
#[derive(Clone)]
pub struct ErrorTable(Arc<Mutex<TableState>>);

struct TableState {
    path: PathBuf,
    /// The number of diagnostics up to which no file is written.
    threshold: usize,
    /// The first diagnostics, until the file is created.
    first: Vec<Diagnostic>,
    file: Option<Result<csv::Writer<AtomicFile>, FileError>>,
}

impl ErrorTable {
    /// Creates a table that is written to `path` if there are more than `threshold` diagnostics.
    pub fn beyond(threshold: usize, path: &Path) -> Self {
        Self(Arc::new(Mutex::new(TableState {
            path: path.to_owned(),
            threshold,
            first: Vec::new(),
            file: None,
        })))
    }

    /// Returns a function that adds a diagnostic to the table.
    pub fn listener(&self) -> DiagnosticListener {
        let table = self.clone();
        Arc::new(move |diagnostic| table.state().push(diagnostic))
    }

    /// Puts the table in place and returns its path, or `None` if the threshold was not exceeded.
    /// In that case removes the table of an earlier command.
    ///
    /// # Errors
    /// [`FileError`] if the table cannot be written or removed.
    pub fn finish(&self) -> Result<Option<PathBuf>, FileError> {
        let mut state = self.state();
        let path = state.path.clone();
        match state.file.take() {
            Some(file) => {
                finish(file?, &path)?;
                Ok(Some(path))
            }
            None => match std::fs::remove_file(&path) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    Err(FileError { path, why })
                }
                _ => Ok(None),
            },
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
        if self.file.is_none() && self.first.len() < self.threshold {
            self.first.push(diagnostic.clone());
            return;
        }
        let opened = self.file.take().unwrap_or_else(|| self.begin());
        let written = opened.and_then(|mut file| {
            write_record(&mut file, &self.path, &record(diagnostic))?;
            Ok(file)
        });
        self.file = Some(written);
    }

    /// Creates the file and writes the first diagnostics.
    fn begin(&mut self) -> Result<csv::Writer<AtomicFile>, FileError> {
        let mut file = create_table(&self.path)?;
        write_record(&mut file, &self.path, &COLUMNS.map(str::to_owned))?;
        for diagnostic in std::mem::take(&mut self.first) {
            write_record(&mut file, &self.path, &record(&diagnostic))?;
        }
        Ok(file)
    }
}

/// Returns the cells of a diagnostic.
fn record(diagnostic: &Diagnostic) -> [String; 8] {
    let (file, row, column) = match &diagnostic.place {
        None => Default::default(),
        Some(Place::File(path)) => (path.display().to_string(), String::new(), String::new()),
        Some(Place::Span(span)) => (
            span.file.path.clone(),
            span.line.to_string(),
            span.column.to_string(),
        ),
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
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = diagnostic.place.as_ref().map(ToString::to_string);
    let related = diagnostic.related.iter();
    let related: Vec<String> = related
        .map(|(place, why)| format!("{place} ({why})"))
        .collect();
    let texts = [
        level.to_owned(),
        file,
        row,
        column,
        place.unwrap_or_default(),
        diagnostic.message.clone(),
        diagnostic.hint.clone().unwrap_or_default(),
        related.join("; "),
    ];
    texts.map(|text| escape_formula(&escaped(&text)).into_owned())
}
