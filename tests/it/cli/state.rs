//! `treaty state` and `treaty status`: show, correct and export recorded state; adopt resources.

use serde_json::Value;
use treaty::ledger::{Binding, Store};

use crate::support::project::Project;
use crate::support::rig::{Fault, Rig};

/// Creates the example with the first `rows` rows of its sheet and applies it.
pub(crate) fn applied(rows: usize) -> Project {
    let project = few(rows);
    project.expect(&["apply", "--yes"], 0);
    project
}

pub(crate) fn few(rows: usize) -> Project {
    let project = Project::loans();
    let sheet: Vec<String> = project
        .sheet()
        .lines()
        .take(rows + 1)
        .map(str::to_owned)
        .collect();
    project.set_sheet(&sheet.join("\r\n"));
    project
}

pub(crate) fn forget_ledger(project: &Project) {
    for ending in ["db", "db-wal", "db-shm", "db.lock", "db.marker"] {
        let _ = std::fs::remove_file(project.path(&format!(".treaty/sandbox.{ending}")));
    }
}

fn show(project: &Project, address: &str) -> Value {
    let run = project.expect(&["state", "show", address, "--format", "json"], 0);
    serde_json::from_str(&run.stdout).expect("JSON")
}

fn list(project: &Project, args: &[&str]) -> Vec<Value> {
    let run = project.expect(&[&["state", "list", "--format", "json"], args].concat(), 0);
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

const FIRST: &str = "flows.loans[\"HT-2026-0001\"]";

#[test]
fn lists_all_entries_and_shows_one_without_links() {
    let project = applied(3);
    let all = list(&project, &[]);
    let kinds = |kind: &str| all.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!(
        (
            kinds("account"),
            kinds("seal"),
            kinds("template"),
            kinds("item")
        ),
        (5, 1, 1, 3)
    );
    let item = all
        .iter()
        .find(|line| line["address"] == FIRST)
        .expect("an item");
    assert_eq!(
        (&item["status"], &item["attempts"]),
        (&"sent".into(), &1.into())
    );
    assert!(item["run"].is_string() && item["flowId"].is_string());
    let only = list(&project, &["--target", "flows.loans", "--exclude", FIRST]);
    assert_eq!(only.len(), 2);
    let text = project.expect(&["state", "list"], 0).stdout;
    assert_eq!(text.lines().count(), 10);
    assert!(
        text.contains("accounts.acme  account ") && text.contains("accounts[\""),
        "{text}"
    );

    let text = project.expect(&["state", "show", FIRST], 0).stdout;
    assert!(
        text.contains("signers.borrower") && text.contains("signUrl http://127.0.0.1:7878/…"),
        "{text}"
    );
    assert!(!text.contains("/sign/") && !text.contains("/s/"), "{text}");
    // Every listed address is accepted by `state show`.
    for line in &all {
        let address = line["address"].as_str().expect("an address");
        assert_eq!(show(&project, address)["address"], address);
    }
    let links = &show(&project, FIRST)["steps"];
    assert!(
        links.to_string().contains("/sign/"),
        "programs get the whole of it"
    );
}

#[test]
fn an_unknown_address_is_a_usage_error_with_suggestions() {
    let project = applied(3);
    let run = project.expect(&["state", "show", "flows.loans[\"HT-2026-001\"]"], 64);
    assert!(run.stderr.contains(FIRST), "{}", run.stderr);
    let run = project.expect(&["state", "show", "accounts.acne"], 64);
    assert!(run.stderr.contains("accounts.acme"), "{}", run.stderr);
    let run = project.expect(&["state", "show", "flows.loans"], 64);
    assert!(run.stderr.contains("takes one item"), "{}", run.stderr);
    project.expect(&["state", "show", "loans"], 64);
    for args in [
        &["forget", FIRST][..],
        &["adopt", FIRST, "1"],
        &["settle", FIRST, "again"],
        &["import", "no-file"],
    ] {
        let run = project.expect(&[&["state"], args].concat(), 64);
        assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    }
    let run = project.expect(&["state", "settle", FIRST, "again", "--yes"], 64);
    assert!(run.stderr.contains("it is sent"), "{}", run.stderr);
    let run = project.expect(&["state", "settle", "accounts.acme", "again", "--yes"], 64);
    assert!(
        run.stderr.contains("is recorded with the id"),
        "{}",
        run.stderr
    );
    project.expect(&["state", "settle", FIRST, "done", "--yes"], 64);
}

#[test]
fn state_forget_requires_confirmation_in_a_protected_environment() {
    let project = applied(1);
    project.replace(
        "treaty.yaml",
        "sandbox: { endpoint: sandbox }",
        "sandbox: { endpoint: sandbox, protected: true }",
    );
    let forget = ["state", "forget", FIRST, "--yes"];
    project.expect(&forget, 64);
    project.expect(&[&forget[..], &["--confirm", "production"]].concat(), 64);
    project.expect(&[&forget[..], &["--confirm", "sandbox"]].concat(), 0);
}

#[test]
fn state_forget_warns_that_the_item_is_sent_again() {
    let project = applied(2);
    let run = project.expect(&["state", "forget", FIRST, "--yes"], 0);
    assert!(
        run.stderr.contains("as a second contract"),
        "{}",
        run.stderr
    );
    project.expect(&["state", "show", FIRST], 64);
    project.expect(&["plan", "--detailed-exitcode"], 2);
    project.expect(&["state", "forget", "templates.loan", "--yes"], 0);
    let run = project.expect(&["plan"], 0);
    assert!(run.stdout.contains("+ templates.loan"), "{}", run.stdout);
}

#[test]
fn refuses_ledger_changes_while_a_run_holds_the_lock() {
    let project = applied(1);
    let binding = Binding {
        endpoint: "sandbox".into(),
        app_id: Some(String::new()),
    };
    let path = project.path(".treaty/sandbox.db");
    let _held = Store::hold(&path, &binding, "a test", "today").expect("held");
    project.expect(&["state", "forget", FIRST, "--yes"], 75);
    project.expect(&["state", "list"], 0);
    project.expect(&["status"], 0);
}

#[test]
fn adopts_resources_and_flows_into_an_empty_ledger() {
    let project = applied(2);
    let before = list(&project, &[]);
    let id = |address: &str, name: &str| {
        let line = before.iter().find(|line| line["address"] == address);
        line.expect("listed")[name]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let flow = id(FIRST, "flowId");
    let (acme, clerk) = (id("accounts.acme", "id"), id("accounts.clerk", "id"));
    let (seal, template) = (id("seals.contract-seal", "id"), id("templates.loan", "id"));
    forget_ledger(&project);
    let adopt = |address: &str, id: &str, code| {
        project.expect(&["state", "adopt", address, id, "--yes"], code)
    };
    let run = adopt("accounts.acme", &clerk, 64);
    assert!(run.stderr.contains(&acme), "{}", run.stderr);
    adopt("accounts.acme", &acme, 0);
    adopt("accounts.clerk", &clerk, 0);
    adopt("seals.contract-seal", "no-seal", 64);
    adopt("seals.contract-seal", &seal, 0);
    adopt("templates.loan", &template, 0);
    adopt("templates.lone", &template, 64);
    adopt("flows.loans[\"no-row\"]", &flow, 64);
    adopt(FIRST, "12345", 64);
    // The flow of another row.
    let second = id("flows.loans[\"HT-2026-0002\"]", "flowId");
    let run = adopt(FIRST, &flow, 0);
    assert!(!run.stderr.contains("has no task for"), "{}", run.stderr);
    let run = adopt(FIRST, &flow, 64);
    assert!(run.stderr.contains("already"), "{}", run.stderr);
    let run = adopt("flows.loans[\"HT-2026-0002\"]", &flow, 64);
    assert!(run.stderr.contains("belongs to"), "{}", run.stderr);
    let run = adopt(FIRST, &second, 64);
    assert!(
        run.stderr.contains("is recorded with the flow"),
        "{}",
        run.stderr
    );
    adopt("flows.loans[\"HT-2026-0002\"]", &second, 0);
    let shown = show(&project, FIRST);
    assert_eq!(
        (&shown["status"], &shown["run"]),
        (&"sent".into(), &Value::Null)
    );
    let plan = project.expect(&["plan"], 0).stdout;
    assert!(plan.contains("= 2"), "{plan}");
    let calls = || project.summary()["calls"].clone();
    // The last run had another ledger.
    project.expect(&["apply", "--yes"], 1);
    project.expect(&["apply", "--yes", "--accept-ledger"], 0);
    for path in [
        "sign/contract/addProcess",
        "doc/createbytemplate",
        "template/createbyfilekey",
        "seal/create/organize",
    ] {
        assert!(calls().get(path).is_none(), "{path}");
    }
    project.expect(&["plan", "--detailed-exitcode"], 0);
    // A row's account is adopted by its thirdId.
    let people = list(&project, &["--target", "accounts[*"]);
    let person = people[0]["address"].as_str().expect("an address");
    project.expect(&["state", "forget", person, "--yes"], 0);
    adopt(person, people[0]["id"].as_str().expect("an id"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_flow_is_completed_by_the_next_apply() {
    // The borrower is not in the flow yet, because the service refused the call.
    let rig = Rig::loans(1).always(PERSON, Fault::Status(404));
    rig.apply().await;
    rig.stop_faults();
    let flow_id = rig.sandbox.with_world(|world| {
        let mut flows = world.flows();
        let flow = flows.find(|flow| flow.live_tasks().next().is_some());
        flow.expect("a flow").id.clone()
    });
    rig.forget_ledger();
    let told = rig
        .adopt("HT-2026-0001", flow_id.as_str())
        .await
        .expect("adopted");
    assert!(told.concat().contains("signers.borrower"), "{told:?}");
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    assert_eq!(rig.calls("sign/contract/addProcess"), 0);
    rig.assert_each_once(1);
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_adopted_flow_is_archived_and_downloaded() {
    let rig = crate::execution::manifests::tenancy(1);
    rig.apply().await;
    let flow_id = rig.sent()[0].id.clone();
    while rig.sign_all() > 0 {
        rig.sync().await;
    }
    let finished = rig.project.path("signed/ZL-2026-001-rules.pdf");
    if finished.exists() {
        std::fs::remove_file(&finished).expect("removed");
        std::fs::remove_file(rig.project.path("signed/ZL-2026-001-lease.pdf")).expect("removed");
    }
    rig.forget_ledger();
    rig.adopt_in("leases", "ZL-2026-001", flow_id.as_str())
        .await
        .expect("adopted");
    rig.stop_faults();
    rig.sync().await;
    assert!(finished.exists(), "downloaded");
    assert_eq!(rig.calls("sign/contracts/addProcess"), 0);
}

const PERSON: &str = "sign/contract/handPersonSignTask";

/// Creates one item in doubt: the task exists, its link is lost, and it cannot be withdrawn.
pub(crate) async fn in_doubt() -> (Rig, String) {
    let rig = Rig::loans(2)
        .fault(PERSON, 1, Fault::LostAfter)
        .always("sign/contract/undoTask", Fault::Status(500));
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.in_doubt, 1);
    rig.stop_faults();
    let key = rig.key_in_doubt();
    (rig, key)
}

#[tokio::test(start_paused = true)]
async fn a_step_settled_as_done_is_not_repeated() {
    let (rig, key) = in_doubt().await;
    let flow_id = rig.flow_of(&key);
    let wrong = rig
        .settle_done(&key, "12345")
        .await
        .expect_err("another flow");
    assert!(wrong.contains(&flow_id), "{wrong}");
    rig.settle_done(&key, &flow_id).await.expect("settled");
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.in_doubt), (1, 0));
    assert_eq!(rig.calls(PERSON), 0);
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
    rig.assert_each_once(2);
}

#[tokio::test(start_paused = true)]
async fn a_step_settled_as_not_done_is_repeated() {
    let (rig, key) = in_doubt().await;
    // An operator has withdrawn the task by hand.
    rig.sandbox.modify_world(|world| {
        let flow = treaty::address::FlowId(rig.flow_of(&key));
        world.change_flow(&flow, |flow| flow.tasks.retain(|task| !task.is_pending()));
    });
    let wrong = rig.settle_done(&key, &rig.flow_of(&key)).await;
    let wrong = wrong.expect_err("it is not there");
    assert!(wrong.contains("no task of signers.borrower"), "{wrong}");
    rig.resolve_not_done(&key).await;
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, rig.calls(PERSON)), (1, 1));
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
}

/// A revocation in doubt cannot be settled as done while the flow is in progress. Otherwise the row
/// would be sent a second time.
#[tokio::test(start_paused = true)]
async fn refuses_to_settle_a_revocation_as_done_while_the_flow_is_active() {
    let rig = Rig::loans(1).fault("sign/revoke", 1, crate::support::rig::HANG_BEFORE);
    rig.apply().await;
    rig.withdraw_until_it_hangs().await;
    let key = rig.first().0.key;
    let wrong = rig.settle_done(&key, &rig.flow_of(&key)).await;
    let wrong = wrong.expect_err("it goes on");
    assert!(
        wrong.contains("still in progress: end was not done"),
        "{wrong}"
    );
    rig.resolve_not_done(&key).await;
    rig.apply().await;
    rig.assert_each_once(1);
    assert!(rig.apply().await.0.is_empty());
}

#[test]
fn status_reports_flows_without_a_sheet_or_a_call() {
    let project = few(3);
    let run = project.expect(&["status"], 0);
    assert_eq!(run.stdout, "nothing is recorded\n");
    assert!(!project.path(".treaty/sandbox.db").exists());
    project.expect(&["apply", "--yes"], 0);
    std::fs::remove_file(project.path("loans.csv")).expect("removed");
    let run = project.expect(&["status"], 0);
    assert!(
        run.stdout
            .contains("flows.loans  3 sent\n  waiting for borrower  3, the oldest for "),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains(" with exit code 0: nothing failed\n")
            && run.stdout.ends_with("\n5 accounts, 1 seal, 1 template\n"),
        "{}",
        run.stdout
    );
    let run = project.expect(
        &["status", "--target", FIRST, "--format", "json", "--failed"],
        0,
    );
    let status: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        status["flows"],
        serde_json::json!({ "loans": { "sent": 1 } })
    );
    assert_eq!(status["items"], serde_json::json!([]));
    let run = project.expect(&["status", "--format", "json"], 0);
    let status: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(status["resources"]["account"]["count"], 5);
}

