//! Finds and reads the files of a project.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::path;
use super::project::PROJECT_FILE;
use super::value::StaticText;
use crate::diagnostic::{Diagnostic, Findings, SourceFile};
use crate::util::input_file::{self, InputError};

/// The default of `manifests` in `treaty.yaml`.
const DEFAULT_MANIFESTS: &str = "manifests/*.yaml";

/// Reads a UTF-8 file without its byte order mark. Adds an error to `findings` when it fails.
pub(super) fn read(root: &Path, path: &Path, findings: &mut Findings) -> Option<Arc<SourceFile>> {
    let shown = PathBuf::from(path::shown(root, path));
    let bytes = match input_file::read(path, input_file::MAX_TEXT) {
        Ok(bytes) => bytes,
        Err(error) => {
            let folder = folder_error(root).filter(|_| path == root.join(PROJECT_FILE));
            findings.push(folder.unwrap_or_else(|| unreadable(path, &error).at(shown)));
            return None;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        let error = Diagnostic::error("the file is not UTF-8").at(shown);
        findings.push(error.hint("save it as UTF-8"));
        return None;
    };
    let text = text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text);
    Some(Arc::new(SourceFile {
        path: shown.display().to_string(),
        text,
    }))
}

/// Returns the error for a project path that is not a folder.
fn folder_error(root: &Path) -> Option<Diagnostic> {
    let shown = root.display();
    if root.is_file() {
        let error = Diagnostic::error(format!("{shown} is a file, not a folder"));
        return Some(error.hint("pass the folder that contains treaty.yaml, or remove -p"));
    }
    let error = || Diagnostic::error(format!("there is no folder {shown}"));
    (!root.exists()).then(|| error().hint("pass the folder that contains treaty.yaml with -p"))
}

fn unreadable(path: &Path, error: &InputError) -> Diagnostic {
    let is_missing = error.is_missing();
    let message = if is_missing {
        "there is no such file".to_owned()
    } else {
        error.to_string()
    };
    let hint = if !is_missing || !path.ends_with(PROJECT_FILE) {
        error.hint("check the path and its permissions")
    } else if path.with_extension("yml").exists() {
        "rename treaty.yml to treaty.yaml"
    } else {
        "create a project with treaty init, or pass another folder with -p"
    };
    Diagnostic::error(message).hint(hint)
}

/// Returns the files that the patterns match, sorted and without duplicates. A pattern for `.yaml`
/// also matches `.yml`. Adds errors and warnings to `findings`.
pub(super) fn manifests(
    root: &Path,
    patterns: Option<&[StaticText]>,
    findings: &mut Findings,
) -> Vec<PathBuf> {
    let mut search = Search {
        root,
        patterns: Vec::new(),
        parents: Vec::new(),
        found: Vec::new(),
        findings,
    };
    for pattern in patterns.unwrap_or_default() {
        match check_pattern(&pattern.text) {
            Ok(()) => search.patterns.push(&pattern.text),
            Err((message, hint)) => {
                let error = Diagnostic::error(message).at(&pattern.span);
                search.findings.push(error.hint(hint));
            }
        }
    }
    if patterns.is_none() {
        search.patterns.push(DEFAULT_MANIFESTS);
    }
    search.folder(root);
    let mut found = search.found;
    for pattern in patterns.unwrap_or_default() {
        let is_match =
            |path: &PathBuf| matches(&pattern.text, path.strip_prefix(root).unwrap_or(path));
        if check_pattern(&pattern.text).is_ok() && !found.iter().any(is_match) {
            let message = format!("the pattern {} matches no file", pattern.text);
            findings.push(
                Diagnostic::warning(message)
                    .at(&pattern.span)
                    .hint("patterns are relative to this folder, such as manifests/*.yaml"),
            );
        }
    }
    found.sort();
    // A file that several links lead to is read once.
    let mut real_paths = BTreeSet::from([root.join(PROJECT_FILE).canonicalize().ok()]);
    found.retain(|path| real_paths.insert(path.canonicalize().ok()));
    found
}

/// Checks a pattern. Returns an error message and a hint.
fn check_pattern(pattern: &str) -> Result<(), (String, &'static str)> {
    if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return Err((
            format!("the pattern {pattern} leaves the project's folder"),
            "use a pattern inside the project's folder",
        ));
    }
    match unclosed(pattern) {
        Some(open) => Err((
            format!("the pattern has an unclosed {open}"),
            "use a pattern such as manifests/*.yaml",
        )),
        None => Ok(()),
    }
}

