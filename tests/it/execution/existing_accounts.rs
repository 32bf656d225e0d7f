//! Accounts of rows that exist at the service and that this ledger did not create.

use bytes::Bytes;
use jiff::Timestamp;
use treaty::execute::TakenAccount;
use treaty::plan::{ItemAction, Observe};

use crate::support::project::Project;
use crate::support::rig::{Fault, HANG_AFTER, Rig};

const CREATE: &str = "account/create/person";
const UPDATE: &str = "account/person/update";
const FIRST: &str = "flows.loans[\"HT-2026-0001\"]";

/// Creates the account of the first row as another client, with another name.
pub(crate) fn create_account(sandbox: &treaty::sandbox::Sandbox) {
    let person = serde_json::json!({
        "thirdId": "C100001", "name": "王某", "idNo": "330199198607241000", "idType": 19,
    });
    let request = http::Request::post("/account/create/person")
        .header("Content-Type", "application/json")
        .body(Bytes::from(person.to_string()))
        .expect("a request");
    sandbox.handle(&request, Timestamp::now());
    let account = sandbox.with_world(|world| world.account_of("C100001").cloned());
    account.expect("an account");
}

fn set_rule(project: &Project, rule: &str) {
    let documents = "    documents:\n      contract:";
    project.replace(
        "manifests/loans.yaml",
        documents,
        &format!("    existingAccounts: {rule}\n{documents}"),
    );
}

/// A rig with some rows and a rule, that sends one row at a time.
fn rig(rows: usize, rule: &str) -> Rig {
    let mut rig = Rig::loans(rows);
    rig.window = 1;
    set_rule(&rig.project, rule);
    rig
}

fn shown(taken: &[TakenAccount]) -> Vec<String> {
    taken.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn an_adopted_account_of_a_row_is_listed_by_plan_and_run() {
    for observe in [Observe::All, Observe::Resources] {
        let mut rig = rig(2, "adopt");
        rig.observe = observe;
        create_account(&rig.sandbox);
        let (plan, stats) = rig.apply().await;
        let found = &plan.row_accounts;
        if observe == Observe::All {
            assert_eq!(found.unobserved, 0);
            let [existing] = &found.existing[..] else {
                panic!("{found:?}");
            };
            assert_eq!(existing.item.to_string(), FIRST);
            assert_eq!(existing.third_id, "C1***01");
            let names: Vec<&str> = existing.fields.iter().map(|(name, _)| &**name).collect();
            assert_eq!(names, ["name", "mobile"]);
            assert!(!existing.is_kept);
        } else {
            assert_eq!((found.unobserved, found.existing.len()), (2, 0));
        }
        assert_eq!(stats.done, 2);
        assert_eq!(shown(&stats.taken_accounts), [format!("{FIRST} borrower")]);
        assert!(!stats.taken_accounts[0].is_kept);
        assert_eq!(rig.calls(UPDATE), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_account_is_never_changed() {
    for observe in [Observe::All, Observe::Resources] {
        let mut rig = rig(2, "keep");
        rig.observe = observe;
        create_account(&rig.sandbox);
        let (_, stats) = rig.apply().await;
        assert_eq!(stats.done, 2, "{observe:?}");
        assert!(stats.taken_accounts[0].is_kept);
        // A later contract with another mobile number, and another rule.
        let sheet = rig.project.sheet();
        let later = sheet.replace("HT-2026-0001", "HT-2026-9001");
        rig.project
            .set_sheet(&later.replace("13500000001", "13600000001"));
        rig.project.replace(
            "manifests/loans.yaml",
            "existingAccounts: keep",
            "existingAccounts: adopt",
        );
        let (_, stats) = rig.apply().await;
        assert_eq!((stats.done, stats.taken_accounts.len()), (1, 0));
        assert_eq!(rig.calls(UPDATE), 0);
        // The clerk and the second borrower.
        assert_eq!(rig.calls(CREATE), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_fails_its_row_before_anything_is_sent() {
    for observe in [Observe::All, Observe::Resources] {
        let mut rig = rig(2, "error");
        rig.observe = observe;
        create_account(&rig.sandbox);
        let (plan, stats) = rig.apply().await;
        let refused = plan.flows[0].counted(ItemAction::Invalid);
        if observe == Observe::All {
            assert_eq!((refused, stats.failed), (1, 0));
        } else {
            assert_eq!((refused, stats.failed), (0, 1));
            let failure = rig.first().0.record.failure.expect("a failure");
            assert!(
                failure.message.contains("row 2, column 客户号 (B)"),
                "{}",
                failure.message
            );
            assert!(failure.hint.contains("existingAccounts"));
        }
        assert_eq!(rig.calls("doc/createbytemplate"), 1);
        assert_eq!(rig.calls(UPDATE), 0);
        assert_eq!(rig.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_of_a_killed_run_is_its_own() {
    for rule in ["keep", "error"] {
        // The first account is the clerk's.
        let rig = rig(2, rule).fault(CREATE, 2, HANG_AFTER);
        let ended = rig.apply_while(rig.hang()).await;
        assert!(ended.is_none(), "{rule}");
        rig.stop_faults();
        let (_, stats) = rig.apply().await;
        assert_eq!((stats.done, stats.failed), (2, 0), "{rule}");
        assert_eq!(stats.taken_accounts, [], "{rule}");
        rig.assert_each_once(2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_response_is_lost_is_its_own() {
    for rule in ["keep", "error"] {
        let rig = rig(2, rule).fault(CREATE, 2, Fault::LostAfter);
        let (_, stats) = rig.apply().await;
        assert_eq!((stats.done, stats.failed), (2, 0), "{rule}");
        assert_eq!(stats.taken_accounts, [], "{rule}");
        rig.assert_each_once(2);
    }
}

/// Another client may have created it meanwhile, or a gateway may have repeated the call.
#[tokio::test(start_paused = true)]
async fn an_account_whose_creation_was_refused_is_not_its_own() {
    for (rule, expected) in [("keep", (1, 0)), ("error", (0, 0))] {
        let refused = Fault::Failed(treaty::api::ErrorCode(1_435_002));
        // The first account is the clerk's.
        let mut rig = rig(2, rule).fault(CREATE, 2, refused);
        rig.observe = Observe::All;
        let (_, stats) = rig.apply().await;
        assert_eq!((stats.done, stats.failed), (1, 1), "{rule}");
        let (plan, stats) = rig.apply().await;
        assert_eq!((stats.done, stats.failed), expected, "{rule}");
        if rule == "keep" {
            assert!(plan.row_accounts.existing[0].is_kept);
        } else {
            assert_eq!(plan.flows[0].counted(ItemAction::Invalid), 1);
        }
        assert_eq!(rig.calls(UPDATE), 0, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_strictest_rule_of_flows_that_share_an_account_applies() {
    for observe in [Observe::All, Observe::Resources] {
        let mut rig = rig(1, "keep");
        rig.observe = observe;
        let manifest = rig.project.read("manifests/loans.yaml");
        let flows = manifest.split_once("flows:").expect("flows").1;
        let again = flows
            .replace("  loans:", "  again:")
            .replace("    existingAccounts: keep\n", "");
        // Its rows are sent first.
        rig.project
            .write("manifests/again.yaml", format!("flows:{again}"));
        create_account(&rig.sandbox);
        let (plan, stats) = rig.apply().await;
        assert_eq!(plan.flows[0].flow, "again");
        assert_eq!(stats.done, 2);
        assert!(stats.taken_accounts[0].is_kept);
        assert_eq!(rig.calls(UPDATE), 0);
    }
}
