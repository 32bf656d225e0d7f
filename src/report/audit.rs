//! Writes `audit.jsonl` while an audit runs and `audit.csv` when it is complete.
//!
//! An interrupted audit continues from the journal `audit.jsonl`; an incomplete last line is
//! dropped. The table is in the order in which the items were created.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::csv::{create_table, finish, write_record};
use crate::sheet::escape_formula;
use crate::util::atomic_file::{FileAccess, FileError};
use crate::util::escape::{escaped, escaped_json};
use crate::util::private_file::{self, Access};

/// The audit result of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// The id of the item in the ledger.
    pub id: i64,
    /// The name of the flow.
    pub flow: String,
    /// The key of the item.
    pub key: String,
    /// The name of the verdict.
    pub verdict: String,
    /// The id of the flow at the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<String>,
    /// The differences, or why there is no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// The suggested action.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// An error of an audit journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another audit holds the lock of the journal.
    #[error("another audit of this run is in progress: {0} is locked")]
    Busy(PathBuf),
    /// The journal cannot be read or written.
    #[error(transparent)]
    Report(#[from] FileError),
}

/// An open, locked audit journal.
#[derive(Debug)]
pub struct AuditJournal {
    path: PathBuf,
    file: File,
}

const COLUMNS: [&str; 6] = [
    "treaty_flow",
    "treaty_key",
    "treaty_verdict",
    "treaty_flow_id",
    "treaty_differs",
    "treaty_hint",
];

impl AuditJournal {
    /// Opens or creates a journal and locks it; `discard` empties it. Returns the ids of the items
    /// in it.
    ///
    /// # Errors
    /// [`JournalError::Busy`] if another audit has locked it, [`JournalError::Report`] if it cannot
    /// be read or written.
    pub fn open(path: &Path, discard: bool) -> Result<(Self, HashSet<i64>), JournalError> {
        let failed = |why| FileError {
            access: FileAccess::Write,
            path: path.to_owned(),
            why,
        };
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            private_file::open(path, Access::Update)
        };
        let file = open().map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
        let mut journal = Self {
            path: path.to_owned(),
            file,
        };
        if discard {
            journal.file.set_len(0).map_err(failed)?;
        }
        let mut ids = HashSet::new();
        let end = journal.each(|_, line| {
            ids.insert(line.id);
        })?;
        let truncated = journal
            .file
            .set_len(end)
            .and_then(|()| journal.file.seek(SeekFrom::End(0)));
        truncated.map_err(failed)?;
        Ok((journal, ids))
    }

    /// Appends a result.
    ///
    /// # Errors
    /// An I/O error if the journal cannot be written.
    pub fn push(&mut self, line: &AuditLine) -> std::io::Result<()> {
        let text = serde_json::to_string(line)?;
        let text = format!("{}\n", escaped_json(&text));
        self.file.write_all(text.as_bytes())
    }

    /// Writes the results as a table to `path`. Returns the number of `selected` results by
    /// verdict.
    ///
    /// # Errors
    /// [`FileError`] if the journal cannot be read or the table cannot be written.
    pub fn table(
        mut self,
        path: &Path,
        selected: impl Fn(&AuditLine) -> bool,
    ) -> Result<BTreeMap<String, u64>, FileError> {
        let mut offsets = Vec::new();
        let mut counts = BTreeMap::new();
        self.each(|offset, line| {
            offsets.push((line.id, offset));
            if selected(&line) {
                *counts.entry(line.verdict).or_default() += 1;
            }
        })?;
        offsets.sort_unstable();
        let mut out = create_table(path)?;
        write_record(&mut out, path, &COLUMNS.map(str::to_owned))?;
        let mut reader = BufReader::new(self.file.try_clone().map_err(|error| self.error(error))?);
        for (_, offset) in offsets {
            let mut text = String::new();
            let read = reader
                .seek(SeekFrom::Start(offset))
                .and_then(|_| reader.read_line(&mut text));
            read.map_err(|error| self.error(error))?;
            let line: AuditLine =
                serde_json::from_str(&text).map_err(|error| self.error(error.into()))?;
            let cells = [
                line.flow,
                line.key,
                line.verdict,
                line.flow_id.unwrap_or_default(),
                line.differs.join("; "),
                line.hint,
            ];
            write_record(
                &mut out,
                path,
                &cells.map(|cell| escape_formula(&escaped(&cell)).into_owned()),
            )?;
        }
        finish(out, path)?;
        Ok(counts)
    }

    /// Calls `each` with every complete line and its offset. Returns the offset after the last
    /// complete line.
    fn each(&mut self, mut each: impl FnMut(u64, AuditLine)) -> Result<u64, FileError> {
        let mut read = |file: &mut File| {
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::new(&mut *file);
            let (mut offset, mut text) = (0, Vec::new());
            loop {
                text.clear();
                let length = reader.read_until(b'\n', &mut text)?;
                if text.last() != Some(&b'\n') {
                    return Ok(offset);
                }
                // An unreadable line is skipped, so its item is audited again.
                if let Ok(line) = serde_json::from_slice(&text) {
                    each(offset, line);
                }
                offset += length as u64;
            }
        };
        let end = read(&mut self.file);
        end.map_err(|error| self.error(error))
    }

    fn error(&self, why: std::io::Error) -> FileError {
        FileError {
            access: FileAccess::Write,
            path: self.path.clone(),
            why,
        }
    }
}
