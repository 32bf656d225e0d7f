//! Finds and reads the files of a project.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::path;
use super::project::PROJECT_FILE;
use super::value::StaticText;
use crate::diagnostic::{Diagnostic, Findings, SourceFile};
use crate::util::confine;
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
        let error = Diagnostic::error(t!("%{folder} is a file, not a folder", folder = shown));
        return Some(error.hint(t!(
            "pass the folder that contains treaty.yaml, or remove -p"
        )));
    }
    let error = || Diagnostic::error(t!("there is no folder %{folder}", folder = shown));
    (!root.exists()).then(|| error().hint(t!("pass the folder that contains treaty.yaml with -p")))
}

fn unreadable(path: &Path, error: &InputError) -> Diagnostic {
    let is_missing = error.is_missing();
    let message = if is_missing {
        t!("there is no such file").into_owned()
    } else {
        error.to_string()
    };
    let hint = if !is_missing || !path.ends_with(PROJECT_FILE) {
        error.hint("check the path and its permissions")
    } else if path.with_extension("yml").exists() {
        "rename treaty.yml to treaty.yaml".into()
    } else {
        t!("create a project with treaty init, or pass another folder with -p")
            .into_owned()
            .into()
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
    let mut valid = Vec::new();
    for pattern in patterns.unwrap_or_default() {
        match check_pattern(&pattern.text) {
            _ if pattern.is_placeholder => {}
            Ok(()) => valid.push(&*pattern.text),
            Err((message, hint)) => {
                let error = Diagnostic::error(message).at(&pattern.span);
                findings.push(error.hint(hint));
            }
        }
    }
    if patterns.is_none() {
        valid.push(DEFAULT_MANIFESTS);
    }
    let mut search = Search {
        root,
        patterns: valid.iter().map(|pattern| Pattern::new(pattern)).collect(),
        visited: BTreeSet::new(),
        found: Vec::new(),
        findings,
    };
    let start = (0..valid.len()).map(|pattern| (pattern, 0)).collect();
    search.folder(root, &search.positions(start));
    let mut found = search.found;
    for pattern in patterns.unwrap_or_default() {
        let is_match =
            |path: &PathBuf| matches(&pattern.text, path.strip_prefix(root).unwrap_or(path));
        if valid.contains(&&*pattern.text) && !found.iter().any(is_match) {
            let message = format!("the pattern {} matches no file", pattern.text);
            findings.push(
                Diagnostic::warning(message)
                    .at(&pattern.span)
                    .hint("patterns are relative to this folder, such as manifests/*.yaml; hidden files and links that leave the project are skipped"),
            );
        }
    }
    found.sort();
    // A file that several links lead to is read once.
    let real_path = |path: &Path| path.canonicalize().unwrap_or(path.to_owned());
    let mut real_paths = BTreeSet::from([real_path(&root.join(PROJECT_FILE))]);
    found.retain(|path| real_paths.insert(real_path(path)));
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

/// A pattern and its parts between slashes.
struct Pattern<'a> {
    text: &'a str,
    parts: Vec<&'a str>,
}

impl<'a> Pattern<'a> {
    fn new(text: &'a str) -> Self {
        // A brace may contain slashes. Then every folder is searched.
        let has_slash_in_braces = text.contains('{') && text.contains('/');
        let parts = if has_slash_in_braces {
            vec!["**"]
        } else {
            text.split('/').collect()
        };
        Self { text, parts }
    }
}

/// A pattern, and the part of it that the next name must match.
type Position = (usize, usize);

/// A search for manifests below the project's folder.
struct Search<'a> {
    root: &'a Path,
    patterns: Vec<Pattern<'a>>,
    /// The real paths of the folders that were searched, with the positions in the patterns: links
    /// may form a cycle.
    visited: BTreeSet<(PathBuf, Vec<Position>)>,
    found: Vec<PathBuf>,
    findings: &'a mut Findings,
}

