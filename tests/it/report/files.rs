//! Files written after a run: regenerated reports, `JUnit`, `run.json`, metrics, and links.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use treaty::api::SignStatus;
use treaty::sandbox::{AutoSign, Sandbox, SealChoice, UserAction};

use crate::cli::state::applied;
use crate::support::project::{Project, root};

fn tenancy() -> Project {
    let project = Project::copy_of(&root().join("examples/tenancy"));
    project.expect(&["apply", "--yes"], 0);
    project
}

/// Signs the contracts with the indexes `sign`, and refuses the contract with the index `refuse`.
fn act(project: &Project, sign: &[usize], refuse: usize) {
    let sandbox = Sandbox::open(&project.path(".treaty/sandbox"), "http://127.0.0.1");
    let sandbox = sandbox.expect("a world");
    let tokens: Vec<String> = sandbox.with_world(|world| {
        let mut flows: Vec<_> = world.flows().collect();
        flows.sort_by_key(|flow| flow.docs[0].name.clone());
        let pending = flows.into_iter().map(|flow| {
            let task = flow
                .tasks
                .iter()
                .find(|task| task.status == SignStatus::Pending);
            task.expect("a task").token.clone()
        });
        pending.collect()
    });
    for at in sign {
        let deed = UserAction::Sign(vec![SealChoice::Handwritten]);
        sandbox
            .act(&tokens[*at], &deed, Timestamp::now())
            .expect("signed");
    }
    let reason = "租金不对".to_owned();
    let refused = sandbox.act(
        &tokens[refuse],
        &UserAction::Refuse { reason },
        Timestamp::now(),
    );
    refused.expect("refused");
}

fn by_key(report: Vec<BTreeMap<String, String>>) -> BTreeMap<String, BTreeMap<String, String>> {
    let rows = report.into_iter();
    rows.map(|row| (row["treaty_key"].clone(), row)).collect()
}

#[test]
fn a_sync_writes_present_states_and_leaves_the_reports_of_the_run() {
    let project = tenancy();
    let of_run = project.read("reports/latest/leases.csv");
    project.write("reports/latest/leases.failed.csv", "corrected by hand");
    act(&project, &[0, 2], 1);
    let run = project.expect(&["sync"], 0);
    let line = "current reports in reports/current\n";
    assert!(run.stdout.ends_with(line), "{}", run.stdout);
    assert_eq!(project.read("reports/latest/leases.csv"), of_run);
    assert_eq!(
        project.read("reports/latest/leases.failed.csv"),
        "corrected by hand"
    );
    let current = project.report("../current/leases.csv");
    let statuses: Vec<&str> = current.iter().map(|row| &*row["treaty_status"]).collect();
    let expected = [
        "waiting", "rejected", "waiting", "waiting", "waiting", "waiting",
    ];
    assert_eq!(statuses, expected);
    assert!(!project.path("reports/current/leases.failed.csv").exists());
}

#[test]
fn regenerated_reports_have_signing_states_and_dates() {
    let project = tenancy();
    act(&project, &[0, 2], 1);
    project.expect(&["sync"], 0);
    // The sheet may be gone: the ledger has the remaining data.
    for sheet in [true, false] {
        if !sheet {
            std::fs::remove_file(project.path("tenants.csv")).expect("removed");
        }
        let run = project.expect(&["report"], 0);
        assert!(
            run.stdout.contains("flows.leases  5 waiting, 1 rejected"),
            "{}",
            run.stdout
        );
        let report = project.report("leases.csv");
        assert_eq!(report.len(), 6);
        assert_eq!(report[0].contains_key("姓名"), sheet);
        let report = by_key(report);
        let (first, second, fourth) = (
            &report["ZL-2026-001"],
            &report["ZL-2026-002"],
            &report["ZL-2026-004"],
        );
        assert_eq!(first["treaty_tenant_status"], "signed");
        assert_eq!(first["treaty_tenant_sign_time"].len(), 19);
        assert_eq!(first["treaty_agent_status"], "waiting");
        assert!(first["treaty_agent_sign_url"].starts_with("http"));
        assert_eq!(first["treaty_landlord_status"], "");
        assert_eq!(first["treaty_sent_at"].len(), 19);
        assert_eq!(second["treaty_status"], "rejected");
        assert_eq!(second["treaty_tenant_status"], "rejected");
        assert_eq!(second["treaty_ended_at"].len(), 19);
        assert!(second["treaty_error"].contains("租金不对"));
        assert_eq!(fourth["treaty_tenant_status"], "waiting");
        let summary = project.summary();
        assert_eq!(summary["items"]["leases"]["rejected"], 1);
        assert!(summary["reported"].is_string());
        assert_eq!(summary["exitCode"], 0);
        assert!(
            summary["callsTotal"].as_u64() > Some(0),
            "what the run did is still told"
        );
    }
    let run = project.expect(&["report", "--run", "never"], 64);
    assert!(
        run.stderr.contains("no run never is recorded"),
        "{}",
        run.stderr
    );
    let run = project.expect(&["report", "--target", "flows.lease"], 64);
    assert!(
        run.stderr.contains("similar addresses: flows.leases"),
        "{}",
        run.stderr
    );
}

