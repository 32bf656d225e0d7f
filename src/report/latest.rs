//! `reports/latest`: the folder of the last run.

use std::path::Path;

use crate::util::atomic_file::FileError;
use crate::util::failpoint::failpoint;

/// Points `latest` at a run's folder, in one move.
pub fn point_latest(reports: &Path, run: &str) -> Result<(), FileError> {
    let latest = reports.join("latest");
    #[cfg(unix)]
    let point = || {
        let anew = reports.join(".latest.part");
        match std::fs::remove_file(&anew) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(run, &anew)?;
        failpoint("report.latest");
        std::fs::rename(&anew, &latest)
    };
    #[cfg(not(unix))]
    let point = || std::fs::write(&latest, run);
    point().map_err(|why| FileError {
        path: latest.clone(),
        why,
    })
}
