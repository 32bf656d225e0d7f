//! Reports of sheets that were saved again: no cells beside the data of another contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use treaty::sandbox::Sandbox;

use crate::cli::state::applied;
use crate::execution::existing_accounts::create_account;
use crate::sandbox::servers::{project_of, run};
use crate::support::project::Project;
use crate::support::serve::serve;

type Row = std::collections::BTreeMap<String, String>;

/// Serves a sandbox that calls `act` once, before the first request to `path` is processed.
fn acting(path: &'static str, act: impl FnOnce() + Send + 'static) -> String {
    let (calls, act) = (AtomicUsize::new(0), std::sync::Mutex::new(Some(act)));
    let shared = Arc::new((calls, act));
    serve(move |base| {
        let sandbox = Sandbox::in_memory(base).with_credentials();
        let wait = move |request: Request, next: axum::middleware::Next| {
            let is_meant = request.uri().path().ends_with(path);
            if is_meant && shared.0.fetch_add(1, Ordering::Relaxed) == 0 {
                let act = shared.1.lock().expect("a lock").take();
                act.expect("the first call")();
            }
            next.run(request)
        };
        sandbox.router().layer(axum::middleware::from_fn(wait))
    })
}

/// Returns a project at an address that is set later: the server needs the project.
fn project_with(rows: usize, path: &'static str, change: fn(&[String]) -> Vec<String>) -> Project {
    let project = project_of("http://127.0.0.1:1", rows);
    let lines: Vec<String> = project.sheet().lines().map(str::to_owned).collect();
    let sheet = project.path("loans.csv");
    let base = acting(path, move || {
        let changed = change(&lines).join("\r\n");
        if changed.is_empty() {
            std::fs::remove_file(&sheet).expect("removed");
        } else {
            let (bytes, ..) = encoding_rs::GB18030.encode(&changed);
            std::fs::write(&sheet, bytes).expect("written");
        }
    });
    project.replace("treaty.yaml", "http://127.0.0.1:1", &base);
    project
}

/// Exchanges the keys of two lines.
fn exchange_keys(lines: &mut [String], one: usize, other: usize) {
    let key = |line: &str| line.split(',').next().expect("a key").to_owned();
    let (first, second) = (key(&lines[one]), key(&lines[other]));
    lines[one] = lines[one].replace(&first, &second);
    lines[other] = lines[other].replace(&second, &first);
}

fn row<'r>(report: &'r [Row], key: &str) -> &'r Row {
    let mut rows = report.iter().filter(|row| row["treaty_key"] == key);
    let row = rows.next().unwrap_or_else(|| panic!("no row {key}"));
    assert!(rows.next().is_none(), "{key} is reported once");
    row
}

/// Asserts that a row has the link of the contract and no cells of the sheet.
fn assert_without_cells(row: &Row) {
    assert!(row["treaty_borrower_sign_url"].starts_with("http"));
    assert!(!row["treaty_flow_id"].is_empty());
    for column in ["合同号", "姓名", "身份证号", "金额"] {
        assert_eq!(row[column], "", "{column}");
    }
}

