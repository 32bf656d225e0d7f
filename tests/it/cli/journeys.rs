//! Complete command sequences, from a sheet to contracts and reports.

use std::collections::BTreeSet;

use treaty::ledger::{Binding, Store};

use crate::support::project::{Project, root};

/// Returns the number of rows of a report with a status.
pub(crate) fn statuses(
    report: &[std::collections::BTreeMap<String, String>],
    status: &str,
) -> usize {
    report
        .iter()
        .filter(|row| row["treaty_status"] == status)
        .count()
}

#[test]
fn creates_two_hundred_contracts_once() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    let report = project.report("loans.csv");
    assert_eq!((report.len(), statuses(&report, "sent")), (200, 200));
    let keys: Vec<&String> = report.iter().map(|row| &row["treaty_key"]).collect();
    let in_the_sheet: Vec<String> = project
        .sheet()
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().expect("a key").to_owned())
        .collect();
    assert!(
        keys.iter().zip(&in_the_sheet).all(|(key, row)| *key == row),
        "in the sheet's order"
    );
    for column in [
        "treaty_flow_id",
        "treaty_doc_id",
        "treaty_borrower_sign_url",
        "treaty_borrower_account_id",
    ] {
        let values: BTreeSet<&String> = report.iter().map(|row| &row[column]).collect();
        assert!(
            values.len() == 200 && !values.contains(&String::new()),
            "{column}"
        );
    }
    // The platform's signature is only requested so far: the service signs asynchronously (5.9.1).
    assert_eq!(report[0]["treaty_lender_status"], "signing");
    assert_eq!(report[0]["treaty_borrower_status"], "waiting");
    assert!(!project.path("reports/latest/loans.failed.csv").exists());

    project.expect(&["plan", "--detailed-exitcode"], 0);
    project.expect(&["apply", "--yes"], 0);
    let calls = project.summary()["calls"].clone();
    let paths: Vec<&String> = calls.as_object().expect("an object").keys().collect();
    assert_eq!(
        paths,
        ["account/idexchange", "seal/query"],
        "nothing is written twice"
    );
    assert_eq!(statuses(&project.report("loans.csv"), "unchanged"), 200);
}

#[test]
fn stores_and_prints_no_private_values() {
    let project = Project::loans();
    let run = project.expect(&["apply", "--yes", "-v"], 0);
    let sheet = project.sheet();
    let cells: Vec<&str> = sheet.lines().nth(7).expect("a row").split(',').collect();
    let (name, id_no, mobile) = (cells[2], cells[3], cells[4]);
    let mut kept = Vec::new();
    for file in ["sandbox.db", "sandbox.db-wal"] {
        kept.extend(std::fs::read(project.path(&format!(".treaty/{file}"))).unwrap_or_default());
    }
    for private in [name, id_no, mobile] {
        assert!(
            !kept
                .windows(private.len())
                .any(|window| window == private.as_bytes())
        );
        assert!(!run.stdout.contains(private) && !run.stderr.contains(private));
    }
    assert!(
        !run.stdout.contains("/sign/") && !run.stderr.contains("/sign/"),
        "links let people sign"
    );
}

