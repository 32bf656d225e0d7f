//! Files that appear whole or not at all, and that nobody else on the machine can read unless they are meant to be.
//!
//! A symbolic link is followed. What is no regular file, a device or a pipe, cannot be put in its place whole: it is written to.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::util::failpoint::failpoint;

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {why}")]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub why: std::io::Error,
}

/// A file that is being written beside its place, and moved there once it is whole. One that is dropped before
/// leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    /// As it was named.
    named: PathBuf,
    file: BufWriter<File>,
    /// The move that is still to be made; none when the file is written where it stands.
    moving: Option<Move>,
}

/// From a file's part to its place.
#[derive(Debug)]
struct Move {
    part: PathBuf,
    place: PathBuf,
}

/// A link that leads further than this leads in a circle.
const LINKS: usize = 40;

impl AtomicFile {
    /// Begins a file that its owner alone can read.
    pub fn begin(place: &Path) -> Result<Self, FileError> {
        Self::begin_with(place, 0o600)
    }

    /// Begins a file that everybody on the machine can read: it must say nothing of anybody.
    pub fn begin_public(place: &Path) -> Result<Self, FileError> {
        Self::begin_with(place, 0o644)
    }

    fn begin_with(named: &Path, mode: u32) -> Result<Self, FileError> {
        let open = || {
            if std::fs::metadata(named).is_ok_and(|there| !there.is_file()) {
                return Ok((File::options().write(true).open(named)?, None));
            }
            let place = followed(named)?;
            if let Some(folder) = place.parent() {
                make_folder(folder)?;
            }
            let part = place.with_added_extension("part");
            Ok((open_part(&part, mode)?, Some(Move { part, place })))
        };
        match open() {
            Ok((file, moving)) => Ok(Self {
                named: named.to_owned(),
                file: BufWriter::with_capacity(256 * 1024, file),
                moving,
            }),
            Err(why) => Err(FileError {
                path: named.to_owned(),
                why,
            }),
        }
    }

    /// Puts the file in its place, so that a power cut leaves it there.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.place().map_err(|why| self.error(why))
    }

    fn place(&mut self) -> std::io::Result<()> {
        self.file.flush()?;
        let Some(Move { part, place }) = &self.moving else {
            return Ok(());
        };
        self.file.get_ref().sync_all()?;
        failpoint("file.part");
        std::fs::rename(part, place)?;
        let folder = place.parent().map(Path::to_owned).unwrap_or_default();
        self.moving = None;
        failpoint("file.placed");
        sync_folder(&folder)
    }

    /// An error that names the file.
    pub fn error(&self, why: std::io::Error) -> FileError {
        FileError {
            path: self.named.clone(),
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

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(Move { part, .. }) = &self.moving {
            // What cannot be removed is a part, and is seen to be one.
            let _ = std::fs::remove_file(part);
        }
    }
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "there are no modes"))]
fn open_part(part: &Path, mode: u32) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options.open(part)
}

/// Where a name leads, also when nothing is there yet.
fn followed(named: &Path) -> std::io::Result<PathBuf> {
    let mut place = named.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = std::fs::read_link(&place) else {
            return Ok(place);
        };
        // A relative link is meant from the folder in which it stands.
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(std::io::Error::other("its links lead in a circle"))
}

/// Makes a folder and those that it stands in, so that a power cut leaves them there.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    make_folder(above)?;
    match std::fs::create_dir(folder) {
        // Somebody else was faster.
        Err(_) if folder.is_dir() => Ok(()),
        made => made.and_then(|()| sync_folder(above)),
    }
}

/// Has the names of a folder on the disk. Where the system lets nobody do that to a folder, it keeps them in order itself.
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
        synced => synced,
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
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("a/report.csv");
        let mut file = AtomicFile::begin(&place).expect("begun");
        file.write_all(b"half").expect("written");
        drop(file);
        let left = std::fs::read_dir(folder.path().join("a")).expect("a folder");
        assert_eq!(left.count(), 0, "what was not finished leaves nothing");
        let mut file = AtomicFile::begin(&place).expect("begun");
        file.write_all(b"whole").expect("written");
        file.finish().expect("finished");
        assert_eq!(std::fs::read(&place).expect("read"), b"whole");
        let inside = AtomicFile::begin(&place.join("under-a-file")).map(drop);
        let told = inside.expect_err("no folder").to_string();
        assert!(told.contains("under-a-file cannot be written"), "{told}");
    }
    #[test]
    #[cfg(unix)]
    fn a_link_is_followed_and_stays_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let [link, target] = ["link", "elsewhere/target"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("elsewhere/target", &link).expect("a link");
        for text in ["first", "again"] {
            let mut file = AtomicFile::begin(&link).expect("begun");
            file.write_all(text.as_bytes()).expect("written");
            file.finish().expect("finished");
            assert!(link.is_symlink(), "the link stays");
            assert_eq!(std::fs::read_to_string(&target).expect("read"), text);
        }
        let [there, back] = ["there", "back"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink(&there, &back).expect("a link");
        std::os::unix::fs::symlink(&back, &there).expect("a link");
        AtomicFile::begin(&there).map(drop).expect_err("a circle");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_regular_file_is_written_to() {
        use std::os::unix::net::UnixListener;
        let folder = tempfile::tempdir().expect("a folder");
        let mut full = AtomicFile::begin(Path::new("/dev/full")).expect("begun");
        full.write_all(b"lost").expect("kept for now");
        let told = full.finish().expect_err("no room").to_string();
        assert!(told.starts_with("/dev/full cannot be written"), "{told}");
        let mut nothing = AtomicFile::begin(Path::new("/dev/null")).expect("begun");
        nothing.write_all(b"gone").expect("written");
        nothing.finish().expect("finished");
        assert!(!std::fs::metadata("/dev/null").expect("there").is_file());
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).expect("bound");
        AtomicFile::begin(&socket).map(drop).expect_err("no file");
        AtomicFile::begin(folder.path())
            .map(drop)
            .expect_err("a folder");
    }
}