/// Simulates the ledger of an interrupted run, with a signer and an account in doubt.
#[test]
fn shows_and_settles_entries_in_doubt() {
    let project = applied(3);
    let id = |address: &str| show(&project, address)["id"].as_str().map(str::to_owned);
    let (acme, flow) = (
        id("accounts.acme").expect("an id"),
        show(&project, FIRST)["flowId"].clone(),
    );
    let flow = flow.as_str().expect("a flow");
    let exported = project.expect(&["state", "export"], 0).stdout;
    let lines = exported.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        if line["resource"]["identity"] == "acme" {
            line["resource"]
                .as_object_mut()
                .expect("fields")
                .remove("remoteId");
            line["resource"]["fields"] = serde_json::json!({});
        }
        if line["item"]["key"] == "HT-2026-0001" {
            line["item"]["status"] = "in_doubt".into();
            line["item"]["message"] = "whether it was carried out is not known".into();
            line["item"]["hint"] = "look".into();
            for step in line["item"]["steps"].as_array_mut().expect("steps") {
                if step["name"]
                    .as_str()
                    .expect("a name")
                    .starts_with("signers.")
                {
                    step.as_object_mut().expect("fields").remove("receipt");
                }
            }
        }
        line.to_string() + "\n"
    });
    let lines: String = lines.collect();
    forget_ledger(&project);
    project.write("doubt.jsonl", lines);
    project.expect(&["state", "import", "doubt.jsonl", "--yes"], 0);

    let run = project.expect(&["status", "--in-doubt"], 0);
    for part in [
        "2 sent, 1 in_doubt",
        "(1 pending)",
        "? accounts.acme: unknown whether the account",
        "? flows.loans[\"HT-2026-0001\"]: whether it",
        "help: look",
    ] {
        assert!(run.stdout.contains(part), "{part}\n{}", run.stdout);
    }
    let run = project.expect(&["state", "show", FIRST], 0);
    assert!(run.stdout.contains("may have been sent"), "{}", run.stdout);
    project.expect(&["audit", "--all"], 4);

    let run = project.expect(&["state", "settle", FIRST, "done", "12345", "--yes"], 64);
    assert!(run.stderr.contains(flow), "{}", run.stderr);
    project.expect(&["state", "settle", FIRST, "done", flow, "--yes"], 0);
    // The id of another account would send the contracts to the wrong signer.
    let settle = ["state", "settle", "accounts.acme", "done"];
    let run = project.expect(&[&settle[..], &["somebody-else", "--yes"]].concat(), 64);
    assert!(run.stderr.contains(&acme), "{}", run.stderr);
    project.expect(&[&settle[..], &[&acme, "--yes"]].concat(), 0);
    let run = project.expect(&["status", "--in-doubt", "--failed"], 0);
    assert!(!run.stdout.contains("accounts.acme"), "{}", run.stdout);
    project.expect(&["apply", "--yes"], 0);
    let calls = project.summary()["calls"].clone();
    for path in [
        "sign/contract/handPersonSignTask",
        "sign/contract/platformSignTask",
        "account/create/organize/common",
    ] {
        assert!(calls.get(path).is_none(), "{path}");
    }
    project.expect(&["plan", "--detailed-exitcode"], 0);
    project.expect(&["audit", "--all", "--again"], 0);
}

#[test]
fn commands_on_what_is_recorded_answer_in_chinese() {
    let project = applied(1);
    for (args, expected) in [
        (&["state", "list"][..], "accounts.clerk  账户 "),
        (
            &["state", "show", "accounts.clerk"],
            "  标识      acme-clerk",
        ),
        (&["state", "show", FIRST], "  步骤"),
        (&["plan", "--format", "markdown"], "### sandbox 的计划"),
        (&["audit"], "exactly_once；"),
        (&["sheet", "--force"], "列必填"),
    ] {
        let run = project.expect(&[args, &["--lang", "zh"]].concat(), 0);
        assert!(run.stdout.contains(expected), "{args:?}: {}", run.stdout);
    }
    let run = project.expect(&["ask", "nothing", "--lang", "zh"], 64);
    assert!(run.stderr.contains("不是只读接口"), "{}", run.stderr);
}
