//! Tells which tables of failed rows people have corrected since they were written: a report that is
//! written again leaves them as they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::summary::Summary;
use crate::util::atomic_file::{FileAccess, FileError};

/// The digests of the tables of failed rows by file name, as they were written.
pub(super) type Digests = BTreeMap<String, String>;

/// The tables of failed rows in the folder of a run.
pub(super) struct FailedTables {
    folder: PathBuf,
    digests: Digests,
    edited: Vec<String>,
}

impl FailedTables {
    /// Reads the digests that an earlier report of the run has recorded in `run.json`.
    pub(super) fn of(folder: &Path, run: &str) -> Self {
        let earlier = Summary::read(folder).filter(|summary| summary.run == run);
        Self {
            folder: folder.to_owned(),
            digests: earlier.map_or(Digests::new(), |summary| summary.failed_tables),
            edited: Vec::new(),
        }
    }

    /// Returns whether a table of the flow was edited since it was written, and notes its name.
    ///
    /// # Errors
    /// [`FileError`] if a table cannot be read.
    pub(super) fn is_any_edited(&mut self, flow: &str) -> Result<bool, FileError> {
        let before = self.edited.len();
        for name in names(flow) {
            let digest = digest(&self.folder.join(&name))?;
            let written = self.digests.get(&name);
            if digest.is_some() && written.is_some() && digest.as_ref() != written {
                self.edited.push(name);
            }
        }
        Ok(self.edited.len() > before)
    }

    /// Records the tables of the flow as they were written now.
    ///
    /// # Errors
    /// [`FileError`] if a table cannot be read.
    pub(super) fn record(&mut self, flow: &str) -> Result<(), FileError> {
        for name in names(flow) {
            if let Some(digest) = digest(&self.folder.join(&name))? {
                self.digests.insert(name, digest);
            }
        }
        Ok(())
    }

    /// Returns the names of the edited tables.
    pub(super) fn edited(&self) -> &[String] {
        &self.edited
    }

    /// Returns the digests of all tables as they were written.
    pub(super) fn into_digests(self) -> Digests {
        self.digests
    }
}

fn names(flow: &str) -> [String; 2] {
    ["csv", "xlsx"].map(|extension| format!("{flow}.failed.{extension}"))
}

/// Returns the digest of a file; `None` if it does not exist.
fn digest(path: &Path) -> Result<Option<String>, FileError> {
    let read = File::open(path).and_then(|file| {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        Ok(hasher.finalize().to_hex().to_string())
    });
    match read {
        Ok(digest) => Ok(Some(digest)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(FileError {
            access: FileAccess::Read,
            path: path.to_owned(),
            why,
        }),
    }
}
