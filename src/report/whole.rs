//! Files that appear whole or not at all, and that nobody else on the machine can read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::crash::point;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {source}")]
pub struct ReportError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: std::io::Error,
}

/// A file that is being written beside its place, and moved there once it is whole.
#[derive(Debug)]
pub struct WholeFile {
    place: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
}

impl WholeFile {
    /// Begins a file.
    pub fn begin(place: &Path) -> Result<Self, ReportError> {
        let part = place.with_added_extension("part");
        let open = || {
            if let Some(folder) = place.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut options = File::options();
            options.create(true).truncate(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&part)
        };
        match open() {
            Ok(file) => Ok(Self {
                place: place.to_owned(),
                file: BufWriter::with_capacity(256 * 1024, file),
                part,
            }),
            Err(source) => Err(ReportError {
                path: place.to_owned(),
                source,
            }),
        }
    }

    /// Puts the file in its place.
    pub fn finish(mut self) -> Result<(), ReportError> {
        point("report.part");
        let result = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.part, &self.place));
        result.map_err(|source| self.error(source))
    }

    /// Takes it back: nothing is left.
    pub fn discard(self) {
        drop(self.file);
        // What cannot be removed is a part, and is seen to be one.
        let _ = std::fs::remove_file(&self.part);
    }

    /// An error that names the file.
    pub fn error(&self, source: std::io::Error) -> ReportError {
        ReportError {
            path: self.place.clone(),
            source,
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Points `latest` at a run's folder, in one move.
pub fn point_latest(reports: &Path, run: &str) -> Result<(), ReportError> {
    let latest = reports.join("latest");
    #[cfg(unix)]
    let point = || {
        let anew = reports.join(".latest.part");
        match std::fs::remove_file(&anew) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(run, &anew)?;
        point("report.latest");
        std::fs::rename(&anew, &latest)
    };
    #[cfg(not(unix))]
    let point = || std::fs::write(&latest, run);
    point().map_err(|source| ReportError {
        path: latest.clone(),
        source,
    })
}
