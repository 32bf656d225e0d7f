//! A ledger that is missing, older than the last run, or new beside existing accounts: no contract
//! is sent again unasked.

use std::fs;

use crate::cli::state::{applied, forget_ledger};
use crate::support::project::{Project, Run};

/// Runs a command that must fail without a change at the service.
fn refused(project: &Project, args: &[&str], message: &str) -> Run {
    let world = || fs::read(project.path(".treaty/sandbox/world.jsonl")).expect("a world");
    let before = world();
    let run = project.expect(args, 1);
    assert!(run.stderr.contains(message), "{}", run.stderr);
    assert_eq!(world(), before, "{args:?}");
    run
}

fn remove(project: &Project, name: &str) {
    fs::remove_file(project.path(name)).expect("removed");
}

const LEDGER: &str = ".treaty/sandbox.db";
const MARKER: &str = ".treaty/sandbox.db.marker";
const TARGET: &str = "flows.loans";

#[test]
fn refuses_a_ledger_from_before_the_last_run() {
    let project = applied(3);
    let sheet = project.sheet();
    let first: Vec<&str> = sheet.lines().take(2).collect();
    let backup = fs::read(project.path(LEDGER)).expect("a backup");
    project.set_sheet(&sheet.replace("HT-2026-0003", "HT-2026-0009"));
    project.expect(&["apply", "--yes"], 0);
    fs::write(project.path(LEDGER), &backup).expect("put back");
    let run = refused(&project, &["apply", "--yes"], "is too old");
    assert!(run.stderr.contains("--accept-ledger"), "{}", run.stderr);
    refused(&project, &["sync"], "is too old");
    refused(
        &project,
        &["revoke", "--yes", "--target", TARGET],
        "is too old",
    );
    // The marker is restored with the ledger, but the reports are not.
    remove(&project, MARKER);
    refused(&project, &["apply", "--yes"], "run.json");
    let run = project.expect(&["plan"], 0);
    assert!(run.stderr.contains("apply refuses this"), "{}", run.stderr);
    let run = project.expect(&["audit"], 4);
    assert!(run.stderr.contains("no item is proven"), "{}", run.stderr);
    assert!(run.stdout.contains("3 unproven"), "{}", run.stdout);
    project.set_sheet(&first.join("\r\n"));
    project.expect(&["apply", "--yes", "--accept-ledger"], 0);
    project.expect(&["apply", "--yes"], 0);
    project.expect(&["audit", "--all"], 4);
}

#[test]
fn refuses_to_start_over_beside_a_marker_or_reports() {
    let project = applied(2);
    for ending in ["db", "db.lock"] {
        remove(&project, &format!(".treaty/sandbox.{ending}"));
    }
    let run = refused(&project, &["apply", "--yes"], "the file is missing");
    assert!(run.stderr.contains("--new-ledger"), "{}", run.stderr);
    refused(&project, &["sync"], "the file is missing");
    remove(&project, MARKER);
    refused(&project, &["apply", "--yes"], "run.json");
    // A command that sends nothing confirms nothing.
    let none = ["apply", "--yes", "--new-ledger", "--target", "flows.none"];
    project.expect(&none, 64);
    refused(&project, &["apply", "--yes"], "run.json");
    let run = project.expect(&["apply", "--yes", "--new-ledger"], 0);
    assert!(run.stderr.contains("in place of the one"), "{}", run.stderr);
    project.expect(&["apply", "--yes"], 0);
    let run = project.expect(&["audit", "--all"], 4);
    assert!(run.stdout.contains("2 unproven"), "{}", run.stdout);
}

/// In a script, the options would hide that a ledger was lost.
#[test]
fn refuses_options_for_a_current_ledger() {
    let project = applied(2);
    let run = project.expect(&["apply", "--yes", "--accept-ledger"], 64);
    assert!(run.stderr.contains("nothing to accept"), "{}", run.stderr);
    let run = project.expect(&["apply", "--yes", "--new-ledger"], 64);
    assert!(run.stderr.contains("has no effect"), "{}", run.stderr);
}

