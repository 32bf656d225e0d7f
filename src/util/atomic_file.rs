//! Files that are written completely or not at all: written to a temporary file in the same folder,
//! synced and renamed.
//!
//! - The temporary file has a random name and is created exclusively: a file or link that someone
//!   else put into the folder is not written through.
//! - Symbolic links are followed, unless they belong to another user.
//! - Devices and pipes cannot be replaced; they are written directly.
//! - By default only the owner can read the file.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::util::failpoint::failpoint;
use crate::util::private_file;

/// A file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{}", t!(access.problem(), path = shown(path).display(), why = why))]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The failed access.
    pub access: FileAccess,
    /// The error of the operating system.
    pub why: std::io::Error,
}

/// An access to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

impl FileAccess {
    /// Returns the key of the problem.
    fn problem(self) -> &'static str {
        match self {
            Self::Read => t_key!("%{path} cannot be read: %{why}"),
            Self::Write => t_key!("%{path} cannot be written: %{why}"),
        }
    }
}

/// Returns a path without the `./` that it has in the current folder.
fn shown(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// Returns whether a write failed because there is no space left for this user.
pub fn is_disk_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    // A library may have wrapped the error of the operating system.
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.map_or_else(
        || {
            matches!(
                error.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded
            )
        },
        is_disk_full,
    )
}

/// A file under construction. [`finish`](Self::finish) moves it to its path; dropping it earlier
/// removes the temporary file. A killed process leaves it behind: `.<name>.<random>.part`.
#[derive(Debug)]
pub struct AtomicFile {
    /// The path given by the caller, for errors.
    path: PathBuf,
    file: BufWriter<File>,
    /// The pending rename; `None` if the file is written directly.
    rename: Option<Rename>,
}

#[derive(Debug)]
struct Rename {
    part: TempPath,
    target: PathBuf,
}

/// The number of bytes of a file's name that the name of its temporary file repeats.
const MAX_PREFIX_BYTES: usize = 100;

impl AtomicFile {
    /// Creates a file that only the owner can read. Creates missing folders.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        Self::create_with_mode(path, 0o600)
    }

    /// Creates a file that all users of the machine can read. It must not contain personal data.
    pub fn create_public(path: &Path) -> Result<Self, FileError> {
        Self::create_with_mode(path, 0o644)
    }

    fn create_with_mode(path: &Path, mode: u32) -> Result<Self, FileError> {
        let open = || {
            let target = private_file::resolve(path)?;
            if std::fs::metadata(path).is_ok_and(|existing| !existing.is_file()) {
                return Ok((File::options().write(true).open(path)?, None));
            }
            if let Some(folder) = target.parent() {
                create_folder(folder)?;
            }
            let (file, part) = create_part(&target, mode)?;
            Ok((file, Some(Rename { part, target })))
        };
        match open() {
            Ok((file, rename)) => Ok(Self {
                path: path.to_owned(),
                file: BufWriter::with_capacity(256 * 1024, file),
                rename,
            }),
            Err(why) => Err(FileError {
                access: FileAccess::Write,
                path: path.to_owned(),
                why,
            }),
        }
    }

    /// Syncs the file, moves it to its path and syncs the folder, so that it survives a power cut.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.commit().map_err(|why| self.error(why))
    }

    /// Moves the file to its path without syncing it: it survives the end of the process, but maybe
    /// not a power cut.
    pub fn finish_unsynced(mut self) -> Result<(), FileError> {
        let place = |file: &mut Self| {
            file.file.flush()?;
            file.place().map(drop)
        };
        place(&mut self).map_err(|why| self.error(why))
    }

    fn commit(&mut self) -> std::io::Result<()> {
        self.file.flush()?;
        if self.rename.is_none() {
            return Ok(());
        }
        self.file.get_ref().sync_all()?;
        failpoint("file.part");
        let folder = self.place()?;
        failpoint("file.placed");
        folder.map_or(Ok(()), |folder| sync_folder(&folder))
    }

    /// Renames the temporary file. Returns the folder; `None` if the file was written directly.
    fn place(&mut self) -> std::io::Result<Option<PathBuf>> {
        let Some(Rename { part, target }) = self.rename.take() else {
            return Ok(None);
        };
        part.persist(&target).map_err(|failed| failed.error)?;
        Ok(Some(
            target.parent().map(Path::to_owned).unwrap_or_default(),
        ))
    }

    /// Adds the path to an I/O error.
    pub fn error(&self, why: std::io::Error) -> FileError {
        FileError {
            access: FileAccess::Write,
            path: self.path.clone(),
            why,
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }

    fn stream_position(&mut self) -> std::io::Result<u64> {
        self.file.stream_position()
    }
}

