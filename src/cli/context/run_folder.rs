//! The report folder of a recorded run.

use std::path::{Path, PathBuf};

use crate::cli::exit::{CliError, Exit};
use crate::util::confine;

/// Returns the report folder of a run. The recorded name may be imported, so it is an error if it
/// leads out of the folder of reports.
pub(in crate::cli) fn run_folder(reports: &Path, run: &str) -> Result<PathBuf, CliError> {
    let folder = reports.join(run);
    // Without a folder of reports there is no link in it.
    let is_inside = confine::is_name(run)
        && confine::real_path(reports, &folder).map_or(!reports.exists(), |real| real.is_some());
    if is_inside {
        return Ok(folder);
    }
    Err(CliError::new(
        Exit::Error,
        t!(
            "the report folder of the run %{run} leads out of %{folder}",
            run = run.escape_debug(),
            folder = reports.display()
        ),
        t!(
            "replace links in the folder of reports by folders; a recorded run name must be a folder name"
        ),
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_and_links_that_lead_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let reports = folder.path().join("reports");
        run_folder(&reports, "2026-01-02T03-04-05").expect("no folder yet");
        std::fs::create_dir(&reports).expect("a folder");
        run_folder(&reports, "2026-01-02T03-04-05").expect("no folder yet");
        std::os::unix::fs::symlink("..", reports.join("linked")).expect("a link");
        for name in ["../other", "/etc", "a/b", "", "..", "linked"] {
            run_folder(&reports, name).expect_err(name);
        }
    }
}
