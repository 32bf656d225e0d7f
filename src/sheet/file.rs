//! The file of a sheet, as configured.

use std::path::PathBuf;
use std::sync::Arc;

use super::encoding::Encoding;
use crate::diagnostic::Diagnostic;

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
}

impl SheetFile {
    /// Returns an error about the whole file.
    pub(super) fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(PathBuf::from(&*self.shown))
    }

    /// Returns the error for a missing header.
    pub(super) fn no_header(&self) -> Diagnostic {
        match self.header_row {
            None => self
                .error("the sheet is empty")
                .hint("the first row must contain the column names"),
            Some(row) => self
                .error(format!("row {row} of the sheet is empty"))
                .hint("set rows.header to the number of the row with the column names"),
        }
    }

    /// Returns the error for a file that cannot be read.
    pub(super) fn unreadable(&self, error: &dyn std::fmt::Display) -> Diagnostic {
        self.error(format!("the sheet cannot be read: {error}"))
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
        }
    }
}
