//! Keeps files inside a folder, also when a symbolic link leads out of it.

use std::io::{ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

/// Returns whether a recorded path is relative and has no `..`.
pub fn is_below(path: &str) -> bool {
    let is_name = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains('\0') && Path::new(path).components().all(is_name)
}

/// Returns whether a recorded name is the name of a file or folder, without a path.
pub fn is_name(name: &str) -> bool {
    is_below(name) && !name.contains(['/', '\\'])
}

/// Returns the path with its symbolic links resolved; `None` if it is outside of `root`. The path
/// need not exist: then its nearest existing folder decides.
///
/// # Errors
/// An I/O error if `root` does not exist or a folder cannot be searched.
pub fn real_path(root: &Path, path: &Path) -> Result<Option<PathBuf>> {
    let root = root.canonicalize()?;
    for folder in path.ancestors() {
        let shown = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        match shown.canonicalize() {
            Ok(real) if !real.starts_with(&root) => return Ok(None),
            Ok(real) => {
                let rest = path.strip_prefix(folder).unwrap_or(Path::new(""));
                // Joining an empty path would append a slash.
                let is_whole = rest.as_os_str().is_empty();
                return Ok(Some(if is_whole { real } else { real.join(rest) }));
            }
            // Writing to a dangling link would create its target, which may be outside.
            Err(_) if shown.is_symlink() => return Ok(None),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_paths_that_leave_their_folder() {
        for path in ["a", "a/b.pdf", "合同/HT-1.pdf", "a..b/c"] {
            assert!(is_below(path), "{path}");
        }
        for path in ["", "/etc/passwd", "..", "../a", "a/../../b", "a/..", "a\0b"] {
            assert!(!is_below(path) && !is_name(path), "{path}");
        }
        assert!(is_name("2026-01-02T03-04-05"));
        assert!(!is_name("a/b") && !is_name("a\\b"));
    }

    #[test]
    #[cfg(unix)]
    fn follows_links_only_inside_the_folder() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().canonicalize().expect("a folder");
        let root = top.join("project");
        std::fs::create_dir_all(root.join("signed")).expect("a folder");
        symlink("signed", root.join("within")).expect("a link");
        symlink("..", root.join("out")).expect("a link");
        symlink("../not-there-yet", root.join("dangling")).expect("a link");
        for (path, expected) in [
            ("signed/a/b.pdf", Some("signed/a/b.pdf")),
            ("within/b.pdf", Some("signed/b.pdf")),
            ("new/b.pdf", Some("new/b.pdf")),
            ("out/b.pdf", None),
            ("out/new/b.pdf", None),
            ("dangling", None),
            ("dangling/b.pdf", None),
        ] {
            let real = real_path(&root, &root.join(path)).expect("searched");
            assert_eq!(real, expected.map(|path| root.join(path)), "{path}");
        }
    }
}
