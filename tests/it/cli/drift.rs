//! `plan --refresh` compares the ledger with the service; `--force-update` sets what cannot be read.

use bytes::Bytes;
use jiff::Timestamp;
use treaty::sandbox::Sandbox;

use crate::cli::state::applied;
use crate::support::project::Project;

/// Sends a request as another client of the service.
fn call(sandbox: &Sandbox, path: &str, body: &serde_json::Value) {
    let request = http::Request::post(format!("/{path}"))
        .header("Content-Type", "application/json")
        .body(Bytes::from(body.to_string()))
        .expect("a request");
    sandbox.handle(&request, Timestamp::now());
}

fn sandbox(project: &Project) -> Sandbox {
    Sandbox::open(&project.path(".treaty/sandbox"), "http://127.0.0.1").expect("a world")
}

#[test]
fn refresh_names_what_differs_and_what_cannot_be_read() {
    let project = applied(3);
    let run = project.expect(&["plan", "--refresh"], 0);
    assert!(
        run.stdout
            .contains("Drift: none between the ledger and the service\nnot read, because"),
        "{}",
        run.stdout
    );
    let other = sandbox(&project);
    revoke_second(&other);
    let clerk = other.with_world(|world| world.account_of("acme-clerk").cloned());
    let clerk = clerk.expect("an account");
    call(
        &other,
        "account/delete",
        &serde_json::json!({ "accountId": clerk }),
    );
    drop(other);
    let run = project.expect(&["plan", "--refresh"], 0);
    for text in [
        "Drift: 2 differences between the ledger and the service",
        "≠ accounts.clerk  the account ",
        "≠ flows.loans[\"HT-2026-0002\"]  ",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    let run = project.expect(&["plan", "--refresh", "--format", "json"], 0);
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(plan["drift"][0]["address"], "accounts.clerk");
    assert_eq!(plan["drift"].as_array().map(Vec::len), Some(2));
    let without = project.expect(&["plan"], 0).stdout;
    assert!(!without.contains("Drift:"), "{without}");
}

/// Revokes the second contract, as another client of the service.
fn revoke_second(sandbox: &Sandbox) {
    let flow = sandbox.with_world(|world| {
        let mut flows = world.flows();
        flows
            .find(|flow| flow.docs[0].name.contains("HT-2026-0002"))
            .map(|flow| flow.id.clone())
    });
    let flow = flow.expect("a flow");
    call(
        sandbox,
        "sign/revoke",
        &serde_json::json!({ "flowId": flow }),
    );
}

#[test]
fn refresh_names_the_contracts_of_a_renamed_flow_by_their_new_address() {
    let project = applied(3);
    revoke_second(&sandbox(&project));
    project.replace("manifests/loans.yaml", "  loans:\n", "  credits:\n");
    let text = project.read("treaty.yaml");
    let moved = "moved: [ { from: flows.loans, to: flows.credits } ]";
    project.write("treaty.yaml", format!("{text}\n{moved}\n"));
    for target in ["flows.credits", "flows.credits[\"HT-2026-0002\"]"] {
        let run = project.expect(&["plan", "--refresh", "--target", target], 0);
        let text = "≠ flows.credits[\"HT-2026-0002\"]  ";
        assert!(run.stdout.contains(text), "{target}: {}", run.stdout);
    }
    let other = "flows.credits[\"HT-2026-0001\"]";
    let run = project.expect(&["plan", "--refresh", "--target", other], 0);
    assert!(run.stdout.contains("Drift: none"), "{}", run.stdout);
}

#[test]
fn force_update_sets_the_fields_of_an_account_again() {
    let project = applied(1);
    let plan = project.expect(&["plan"], 0).stdout;
    assert!(plan.contains("No changes."), "{plan}");
    let forced = ["--force-update", "accounts.clerk"];
    let plan = project.expect(&[&["plan"], &forced[..]].concat(), 0).stdout;
    assert!(
        plan.contains("~ accounts.clerk  name 陈** → 陈**; mobile 135****9999 → 135****9999"),
        "{plan}"
    );
    project.expect(&[&["apply", "--yes"], &forced[..]].concat(), 0);
    let calls = &project.summary()["calls"];
    assert_eq!(calls["account/person/update"]["attempts"], 1);
    assert_eq!(calls["account/organize/update"], serde_json::Value::Null);
    let run = project.expect(&["plan", "--force-update", "accounts.nobody"], 64);
    assert!(
        run.stderr
            .contains("accounts.nobody matches no account of the manifests"),
        "{}",
        run.stderr
    );
}
