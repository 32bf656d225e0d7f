//! Removes files of earlier reports.

use std::io::ErrorKind;
use std::path::Path;

use crate::util::atomic_file::{FileAccess, FileError};

/// Removes a file that an earlier report has written, if it exists.
///
/// # Errors
/// [`FileError`] if it cannot be removed.
pub(super) fn remove_outdated(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(FileError {
            access: FileAccess::Write,
            path: path.to_owned(),
            why,
        }),
        _ => Ok(()),
    }
}
