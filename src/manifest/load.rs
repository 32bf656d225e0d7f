//! Loads a [`Project`] from a folder: `treaty.yaml` and the manifests that its patterns match.
//! All files share one namespace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account::{Account, account};
use super::decode::{Decoder, Fields};
use super::flow::{Flow, flow};
use super::head::{DEFAULT_MANIFESTS, Head};
use super::path::PathBase;
use super::project::{PROJECT_FILE, Project};
use super::seal::{Seal, Template, seal, template};
use super::yaml::{Node, parse};
use super::{environment, path, resolve, sections};
use crate::diagnostic::{Diagnostic, Findings, SourceFile, Span};
use crate::expr::{Compiler, Environ, Variables};

impl Project {
    /// Loads the project in `root` for an environment, or for its default environment. Adds errors
    /// and warnings to `findings`. Returns `None` when the settings cannot be determined.
    pub fn load(
        root: &Path,
        environment: Option<&str>,
        environ: &Environ,
        findings: &mut Findings,
    ) -> Option<Self> {
        let file = read(root, &root.join(PROJECT_FILE), findings)?;
        let node = parse(&file).map_err(|error| findings.push(error)).ok()?;
        let mut head = Head::default();
        let mut decoder = Decoder {
            findings,
            compiler: Compiler::new(Variables::default(), environ.clone()),
        };
        let mut fields = decoder.fields(&node, PROJECT_FILE)?;
        head.decode(&mut decoder, &mut fields, environment);
        let mut decoder = Decoder {
            compiler: Compiler::new(Arc::new(head.variables), environ.clone()),
            findings: decoder.findings,
        };
        let sections = sections::sections(&mut decoder, &mut fields);
        let reports = environment::reports(&mut decoder, root, fields.optional("reports"));
        let settings = head.environment.and_then(|(name, node)| {
            let environment = environment::environment(&mut decoder, node)?;
            environment::resolve(&mut decoder, root, &name, environment, sections, reports)
        });
        head.others
            .into_iter()
            .for_each(|other| other.check(&mut decoder, root, environ));
        let mut loader = Loader::new(root);
        loader.sections(&mut decoder, root, &mut fields);
        fields.finish(&mut decoder);
        for manifest in manifests(&mut decoder, root, &head.manifests) {
            loader.file(&mut decoder, &manifest);
        }
        let project = Self {
            root: root.to_owned(),
            name: head.project,
            settings: settings?,
            scope: decoder.compiler.scope(),
            accounts: loader.accounts,
            seals: loader.seals,
            templates: loader.templates,
            seal_folders: loader.seal_folders,
            flows: loader.flows,
            declared: loader.declared.into_keys().collect(),
        };
        // References may point to declarations of a file that cannot be read.
        if !loader.incomplete {
            resolve::check(&project, decoder.findings);
        }
        Some(project)
    }
}

/// Reads a UTF-8 file without its byte order mark. Adds an error to `findings` when it fails.
fn read(root: &Path, path: &Path, findings: &mut Findings) -> Option<Arc<SourceFile>> {
    let shown = PathBuf::from(path::shown(root, path));
    match std::fs::read(path) {
        Err(error) => {
            let folder = folder_error(root).filter(|_| path == root.join(PROJECT_FILE));
            findings.push(folder.unwrap_or_else(|| unreadable(path, &error).at(shown)));
            None
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Some(Arc::new(SourceFile {
                path: shown.display().to_string(),
                text: text
                    .strip_prefix('\u{feff}')
                    .map(str::to_owned)
                    .unwrap_or(text),
            })),
            Err(_) => {
                findings.push(
                    Diagnostic::error("the file is not UTF-8")
                        .at(shown)
                        .hint("save it as UTF-8"),
                );
                None
            }
        },
    }
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

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    let message = if missing {
        "there is no such file".to_owned()
    } else {
        error.to_string()
    };
    let hint = if missing && path.ends_with(PROJECT_FILE) {
        "create a project with treaty init, or pass another folder with -p"
    } else {
        "check the path and its permissions"
    };
    Diagnostic::error(message).hint(hint)
}

/// Returns the files that the patterns match, sorted and without duplicates.
fn manifests(decoder: &mut Decoder<'_>, root: &Path, patterns: &[(String, Span)]) -> Vec<PathBuf> {
    let mut usable = Vec::new();
    for (pattern, span) in patterns {
        if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
            decoder.error(
                span,
                format!("the pattern {pattern} leaves the project's folder"),
                "use a pattern inside the project's folder",
            );
        } else if let Some(open) = unclosed(pattern) {
            decoder.error(
                span,
                format!("the pattern has an unclosed {open}"),
                "use a pattern such as manifests/*.yaml",
            );
        } else {
            usable.push(pattern.as_str());
        }
    }
    let mut found = Vec::new();
    walk(root, root, &usable, &mut found);
    for (pattern, span) in patterns {
        let matches = |path: &PathBuf| matches(pattern, path.strip_prefix(root).unwrap_or(path));
        let wanted = pattern != DEFAULT_MANIFESTS && usable.contains(&pattern.as_str());
        if wanted && !found.iter().any(matches) {
            let warning =
                Diagnostic::warning(format!("the pattern {pattern} matches no file")).at(span);
            decoder.findings.push(
                warning.hint("patterns are relative to this folder, such as manifests/*.yaml"),
            );
        }
    }
    found.retain(|path| path != &root.join(PROJECT_FILE));
    found.sort();
    found
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