#[test]
fn updates_mutable_resource_fields_and_refuses_other_changes() {
    let project = Project::loans();
    project.expect(
        &[
            "apply",
            "--yes",
            "--target",
            "accounts.*",
            "--target",
            "seals.*",
            "--target",
            "templates.*",
        ],
        0,
    );
    project.replace(
        "manifests/lender.yaml",
        "contracts@acme.example",
        "signing@acme.example",
    );
    project.replace(
        "manifests/lender.yaml",
        "    silentSign: { until: 2027-12-31 }\n",
        "",
    );
    let run = project.expect(&["plan"], 0);
    assert!(
        run.stdout
            .contains("~ accounts.acme  email con***************mple → sig*************mple; revoke silent signing"),
        "{}",
        run.stdout
    );
    project.expect(&["apply", "--yes", "--target", "accounts.acme"], 0);
    let calls = project.summary()["calls"].clone();
    assert_eq!(calls["account/organize/update"]["attempts"], 1);
    assert_eq!(calls["account/platform/revokeSilentsign"]["attempts"], 1);

    project.replace(
        "manifests/lender.yaml",
        "330199199910145052",
        "330199198503209691",
    );
    let run = project.expect(&["plan"], 65);
    assert!(
        run.stderr.contains("idNo differs") && run.stderr.contains("new thirdId"),
        "{}",
        run.stderr
    );
    project.replace(
        "manifests/lender.yaml",
        "idNo: \"330199198503209691\"\n      mobile",
        "idNo: \"330199199910145052\"\n      mobile",
    );

    project.replace("manifests/lender.yaml", "color: RED", "color: BLUE");
    let run = project.expect(&["plan"], 65);
    assert!(
        run.stderr.contains("a seal cannot be changed") && run.stderr.contains("合同专用章-2"),
        "{}",
        run.stderr
    );
    project.replace("manifests/lender.yaml", "color: BLUE", "color: RED");

    let template = std::fs::read(project.path("templates/loan.pdf")).expect("a template");
    project.write(
        "templates/loan.pdf",
        [&template[..], b"\n% another edition\n"].concat(),
    );
    let run = project.expect(&["plan"], 0);
    assert!(run.stdout.contains("+ templates.loan"), "{}", run.stdout);
}

#[test]
fn excluded_resources_are_untouched_and_usable() {
    let project = Project::loans();
    project.expect(
        &[
            "apply",
            "--yes",
            "--target",
            "accounts.*",
            "--target",
            "seals.*",
        ],
        0,
    );
    project.replace("manifests/lender.yaml", "13500009999", "13500008888");
    project.expect(&["apply", "--yes", "--exclude", "accounts.clerk"], 0);
    assert!(
        project.summary()["calls"]
            .get("account/person/update")
            .is_none()
    );
    assert_eq!(statuses(&project.report("loans.csv"), "sent"), 200);
    let run = project.expect(&["plan", "--exclude", "*"], 0);
    assert!(run.stdout.contains("No changes."), "{}", run.stdout);
}

#[test]
fn refuses_an_unwritable_reports_folder_before_any_call() {
    let project = Project::loans();
    project.write("reports", "a file");
    project.expect(&["apply", "--yes"], 1);
    assert!(!project.was_called());
}

#[test]
fn adopts_existing_accounts_and_seals() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    // The ledger is lost, but the accounts still exist at the service.
    for file in ["sandbox.db", "sandbox.db-wal", "sandbox.db-shm"] {
        let _ = std::fs::remove_file(project.path(&format!(".treaty/{file}")));
    }
    // The marker and run.json still show that a ledger existed.
    let run = project.expect(&["plan"], 1);
    assert!(run.stderr.contains("the file is missing"), "{}", run.stderr);
    for file in ["sandbox.db.lock", "sandbox.db.marker"] {
        std::fs::remove_file(project.path(&format!(".treaty/{file}"))).expect("removed");
    }
    let run = project.expect(
        &["plan", "--target", "accounts.*", "--target", "seals.*"],
        0,
    );
    assert!(
        run.stdout
            .contains("~ accounts.clerk  adopt the existing account"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("~ seals.contract-seal  adopt the existing seal"),
        "{}",
        run.stdout
    );
    project.expect(
        &[
            "apply",
            "--yes",
            "--new-ledger",
            "--target",
            "accounts.*",
            "--target",
            "seals.*",
        ],
        0,
    );
    let calls = project.summary()["calls"].clone();
    assert!(
        calls.get("account/create/person").is_none() && calls.get("seal/create/organize").is_none()
    );
    project.expect(
        &[
            "plan",
            "--detailed-exitcode",
            "--target",
            "accounts.*",
            "--target",
            "seals.*",
        ],
        0,
    );
}

