//! Files that appear whole or not at all, and that nobody else on the machine can read unless they are meant to be.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::crash::point;

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
pub struct WholeFile {
    place: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl WholeFile {
    /// Begins a file that its owner alone can read.
    pub fn begin(place: &Path) -> Result<Self, FileError> {
        Self::begin_with(place, 0o600)
    }

    /// Begins a file that everybody on the machine can read: it must say nothing of anybody.
    pub fn begin_public(place: &Path) -> Result<Self, FileError> {
        Self::begin_with(place, 0o644)
    }

    #[cfg_attr(not(unix), expect(unused_variables, reason = "there are no modes"))]
    fn begin_with(place: &Path, mode: u32) -> Result<Self, FileError> {
        let part = place.with_added_extension("part");
        let open = || {
            if let Some(folder) = place.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut options = File::options();
            options.create(true).truncate(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
            options.open(&part)
        };
        match open() {
            Ok(file) => Ok(Self {
                place: place.to_owned(),
                file: BufWriter::with_capacity(256 * 1024, file),
                part,
                finished: false,
            }),
            Err(why) => Err(FileError {
                path: place.to_owned(),
                why,
            }),
        }
    }

    /// Puts the file in its place.
    pub fn finish(mut self) -> Result<(), FileError> {
        let result = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all());
        point("file.part");
        let result = result.and_then(|()| std::fs::rename(&self.part, &self.place));
        self.finished = result.is_ok();
        point("file.placed");
        result.map_err(|source| self.error(source))
    }

    /// An error that names the file.
    pub fn error(&self, why: std::io::Error) -> FileError {
        FileError {
            path: self.place.clone(),
            why,
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

impl Seek for WholeFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }

    fn stream_position(&mut self) -> std::io::Result<u64> {
        self.file.stream_position()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed is a part, and is seen to be one.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("a/report.csv");
        let mut file = WholeFile::begin(&place).expect("begun");
        file.write_all(b"half").expect("written");
        drop(file);
        let left = std::fs::read_dir(folder.path().join("a")).expect("a folder");
        assert_eq!(left.count(), 0, "what was not finished leaves nothing");
        let mut file = WholeFile::begin(&place).expect("begun");
        file.write_all(b"whole").expect("written");
        file.finish().expect("finished");
        assert_eq!(std::fs::read(&place).expect("read"), b"whole");
        let inside = WholeFile::begin(&place.join("under-a-file")).map(drop);
        let told = inside.expect_err("no folder").to_string();
        assert!(told.contains("under-a-file cannot be written"), "{told}");
    }
}
