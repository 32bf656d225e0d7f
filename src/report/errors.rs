//! `errors.csv`: all that is wrong before anything is called, once that is more than a screen shows.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::csv::{finish, table, write_record};
use crate::diagnostic::{Diagnostic, DiagnosticListener, Place, Severity};
use crate::sheet::escape_formula;
use crate::util::atomic_file::{AtomicFile, FileError};

const NAMES: [&str; 8] = [
    "level", "file", "row", "column", "place", "message", "hint", "related",
];

/// The table, which is written while things are found, and not kept in memory.
#[derive(Clone)]
pub struct ErrorTable(Arc<Mutex<Errors>>);

struct Errors {
    path: PathBuf,
    /// So many need no file.
    few: usize,
    first: Vec<Diagnostic>,
    file: Option<Result<csv::Writer<AtomicFile>, FileError>>,
}

impl ErrorTable {
    /// A table in this place, as soon as there is more in it than `few`.
    pub fn beyond(few: usize, path: &Path) -> Self {
        Self(Arc::new(Mutex::new(Errors {
            path: path.to_owned(),
            few,
            first: Vec::new(),
            file: None,
        })))
    }

    /// What takes each finding.
    pub fn listener(&self) -> DiagnosticListener {
        let table = self.clone();
        Arc::new(move |diagnostic| table.errors().take(diagnostic))
    }

    /// Puts the table in its place, and tells where that is; none where few were found. One of an earlier time is not
    /// true any more.
    pub fn finish(&self) -> Result<Option<PathBuf>, FileError> {
        let mut errors = self.errors();
        let path = errors.path.clone();
        match errors.file.take() {
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

    fn errors(&self) -> MutexGuard<'_, Errors> {
        // Nothing panics while it is held; what is in it stays true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Errors {
    fn take(&mut self, diagnostic: &Diagnostic) {
        if self.file.is_none() && self.first.len() < self.few {
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

    /// Begins the file with what was found until now.
    fn begin(&mut self) -> Result<csv::Writer<AtomicFile>, FileError> {
        let mut file = table(&self.path)?;
        write_record(&mut file, &self.path, &NAMES.map(str::to_owned))?;
        for diagnostic in std::mem::take(&mut self.first) {
            write_record(&mut file, &self.path, &record(&diagnostic))?;
        }
        Ok(file)
    }
}

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
    texts.map(|text| escape_formula(&text).into_owned())
}
