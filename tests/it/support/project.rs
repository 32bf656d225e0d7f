//! A project in a temporary folder, and commands that run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A copy of a project that tests can change.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// The output and the exit code of a command.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// Copies `examples/loans`: 200 rows in GB18030.
    pub(crate) fn loans() -> Self {
        Self::copy_of(&root().join("examples/loans"))
    }

    /// Returns the project of `tests/cases/base` with its template.
    pub(crate) fn base() -> Self {
        let project = Self::copy_of(&root().join("tests/cases/base"));
        let template = std::fs::read(root().join("examples/loans/templates/loan.pdf"));
        project.write("templates/loan.pdf", template.expect("the template"));
        project
    }

    pub(crate) fn copy_of(from: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy(from, folder.path());
        Self { folder }
    }

    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Replaces a text that must exist.
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, text.replace(from, to));
    }

    /// Returns the sheet as text.
    pub(crate) fn sheet(&self) -> String {
        let bytes = std::fs::read(self.path("loans.csv")).expect("a sheet");
        let (text, _, damaged) = encoding_rs::GB18030.decode(&bytes);
        assert!(!damaged);
        text.into_owned()
    }

    /// Replaces the sheet, encoded in GB18030.
    pub(crate) fn set_sheet(&self, text: &str) {
        let (bytes, ..) = encoding_rs::GB18030.encode(text);
        self.write("loans.csv", bytes);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_treaty"));
        command
            .current_dir(self.folder.path())
            .args(args)
            .stdin(std::process::Stdio::null());
        for name in [
            "TREATY_APP_ID",
            "TREATY_APP_SECRET",
            "TREATY_APP_ID_FILE",
            "TREATY_APP_SECRET_FILE",
            "TREATY_ALLOW_ENDPOINT",
            "TREATY_ENVIRONMENT",
            "TREATY_LOG",
        ] {
            command.env_remove(name);
        }
        // The expected texts are English, also on a machine with another language.
        command.env("TREATY_LANG", "en");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::from(self.command(args).output().expect("treaty runs"))
    }

    /// Runs a command, and asserts its exit code.
    pub(crate) fn expect(&self, args: &[&str], code: i32) -> Run {
        let run = self.run(args);
        assert_eq!(
            run.code, code,
            "treaty {args:?}\n{}\n{}",
            run.stdout, run.stderr
        );
        run
    }

    /// Returns a report of the last run as one map for each row.
    pub(crate) fn report(&self, name: &str) -> Vec<std::collections::BTreeMap<String, String>> {
        let text = self.read(&format!("reports/latest/{name}"));
        let text = text
            .strip_prefix('\u{feff}')
            .expect("a mark for spreadsheets");
        csv::Reader::from_reader(text.as_bytes())
            .deserialize()
            .map(|row| row.expect("a row"))
            .collect()
    }

    pub(crate) fn summary(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("reports/latest/run.json")).expect("JSON")
    }

    /// Returns whether the sandbox has recorded any change.
    pub(crate) fn was_called(&self) -> bool {
        std::fs::read(self.path(".treaty/sandbox/world.jsonl"))
            .is_ok_and(|journal| !journal.is_empty())
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a folder without the files that a run creates.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name == ".treaty" || name == "reports" {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            std::fs::copy(entry.path(), to.join(name)).expect("copied");
        }
    }
}

/// Finds the manifests of a folder and its subfolders.
pub(crate) fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        // The CronJob and the fixtures of the sandbox are not manifests.
        if path.ends_with("kubernetes") || path.ends_with("sandbox-pytest") {
            continue;
        }
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
}

/// Returns whether a file has the settings of a project.
pub(crate) fn is_project(path: &Path) -> bool {
    path.ends_with("treaty.yaml")
}
