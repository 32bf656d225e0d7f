//! `apply --canary`: the first items alone, then the others.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::support::project::{Project, Run};

#[test]
fn goes_on_when_the_first_items_were_sent() {
    let project = Project::base();
    let run = project.expect(&["apply", "--yes", "--canary", "2"], 0);
    assert!(
        run.stderr.contains("the first 2 items were sent"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("flows.loans  4 sent"), "{}", run.stdout);
    project.expect(&["plan", "--detailed-exitcode"], 0);
}

/// A sandbox process.
struct Served(Child);

impl Served {
    /// Starts the process, and declares its address in a project.
    fn of(project: &Project, options: &[&str]) -> Self {
        let args = ["sandbox", "--addr", "127.0.0.1:0", "--memory"];
        let mut command = project.command(&[&args[..], options].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a server");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.next().expect("a line").expect("text");
        let endpoint = line.rsplit(' ').next().expect("an address");
        let declared = format!("{{ endpoint: \"{endpoint}\", limits: {{ rate: none }} }}");
        project.replace("treaty.yaml", "{ endpoint: sandbox }", &declared);
        Self(child)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn apply(project: &Project, options: &[&str]) -> Run {
    let mut command = project.command(&[&["apply", "--yes"], options].concat());
    let credentials = [("TREATY_APP_ID", "app"), ("TREATY_APP_SECRET", "secret")];
    Run::from(command.envs(credentials).output().expect("treaty runs"))
}

#[test]
fn waits_until_the_first_items_are_signed() {
    let project = Project::base();
    let _served = Served::of(&project, &["--auto-sign", "0s"]);
    let run = apply(&project, &["--canary", "1", "--until-signed"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("of the first items: 1 signed"),
        "{}",
        run.stderr
    );
}

#[test]
fn stops_when_a_signer_of_the_first_items_refuses() {
    let project = Project::base();
    let refuses = ["--auto-sign", "0s", "--refuse", "100%"];
    let _served = Served::of(&project, &refuses);
    let run = apply(&project, &["--canary", "1", "--until-signed"]);
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    let report = project.read("reports/latest/loans.csv");
    let not_started = "not started: one of the first items was not signed";
    assert_eq!(report.matches(not_started).count(), 3, "{report}");
}

#[test]
fn stops_when_one_of_the_first_items_failed() {
    let project = Project::base();
    let fault = "{ kind: status, status: 400, operations: [sign/contract/addProcess], nth: 1 }";
    project.write("faults.yaml", format!("faults: [ {fault} ]\n"));
    let _served = Served::of(&project, &["--faults", "faults.yaml"]);
    let run = apply(&project, &["--canary", "1"]);
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    let counts = "flows.loans  1 failed, 3 not_started";
    assert!(run.stdout.contains(counts), "{}", run.stdout);
    let report = project.read("reports/latest/loans.csv");
    let not_started = "not started: one of the first items was not sent";
    assert_eq!(report.matches(not_started).count(), 3, "{report}");
    let run = apply(&project, &["--canary", "1"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

/// A project of which two contracts were sent; their rows are removed since, and others are new.
fn with_removed_rows() -> Project {
    let project = Project::base();
    let flow = "  loans:\n    rows:";
    let revokes = "  loans:\n    onVanish: revoke\n    rows:";
    project.replace("manifests/loans.yaml", flow, revokes);
    project
}

/// Sends the first two rows, and replaces them by the others.
fn send_and_remove_rows(project: &Project) {
    let sheet = project.read("loans.csv");
    let lines: Vec<&str> = sheet.lines().collect();
    project.write("loans.csv", lines[..3].join("\n"));
    let run = apply(project, &[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    project.write("loans.csv", [&lines[..1], &lines[3..]].concat().join("\n"));
}

#[test]
fn waits_for_the_signers_of_the_first_items_also_if_the_run_revokes_others() {
    let project = with_removed_rows();
    let _served = Served::of(&project, &[]);
    send_and_remove_rows(&project);
    // Nobody signs, and the end of the waiting has passed at once.
    let options = "--max-revoke 100% --canary 1 --until-signed --wait --until 1ms";
    let options: Vec<&str> = options.split(' ').collect();
    let run = apply(&project, &options);
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("of the first items: 1 waiting"),
        "{}",
        run.stderr
    );
    let told = "stopping: the run ends after its first items";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let report = project.read("reports/latest/loans.csv");
    let not_started = "not started: one of the first items was not signed";
    assert_eq!(report.matches(not_started).count(), 1, "{report}");
}

#[test]
fn revoked_contracts_do_not_count_as_the_first_items() {
    let project = with_removed_rows();
    let fault = "{ kind: status, status: 400, operations: [sign/contract/addProcess], nth: 3 }";
    project.write("faults.yaml", format!("faults: [ {fault} ]\n"));
    let _served = Served::of(&project, &["--faults", "faults.yaml"]);
    send_and_remove_rows(&project);
    let options = ["--max-revoke", "100%", "--canary", "1"];
    let run = apply(&project, &options);
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    let report = project.read("reports/latest/loans.csv");
    let not_started = "not started: one of the first items was not sent";
    assert_eq!(report.matches(not_started).count(), 1, "{report}");
}
