//! How the file of a ledger is opened: for writing, or read-only if the file or its folder cannot be
//! written.
//!
//! A reader needs the side files of the write-ahead log (`-wal`, `-shm`). In a read-only folder it
//! cannot create them, and where it can, it would leave files that the next writer cannot open.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::{LedgerError, schema};

/// How the file of a ledger is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// For reading and writing.
    ReadWrite,
    /// For reading, with the side files that exist.
    ReadOnly,
    /// For reading, without side files and locks. Nothing is left to merge into the file. Writers
    /// are not locked out, so each read compares the [`FileState`] before and after.
    Immutable,
}

impl OpenMode {
    /// Returns the mode for a reader.
    ///
    /// # Errors
    ///
    /// [`LedgerError::ReadOnly`] if a run was killed and has left changes that cannot be read here.
    pub(super) fn for_reader(path: &Path) -> Result<Self, LedgerError> {
        if is_writable(path).map_err(|error| LedgerError::io(path, &error))? {
            return Ok(Self::ReadWrite);
        }
        Self::without_writing(path)
    }

    /// Returns the mode for a reader that cannot write to the file or its folder.
    pub(super) fn without_writing(path: &Path) -> Result<Self, LedgerError> {
        let wal = size(&side_file(path, "-wal")).map_err(|error| LedgerError::io(path, &error))?;
        let shm = size(&side_file(path, "-shm")).map_err(|error| LedgerError::io(path, &error))?;
        match (wal, shm) {
            (Some(_), Some(_)) => Ok(Self::ReadOnly),
            (Some(1..), None) => Err(LedgerError::ReadOnly {
                path: path.display().to_string(),
                why: format!(
                    "a killed run has left changes in {}",
                    side_file(path, "-wal").display()
                ),
            }),
            _ => Ok(Self::Immutable),
        }
    }

    /// Opens a connection, and applies its settings.
    pub(super) fn connect(self, path: &Path) -> rusqlite::Result<Connection> {
        let connection = self.open(path)?;
        schema::configure_reader(&connection)?;
        if self == Self::ReadWrite {
            schema::configure_writer(&connection)?;
        }
        Ok(connection)
    }

    /// Opens a connection without settings, which leaves a file that is no ledger as it is.
    pub(super) fn open(self, path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read_only = flags | OpenFlags::SQLITE_OPEN_READ_ONLY;
        match self {
            // Reading, too, takes write access to the side files.
            Self::ReadWrite => {
                Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
            }
            Self::ReadOnly => Connection::open_with_flags(path, read_only),
            Self::Immutable => {
                let invalid = || rusqlite::Error::InvalidPath(path.to_owned());
                let mut url = Url::from_file_path(real(path)).map_err(|()| invalid())?;
                url.set_query(Some("immutable=1"));
                Connection::open_with_flags(url.as_str(), read_only | OpenFlags::SQLITE_OPEN_URI)
            }
        }
    }
}

/// The size and times of a ledger's file, which show whether it was written meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileState {
    length: u64,
    modified: Option<SystemTime>,
    wal: Option<u64>,
}

impl FileState {
    /// Reads the state of a file.
    pub(super) fn read(path: &Path) -> Result<Self, LedgerError> {
        let read = || {
            let file = std::fs::metadata(path)?;
            Ok(Self {
                length: file.len(),
                modified: file.modified().ok(),
                wal: size(&side_file(path, "-wal"))?,
            })
        };
        read().map_err(|error| LedgerError::io(path, &error))
    }

    /// Returns an error if the file was written since its state was read.
    pub(super) fn check(&self, path: &Path) -> Result<(), LedgerError> {
        if Self::read(path)? == *self {
            return Ok(());
        }
        Err(LedgerError::Broken {
            path: path.display().to_string(),
            why: t!(
                "another process has written to it while it was read without locks, because the folder is read-only: \
                 run the command again after that process has ended"
            )
            .into_owned(),
        })
    }
}

