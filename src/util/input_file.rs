//! Reads the files that users supply. Pipes, devices and folders are refused before they are
//! opened, and the size of what is read into memory is limited.

use std::borrow::Cow;
use std::fs::{File, FileType};
use std::io::Read as _;
use std::path::Path;

const MEBIBYTE: u64 = 1024 * 1024;

/// The limit of documents, templates, images and attachments, in bytes. The API document states
/// none; the sandbox has the same.
pub const MAX_DOCUMENT: u64 = 64 * MEBIBYTE;
/// The limit of manifests, HTML files and other texts, in bytes.
pub const MAX_TEXT: u64 = 16 * MEBIBYTE;
/// The limit of a file with an app id or secret, in bytes.
pub const MAX_SECRET: u64 = MEBIBYTE;

/// The reason why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The operating system refuses.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A pipe, a device, a socket or a folder.
    #[error("{}", t!("it is a %{kind}, not a regular file", kind = t!(*_0)))]
    NotRegular(&'static str),
    /// Larger than the limit, in bytes.
    #[error("{}", t!("it is larger than %{size} MiB", size = _0 / MEBIBYTE))]
    TooLarge(u64),
}

impl InputError {
    /// Returns the recommended action, or `other` if the operating system refuses.
    pub fn hint(&self, other: impl Into<Cow<'static, str>>) -> Cow<'static, str> {
        match self {
            Self::Io(_) => other.into(),
            Self::NotRegular(_) => t!("use a regular file, or a link to one"),
            Self::TooLarge(_) => t!("check that it is the right file, and make it smaller"),
        }
    }

    /// Returns whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

impl From<InputError> for std::io::Error {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// [`InputError`] if it is not a regular file or cannot be opened.
pub fn open(path: &Path) -> Result<File, InputError> {
    // Opening a device can have effects.
    check_type(std::fs::metadata(path)?.file_type())?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        options.custom_flags(flags.cast_signed());
    }
    let file = options.open(path)?;
    // It may have been replaced after the first check.
    check_type(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// [`InputError`] if it is not a regular file, is larger, or cannot be read.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(InputError::TooLarge(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // The file may grow while it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(InputError::TooLarge(limit));
    }
    Ok(bytes)
}

/// Reads a regular UTF-8 file of at most `limit` bytes.
///
/// # Errors
/// [`InputError`] as for [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, InputError> {
    String::from_utf8(read(path, limit)?).map_err(|_| {
        std::io::Error::new(std::io::ErrorKind::InvalidData, t!("it is not UTF-8")).into()
    })
}

fn check_type(kind: FileType) -> Result<(), InputError> {
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(InputError::NotRegular(t_key!("folder")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Err(InputError::NotRegular(t_key!("named pipe")));
        }
        if kind.is_socket() {
            return Err(InputError::NotRegular(t_key!("socket")));
        }
    }
    Err(InputError::NotRegular(t_key!("device")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_the_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "12345").expect("written");
        assert_eq!(read(&path, 5).expect("read"), b"12345");
        let error = read(&path, 4).expect_err("larger");
        assert!(matches!(error, InputError::TooLarge(4)), "{error}");
        assert!(
            read(&folder.path().join("b"), 4)
                .expect_err("missing")
                .is_missing()
        );
    }

    #[test]
    #[cfg(unix)]
    fn refuses_pipes_devices_and_folders_without_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("a link");
        for (path, kind) in [
            (&*pipe, "named pipe"),
            (&*link, "device"),
            (folder.path(), "folder"),
        ] {
            let error = read(path, 1).expect_err("refused");
            let expected = format!("it is a {kind}, not a regular file");
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.hint("x"), "use a regular file, or a link to one");
        }
    }
}
