//! `treaty status` and `treaty runs`: what happened, and what to do.

use std::time::Duration;

use serde_json::Value;

use super::state::few;
use crate::sandbox::servers::{project_of, run};
use crate::support::serve::serve;

#[test]
fn shows_failures_by_cause_and_rows_that_were_not_used() {
    let project = few(4);
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let sheet = project.sheet();
    let name = sheet.lines().nth(2).and_then(|row| row.split(',').nth(2));
    project.set_sheet(&sheet.replacen(name.expect("a name"), "", 1));
    // The service refuses the platform's signature, because its keyword is not in the document.
    project.replace("manifests/loans.yaml", "甲方盖章", "丙方盖章");
    project.expect(&["apply", "--yes"], 3);
    let run = project.expect(&["status"], 0);
    let first = run.stderr.lines().next();
    let named = "project acme-lending, environment sandbox, endpoint sandbox";
    assert_eq!(first, Some(named), "{}", run.stderr);
    let status = run.stdout;
    for expected in [
        "with exit code 3: some items failed",
        "flows.loans  3 failed (for ",
        "1 row not used: run treaty status --failed",
        "3 failed  sign/contract/platformSignTask: ",
        "  flows.loans[\"HT-2026-0001\"], flows.loans[\"HT-2026-0003\"], …",
        "  help: ",
    ] {
        assert!(status.contains(expected), "{expected}: {status}");
    }
    let listed = project.expect(&["status", "--failed"], 0).stdout;
    let unused = "! flows.loans[\"HT-2026-0002\"]: 姓名: name is empty";
    assert!(listed.contains(unused), "{listed}");
    let text = project.expect(&["status", "--failed", "--format", "json"], 0);
    let json: Value = serde_json::from_str(&text.stdout).expect("JSON");
    assert_eq!(json["items"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["causes"][0]["count"], 3);
    assert_eq!(json["lastRun"]["state"], "ended");
    project.expect(&["report"], 0);
    assert_eq!(project.summary()["failedRows"][0]["row"], 3);
}

#[test]
fn tells_a_killed_run_from_one_that_ended() {
    let project = few(3);
    project.expect(&["apply", "--yes"], 0);
    let status = project.expect(&["status"], 0).stdout;
    assert!(
        status.contains("with exit code 0: nothing failed"),
        "{status}"
    );
    let ledger = rusqlite::Connection::open(project.path(".treaty/sandbox.db")).expect("a ledger");
    let sql = "UPDATE run SET ended = NULL, exit = NULL";
    ledger.execute(sql, []).expect("a run without an end");
    drop(ledger);
    let status = project.expect(&["status"], 0).stdout;
    assert!(status.contains("killed after 3 of 3 contracts"), "{status}");
    assert!(status.contains("help: apply again"), "{status}");
    project.expect(&["apply", "--yes"], 0);
    let runs = project.expect(&["runs"], 0).stdout;
    let lines: Vec<&str> = runs.lines().collect();
    assert_eq!(lines.len(), 2, "{runs}");
    assert!(lines[0].ends_with("exit 0    3 unchanged"), "{runs}");
    assert!(lines[1].contains("no end"), "{runs}");
    let runs = project.expect(&["runs", "--last", "1", "--format", "json"], 0);
    let runs: Value = serde_json::from_str(&runs.stdout).expect("JSON");
    assert_eq!(runs[0]["items"]["loans"]["unchanged"], 3);
}

/// A row that was sent earlier and is invalid now has a cause, although its contract is fine.
#[test]
fn shows_why_a_row_that_was_sent_earlier_is_not_used() {
    let project = few(2);
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    project.expect(&["apply", "--yes"], 0);
    let sheet = project.sheet();
    let name = sheet.lines().nth(2).and_then(|row| row.split(',').nth(2));
    project.set_sheet(&sheet.replacen(name.expect("a name"), "", 1));
    project.expect(&["apply", "--yes"], 3);
    let status = project.expect(&["status"], 0).stdout;
    assert!(status.contains("flows.loans  2 sent"), "{status}");
    assert!(status.contains("1 row not used"), "{status}");
    let listed = project.expect(&["status", "--failed"], 0).stdout;
    let unused = "! flows.loans[\"HT-2026-0002\"]: 姓名: name is empty";
    assert!(listed.contains(unused), "{listed}");
}

/// Names and mobile numbers come from the sheet, and only on request.
#[test]
fn lists_people_beside_links_on_request() {
    let project = few(3);
    project.expect(&["apply", "--yes"], 0);
    let sheet = project.sheet();
    let cells: Vec<Vec<&str>> = sheet
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let (name, mobile) = (cells[1][2], cells[1][4]);
    let plain = project.expect(&["status", "--links"], 0).stdout;
    assert!(!plain.contains(name) && !plain.contains(mobile), "{plain}");
    // The second row has another name now, the third one is gone.
    let changed = sheet.replacen(cells[2][2], "王小明", 1);
    let (rest, _) = changed.trim_end().rsplit_once('\n').expect("rows");
    project.set_sheet(rest.trim_end());
    let run = project.expect(&["status", "--links", "--with-people"], 0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.stdout);
    assert!(
        lines[0].ends_with(&format!("\t{name}\t{mobile}")),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].ends_with("\t(the row differs from what was sent)\t"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].contains("\t(the row is not in the sheet"),
        "{}",
        lines[2]
    );
    assert!(
        run.stderr.contains("2 of 3 signers have no name"),
        "{}",
        run.stderr
    );
    project.expect(&["status", "--with-people"], 64);
    let json = ["status", "--links", "--with-people", "--format", "json"];
    let json: Value = serde_json::from_str(&project.expect(&json, 0).stdout).expect("JSON");
    assert_eq!(json["links"][0]["person"]["mobile"], mobile);
    assert!(json["links"][2]["person"].is_null());
}