/// Creates the temporary file of `target`, with a random name in the same folder.
#[cfg_attr(not(unix), expect(unused_variables, reason = "there are no modes"))]
fn create_part(target: &Path, mode: u32) -> std::io::Result<(File, TempPath)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{}.", &name[..name.floor_char_boundary(MAX_PREFIX_BYTES)]);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Ok(builder.tempfile_in(folder)?.into_parts())
}

/// Creates a folder and its parents, and syncs them.
fn create_folder(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new(""));
    create_folder(parent)?;
    match std::fs::create_dir(folder) {
        // Another process created it meanwhile.
        Err(_) if folder.is_dir() => Ok(()),
        result => result.and_then(|()| sync_folder(parent)),
    }
}

/// Writes the entries of a folder to the disk. Does nothing on file systems that cannot sync
/// folders.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind;
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_complete_or_absent() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/report.csv");
        let mut file = AtomicFile::create(&path).expect("created");
        file.write_all(b"half").expect("written");
        drop(file);
        let entries = std::fs::read_dir(folder.path().join("a")).expect("a folder");
        assert_eq!(entries.count(), 0, "an unfinished file is removed");
        let mut file = AtomicFile::create(&path).expect("created");
        file.write_all(b"whole").expect("written");
        file.finish().expect("finished");
        assert_eq!(std::fs::read(&path).expect("read"), b"whole");
        let inside = AtomicFile::create(&path.join("under-a-file")).map(drop);
        let error = inside.expect_err("no folder").to_string();
        assert!(error.contains("under-a-file cannot be written"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn follows_symbolic_links_and_keeps_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let [link, target] = ["link", "elsewhere/target"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("elsewhere/target", &link).expect("a link");
        for text in ["first", "again"] {
            let mut file = AtomicFile::create(&link).expect("created");
            file.write_all(text.as_bytes()).expect("written");
            file.finish().expect("finished");
            assert!(link.is_symlink(), "the link is kept");
            assert_eq!(std::fs::read_to_string(&target).expect("read"), text);
        }
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink(&first, &second).expect("a link");
        std::os::unix::fs::symlink(&second, &first).expect("a link");
        AtomicFile::create(&first).map(drop).expect_err("a cycle");
    }

    #[test]
    #[cfg(unix)]
    fn writes_through_no_file_or_link_of_the_folder() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("victim"), "untouched").expect("written");
        std::os::unix::fs::symlink("victim", path("report.csv.part")).expect("a link");
        let long = "合".repeat(80) + ".pdf";
        for name in ["report.csv", &long] {
            let mut file = AtomicFile::create(&path(name)).expect("created");
            file.write_all(b"secret").expect("written");
            file.finish().expect("finished");
            let mode = std::fs::metadata(path(name)).expect("a file").mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let victim = std::fs::read_to_string(path("victim")).expect("read");
        assert_eq!(victim, "untouched");
        // Only root can give files away.
        let link = path("link");
        std::os::unix::fs::symlink("victim", &link).expect("a link");
        if std::os::unix::fs::lchown(&link, Some(12_345), None).is_ok() {
            let error = AtomicFile::create(&link).map(drop).expect_err("refused");
            assert!(error.to_string().contains("another user"), "{error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn writes_to_devices_directly() {
        use std::os::unix::net::UnixListener;
        let folder = tempfile::tempdir().expect("a folder");
        let mut full = AtomicFile::create(Path::new("/dev/full")).expect("created");
        full.write_all(b"lost").expect("buffered");
        let error = full.finish().expect_err("no space");
        assert!(is_disk_full(&error.why), "{error}");
        let wrapped = std::io::Error::other(error.why);
        assert!(is_disk_full(&wrapped), "{wrapped}");
        let error = FileError {
            access: FileAccess::Write,
            path: "/dev/full".into(),
            why: wrapped,
        };
        let error = error.to_string();
        assert!(error.starts_with("/dev/full cannot be written"), "{error}");
        let mut null = AtomicFile::create(Path::new("/dev/null")).expect("created");
        null.write_all(b"gone").expect("written");
        null.finish().expect("finished");
        assert!(!std::fs::metadata("/dev/null").expect("exists").is_file());
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).expect("bound");
        AtomicFile::create(&socket).map(drop).expect_err("no file");
        AtomicFile::create(folder.path())
            .map(drop)
            .expect_err("a folder");
    }
}