#[test]
fn a_document_may_be_a_local_pdf() {
    let project = Project::loans();
    let sheet: Vec<String> = project.sheet().lines().take(4).map(str::to_owned).collect();
    project.set_sheet(&sheet.join("\r\n"));
    let manifest = project.read("manifests/loans.yaml");
    let begin = manifest
        .find("        template: loan")
        .expect("the template");
    let end = manifest.find("    process:").expect("the process");
    let own = "        file: \"../annexes/{{ key }}.pdf\"\n        name: 附件\n";
    project.write(
        "manifests/loans.yaml",
        format!("{}{own}{}", &manifest[..begin], &manifest[end..]),
    );
    let pdf = std::fs::read(project.path("templates/loan.pdf")).expect("a PDF");
    project.write("annexes/HT-2026-0001.pdf", &pdf);
    project.write("annexes/HT-2026-0002.pdf", &pdf);
    project.write("annexes/HT-2026-0003.pdf", "no pdf");
    let run = project.expect(&["validate"], 65);
    assert!(
        run.stderr.contains("HT-2026-0003.pdf: not a readable PDF") && run.stderr.contains("row 4"),
        "{}",
        run.stderr
    );
    project.write("annexes/HT-2026-0003.pdf", &pdf);
    project.expect(&["apply", "--yes"], 0);
    assert_eq!(
        project.summary()["calls"]["doc/createbyfilekey"]["attempts"],
        3
    );
    project.expect(&["plan", "--detailed-exitcode"], 0);
    // The fingerprint of an item covers the content of the file.
    project.write(
        "annexes/HT-2026-0001.pdf",
        [&pdf[..], b"\n% changed\n"].concat(),
    );
    let run = project.expect(&["plan"], 0);
    assert!(run.stdout.contains("! 1 blocked"), "{}", run.stdout);
}

#[test]
fn fails_items_that_require_a_failed_resource_without_a_call() {
    let project = Project::loans();
    // The sandbox enforces the rule that a grant must end in the future.
    project.replace(
        "manifests/lender.yaml",
        "until: 2027-12-31",
        "until: 2020-12-31",
    );
    let run = project.expect(&["apply", "--yes"], 3);
    assert!(run.stderr.contains("accounts.acme"), "{}", run.stderr);
    let report = project.report("loans.csv");
    assert_eq!(statuses(&report, "failed"), 200);
    assert!(
        report[0]["treaty_error"].contains("requires accounts.acme, which failed"),
        "{:?}",
        report[0]["treaty_error"]
    );
    assert!(
        project.summary()["calls"]
            .get("doc/createbytemplate")
            .is_none()
    );
}

#[test]
fn begins_no_items_after_too_many_failures() {
    let project = Project::loans();
    project.replace("treaty.yaml", "invalidRows: refuse", "tolerate: 2%");
    project.replace("treaty.yaml", "concurrency: 16", "concurrency: 1");
    // The service refuses the platform's signature, because its keyword is not in the document.
    project.replace("manifests/loans.yaml", "甲方盖章", "丙方盖章");
    let run = project.expect(&["apply", "--yes"], 3);
    assert!(
        run.stderr.contains("more than 4 items failed"),
        "{}",
        run.stderr
    );
    let calls = project.summary()["calls"].clone();
    assert_eq!(calls["sign/contract/addProcess"]["attempts"], 5);
    let report = project.report("loans.csv");
    let counted = [
        statuses(&report, "failed"),
        statuses(&report, "not_started"),
    ];
    assert_eq!(counted, [5, 195], "no row is forgotten");
    assert!(report[199]["treaty_error"].contains("not started"));
    assert_eq!(project.report("loans.failed.csv").len(), 5);
}

#[test]
fn refuses_a_second_run_while_the_ledger_is_locked() {
    let project = Project::loans();
    let binding = Binding {
        endpoint: "sandbox".into(),
        app_id: Some(String::new()),
    };
    let held = Store::hold(
        &project.path(".treaty/sandbox.db"),
        &binding,
        "process 7 on night",
        "2026-11-23 22:00:00",
    );
    let held = held.expect("held");
    let run = project.expect(&["apply", "--yes"], 75);
    assert!(
        run.stderr
            .contains("process 7 on night, since 2026-11-23 22:00:00"),
        "{}",
        run.stderr
    );
    drop(held);
    project.expect(&["apply", "--yes"], 0);
}

