//! A log file in append mode, and the buffer that holds lines until the file can be opened.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::out;
use crate::util::private_file::{self, Access};

/// The size of the buffer in bytes. Lines beyond it are dropped, and their number is logged.
const BUFFER_LIMIT: usize = 1024 * 1024;

/// Receives whole lines. Each line is one write, so that a killed process loses none.
pub(in crate::cli) struct LogFile(Mutex<Target>);

enum Target {
    /// Not opened yet.
    Buffer { lines: Vec<u8>, dropped: u64 },
    /// Opened.
    File { file: File, path: PathBuf },
    /// Closed after a write error, which was reported.
    Failed,
}

impl LogFile {
    /// Starts with a buffer, for a file that is opened later.
    pub(in crate::cli) fn buffered() -> Self {
        Self(Mutex::new(Target::Buffer {
            lines: Vec::new(),
            dropped: 0,
        }))
    }

    /// Opens a file immediately.
    pub(in crate::cli) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(Target::File {
            file: append(path)?,
            path: path.to_owned(),
        })))
    }

    /// Opens the file and writes the buffered lines to it. Does nothing if a file is open already.
    pub(in crate::cli) fn open_at(&self, path: &Path) -> io::Result<()> {
        let mut target = self.target();
        let Target::Buffer { lines, dropped } = &*target else {
            return Ok(());
        };
        let mut file = append(path)?;
        file.write_all(lines)?;
        let dropped = *dropped;
        *target = Target::File {
            file,
            path: path.to_owned(),
        };
        drop(target);
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "lines from before the log file was opened are missing"
            );
        }
        Ok(())
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut target = self.target();
        match &mut *target {
            Target::Buffer { lines, dropped } => {
                if lines.len() + line.len() > BUFFER_LIMIT {
                    *dropped += 1;
                } else {
                    lines.extend_from_slice(line);
                }
            }
            Target::File { file, path } => {
                if let Err(error) = file.write_all(line) {
                    // A full disk must not stop a run.
                    let path = path.display().to_string();
                    *target = Target::Failed;
                    drop(target);
                    out::warning(t!(
                        "the log file %{path} cannot be written: %{error}",
                        path = path,
                        error = error
                    ));
                }
            }
            Target::Failed => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file in append mode. A new file has mode 0600. Devices and pipes, such as
/// `/dev/stderr`, are opened as they are.
fn append(path: &Path) -> io::Result<File> {
    let is_special = |found: std::fs::Metadata| !found.is_file() && !found.is_dir();
    if std::fs::metadata(path).is_ok_and(is_special) {
        return File::options().append(true).open(path);
    }
    private_file::open(path, Access::Append)
}