/// Also if the marker was restored with the ledger, and the last run was killed.
#[test]
fn refuses_a_ledger_without_the_last_process() {
    let project = applied(3);
    let files = || [LEDGER, MARKER].map(|name| fs::read(project.path(name)).expect("read"));
    let backup = files();
    let sheet = project.sheet();
    project.set_sheet(&sheet.replace("HT-2026-0003", "HT-2026-0009"));
    project.expect(&["apply", "--yes"], 0);
    let mut summary = project.summary();
    let fields = summary.as_object_mut().expect("an object");
    fields.retain(|name, _| !["ended", "exitCode"].contains(&name.as_str()));
    fields["ledger"]["serial"] = 1.into();
    let file = project.path("reports/latest/run.json");
    fs::write(file, summary.to_string()).expect("written");
    for (name, bytes) in [LEDGER, MARKER].into_iter().zip(&backup) {
        fs::write(project.path(name), bytes).expect("put back");
    }
    refused(&project, &["apply", "--yes"], "another copy");
    // Its reports would show sent contracts as not started, and its export replace a better one.
    refused(&project, &["report"], "another copy");
    refused(&project, &["state", "export"], "another copy");
    let run = project.expect(&["status"], 0);
    assert!(run.stderr.contains("are not shown"), "{}", run.stderr);
    project.expect(&["sync", "--accept-ledger"], 0);
    project.expect(&["sync"], 0);
}

#[test]
fn a_refused_run_does_not_keep_the_ledger_from_being_restored() {
    let project = applied(12);
    let backup = fs::read(project.path(LEDGER)).expect("a backup");
    forget_ledger(&project);
    fs::remove_dir_all(project.path("reports")).expect("removed");
    refused(&project, &["apply", "--yes"], "12 accounts of rows");
    fs::write(project.path(LEDGER), backup).expect("put back");
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(run.stdout.contains("12 unchanged"), "{}", run.stdout);
}

#[test]
fn refuses_many_items_of_a_new_ledger_beside_existing_accounts() {
    let project = applied(12);
    let sheet = project.sheet();
    let forget = || {
        forget_ledger(&project);
        fs::remove_dir_all(project.path("reports")).expect("removed");
    };
    forget();
    let found = "12 accounts of rows and 2 accounts of manifests exist at the service";
    let run = project.expect(&["plan"], 0);
    assert!(run.stderr.contains(found), "{}", run.stderr);
    refused(&project, &["apply", "--yes"], found);
    let confirm = ["apply", "--yes", "--confirm", "sandbox"];
    let open = "endpoint: sandbox }";
    let protected = "endpoint: sandbox, protected: true }";
    project.replace("treaty.yaml", open, protected);
    let unseen = [&confirm[..], &["--observe", "none"]].concat();
    refused(&project, &unseen, "--observe skips the lookup");
    project.replace("treaty.yaml", protected, open);
    // A few items are sent with a note; the rest is still refused.
    let few: Vec<&str> = sheet.lines().take(3).collect();
    project.set_sheet(&few.join("\r\n"));
    let run = project.expect(&["apply", "--yes"], 0);
    assert!(run.stderr.contains("2 accounts of rows"), "{}", run.stderr);
    let run = project.expect(&["audit"], 4);
    assert!(run.stdout.contains("2 unproven"), "{}", run.stdout);
    project.set_sheet(&sheet);
    refused(&project, &["apply", "--yes"], "10 accounts of rows");
    project.replace("treaty.yaml", open, protected);
    let few: Vec<&str> = sheet.lines().take(6).collect();
    project.set_sheet(&few.join("\r\n"));
    refused(&project, &confirm, "3 accounts of rows");
    project.set_sheet(&sheet);
    project.expect(&[&confirm[..], &["--new-ledger"]].concat(), 0);
    project.expect(&confirm, 0);
    let run = project.expect(&["audit", "--all"], 4);
    assert!(run.stdout.contains("12 unproven"), "{}", run.stdout);
}

#[test]
fn a_sandbox_without_its_folders_is_a_fresh_start() {
    let project = applied(12);
    for folder in [".treaty", "reports"] {
        fs::remove_dir_all(project.path(folder)).expect("removed");
    }
    project.expect(&["apply", "--yes"], 0);
    let run = project.expect(&["audit"], 0);
    assert!(run.stdout.contains("12 exactly_once"), "{}", run.stdout);
}

#[test]
fn the_summary_of_a_run_has_the_version_of_its_ledger() {
    let project = applied(2);
    let ledger = project.summary()["ledger"].clone();
    let marker: serde_json::Value = serde_json::from_str(&project.read(MARKER)).expect("JSON");
    assert_eq!(ledger["id"], marker["id"]);
    let serial = |value: &serde_json::Value| value["serial"].as_i64().expect("a number");
    // The end of the run is recorded after its reports.
    assert_eq!(serial(&ledger) + 1, serial(&marker));
    project.expect(&["report"], 0);
    assert_eq!(project.summary()["ledger"], ledger);
}
