//! `audit.jsonl` and `audit.csv`: what an audit found, item by item while it goes on, and as a table once it is through.
//!
//! The journal is what a cut-off audit goes on from: a last line that was cut off is dropped. The table is in the order
//! in which the items were begun, whatever was answered first.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::csv::{finish, table, write_record};
use crate::sheet::escape_formula;
use crate::util::atomic_file::FileError;

/// What was found of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// Its number in the ledger.
    pub id: i64,
    /// Its flow.
    pub flow: String,
    /// Its key.
    pub key: String,
    /// The word for it.
    pub verdict: String,
    /// Its flow at the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<String>,
    /// What differs, or why it cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another audit writes it.
    #[error("another audit of this run is under way: {0} is in use")]
    Busy(PathBuf),
    /// It cannot be read or written.
    #[error(transparent)]
    Report(#[from] FileError),
}

/// A journal that is written.
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
    /// Opens a journal, or begins one; `anew` forgets what it holds. Gives the numbers of the items that it holds.
    pub fn open(path: &Path, anew: bool) -> Result<(Self, HashSet<i64>), JournalError> {
        let failed = |why| FileError {
            path: path.to_owned(),
            why,
        };
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut options = File::options();
            options.create(true).truncate(false).read(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path)
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
        if anew {
            journal.file.set_len(0).map_err(failed)?;
        }
        let mut held = HashSet::new();
        let whole = journal.each(|_, line| {
            held.insert(line.id);
        })?;
        let cut = journal
            .file
            .set_len(whole)
            .and_then(|()| journal.file.seek(SeekFrom::End(0)));
        cut.map_err(failed)?;
        Ok((journal, held))
    }

    /// Adds a line.
    pub fn push(&mut self, line: &AuditLine) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// Writes the table of all that it holds, and counts the verdicts of those that are meant.
    pub fn table(
        mut self,
        path: &Path,
        meant: impl Fn(&AuditLine) -> bool,
    ) -> Result<BTreeMap<String, u64>, FileError> {
        let mut places = Vec::new();
        let mut counts = BTreeMap::new();
        self.each(|place, line| {
            places.push((line.id, place));
            if meant(&line) {
                *counts.entry(line.verdict).or_default() += 1;
            }
        })?;
        places.sort_unstable();
        let mut out = table(path)?;
        write_record(&mut out, path, &COLUMNS.map(str::to_owned))?;
        let mut reader = BufReader::new(self.file.try_clone().map_err(|error| self.error(error))?);
        for (_, place) in places {
            let mut text = String::new();
            let read = reader
                .seek(SeekFrom::Start(place))
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
                &cells.map(|cell| escape_formula(&cell).into_owned()),
            )?;
        }
        finish(out, path)?;
        Ok(counts)
    }

    /// Reads every whole line with its place; gives where they end.
    fn each(&mut self, mut each: impl FnMut(u64, AuditLine)) -> Result<u64, FileError> {
        let mut read = |file: &mut File| {
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::new(&mut *file);
            let (mut place, mut text) = (0, Vec::new());
            loop {
                text.clear();
                let length = reader.read_until(b'\n', &mut text)?;
                if text.last() != Some(&b'\n') {
                    return Ok(place);
                }
                // What cannot be read counts as not there: its item is asked about again.
                if let Ok(line) = serde_json::from_slice(&text) {
                    each(place, line);
                }
                place += length as u64;
            }
        };
        let whole = read(&mut self.file);
        whole.map_err(|error| self.error(error))
    }

    fn error(&self, why: std::io::Error) -> FileError {
        FileError {
            path: self.path.clone(),
            why,
        }
    }
}