/// The progress of a run counts revocations on both sides.
#[test]
fn counts_planned_revocations_in_the_progress() {
    let project = few(3);
    project.replace(
        "manifests/loans.yaml",
        "    accounts:\n",
        "    onVanish: revoke\n    accounts:\n",
    );
    let sheet = project.sheet();
    let (rest, last) = sheet.trim_end().rsplit_once('\n').expect("rows");
    project.set_sheet(rest.trim_end());
    project.expect(&["apply", "--yes"], 0);
    let (header, rows) = rest.split_once('\n').expect("a header");
    let (_, kept) = rows.split_once('\n').expect("two rows");
    project.set_sheet(&[header, kept, last].join("\n"));
    project.expect(&["apply", "--yes", "--max-revoke", "1"], 0);
    let text = project.expect(&["status", "--format", "json"], 0).stdout;
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["lastRun"]["planned"], 2, "{text}");
    assert_eq!(json["lastRun"]["contracts"], 2, "{text}");
}

/// An operator on call has no secret at hand.
#[test]
fn reading_commands_need_no_credentials() {
    let base = serve(|base| {
        let sandbox = treaty::sandbox::Sandbox::in_memory(base);
        sandbox.with_credentials().router()
    });
    let project = project_of(&base, 2);
    assert_eq!(run(&project, &["apply", "--yes"]).code, 0);
    for args in [
        &["status", "--failed"][..],
        &["runs"],
        &["report"],
        &["state", "list"],
        &["state", "show", "flows.loans[\"HT-2026-0001\"]"],
        &["state", "export"],
    ] {
        project.expect(args, 0);
    }
}

#[test]
fn shows_a_run_in_progress() {
    let base = serve(|base| {
        let sandbox = treaty::sandbox::Sandbox::in_memory(base).with_credentials();
        let wait = |request: axum::extract::Request, next: axum::middleware::Next| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            next.run(request).await
        };
        sandbox.router().layer(axum::middleware::from_fn(wait))
    });
    let project = project_of(&base, 60);
    let mut command = project.command(&["apply", "--yes"]);
    command
        .env("TREATY_APP_ID", "app")
        .env("TREATY_APP_SECRET", "not-to-be-seen")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("treaty runs");
    let status = std::iter::repeat_with(|| project.run(&["status"]).stdout)
        .take(1000)
        .find(|status| status.contains("of 60 contracts"));
    let status = status.expect("a run in progress");
    assert!(status.contains("running"), "{status}");
    // Items that a live run works on are not counted as interrupted.
    assert!(!status.contains("interrupted"), "{status}");
    assert!(
        status.contains(&format!("process {}", child.id())),
        "{status}"
    );
    child.kill().expect("killed");
    child.wait().expect("it ends");
}

/// The nightly run was refused because of a wrong row: `status` must not show only the last run that
/// began.
#[test]
fn shows_that_a_later_command_found_errors() {
    let project = few(2);
    project.expect(&["apply", "--yes"], 0);
    let sheet = project.sheet();
    project.set_sheet(&sheet.replacen("13500000001", "135", 1));
    project.expect(&["apply", "--yes"], 65);
    let table = std::fs::File::options()
        .write(true)
        .open(project.path("reports/errors.csv"));
    let later = std::time::SystemTime::now() + Duration::from_mins(1);
    table.expect("a table").set_modified(later).expect("later");
    let status = project.expect(&["status"], 0).stdout;
    assert!(
        status.contains("a later command found errors at "),
        "{status}"
    );
    project.set_sheet(&sheet);
    project.expect(&["validate"], 0);
    let status = project.expect(&["status"], 0).stdout;
    assert!(!status.contains("a later command"), "{status}");
}
