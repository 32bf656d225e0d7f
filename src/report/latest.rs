//! Updates `reports/latest`, which points to the folder of the last run.

use std::path::Path;

use crate::util::atomic_file::FileError;
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
        let link = reports.join(".latest.part");
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(run, &link)?;
        failpoint("report.latest");
        std::fs::rename(&link, &latest)
    };
    #[cfg(not(unix))]
    let point = || std::fs::write(&latest, run);
    point().map_err(|why| FileError {
        path: latest.clone(),
        why,
    })
}