impl Search<'_> {
    /// Adds the positions after `**`, which matches no folder, too.
    fn positions(&self, mut positions: Vec<Position>) -> Vec<Position> {
        let mut at = 0;
        while let Some((pattern, part)) = positions.get(at).copied() {
            let next = (pattern, part + 1);
            let is_any = self.patterns[pattern].parts.get(part) == Some(&"**");
            if is_any && !positions.contains(&next) {
                positions.push(next);
            }
            at += 1;
        }
        positions
    }

    /// Returns the positions below a folder with this name. Without any, no pattern can match.
    fn below(&self, positions: &[Position], name: &str) -> Vec<Position> {
        let mut below = Vec::new();
        for &(pattern, part) in positions {
            match self.patterns[pattern].parts.get(part) {
                Some(&"**") if !name.starts_with('.') => below.push((pattern, part)),
                Some(text) if is_name_match(text, name) => below.push((pattern, part + 1)),
                _ => {}
            }
        }
        self.positions(below)
    }

    /// Searches a folder and those below it that a pattern can match. Hidden files and folders are
    /// skipped unless a pattern names them; links are followed inside the project.
    fn folder(&mut self, folder: &Path, positions: &[Position]) {
        let real = folder.canonicalize().unwrap_or(folder.to_owned());
        if positions.is_empty() || !self.visited.insert((real, positions.to_vec())) {
            return;
        }
        let paths = std::fs::read_dir(folder).and_then(|entries| {
            let paths = entries.map(|entry| Ok(entry?.path()));
            paths.collect::<std::io::Result<Vec<PathBuf>>>()
        });
        let mut entries = match paths {
            Ok(paths) => paths,
            Err(error) => {
                let message = format!("the folder cannot be read: {error}");
                let shown = PathBuf::from(path::shown(self.root, folder));
                let error = Diagnostic::error(message).at(shown);
                let hint = "check its permissions: manifests may be in it";
                return self.findings.push(error.hint(hint));
            }
        };
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let relative = path.strip_prefix(self.root).unwrap_or(&path);
            // A link may leave the project.
            if matches!(confine::real_path(self.root, &path), Ok(None)) {
                continue;
            }
            if path.is_dir() {
                let below = self.below(positions, &name);
                self.folder(&path, &below);
            } else if self.is_manifest(relative, &name) {
                self.found.push(path);
            }
        }
    }

    fn is_manifest(&self, relative: &Path, name: &str) -> bool {
        let is_hidden = name.starts_with('.');
        self.patterns.iter().any(|pattern| {
            let names_hidden = pattern.text.rsplit('/').next().unwrap_or_default();
            let is_wanted = !is_hidden || names_hidden.starts_with('.');
            is_wanted && matches(pattern.text, relative)
        })
    }
}

/// Returns whether a part of a pattern matches the name of a folder. Hidden folders must be named.
fn is_name_match(part: &str, name: &str) -> bool {
    let is_wanted = !name.starts_with('.') || part.starts_with('.');
    is_wanted && fast_glob::glob_match(part, name)
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
        // Each folder has a link to every folder: the number of paths is factorial.
        for name in 0..12 {
            let folder = root.join(format!("shared/{name}"));
            std::fs::create_dir(&folder).expect("a folder");
            for other in 0..12 {
                let link = folder.join(other.to_string());
                std::os::unix::fs::symlink(format!("../{other}"), link).expect("a link");
            }
        }
        let mut findings = Findings::default();
        let found = manifests(&root, None, &mut findings);
        assert_eq!(
            found,
            [root.join("manifests/a.yaml"), root.join("manifests/b.yml")]
        );
        let span = crate::diagnostic::Span {
            file: Arc::new(SourceFile {
                path: "treaty.yaml".into(),
                text: String::new(),
            }),
            line: 1,
            column: 1,
            bytes: 0..0,
        };
        let mut count = |pattern: &str| {
            let pattern = StaticText {
                text: pattern.to_owned(),
                span: span.clone(),
                is_placeholder: false,
            };
            manifests(&root, Some(&[pattern]), &mut findings).len()
        };
        assert_eq!(count("**/*.yaml"), 2);
        assert_eq!(count("{manifests,shared}/*.yaml"), 2);
        assert_eq!(count("manifests/.*.yaml"), 1);
        assert!(findings.kept().is_empty());
    }

    #[test]
    fn reports_a_folder_that_cannot_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut findings = Findings::default();
        manifests(&folder.path().join("missing"), None, &mut findings);
        let [only] = findings.kept() else {
            panic!("{:?}", findings.kept())
        };
        assert!(
            only.message.starts_with("the folder cannot be read: "),
            "{only:?}"
        );
    }
}
