//! Contracts that were to be sent again and were not, and contracts that a plan leaves as they are.

use jiff::{SignedDuration, Timestamp};
use treaty::sandbox::{AutoSign, Sandbox, UserAction};

use crate::sandbox::servers::{project_of, run};
use crate::support::project::Project;
use crate::support::serve::serve;

/// Applies three loans to a sandbox over HTTP.
fn applied() -> (Project, Sandbox) {
    let (tell, told) = std::sync::mpsc::channel();
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base);
        tell.send(sandbox.clone()).expect("somebody waits");
        sandbox.with_credentials().router()
    });
    let sandbox = told.recv().expect("a world");
    let project = project_of(&base, 3);
    project.replace("treaty.yaml", "rate: none", "rate: none, concurrency: 1");
    assert_eq!(run(&project, &["apply", "--yes"]).code, 0);
    (project, sandbox)
}

/// All have signed since the last sync: the first revocation fails, and the run stops before the
/// others. All keep their status, with the cause, and none is sent.
#[test]
fn keep_their_status_with_the_cause() {
    let (project, sandbox) = applied();
    let auto = AutoSign {
        after: SignedDuration::ZERO,
        refuse: 0.0,
        seed: 0,
    };
    sandbox.advance(Some(&auto), Timestamp::now());
    let args = "apply --yes --reissue flows.loans --max-revoke 9 --max-failures 0";
    let args: Vec<&str> = args.split(' ').collect();
    let done = run(&project, &args);
    assert_eq!(done.code, 3, "{}\n{}", done.stdout, done.stderr);
    let failed = project.report("loans.failed.csv");
    let causes: Vec<&str> = failed
        .iter()
        .map(|row| row["treaty_error"].as_str())
        .collect();
    assert_eq!(causes.len(), 3, "{causes:?}");
    assert!(causes[0].contains("all signers have signed"), "{causes:?}");
    for cause in &causes[1..] {
        assert!(cause.starts_with("not sent again: not started:"), "{cause}");
    }
    let all = project.report("loans.csv");
    assert!(all.iter().all(|row| row["treaty_status"] == "unchanged"));
    assert!(all.iter().all(|row| row["treaty_contract_number"] == "1"));
    assert_eq!(project.summary()["unusedRows"], 3);
    assert_eq!(run(&project, &["sync"]).code, 0);
    let all = project.report("../current/loans.csv");
    assert!(
        all.iter()
            .all(|row| row["treaty_status"] == "signed" || row["treaty_status"] == "archived")
    );
}

#[test]
fn a_plan_counts_rejected_contracts_and_those_without_a_row() {
    let (project, sandbox) = applied();
    let token = sandbox.with_world(|world| {
        let mut flows = world.flows();
        let first = flows.find(|flow| flow.docs[0].name.contains("HT-2026-0001"));
        let mut tasks = first.expect("the first contract").tasks.iter();
        let task = tasks.find(|task| task.is_pending()).expect("a task");
        task.token.clone()
    });
    let reason = "金额不对".to_owned();
    sandbox
        .act(&token, &UserAction::Refuse { reason }, Timestamp::now())
        .expect("refused");
    assert_eq!(run(&project, &["sync"]).code, 0);
    let sheet = project.sheet();
    let rows: Vec<&str> = sheet.lines().take(3).collect();
    project.set_sheet(&rows.join("\r\n"));
    let plan = run(&project, &["plan"]).stdout;
    let total = "unchanged, of these 1 rejected, 1 without a row in the sheet";
    assert!(plan.contains(total), "{plan}");
    let plan = run(&project, &["plan", "--retry", "rejected"]).stdout;
    assert!(
        plan.contains("± 1 to send again: the earlier contract has ended (1 rejected)")
            && plan.contains("People: 1 person will be asked to sign; 1 asked again; 1 by SMS"),
        "{plan}"
    );
    let plan = run(
        &project,
        &["plan", "--retry", "rejected", "--format", "json"],
    )
    .stdout;
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["people"]["again"], 1);
    assert_eq!(plan["people"]["notices"]["sms"], 1);
    assert_eq!(plan["counts"]["withoutRow"], 1);
    assert_eq!(plan["flows"][0]["items"][0]["replaces"], "rejected");
    let plan = run(&project, &["plan", "--format", "markdown"]).stdout;
    assert!(
        plan.contains("Unchanged contracts that are rejected and are not sent again: 1.")
            && plan.contains("Contracts without a row in the sheet that can still be signed: 1."),
        "{plan}"
    );
}

/// A later row has the key of an earlier one: both are refused, and the people of the earlier one were
/// counted already.
#[test]
fn a_plan_does_not_promise_people_of_refused_rows() {
    let project = Project::loans();
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let sheet = project.sheet();
    let rows: Vec<&str> = sheet.lines().take(4).collect();
    let repeated = rows[3].replace("HT-2026-0003", "HT-2026-0001");
    project.set_sheet(&[rows[0], rows[1], rows[2], &repeated].join("\r\n"));
    let plan = project.run(&["plan"]).stdout;
    assert!(
        plan.contains("People: at most 2 people will be asked to sign"),
        "{plan}"
    );
}

#[test]
fn a_plan_counts_no_email_to_people_without_an_address() {
    let project = Project::loans();
    project.replace(
        "manifests/loans.yaml",
        "noticeType: [sms]",
        "noticeType: [sms, email]",
    );
    let plan = project.run(&["plan"]).stdout;
    assert!(
        plan.contains("People: 200 people will be asked to sign; 200 by SMS\n"),
        "{plan}"
    );
}