#[test]
fn starters_and_examples_can_be_applied() {
    for starter in ["loan", "organization"] {
        let project = Project::empty();
        project.expect(&["init", starter, "new"], 0);
        project.expect(&["-p", "new", "validate"], 0);
        project.expect(&["-p", "new", "apply", "--yes"], 0);
        project.expect(&["-p", "new", "plan", "--detailed-exitcode"], 0);
        project.expect(&["init", starter, "new"], 64);
    }
    for entry in std::fs::read_dir(root().join("examples")).expect("examples") {
        let folder = entry.expect("an entry").path();
        if folder.join("treaty.yaml").is_file() {
            Project::copy_of(&folder).expect(&["validate"], 0);
        }
    }
}

#[test]
fn reports_refused_contracts_with_the_reason() {
    let project = Project::copy_of(&root().join("examples/tenancy"));
    project.expect(&["apply", "--yes"], 0);
    let now = jiff::Timestamp::now();
    {
        let world = project.path(".treaty/sandbox");
        let sandbox = treaty::sandbox::Sandbox::open(&world, "http://127.0.0.1").expect("a world");
        let token = sandbox.with_world(|world| {
            let flow = world.flows().next().expect("a flow");
            flow.tasks[0].token.clone()
        });
        let refuse = treaty::sandbox::UserAction::Refuse {
            reason: "租金不对".to_owned(),
        };
        sandbox.act(&token, &refuse, now).expect("refused");
    }
    let sync = project.expect(&["sync"], 0);
    assert!(
        sync.stderr.contains("a signer refused: 租金不对"),
        "{}",
        sync.stderr
    );
    assert!(
        sync.stdout.contains("5 waiting, 1 rejected"),
        "{}",
        sync.stdout
    );
    project.expect(&["apply", "--yes"], 0);
    let report = project.report("leases.csv");
    let of = |status: &str| {
        report
            .iter()
            .filter(|row| row["treaty_status"] == status)
            .count()
    };
    assert_eq!((of("rejected"), of("unchanged")), (1, 5));
    let rejected = report.iter().find(|row| row["treaty_status"] == "rejected");
    assert!(rejected.expect("a row")["treaty_error"].contains("租金不对"));
}

#[test]
fn refuses_changes_of_immutable_fields_before_any_call() {
    let project = Project::copy_of(&root().join("examples/onboarding"));
    project.expect(&["apply", "--yes"], 0);
    project.expect(&["validate"], 0);
    project.replace(
        "manifests/accounts.yaml",
        "idNo: \"330199197001101010\"\n      mobile",
        "idNo: \"330199198506151368\"\n      mobile",
    );
    project.replace("manifests/seals.yaml", "color: BLUE", "color: RED");
    let run = project.expect(&["validate"], 65);
    for what in [
        "idNo differs from the recorded account",
        "the seal finance-seal differs from the existing seal",
        "2 errors were found",
    ] {
        assert!(run.stderr.contains(what), "{}", run.stderr);
    }
}

#[test]
fn reports_the_error_code_and_hint_of_the_service() {
    let project = Project::loans();
    project.replace(
        "manifests/loans.yaml",
        "loan: { file: ../templates/loan.pdf, templateName: 借款合同 }",
        "loan: { templateId: 00000000000000000000000000000000 }",
    );
    project.expect(&["apply", "--yes"], 3);
    let report = project.report("loans.csv");
    assert_eq!(report.len(), 200);
    for row in report {
        assert_eq!(
            (&*row["treaty_status"], &*row["treaty_error_code"]),
            ("failed", "1435502")
        );
        let (code, error) = (treaty::api::ErrorCode(1_435_502), &row["treaty_error"]);
        assert!(
            error.contains(code.message()) && error.contains(code.english()),
            "{error}"
        );
        assert_eq!(row["treaty_hint"], code.hint());
    }
}