fn matches(pattern: &str, relative: &Path) -> bool {
    fast_glob::glob_match(pattern, relative.as_os_str().as_encoded_bytes())
}

/// Adds the files below `folder` that a pattern matches to `found`. Skips hidden folders.
fn walk(root: &Path, folder: &Path, patterns: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden => walk(root, &path, patterns, found),
            Ok(kind) if !kind.is_dir() => {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                let inside = path::inside(root, root, &relative.display().to_string()).is_ok();
                if inside && patterns.iter().any(|pattern| matches(pattern, relative)) {
                    found.push(path);
                }
            }
            _ => {}
        }
    }
}

/// Collects the declarations of all files in one namespace.
struct Loader<'a> {
    root: &'a Path,
    accounts: BTreeMap<String, Account>,
    seals: BTreeMap<String, Seal>,
    seal_folders: BTreeMap<String, PathBuf>,
    templates: BTreeMap<String, (PathBuf, Template)>,
    flows: BTreeMap<String, Flow>,
    /// The location of the first declaration of each name, by section.
    declared: BTreeMap<(&'static str, String), Span>,
    /// Whether a file could not be read.
    incomplete: bool,
}

impl<'a> Loader<'a> {
    fn new(root: &'a Path) -> Self {
        Self {
            root,
            accounts: BTreeMap::new(),
            seals: BTreeMap::new(),
            seal_folders: BTreeMap::new(),
            templates: BTreeMap::new(),
            flows: BTreeMap::new(),
            declared: BTreeMap::new(),
            incomplete: false,
        }
    }

    /// Loads a manifest file.
    fn file(&mut self, decoder: &mut Decoder<'_>, path: &Path) {
        let Some(file) = read(self.root, path, decoder.findings) else {
            self.incomplete = true;
            return;
        };
        let node = match parse(&file) {
            Ok(node) => node,
            Err(error) => {
                self.incomplete = true;
                return decoder.findings.push(error);
            }
        };
        if matches!(node.kind, super::yaml::Kind::Null) {
            return;
        }
        if let Some(mut fields) = decoder.fields(&node, "a manifest") {
            self.sections(decoder, path.parent().unwrap_or(self.root), &mut fields);
            fields.finish(decoder);
        }
    }

    /// Decodes the declarations of one file. `folder` is the base of its relative paths.
    fn sections(&mut self, decoder: &mut Decoder<'_>, folder: &Path, fields: &mut Fields<'_>) {
        for (name, span, node) in self.section(decoder, fields, "accounts") {
            let account = account(decoder, name, span, node);
            self.accounts
                .extend(account.map(|account| (name.to_owned(), account)));
        }
        for (name, span, node) in self.section(decoder, fields, "seals") {
            if let Some(seal) = seal(decoder, name, span, node) {
                self.seal_folders.insert(name.to_owned(), folder.to_owned());
                self.seals.insert(name.to_owned(), seal);
            }
        }
        for (name, span, node) in self.section(decoder, fields, "templates") {
            let template = template(decoder, name, span, node);
            self.templates
                .extend(template.map(|template| (name.to_owned(), (folder.to_owned(), template))));
        }
        let base = PathBase {
            root: self.root,
            folder,
        };
        let mut in_flow = Decoder {
            compiler: decoder.compiler.in_flow(),
            findings: decoder.findings,
        };
        for (name, span, node) in self.section(&mut in_flow, fields, "flows") {
            let flow = flow(&mut in_flow, &base, name, span, node);
            self.flows.extend(flow.map(|flow| (name.to_owned(), flow)));
        }
    }

    /// Returns the entries of a section. Reports names that are already declared and leaves them
    /// out.
    fn section<'n>(
        &mut self,
        decoder: &mut Decoder<'_>,
        fields: &mut Fields<'n>,
        section: &'static str,
    ) -> Vec<(&'n str, &'n Span, &'n Node)> {
        let Some(node) = fields.optional(section) else {
            return Vec::new();
        };
        let mut fresh = Vec::new();
        for (name, span, node) in decoder.named(node, section) {
            match self.declared.get(&(section, name.to_owned())) {
                Some(first) => decoder.findings.push(
                    Diagnostic::error(format!("{section}.{name} is declared twice"))
                        .at(span)
                        .related(first, "first declared here")
                        .hint("rename one of them: all manifests share one namespace"),
                ),
                None => {
                    self.declared
                        .insert((section, name.to_owned()), span.clone());
                    fresh.push((name, span, node));
                }
            }
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_patterns_in_a_folder_and_below() {
        for (pattern, path, expected) in [
            ("manifests/*.yaml", "manifests/loans.yaml", true),
            ("manifests/*.yaml", "manifests/more/loans.yaml", false),
            ("manifests/**/*.yaml", "manifests/more/loans.yaml", true),
            ("manifests/**/*.yaml", "manifests/loans.yaml", true),
            ("{loans,leases}.yaml", "leases.yaml", true),
            ("合同/?[0-9].yaml", "合同/a1.yaml", true),
            ("*.yaml", "loans.yml", false),
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
}
