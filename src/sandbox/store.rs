//! Keeping a world in a folder: a journal of changes, and the files that were uploaded.
//!
//! A change is written before its answer goes out, in one piece, so a killed process loses nothing that it has
//! answered; a last line that was cut off was never answered, and is dropped.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::world::{Change, World};
use crate::address::FileKey;

/// Why a world cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the sandbox's world in {0}")]
    Busy(InUse),
    /// The folder cannot be read or written.
    #[error("the sandbox's world in {path}: {why}")]
    Broken {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A world that another process has open.
#[derive(Debug)]
pub struct InUse {
    folder: PathBuf,
    /// The number of that process, where it has said it.
    process: Option<u32>,
}

impl std::fmt::Display for InUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.folder.display();
        write!(f, "{folder} is in use by another treaty")?;
        self.process
            .map_or(Ok(()), |process| write!(f, " (process {process})"))
    }
}

/// A folder with a world.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    journal: File,
    /// Held as long as the world is open.
    _lock: File,
}

/// How long to wait for another process that is about to finish.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// A journal with so many more lines than things is written anew when it is opened.
const WASTE: usize = 4096;

impl Store {
    /// Opens the folder, making it if need be, and reads the world in it.
    pub(super) fn open(folder: &Path) -> Result<(Self, World), StoreError> {
        let broken = |error: std::io::Error| StoreError::Broken {
            path: folder.to_owned(),
            why: error.to_string(),
        };
        std::fs::create_dir_all(folder.join("files")).map_err(broken)?;
        private(folder).map_err(broken)?;
        let lock = lock(folder)?;
        let path = folder.join("world.jsonl");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(broken(error)),
        };
        let (world, count, is_whole) = read(&path, &text)?;
        let all = world.all();
        if !is_whole || count > all.len() * 2 + WASTE {
            let anew = path.with_extension("new");
            std::fs::write(&anew, lines(&all)).map_err(broken)?;
            std::fs::rename(&anew, &path).map_err(broken)?;
        }
        let journal = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(broken)?;
        let store = Self {
            folder: folder.to_owned(),
            journal,
            _lock: lock,
        };
        Ok((store, world))
    }

    /// Writes changes down.
    pub(super) fn append(&mut self, changes: &[Change]) -> std::io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.journal.write_all(lines(changes).as_bytes())
    }

    pub(super) fn put_file(&self, key: &FileKey, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.file(key);
        let part = path.with_extension("part");
        std::fs::write(&part, bytes)?;
        std::fs::rename(part, path)
    }

    pub(super) fn get_file(&self, key: &FileKey) -> Option<Bytes> {
        std::fs::read(self.file(key)).ok().map(Bytes::from)
    }

    /// Keys are made by the world: hexadecimal digits, dashes and dollars.
    fn file(&self, key: &FileKey) -> PathBuf {
        self.folder.join("files").join(key.as_str())
    }
}

/// The world of a journal, how many lines it has, and whether the last one is whole.
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
                "line {lines} is damaged{why}; remove the folder to begin with an empty world"
            ),
        };
        let line = std::str::from_utf8(line).map_err(|_| broken(String::new()))?;
        let change = serde_json::from_str(line).map_err(|error| broken(damage(&error)))?;
        world.load(change);
        rest = after;
    }
    Ok((world, lines, rest.is_empty()))
}

/// What is damaged of a line, which is a text of its own: serde calls it the first.
fn damage(error: &serde_json::Error) -> String {
    let column = error.column();
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default();
    format!(" at its column {column} ({why})")
}

fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        // A change is plain data with text keys, which JSON can always say.
        text += &serde_json::to_string(change).unwrap_or_default();
        text.push('\n');
    }
    text
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let broken = |error: std::io::Error| StoreError::Broken {
        path: folder.to_owned(),
        why: error.to_string(),
    };
    let path = folder.join("world.lock");
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(broken)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => {
                // Who finds it locked is told by whom.
                file.set_len(0).map_err(broken)?;
                write!(file, "{}", std::process::id()).map_err(broken)?;
                return Ok(file);
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Err(TryLockError::WouldBlock) => {
                let said = std::fs::read_to_string(&path).ok();
                return Err(StoreError::Busy(InUse {
                    folder: folder.to_owned(),
                    process: said.and_then(|text| text.trim().parse().ok()),
                }));
            }
        }
    }
}

/// Filled contracts are made of what is in here: nobody else on the machine may read it.
fn private(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