#[test]
fn a_sheet_saved_during_the_run_puts_no_name_beside_another_link() {
    let original = Project::loans().sheet();
    let project = project_with(5, "handPersonSignTask", |lines| {
        let mut changed = lines.to_vec();
        exchange_keys(&mut changed, 1, 2);
        changed[3] = changed[3].replace(",50000.50,", ",99.00,");
        changed.remove(4);
        changed.push(changed[1].replace("HT-2026-0002", "HT-NEW"));
        changed
    });
    let ended = run(&project, &["apply", "--yes"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let report = project.report("loans.csv");
    for key in [
        "HT-2026-0001",
        "HT-2026-0002",
        "HT-2026-0003",
        "HT-2026-0004",
    ] {
        assert_without_cells(row(&report, key));
        assert_eq!(row(&report, key)["treaty_status"], "sent");
    }
    assert_eq!(row(&report, "HT-2026-0005")["姓名"], "于宁");
    let added = row(&report, "HT-NEW");
    assert_eq!(
        (&*added["treaty_status"], &*added["treaty_flow_id"]),
        ("not_started", "")
    );
    assert!(added["treaty_error"].contains("added, changed or moved"));
    for text in [
        "3 rows differ from what the ledger records for the key: HT-2026-0002 (row 2), HT-2026-0001 (row 3), \
         HT-2026-0003 (row 4)",
        "1 item of this run is no longer in the sheet: HT-2026-0004",
    ] {
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    }
    let lines: Vec<&str> = original.lines().take(6).collect();
    project.set_sheet(&lines.join("\r\n"));
    let again = run(&project, &["report"]);
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    let report = project.report("loans.csv");
    assert!(report.iter().all(|row| !row["姓名"].is_empty()));
}

#[test]
fn a_row_inserted_before_the_first_call_leaves_the_moved_rows_unsent() {
    let project = project_with(3, "account/idexchange", |lines| {
        let mut changed = lines.to_vec();
        changed.insert(1, lines[1].replace("HT-2026-0001", "HT-NEW"));
        changed
    });
    let ended = run(&project, &["apply", "--yes"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let report = project.report("loans.csv");
    assert_eq!(report.len(), 4);
    for row in report {
        assert_eq!(row["treaty_status"], "not_started");
        assert_eq!(row["合同号"], row["treaty_key"]);
        assert!(
            row["treaty_error"].contains("added, changed or moved"),
            "{row:?}"
        );
    }
}

#[test]
fn a_sheet_removed_during_the_run_leaves_the_recorded_state() {
    let project = project_with(3, "handPersonSignTask", |_| Vec::new());
    let ended = run(&project, &["apply", "--yes"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the sheet cannot be read again"),
        "{}",
        ended.stderr
    );
    let report = project.report("loans.csv");
    assert_eq!(report.len(), 3);
    report.iter().for_each(assert_without_cells);
}

#[test]
fn a_report_shows_cells_only_of_rows_that_were_sent() {
    let project = applied(3);
    let original = project.sheet();
    let lines: Vec<String> = original.lines().map(str::to_owned).collect();
    // The wording of the manifest says nothing about the person.
    let manifest = project.read("manifests/loans.yaml");
    project.replace(
        "manifests/loans.yaml",
        "businessScene: 借款合同签署",
        "businessScene: 签署",
    );
    let run = project.expect(&["report"], 0);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    assert!(
        project
            .report("loans.csv")
            .iter()
            .all(|row| !row["姓名"].is_empty())
    );
    // A column that no expression uses changes no value.
    project.write("manifests/loans.yaml", &manifest);
    let wider: Vec<String> = lines.iter().map(|line| format!("{line},备注")).collect();
    project.set_sheet(&wider.join("\r\n"));
    project.expect(&["report"], 0);
    assert!(
        project
            .report("loans.csv")
            .iter()
            .all(|row| !row["姓名"].is_empty())
    );
    // The column of where changes after the rows were sent.
    project.replace(
        "manifests/loans.yaml",
        "      key:",
        "      where: \"{{ row.备注 == '' }}\"\n      key:",
    );
    let sent: Vec<String> = lines[1..]
        .iter()
        .map(|line| format!("{line},已发送"))
        .collect();
    let header = format!("{},备注", lines[0]);
    project.set_sheet(&[&[header][..], &sent].concat().join("\r\n"));
    project.expect(&["report"], 0);
    assert!(
        project
            .report("loans.csv")
            .iter()
            .all(|row| !row["姓名"].is_empty())
    );
    project.write("manifests/loans.yaml", &manifest);
    let mut exchanged = lines.clone();
    exchange_keys(&mut exchanged, 1, 2);
    project.set_sheet(&exchanged.join("\r\n"));
    let run = project.expect(&["report"], 0);
    let text = "2 rows differ from what the ledger records for the key: HT-2026-0002 (row 2), HT-2026-0001 (row 3)";
    assert!(run.stderr.contains(text), "{}", run.stderr);
    let report = project.report("loans.csv");
    assert_without_cells(row(&report, "HT-2026-0001"));
    assert_without_cells(row(&report, "HT-2026-0002"));
    assert_eq!(row(&report, "HT-2026-0003")["姓名"], "沈娟雪");
    // Apply refuses both rows; its report of failed rows has their cells, and no links.
    project.expect(&["apply", "--yes"], 3);
    assert_without_cells(row(&project.report("loans.csv"), "HT-2026-0001"));
    let failed = project.report("loans.failed.csv");
    assert_eq!(failed.len(), 2);
    for row in failed {
        assert_eq!(row["合同号"], row["treaty_key"]);
        assert!(!row["姓名"].is_empty());
        assert_eq!(row["treaty_error"], "the row differs from what was sent");
    }
}

#[test]
fn the_error_of_a_failed_row_is_not_shown_with_a_changed_row() {
    let project = project_of("http://127.0.0.1:1", 2);
    let base = serve(|base| {
        let sandbox = Sandbox::in_memory(base);
        create_account(&sandbox);
        sandbox.with_credentials().router()
    });
    project.replace("treaty.yaml", "http://127.0.0.1:1", &base);
    let documents = "    documents:\n      contract:";
    let strict = format!("    existingAccounts: error\n{documents}");
    project.replace("manifests/loans.yaml", documents, &strict);
    let ended = run(&project, &["apply", "--yes", "--observe", "resources"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let failed = project.report("loans.failed.csv");
    assert!(
        failed[0]["treaty_error"].contains("exists already"),
        "{failed:?}"
    );
    let mut lines: Vec<String> = project.sheet().lines().map(str::to_owned).collect();
    exchange_keys(&mut lines, 1, 2);
    project.set_sheet(&lines.join("\r\n"));
    run(&project, &["report"]);
    let failed = project.report("loans.failed.csv");
    // The contract of the other row was sent; its row is not used as it is now.
    let errors = |key: &str| row(&failed, key)["treaty_error"].clone();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert_eq!(row(&failed, "HT-2026-0001")["姓名"], "郭丽");
    let changed = errors("HT-2026-0001");
    assert!(changed.contains("has changed since"), "{failed:?}");
    let differs = "the row differs from what was sent";
    assert_eq!(errors("HT-2026-0002"), differs);
}