#[test]
fn pages_are_in_the_language_of_the_command() {
    let project = tenancy();
    act(&project, &[0, 2], 1);
    project.expect(&["sync"], 0);
    for (lang, expected) in [
        (
            "en",
            ["lang=\"en\"", "1 rejected. 6 contracts sent.", "Signers"],
        ),
        (
            "zh",
            ["lang=\"zh\"", "已拒签 1 份。6 份合同已全部发送。", "签署人"],
        ),
    ] {
        project.expect(&["report", "--lang", lang], 0);
        let page = project.read("reports/latest/report.html");
        for text in expected {
            assert!(page.contains(text), "{lang}: {text}");
        }
        // A rejected contract comes first, also in the data of the script.
        assert!(page.find("ZL-2026-002") < page.find("ZL-2026-001"));
        project.expect(&["preview", "--lang", lang], 0);
        let preview = project.read("reports/preview/index.html");
        assert!(
            preview.contains(expected[0]) && preview.contains(expected[2].trim_end_matches('s'))
        );
    }
    assert_eq!(project.summary()["items"]["leases"]["rejected"], 1);
}

#[test]
fn reports_list_signed_files_with_their_checksums() {
    use sha2::Digest;
    let project = tenancy();
    let everybody = AutoSign {
        after: jiff::SignedDuration::ZERO,
        refuse: 0.0,
        seed: 0,
    };
    for _ in 0..2 {
        let world = project.path(".treaty/sandbox");
        let sandbox = Sandbox::open(&world, "http://127.0.0.1").expect("a world");
        sandbox.advance(Some(&everybody), Timestamp::now());
        drop(sandbox);
        project.expect(&["sync"], 0);
    }
    project.expect(&["report"], 0);
    let report = project.report("leases.csv");
    assert_eq!(report.len(), 6);
    for row in report {
        assert_eq!(row["treaty_status"], "archived");
        let (files, sums) = (&row["treaty_file"], &row["treaty_sha256"]);
        assert_eq!(files.split(';').count(), 2, "{files}");
        for (file, sum) in files.split(';').zip(sums.split(';')) {
            let bytes = std::fs::read(project.path(file)).expect("a signed file");
            assert_eq!(hex::encode(sha2::Sha256::digest(&bytes)), sum, "{file}");
        }
    }
    let shown = project.expect(
        &[
            "state",
            "show",
            "flows.leases[\"ZL-2026-001\"]",
            "--format",
            "json",
        ],
        0,
    );
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let steps = shown["steps"].as_array().expect("steps");
    let download = steps.iter().find(|step| step["name"] == "download");
    for kept in download.expect("a download")["answer"]
        .as_array()
        .expect("files")
    {
        let path = project.path(kept["path"].as_str().expect("a path"));
        let size = std::fs::metadata(path).expect("there").len();
        assert_eq!(kept["size"], size);
    }
}

#[test]
fn a_report_of_an_earlier_run_omits_items_of_later_runs() {
    let project = applied(2);
    let first = project.summary()["run"].as_str().expect("a run").to_owned();
    // The second run has another sheet, with a third contract and one of the first two.
    let whole = Project::loans().sheet();
    let lines: Vec<&str> = whole.lines().collect();
    project.set_sheet(&[lines[0], lines[2], lines[3]].join("\r\n"));
    project.expect(&["apply", "--yes"], 0);
    project.expect(&["report", "--run", &first], 0);
    let path = format!("reports/{first}/loans.csv");
    let text = project.read(&path);
    let keys: Vec<bool> = ["HT-2026-0001", "HT-2026-0002", "HT-2026-0003"]
        .iter()
        .map(|key| text.contains(key))
        .collect();
    assert_eq!(keys, [true, true, false]);
    assert_ne!(
        project.summary()["run"],
        first.as_str(),
        "latest is the last run's"
    );
    project.expect(&["report"], 0);
    let report = by_key(project.report("loans.csv"));
    assert_eq!(
        report.keys().collect::<Vec<_>>(),
        ["HT-2026-0002", "HT-2026-0003"]
    );
}

