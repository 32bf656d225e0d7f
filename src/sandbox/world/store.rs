//! Stores a world in a folder: the journal of changes `world.jsonl`, and the uploaded files in
//! `files/`.
//!
//! A change is written in one piece before its response is sent. A killed process loses nothing
//! that it has confirmed. An incomplete last line belongs to an unconfirmed change and is dropped.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::World;
use super::change::Change;
use crate::address::FileKey;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::input_file;
use crate::util::private_file::{self, Access};

/// The reason why a world cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the world open.
    #[error("{}", t!("the sandbox world in %{world}", world = _0))]
    Busy(InUse),
    /// The folder cannot be read or written.
    #[error("{}", t!("cannot open the sandbox world in %{path}: %{why}", path = path.display(), why = why))]
    Broken {
        /// The folder.
        path: PathBuf,
        /// The cause.
        why: String,
    },
}

/// A world that another process has open, and that process.
#[derive(Debug)]
pub struct InUse {
    folder: PathBuf,
    /// The process id, if the lock file contains it.
    process: Option<u32>,
}

impl InUse {
    /// Returns the use of the world in a folder by another process, if there is one.
    pub fn of(folder: &Path) -> Option<Self> {
        let path = folder.join("world.lock");
        let is_locked = matches!(
            File::open(&path).ok()?.try_lock(),
            Err(TryLockError::WouldBlock)
        );
        is_locked.then(|| Self::named_in(folder, &path))
    }

    fn named_in(folder: &Path, lock: &Path) -> Self {
        let owner = std::fs::read_to_string(lock).ok();
        Self {
            folder: folder.to_owned(),
            process: owner.and_then(|text| text.trim().parse().ok()),
        }
    }

    /// The command that ends the process, if its id is known.
    pub fn kill_command(&self) -> Option<String> {
        self.process.map(|process| format!("kill {process}"))
    }
}

impl std::fmt::Display for InUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.folder.display();
        let text = match self.process {
            None => t!(
                "%{folder} is in use by another treaty process",
                folder = folder
            ),
            Some(process) => t!(
                "%{folder} is in use by another treaty process (pid %{process})",
                folder = folder,
                process = process
            ),
        };
        f.write_str(&text)
    }
}

/// An open folder with a world.
#[derive(Debug)]
pub(crate) struct WorldStore {
    folder: PathBuf,
    journal: File,
    /// Locked as long as the world is open.
    _lock: File,
}

/// The time to wait for the lock, for a process that is about to end.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause between two attempts to take the lock.
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A journal is compacted on opening if it has this many lines more than twice the records.
const COMPACTION_SLACK: usize = 4096;

impl WorldStore {
    /// Opens a folder and reads the world in it. Creates the folder if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<(Self, World), StoreError> {
        let broken = |error: std::io::Error| StoreError::Broken {
            path: folder.to_owned(),
            why: error.to_string(),
        };
        std::fs::create_dir_all(folder.join("files")).map_err(broken)?;
        restrict_to_owner(folder).map_err(broken)?;
        let lock = lock(folder)?;
        let path = folder.join("world.jsonl");
        // Its own journal may have any size.
        let text = match input_file::read(&path, u64::MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing() => Vec::new(),
            Err(error) => return Err(broken(error.into())),
        };
        let (world, count, is_complete) = read(&path, &text)?;
        let snapshot = world.snapshot();
        if !is_complete || count > snapshot.len() * 2 + COMPACTION_SLACK {
            place(&path, lines(&snapshot).as_bytes()).map_err(broken)?;
        }
        let journal = private_file::open(&path, Access::Append).map_err(broken)?;
        let store = Self {
            folder: folder.to_owned(),
            journal,
            _lock: lock,
        };
        Ok((store, world))
    }

    /// Appends changes to the journal.
    pub(crate) fn append(&mut self, changes: &[Change]) -> std::io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.journal.write_all(lines(changes).as_bytes())
    }

    /// Stores an uploaded file.
    pub(crate) fn put_file(&self, key: &FileKey, bytes: &[u8]) -> std::io::Result<()> {
        place(&self.file(key), bytes)
    }

    /// Returns an uploaded file, if it can be read.
    pub(crate) fn get_file(&self, key: &FileKey) -> Option<Bytes> {
        let read = input_file::read(&self.file(key), input_file::MAX_DOCUMENT);
        read.ok().map(Bytes::from)
    }

    /// Returns the path of a file. File keys of the sandbox are safe file names: they consist of
    /// hexadecimal digits, dashes and dollar signs.
    fn file(&self, key: &FileKey) -> PathBuf {
        self.folder.join("files").join(key.as_str())
    }
}

/// Writes a file completely or not at all. It is not synced: the sandbox need not survive a power
/// cut.
fn place(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let write = || {
        let mut file = AtomicFile::create(path)?;
        match file.write_all(bytes) {
            Ok(()) => file.finish_unsynced(),
            Err(source) => Err(file.error(source)),
        }
    };
    write().map_err(|error: FileError| error.why)
}

/// Reads a journal. Returns the world, the number of lines, and whether the last line is complete.
fn read(path: &Path, text: &[u8]) -> Result<(World, usize, bool), StoreError> {
    let mut world = World::default();
    let mut lines = 0;
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        lines += 1;
        let broken = |why: String| StoreError::Broken {
            path: path.to_owned(),
            why: format!(
                "line {lines} is damaged{why}; remove the folder to start with an empty world"
            ),
        };
        let line = std::str::from_utf8(line).map_err(|_| broken(String::new()))?;
        let change = serde_json::from_str(line).map_err(|error| broken(damage(&error)))?;
        world.apply(change);
        rest = after;
    }
    Ok((world, lines, rest.is_empty()))
}

/// Describes a parse error without its line number: each line is parsed alone and is line 1.
fn damage(error: &serde_json::Error) -> String {
    let column = error.column();
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default();
    format!(" at column {column} ({why})")
}

fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        // Serialization cannot fail: a change is plain data with text keys.
        text += &serde_json::to_string(change).unwrap_or_default();
        text.push('\n');
    }
    text
}

/// Takes the lock of a folder.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let broken = |error: std::io::Error| StoreError::Broken {
        path: folder.to_owned(),
        why: error.to_string(),
    };
    let path = folder.join("world.lock");
    let mut file = private_file::open(&path, Access::Update).map_err(broken)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => {
                // Names the owner of the lock for other processes.
                file.set_len(0).map_err(broken)?;
                write!(file, "{}", std::process::id()).map_err(broken)?;
                return Ok(file);
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
            Err(TryLockError::WouldBlock) if waited < LOCK_TIMEOUT => {
                std::thread::sleep(LOCK_RETRY_DELAY);
                waited += LOCK_RETRY_DELAY;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy(InUse::named_in(folder, &path)));
            }
        }
    }
}

/// Restricts a folder to its owner: it contains personal data in clear text.
fn restrict_to_owner(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
