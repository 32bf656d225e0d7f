//! Opens files that treaty writes to in place, such as logs and lock files.
//!
//! - New files are created exclusively and can be read by their owner only.
//! - A file or a symbolic link is refused if it belongs to neither this user, nor the owner of its
//!   folder, nor root: another user put it there.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Longer chains of symbolic links are treated as cycles.
const MAX_LINKS: usize = 40;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Each write is appended.
    Append,
    /// The file is read and written at any position. It is not truncated.
    Update,
}

/// Opens a regular file, or creates it with mode 0600.
///
/// # Errors
/// An I/O error if the path is not a regular file, belongs to another user, or cannot be opened.
pub fn open(path: &Path, access: Access) -> Result<File> {
    let target = resolve(path)?;
    let mut options = File::options();
    match access {
        Access::Append => options.append(true),
        Access::Update => options.read(true).write(true),
    };
    let mut creation = options.clone();
    creation.create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut creation, 0o600);
    match creation.open(&target) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        result => return result,
    }
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Without NONBLOCK, opening a named pipe waits for its reader.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        options.custom_flags(flags.cast_signed());
    }
    let file = options.open(&target)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Error::other("it is not a regular file"));
    }
    check_owner(&metadata, &target)?;
    deny_others(&file, &metadata);
    Ok(file)
}

/// Resolves symbolic links. The target need not exist.
///
/// # Errors
/// An I/O error if the links form a cycle, or one of them belongs to another user.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&path) else {
            return Ok(path);
        };
        check_owner(&std::fs::symlink_metadata(&path)?, &path)?;
        // The target of a relative link is relative to the folder of the link.
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(Error::other("the symbolic links form a cycle"))
}

/// Returns an error if a file or link belongs to another user. The owner of the folder is trusted:
/// that user can replace every file in it.
#[cfg(unix)]
fn check_owner(metadata: &Metadata, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = metadata.uid();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let is_own = owner == rustix::process::geteuid().as_raw() || owner == 0;
    if is_own || std::fs::metadata(folder).is_ok_and(|folder| folder.uid() == owner) {
        return Ok(());
    }
    let kind = if metadata.is_symlink() {
        t!("symbolic link")
    } else {
        t!("file")
    };
    Err(Error::new(
        ErrorKind::PermissionDenied,
        t!(
            "the %{kind} %{path} belongs to another user (uid %{owner}); remove it, or use a folder that only you can write to",
            kind = kind,
            path = path.display(),
            owner = owner
        ),
    ))
}

#[cfg(not(unix))]
fn check_owner(_: &Metadata, _: &Path) -> Result<()> {
    Ok(())
}

/// Removes the permission of all users to write to a file.
#[cfg(unix)]
fn deny_others(file: &File, metadata: &Metadata) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode();
    if mode & 0o002 != 0 {
        // Fails on file systems without modes, where every file looks writable.
        let _ = file.set_permissions(std::fs::Permissions::from_mode(mode & !0o002));
    }
}

#[cfg(not(unix))]
fn deny_others(_: &File, _: &Metadata) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};

    #[test]
    fn creates_private_files_and_denies_writing_to_existing_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path| std::fs::metadata(path).expect("a file").mode() & 0o777;
        let path = folder.path().join("run.log");
        for text in ["first\n", "second\n"] {
            let mut file = open(&path, Access::Append).expect("opened");
            file.write_all(text.as_bytes()).expect("written");
        }
        assert_eq!(mode(&path), 0o600);
        let text = std::fs::read_to_string(&path).expect("read");
        assert_eq!(text, "first\nsecond\n");
        let public = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(&path, public).expect("changed");
        open(&path, Access::Update).expect("opened");
        assert_eq!(mode(&path), 0o664);
    }

    #[test]
    fn refuses_pipes_and_folders_without_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
        for access in [Access::Append, Access::Update] {
            open(&pipe, access).expect_err("a pipe");
            open(folder.path(), access).expect_err("a folder");
        }
    }

    #[test]
    fn refuses_files_and_links_of_other_users() {
        let folder = tempfile::tempdir().expect("a folder");
        let [link, file] = ["link", "file"].map(|name| folder.path().join(name));
        std::fs::write(&file, "theirs").expect("written");
        symlink(&file, &link).expect("a link");
        open(&link, Access::Append).expect("an own link");
        // Only root can give files away.
        if lchown(&link, Some(12_345), None).is_err() {
            return;
        }
        let error = open(&link, Access::Append).expect_err("their link");
        assert!(
            error.to_string().contains("belongs to another user"),
            "{error}"
        );
        lchown(&file, Some(12_345), None).expect("given away");
        open(&file, Access::Update).expect_err("their file");
        // The owner of a folder can replace everything in it.
        lchown(folder.path(), Some(12_345), None).expect("given away");
        open(&link, Access::Append).expect("the folder's owner");
    }
}
