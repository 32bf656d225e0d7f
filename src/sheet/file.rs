//! The file of a sheet, as configured.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::encoding::Encoding;
use crate::diagnostic::{Diagnostic, Span};
use crate::util::input_file::{self, InputError};

/// A sheet's file and how to read it.
#[derive(Debug, Clone, Default)]
pub struct SheetFile {
    /// The path for opening the file.
    pub path: PathBuf,
    /// The path as shown to the user: relative to the project folder.
    pub shown: Arc<str>,
    /// The number of the row with the column names; `None` for the first row that is not empty.
    pub header_row: Option<u64>,
    /// The format of the file.
    pub format: Format,
    /// The names of the settings of the manifest that belong to another format. Only a report that is
    /// given back can have them.
    pub foreign_settings: Vec<&'static str>,
}

impl SheetFile {
    /// Returns the path as shown to the user.
    pub(super) fn path_shown(&self) -> PathBuf {
        PathBuf::from(&*self.shown)
    }

    /// Returns an error about the whole file.
    pub(super) fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.path_shown())
    }

    /// Returns the error for a missing header, from the number of the last row.
    pub(super) fn no_header(&self, last_row: u64) -> Diagnostic {
        let set_header = t!("set rows.header to the number of the row with the column names");
        match self.header_row {
            None => self
                .error(t!("the sheet is empty"))
                .hint(t!("the first row must contain the column names")),
            Some(row) if row > last_row => self
                .error(t!(
                    "rows.header is %{row}, but the last row of the sheet is %{last_row}",
                    row = row,
                    last_row = last_row
                ))
                .hint(set_header),
            Some(row) => self
                .error(t!("row %{row} of the sheet is empty", row = row))
                .hint(set_header),
        }
    }

    /// Returns the error for a file that cannot be read.
    pub(super) fn unreadable(&self, error: &dyn std::fmt::Display) -> Diagnostic {
        self.error(t!("the sheet cannot be read: %{error}", error = error))
    }
}

/// The format of a sheet's file.
#[derive(Debug, Clone)]
pub enum Format {
    /// CSV or TSV.
    Text {
        /// The configured encoding; `None` to detect it.
        encoding: Option<Encoding>,
        /// The separator of cells.
        delimiter: u8,
        /// The location of the separator in the manifest; `None` for the default.
        delimiter_span: Option<Span>,
    },
    /// An Excel workbook (.xlsx, .xlsm).
    Workbook {
        /// The name of the sheet; `None` for the only visible one.
        sheet: Option<Arc<str>>,
    },
}

impl Default for Format {
    fn default() -> Self {
        Self::Text {
            encoding: None,
            delimiter: b',',
            delimiter_span: None,
        }
    }
}

/// The format of a file according to its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// A ZIP archive: .xlsx, .xlsm, .ods.
    Zip,
    /// A compound file: .xls, or a workbook with a password.
    Compound,
    /// No bytes.
    Empty,
    /// Text, or another format.
    Other,
}

impl Start {
    /// Reads the first bytes of a file.
    pub(super) fn of(file: &SheetFile) -> Result<Self, Diagnostic> {
        let opened = input_file::open(&file.path).map_err(|error| match error {
            InputError::NotRegular(_) => file
                .error(t!("the sheet is not a regular file"))
                .hint(t!("use a CSV, TSV or XLSX file")),
            error => {
                let error = std::io::Error::from(error);
                match error.kind() {
                    std::io::ErrorKind::NotFound => file.unreadable(&t!("there is no such file")),
                    _ => file.unreadable(&error),
                }
            }
        })?;
        Self::read(opened).map_err(|error| file.unreadable(&error))
    }

    fn read(file: File) -> std::io::Result<Self> {
        let mut start = Vec::new();
        file.take(8).read_to_end(&mut start)?;
        Ok(if start.starts_with(b"PK\x03\x04") {
            Self::Zip
        } else if start == *b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" {
            Self::Compound
        } else if start.is_empty() {
            Self::Empty
        } else {
            Self::Other
        })
    }
}
