//! `apply --canary`: the first items alone, then the others.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::support::project::{Project, Run, root};

const LOANS: &str = "manifests/loans.yaml";

fn base() -> Project {
    let project = Project::copy_of(&root().join("tests/cases/base"));
    let template = std::fs::read(root().join("examples/loans/templates/loan.pdf"));
    project.write("templates/loan.pdf", template.expect("the template"));
    project
}

#[test]
fn goes_on_when_the_first_items_were_sent() {
    let project = base();
    let run = project.expect(&["apply", "--yes", "--canary", "2"], 0);
    assert!(
        run.stderr.contains("the first 2 items were sent"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("flows.loans  4 sent"), "{}", run.stdout);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn stops_when_one_of_the_first_items_failed() {
    let project = base();
    // Only the first row has a keyword that the document does not contain.
    let keyword = "keyword: 甲方盖章";
    let of_row = "keyword: \"{{ '没有' if key == 'HT-2026-0001' else '甲方盖章' }}\"";
    project.replace(LOANS, keyword, of_row);
    let run = project.expect(&["apply", "--yes", "--canary", "1"], 3);
    assert!(run.stdout.contains("1 failed"), "{}", run.stdout);
    let report = project.read("reports/latest/loans.csv");
    let not_started = "not started: one of the first items was not sent";
    assert_eq!(report.matches(not_started).count(), 3, "{report}");
    project.replace(LOANS, of_row, keyword);
    let run = project.expect(&["apply", "--yes", "--canary", "1"], 0);
    assert!(run.stdout.contains("flows.loans  4 sent"), "{}", run.stdout);
}

/// A sandbox process in which everybody signs, or refuses, at once.
struct Signing(Child);

impl Signing {
    /// Starts the process, and declares its address in a project.
    fn of(project: &Project, refuse: &str) -> Self {
        let args = ["sandbox", "--addr", "127.0.0.1:0", "--memory"];
        let signs = ["--auto-sign", "0s", "--refuse", refuse];
        let mut command = project.command(&[&args[..], &signs].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a server");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.next().expect("a line").expect("text");
        let endpoint = line.rsplit(' ').next().expect("an address");
        let declared = format!("{{ endpoint: \"{endpoint}\" }}");
        project.replace("treaty.yaml", "{ endpoint: sandbox }", &declared);
        Self(child)
    }
}

impl Drop for Signing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn apply_until_signed(project: &Project) -> Run {
    let args = ["apply", "--yes", "--canary", "1", "--until-signed"];
    let mut command = project.command(&args);
    let credentials = [("TREATY_APP_ID", "app"), ("TREATY_APP_SECRET", "secret")];
    Run::from(command.envs(credentials).output().expect("treaty runs"))
}

#[test]
fn waits_until_the_first_items_are_signed() {
    let project = base();
    let _signing = Signing::of(&project, "0%");
    let run = apply_until_signed(&project);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("of the first items: 1 signed"),
        "{}",
        run.stderr
    );
}

#[test]
fn stops_when_a_signer_of_the_first_items_refuses() {
    let project = base();
    let _signing = Signing::of(&project, "100%");
    let run = apply_until_signed(&project);
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    let report = project.read("reports/latest/loans.csv");
    let not_started = "not started: one of the first items was not signed";
    assert_eq!(report.matches(not_started).count(), 3, "{report}");
}
