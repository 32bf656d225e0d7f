//! A workbook in an [`AtomicFile`].

use std::io::{Error, Result as IoResult};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Workbook, XlsxError};

use crate::util::atomic_file::{AtomicFile, FileError};

/// The level of compression. The library's default of 6 takes more than twice the time and saves an
/// eighth of the size.
const COMPRESSION: u8 = 3;

/// A workbook under construction. Dropping it removes its temporary files; those of the rows have no
/// name, so also a killed process leaves none of them behind.
pub(in crate::report) struct WorkbookFile {
    book: Workbook,
    file: AtomicFile,
    path: PathBuf,
}

impl WorkbookFile {
    /// Creates a workbook that only the owner can read.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be created.
    pub(in crate::report) fn create(path: &Path) -> Result<Self, FileError> {
        let mut book = Workbook::new();
        book.set_zip_compression_level(COMPRESSION);
        let mut created = Self {
            file: AtomicFile::create(path)?,
            book,
            path: path.to_owned(),
        };
        // The rows are private: they stay on the disk of the reports.
        let folder = path.parent().unwrap_or(Path::new("."));
        created.edit(|book| book.set_tempdir(folder).map(drop))?;
        Ok(created)
    }

    /// Returns the path of the workbook.
    pub(in crate::report) fn path(&self) -> &Path {
        &self.path
    }

    /// Passes the workbook to `edit`.
    ///
    /// # Errors
    /// [`FileError`] if `edit` fails, or a temporary file cannot be written.
    pub(in crate::report) fn edit<T>(
        &mut self,
        edit: impl FnOnce(&mut Workbook) -> Result<T, XlsxError>,
    ) -> Result<T, FileError> {
        let book = &mut self.book;
        unpanicked(|| edit(book)).map_err(|why| self.file.error(why))
    }

    /// Writes the workbook and puts it in place.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub(in crate::report) fn save(mut self) -> Result<(), FileError> {
        let (book, file) = (&mut self.book, &mut self.file);
        let saved = unpanicked(|| book.save_to_writer(file));
        saved.map_err(|why| self.file.error(why))?;
        self.file.finish()
    }
}

/// Calls `edit`. The library panics if a temporary file cannot be written.
fn unpanicked<T>(edit: impl FnOnce() -> Result<T, XlsxError>) -> IoResult<T> {
    match catch_unwind(AssertUnwindSafe(edit)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(XlsxError::IoError(error))) => Err(error),
        Ok(Err(error)) => Err(Error::other(error)),
        Err(_) => Err(Error::other(t!(
            "its temporary file cannot be written; the disk may be full"
        ))),
    }
}