#[test]
fn a_duplicate_row_does_not_hide_a_removed_row() {
    let project = applied(2);
    let sheet = project.sheet();
    let lines: Vec<&str> = sheet.lines().collect();
    project.set_sheet(&[lines[0], lines[1], lines[1]].join("\r\n"));
    project.expect(&["report"], 0);
    let report = by_key(project.report("loans.csv"));
    assert_eq!(
        report.keys().collect::<Vec<_>>(),
        ["HT-2026-0001", "HT-2026-0002"]
    );
}

#[test]
fn a_run_without_reports_can_be_reported_later() {
    let project = applied(2);
    let name = project.summary()["run"].as_str().expect("a run").to_owned();
    std::fs::remove_dir_all(project.path("reports")).expect("removed");
    project.expect(&["report"], 0);
    assert_eq!(project.report("loans.csv").len(), 2);
    assert_eq!(project.summary()["run"], name.as_str());
}

/// Returns the samples of a metrics file by name.
fn numbers(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').expect("a sample"))
        .collect()
}

#[test]
fn metrics_are_written_on_success_and_failure() {
    let project = Project::loans();
    project.expect(&["apply", "--yes", "--metrics", "treaty.prom"], 0);
    let text = project.read("treaty.prom");
    let own = r#"project="acme-lending",environment="sandbox",command="apply""#;
    let all = numbers(&text);
    assert_eq!(all[format!("treaty_exit_code{{{own}}}").as_str()], "0");
    let done = format!(r#"treaty_items{{{own},flow="loans",status="sent"}}"#);
    assert_eq!(all[done.as_str()], "200");
    let calls = format!(r#"treaty_calls{{{own},operation="sign/contract/addProcess"}}"#);
    assert_eq!(all[calls.as_str()], "200");
    assert!(!text.contains("HT-2026"), "no key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(project.path("treaty.prom"))
            .expect("there")
            .permissions();
        assert_eq!(
            mode.mode() & 0o777,
            0o644,
            "collectors run as somebody else"
        );
    }

    project.expect(&["sync", "--metrics", "sync.prom"], 0);
    let text = project.read("sync.prom");
    assert!(
        text.contains(r#"command="sync",flow="loans",status="waiting"} 200"#),
        "{text}"
    );

    // Another run holds the ledger: the metrics record that too.
    let binding = treaty::ledger::Binding {
        endpoint: "sandbox".into(),
        app_id: Some(String::new()),
    };
    let held = treaty::ledger::Store::hold(
        &project.path(".treaty/sandbox.db"),
        &binding,
        "last night's",
        "then",
    );
    let held = held.expect("held");
    project.expect(&["apply", "--yes", "--metrics", "treaty.prom"], 75);
    assert!(
        project
            .read("treaty.prom")
            .contains("command=\"apply\"} 75\n")
    );
    drop(held);
    project.replace("manifests/loans.yaml", "row.合同号", "row.合同");
    project.expect(&["apply", "--yes", "--metrics", "treaty.prom"], 65);
    assert!(
        project
            .read("treaty.prom")
            .contains("command=\"apply\"} 65\n")
    );
    // The metrics file cannot be written.
    let run = project.expect(&["sync", "--metrics", "treaty.yaml/x.prom"], 1);
    assert!(
        run.stderr.contains("x.prom cannot be written"),
        "{}",
        run.stderr
    );
}

#[test]
fn status_prints_full_links_of_pending_signers() {
    let project = tenancy();
    let run = project.expect(&["status", "--links"], 0);
    let table: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(table.len(), 6);
    assert_eq!(table[0][..2], ["flows.leases[\"ZL-2026-001\"]", "tenant"]);
    assert!(
        table[0][3].starts_with("http://127.0.0.1:7878/sign/"),
        "{:?}",
        table[0]
    );

    act(&project, &[0], 1);
    project.expect(&["sync"], 0);
    let first = "flows.leases[\"ZL-2026-001\"]";
    let asked = [
        "status", "--links", "--view", "--format", "json", "--target",
    ];
    let run = project.expect(&[&asked[..], &[first]].concat(), 0);
    let status: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let all = status["links"].as_array().expect("links");
    assert_eq!(all.len(), 1);
    let link = &all[0];
    assert_eq!(link["signer"], "agent");
    assert_eq!(link["address"], first);
    assert!(
        link["viewUrl"]
            .as_str()
            .is_some_and(|url| url.contains("/view/")),
        "{status:#}"
    );
    let waits = &status["waits"]["leases"];
    assert_eq!(waits["signers"]["agent"]["count"], 1);
    for moment in [
        &status["oldest"]["leases"]["waiting"],
        &waits["signers"]["agent"]["oldest"],
        &waits["lookedAt"],
        &link["sentAt"],
    ] {
        assert_eq!(moment.as_str().map(str::len), Some(19), "{status:#}");
    }
    let run = project.expect(&["status"], 0);
    for part in [
        "flows.leases  5 waiting, 1 rejected\n",
        "  waiting for agent   1, the oldest for ",
        "  waiting for tenant  4, the oldest for ",
        "  last polled ",
    ] {
        assert!(run.stdout.contains(part), "{part}\n{}", run.stdout);
    }
    let run = project.expect(&["status", "--target", "flows.lease"], 64);
    assert!(
        run.stderr.contains("similar addresses: flows.leases"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_partial_report_does_not_replace_the_full_report() {
    let project = applied(3);
    let name = project.summary()["run"].as_str().expect("a run").to_owned();
    let first = "flows.loans[\"HT-2026-0001\"]";
    let run = project.expect(&["report", "--target", first], 0);
    assert!(
        run.stdout.contains(&format!("{name}-selected")),
        "{}",
        run.stdout
    );
    let part = project.read(&format!("reports/{name}-selected/loans.csv"));
    assert!(part.contains("HT-2026-0001") && !part.contains("HT-2026-0002"));
    assert_eq!(project.report("loans.csv").len(), 3);
}

#[test]
fn a_row_changed_after_sending_is_blocked_and_not_failed() {
    let project = tenancy();
    project.replace("tenants.csv", ",3200,", ",3300,");
    act(&project, &[0, 2], 1);
    let run = project.expect(&["apply", "--yes", "--wait", "--until", "0s"], 3);
    assert!(
        run.stdout.contains("5 waiting, 1 rejected"),
        "{}",
        run.stdout
    );
    let report = by_key(project.report("leases.csv"));
    let first = &report["ZL-2026-001"];
    assert_eq!(first["treaty_status"], "waiting");
    assert_eq!(first["treaty_action"], "blocked");
    assert!(first["treaty_error"].contains("differs from what was sent"));
    // The row as it is now is in the table of rows to correct.
    let unused = project.report("leases.failed.csv");
    assert_eq!((unused.len(), &*unused[0]["treaty_status"]), (1, "waiting"));
    assert!(unused[0].values().any(|cell| cell == "3300"), "{unused:?}");
    project.expect(&["report"], 0);
    assert_eq!(project.report("leases.failed.csv"), unused);
    assert_eq!(project.summary()["exitCode"], 3);
}

#[test]
fn validate_refuses_file_names_that_are_too_long() {
    let project = Project::copy_of(&root().join("examples/tenancy"));
    project.replace("tenants.csv", "ZL-2026-001", &"长".repeat(80));
    let run = project.expect(&["validate"], 65);
    assert!(
        run.stderr.contains("a file name of 244 bytes"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_damaged_ledger_does_not_overwrite_a_report() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    let table = project.path("reports/latest/loans.csv");
    let before = std::fs::read(&table).expect("a report");
    let path = project.path(".treaty/sandbox.db");
    let mut ledger = std::fs::read(&path).expect("the ledger");
    let page = ledger.len() / 4096 / 2 * 4096;
    ledger[page..page + 4096].fill(0);
    std::fs::write(&path, ledger).expect("damaged");
    let refused = project.expect(&["report"], 1).stderr;
    assert!(refused.contains("the file is damaged"), "{refused}");
    assert_eq!(std::fs::read(&table).expect("a report"), before);
}