/// Returns the innermost unclosed bracket of a pattern. Such a pattern matches nothing.
fn unclosed(pattern: &str) -> Option<char> {
    let mut open = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match (c, open.last()) {
            ('\\', _) => drop(chars.next()),
            (']', Some('[')) | ('}', Some('{')) => drop(open.pop()),
            // Inside square brackets other brackets are literal.
            (_, Some('[')) => {}
            ('[' | '{', _) => open.push(c),
            _ => {}
        }
    }
    open.pop()
}

/// Returns whether a pattern matches a path, or would match it with `.yaml` instead of `.yml`.
fn matches(pattern: &str, relative: &Path) -> bool {
    let is_match =
        |path: &Path| fast_glob::glob_match(pattern, path.as_os_str().as_encoded_bytes());
    let is_yml = relative.extension().is_some_and(|ending| ending == "yml");
    is_match(relative) || (is_yml && is_match(&relative.with_extension("yaml")))
}

/// A search for manifests below the project's folder.
struct Search<'a> {
    root: &'a Path,
    patterns: Vec<&'a str>,
    /// The real paths of the folder that is searched and of those above it: links may form a cycle.
    parents: Vec<PathBuf>,
    found: Vec<PathBuf>,
    findings: &'a mut Findings,
}

impl Search<'_> {
    /// Searches a folder and those below it. Hidden files and folders are skipped; links are
    /// followed inside the project.
    fn folder(&mut self, folder: &Path) {
        let real = folder.canonicalize().unwrap_or(folder.to_owned());
        if self.parents.contains(&real) {
            return;
        }
        self.parents.push(real);
        self.entries(folder);
        self.parents.pop();
    }

    fn entries(&mut self, folder: &Path) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("the folder cannot be read: {error}");
                let shown = PathBuf::from(path::shown(self.root, folder));
                let error = Diagnostic::error(message).at(shown);
                return self
                    .findings
                    .push(error.hint("check its permissions: manifests may be in it"));
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let relative = path.strip_prefix(self.root).unwrap_or(&path);
            let is_inside = path::inside(self.root, self.root, &relative.display().to_string());
            if is_inside.is_err() {
                continue;
            }
            if path.is_dir() {
                self.folder(&path);
            } else if self
                .patterns
                .iter()
                .any(|pattern| matches(pattern, relative))
            {
                self.found.push(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_patterns_in_a_folder_and_below() {
        for (pattern, path, expected) in [
            ("manifests/*.yaml", "manifests/loans.yaml", true),
            ("manifests/*.yaml", "manifests/loans.yml", true),
            ("manifests/*.yaml", "manifests/more/loans.yaml", false),
            ("manifests/**/*.yaml", "manifests/more/loans.yaml", true),
            ("manifests/**/*.yaml", "manifests/loans.yaml", true),
            ("{loans,leases}.yaml", "leases.yaml", true),
            ("合同/?[0-9].yaml", "合同/a1.yaml", true),
            ("*.yml", "loans.yaml", false),
            ("*.yaml", "loans.json", false),
        ] {
            let found = matches(pattern, Path::new(path));
            assert_eq!(found, expected, "{pattern} {path}");
        }
    }

    #[test]
    fn finds_unclosed_brackets() {
        for (pattern, expected) in [
            ("manifests/[ab.yaml", Some('[')),
            ("{loans,leases.yaml", Some('{')),
            ("{a,[}]b", Some('{')),
            ("{a,[b{]}.yaml", None),
            (r"\[a.yaml", None),
            ("manifests/*.yaml", None),
        ] {
            assert_eq!(unclosed(pattern), expected, "{pattern}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_inside_the_project_and_skips_hidden_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("project");
        std::fs::create_dir_all(root.join("shared")).expect("a folder");
        for name in [
            "shared/a.yaml",
            "shared/._a.yaml",
            "shared/b.yml",
            "shared/c.txt",
        ] {
            std::fs::write(root.join(name), "").expect("written");
        }
        std::os::unix::fs::symlink("shared", root.join("manifests")).expect("a link");
        std::os::unix::fs::symlink("a.yaml", root.join("shared/again.yaml")).expect("a link");
        std::os::unix::fs::symlink("..", root.join("shared/up")).expect("a link");
        std::os::unix::fs::symlink("/etc", root.join("shared/out")).expect("a link");
        let mut findings = Findings::default();
        let found = manifests(&root, None, &mut findings);
        assert_eq!(
            found,
            [root.join("manifests/a.yaml"), root.join("manifests/b.yml")]
        );
        assert!(findings.kept().is_empty());
    }
}
