//! Updates `reports/latest`, which points to the folder of the last run.

use std::path::Path;

use crate::util::atomic_file::{FileAccess, FileError};
use crate::util::failpoint::failpoint;

/// Points `latest` to the folder of a run, atomically: a symbolic link on Unix, otherwise a text
/// file.
///
/// # Errors
/// [`FileError`] if it cannot be replaced.
pub fn point_latest(reports: &Path, run: &str) -> Result<(), FileError> {
    let latest = reports.join("latest");
    #[cfg(unix)]
    let point = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".latest.").suffix(".part");
        let link = builder.make_in(reports, |path| std::os::unix::fs::symlink(run, path))?;
        failpoint("report.latest");
        let placed = link.into_temp_path().persist(&latest);
        placed.map_err(|failed| failed.error)
    };
    #[cfg(not(unix))]
    let point = || std::fs::write(&latest, run);
    point().map_err(|why| FileError {
        access: FileAccess::Write,
        path: latest.clone(),
        why,
    })
}
