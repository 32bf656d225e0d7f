//! Resolves paths in manifests: relative to the manifest, and inside the project's folder.

use std::path::{Component, Path, PathBuf};

use crate::util::confine;

/// The folders that the relative paths of one manifest are resolved against.
pub(super) struct PathBase<'a> {
    /// The project's folder, which no path may leave.
    pub(super) root: &'a Path,
    /// The manifest's folder, where its relative paths begin.
    pub(super) folder: &'a Path,
}

/// Resolves the path `text` relative to `folder`. Returns an error message when the path leaves the
/// project's folder `root`, also through a symbolic link, or is not a relative path.
pub fn inside(root: &Path, folder: &Path, text: &str) -> Result<PathBuf, String> {
    let written = Path::new(text);
    let outside = || t!("the path %{text} leaves the project's folder", text = text).into_owned();
    if text.is_empty() {
        return Err(t!("the path is empty").into_owned());
    }
    if text.contains(char::is_control) {
        return Err(t!("the path %{text} contains a control character", text = text).into_owned());
    }
    if written.is_absolute() || text.contains('\\') {
        return Err(t!(
            "the path %{text} is not a relative path with / as separator",
            text = text
        )
        .into_owned());
    }
    let mut path = folder.to_owned();
    for component in written.components() {
        match component {
            Component::ParentDir if (path == root || !path.pop() || !path.starts_with(root)) => {
                return Err(outside());
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    if path.is_symlink() && !path.exists() {
        return Err(t!(
            "the path %{text} is a symbolic link without a target",
            text = text
        )
        .into_owned());
    }
    // A symbolic link may leave the folder although the path does not.
    match confine::real_path(root, &path) {
        Ok(None) => Err(outside()),
        _ => Ok(path),
    }
}

/// Returns a path for messages: relative to the project's folder.
pub fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_paths_outside_of_the_project() {
        let (root, folder) = (Path::new("/p"), Path::new("/p/manifests"));
        assert_eq!(
            inside(root, folder, "a/b.pdf"),
            Ok(PathBuf::from("/p/manifests/a/b.pdf"))
        );
        assert_eq!(
            inside(root, folder, "../loans.csv"),
            Ok(PathBuf::from("/p/loans.csv"))
        );
        for text in [
            "",
            "/etc/passwd",
            "../../x",
            "../../p/x",
            "a/../../../x",
            "..\\x",
            "a\u{1b}[2J",
            "a\nb",
        ] {
            assert!(inside(root, folder, text).is_err(), "{text}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn rejects_links_outside_of_the_project() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("project");
        std::fs::create_dir(&root).expect("a folder");
        std::fs::write(root.join("there"), "").expect("written");
        for (name, target, is_valid) in [
            ("within", "there", true),
            ("out", "/etc/hostname", false),
            ("nowhere", "../not-there-yet", false),
            ("up", "..", false),
        ] {
            std::os::unix::fs::symlink(target, root.join(name)).expect("a link");
            assert_eq!(inside(&root, &root, name).is_ok(), is_valid, "{name}");
        }
        inside(&root, &root, "up/new.pdf").expect_err("a new file in a folder outside");
        inside(&root, &root, "new/new.pdf").expect("a new folder inside");
    }
}