/// Returns whether this process can write to a file and create files beside it.
fn is_writable(path: &Path) -> std::io::Result<bool> {
    match std::fs::File::options().write(true).open(path) {
        Ok(_) => {}
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    Ok(is_folder_writable(&real(path)))
}

#[cfg(unix)]
fn is_folder_writable(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new("/"));
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn is_folder_writable(_: &Path) -> bool {
    true
}

/// Returns the size of a file; none if it does not exist.
fn size(path: &Path) -> std::io::Result<Option<u64>> {
    match std::fs::metadata(path) {
        Ok(file) => Ok(Some(file.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the path of a side file: beside the ledger, after symbolic links are resolved.
pub(super) fn side_file(path: &Path, ending: &str) -> PathBuf {
    let mut file = real(path).into_os_string();
    file.push(ending);
    file.into()
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::begun;
    use crate::ledger::{Binding, Ledger, Store};

    fn binding() -> Binding {
        Binding {
            endpoint: "sandbox".into(),
            app_id: Some(String::new()),
        }
    }

    /// Opens a ledger for writing and records an item.
    async fn write(path: &Path, id: i64) -> Store {
        let ledger = Store::hold(path, &binding(), "a test", "now").expect("held");
        ledger.write(vec![begun(id)]).await.expect("written");
        ledger
    }

    /// Reads as if the folder could not be written.
    fn read(path: &Path) -> Result<Store, LedgerError> {
        let ledger = Store::read_as(OpenMode::without_writing(path)?, path, &binding())?;
        ledger.wait_until_verified()?;
        Ok(ledger)
    }

    fn has(ledger: &Store, key: &str) -> bool {
        ledger.item("loan", key).expect("read").is_some()
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        let files = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn reads_a_ledger_in_a_read_only_folder_without_side_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("借款 100%?#.db");
        drop(write(&path, 1).await);
        let before = names(folder.path());
        assert_eq!(
            OpenMode::without_writing(&path).ok(),
            Some(OpenMode::Immutable)
        );
        let ledger = read(&path).expect("opened");
        assert!(has(&ledger, "HT-1"));
        assert_eq!(names(folder.path()), before);
        drop(write(&path, 2).await);
        let error = ledger.item("loan", "HT-2").expect_err("it was changed");
        assert!(error.to_string().contains("has written to it"), "{error}");
    }

    #[tokio::test]
    async fn never_ignores_what_a_killed_run_has_left_in_its_log() {
        let [folder, killed] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("l.db");
        let ledger = write(&path, 1).await;
        for name in ["l.db", "l.db-wal", "l.db-shm"] {
            let copy = killed.path().join(name);
            std::fs::copy(folder.path().join(name), copy).expect("copied");
        }
        drop(ledger);
        let path = killed.path().join("l.db");
        assert_eq!(
            OpenMode::without_writing(&path).ok(),
            Some(OpenMode::ReadOnly)
        );
        assert!(has(&read(&path).expect("opened"), "HT-1"));
        std::fs::remove_file(killed.path().join("l.db-shm")).expect("removed");
        let error = read(&path).expect_err("its log cannot be read");
        assert!(error.to_string().contains("l.db-wal"), "{error}");
    }

    #[tokio::test]
    async fn refuses_to_migrate_a_ledger_in_a_read_only_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        drop(write(&path, 1).await);
        let connection = Connection::open(&path).expect("a database");
        let older = "PRAGMA user_version = 4";
        connection.execute_batch(older).expect("an older version");
        drop(connection);
        let before = std::fs::read(&path).expect("read");
        let error = read(&path).expect_err("refused");
        assert!(error.to_string().contains("an older treaty"), "{error}");
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }

    /// Root can write everywhere.
    #[cfg(unix)]
    #[tokio::test]
    async fn recognizes_files_and_folders_that_cannot_be_written() {
        use std::os::unix::fs::PermissionsExt as _;
        if rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        drop(write(&path, 1).await);
        let set = |path: &Path, mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, mode).expect("changed");
        };
        for (file, dir) in [(0o400, 0o700), (0o600, 0o500)] {
            set(&path, file);
            set(folder.path(), dir);
            let mode = OpenMode::for_reader(&path);
            set(folder.path(), 0o700);
            assert_eq!(mode.ok(), Some(OpenMode::Immutable));
        }
    }
}
