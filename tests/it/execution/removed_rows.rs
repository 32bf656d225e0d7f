//! Rows that are removed from the sheet between runs, restored rows, and retries.

use treaty::api::FlowStatus;
use treaty::plan::{ItemAction, Retry};

use crate::support::project::Project;
use crate::support::rig::{Fault, HANG_AFTER, Rig};

const PERSON: &str = "sign/contract/handPersonSignTask";

fn revoking(rows: usize) -> Rig {
    let rig = Rig::loans(rows);
    on_vanish_revoke(&rig.project);
    rig
}

fn on_vanish_revoke(project: &Project) {
    let manifest = project.read("manifests/loans.yaml");
    project.write(
        "manifests/loans.yaml",
        format!("{manifest}    onVanish: revoke\n"),
    );
}

/// Removes rows from the sheet, by their number from 1.
fn remove(project: &Project, gone: impl Fn(usize) -> bool) {
    let sheet = project.sheet();
    let left = sheet.lines().enumerate().filter(|(at, _)| !gone(*at));
    let left: Vec<&str> = left.map(|(_, line)| line).collect();
    project.set_sheet(&left.join("\r\n"));
}

fn count(rig: &Rig, status: FlowStatus) -> usize {
    let sent = rig.sent();
    sent.iter().filter(|flow| flow.status == status).count()
}

#[tokio::test(start_paused = true)]
async fn revokes_removed_rows_once() {
    for fault in [
        None,
        Some(Fault::LostAfter),
        Some(Fault::LostBefore),
        Some(HANG_AFTER),
    ] {
        let rig = revoking(12);
        rig.apply().await;
        remove(&rig.project, |at| at == 5);
        let rig = match fault {
            Some(fault) => rig.fault("sign/revoke", 1, fault),
            None => rig,
        };
        if fault == Some(HANG_AFTER) {
            assert!(rig.apply_while(rig.hang()).await.is_none());
            rig.stop_faults();
        }
        let (plan, tally) = rig.apply().await;
        assert_eq!(
            (plan.count('-'), tally.done, tally.failed, tally.in_doubt),
            (1, 1, 0, 0),
            "{fault:?}"
        );
        assert_eq!(count(&rig, FlowStatus::Revoked), 1, "{fault:?}");
        assert_eq!(count(&rig, FlowStatus::Signing), 11, "{fault:?}");
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty() && plan.count('-') == 0, "{fault:?}");
    }
}

/// A row is missing in one run, which revokes its contract. The restored row gets a new contract.
#[tokio::test(start_paused = true)]
async fn sends_a_restored_row_again() {
    let rig = revoking(12);
    rig.apply().await;
    let sheet = rig.project.sheet();
    remove(&rig.project, |at| at == 5);
    rig.apply().await;
    assert!(rig.apply().await.0.is_empty());
    rig.project.set_sheet(&sheet);
    let (plan, tally) = rig.apply().await;
    assert_eq!((plan.flows[0].work(), tally.done, tally.failed), (1, 1, 0));
    assert_eq!(count(&rig, FlowStatus::Revoked), 1);
    assert_eq!(count(&rig, FlowStatus::Signing), 12);
    assert!(rig.apply().await.0.is_empty());
}

/// The run is interrupted during the revocation, and the row is restored. The row is sent again,
/// because the revocation took effect.
#[tokio::test(start_paused = true)]
async fn sends_a_row_restored_during_its_revocation_again() {
    let rig = revoking(12);
    rig.apply().await;
    let sheet = rig.project.sheet();
    remove(&rig.project, |at| at == 5);
    let rig = rig.fault("sign/revoke", 1, crate::support::rig::HANG_AFTER);
    assert!(rig.apply_while(rig.hang()).await.is_none());
    rig.stop_faults();
    rig.project.set_sheet(&sheet);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed, tally.in_doubt), (1, 0, 0));
    assert_eq!(count(&rig, FlowStatus::Revoked), 1);
    assert_eq!(count(&rig, FlowStatus::Signing), 12);
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn does_not_revoke_completed_items() {
    let rig = revoking(12);
    rig.apply().await;
    rig.sign_all();
    remove(&rig.project, |at| at == 5);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1));
    assert_eq!(count(&rig, FlowStatus::Revoked), 0);
}

/// The run is interrupted before it revokes; meanwhile all sign.
#[tokio::test(start_paused = true)]
async fn does_not_revoke_completed_items_in_the_next_run() {
    let rig = revoking(12);
    rig.apply().await;
    remove(&rig.project, |at| at == 5);
    let rig = rig.fault("sign/contract/detail", 1, crate::support::rig::HANG_BEFORE);
    assert!(rig.apply_while(rig.hang()).await.is_none());
    rig.stop_faults();
    rig.sign_all();
    for night in 1..=2 {
        let (_, tally) = rig.apply().await;
        assert_eq!((tally.done, tally.failed), (0, 1), "night {night}");
    }
    assert_eq!(count(&rig, FlowStatus::Revoked), 0);
}

/// A renamed flow would send every row again, so the plan warns about it.
#[test]
fn warns_about_a_renamed_flow() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    project.replace("manifests/loans.yaml", "\n  loans:\n", "\n  credits:\n");
    let run = project.expect(&["plan"], 0);
    let told =
        "flows.loans is no longer declared, 200 of its items were sent, and flows.credits is new";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

/// Items that sync has recorded as signed by all stay as they are, without a message.
#[tokio::test(start_paused = true)]
async fn done_items_are_neither_revoked_nor_counted() {
    let rig = revoking(12);
    rig.apply().await;
    rig.sign_all();
    assert_eq!(rig.sync().await.signed, 12);
    remove(&rig.project, |at| at > 2);
    let (plan, tally) = rig.apply().await;
    assert_eq!((plan.is_empty(), tally.failed), (true, 0));
    assert_eq!(count(&rig, FlowStatus::Revoked), 0);
}

/// A refused item has ended. It is not sent again when its row is restored.
#[tokio::test(start_paused = true)]
async fn rejected_items_are_not_listed_for_revocation() {
    let rig = revoking(12);
    rig.apply().await;
    for flow in rig.sent() {
        rig.sandbox.modify_world(|world| {
            world.change_flow(&flow.id, |flow| flow.status = FlowStatus::Rejected);
        });
    }
    let sheet = rig.project.sheet();
    remove(&rig.project, |at| at == 5);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    assert_eq!(rig.calls("sign/revoke"), 0);
    rig.project.set_sheet(&sheet);
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
    assert_eq!(rig.sent().len(), 12);
}

/// The sheet has a key twice, and `where` excludes the first row. The second row is still compared
/// with the sent item.
#[tokio::test(start_paused = true)]
async fn detects_a_changed_row_after_an_excluded_row_with_the_same_key() {
    let rig = Rig::loans(1);
    rig.apply().await;
    let sheet = rig.project.sheet();
    let row = sheet.lines().nth(1).expect("a row");
    let header = sheet.lines().next().expect("a header");
    let left_out = row.replace("已批准", "已撤销");
    let changed = row.replace("51010.10", "99999.99");
    assert!(left_out != row && changed != row);
    rig.project
        .set_sheet(&[header, &left_out, &changed].join("\r\n"));
    let (plan, _) = rig.apply().await;
    assert_eq!(plan.flows[0].counted(ItemAction::Changed), 1);
    rig.assert_each_once(1);
}

#[tokio::test(start_paused = true)]
async fn reports_and_revokes_rows_removed_while_being_sent() {
    let rig = Rig::loans(12).fault(PERSON, 3, HANG_AFTER);
    assert!(rig.apply_while(rig.hang()).await.is_none());
    rig.stop_faults();
    let open = rig.sent().len();
    assert!(open > 0);
    remove(&rig.project, |at| at > 0);
    let (plan, _) = rig.apply().await;
    let stranded = plan.flows[0].counted(ItemAction::Orphaned);
    assert!(stranded > 0, "it is said");
    assert!(plan.is_empty(), "and nothing is done by itself");
    on_vanish_revoke(&rig.project);
    let mut rig = rig;
    rig.max_revoke = Some(100);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.failed, tally.in_doubt), (0, 0));
    assert_eq!(count(&rig, FlowStatus::Revoked), open);
}

#[tokio::test(start_paused = true)]
async fn retry_selects_failed_items_and_items_in_doubt() {
    let mut rig = Rig::loans(5)
        .fault(PERSON, 2, Fault::LostAfter)
        .fault("sign/contract/addProcess", 3, Fault::Status(404))
        .always("sign/contract/undoTask", Fault::Status(500));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed, tally.in_doubt), (3, 1, 1));
    rig.stop_faults();
    rig.retry = Some(Retry::InDoubt);
    let (plan, tally) = rig.apply().await;
    assert_eq!(
        (plan.flows[0].work(), tally.done, tally.in_doubt),
        (1, 1, 0)
    );
    rig.retry = Some(Retry::Failed);
    let (plan, tally) = rig.apply().await;
    assert_eq!((plan.flows[0].work(), tally.done), (1, 1));
    rig.assert_each_once(5);
}

#[test]
fn retry_of_failed_items_creates_nothing_else() {
    let project = Project::copy_of(&crate::support::project::root().join("examples/onboarding"));
    let run = project.expect(&["apply", "--yes", "--retry", "failed"], 0);
    assert!(run.stdout.contains("No changes."), "{}", run.stdout);
    assert!(!project.was_called());
}

#[test]
fn refuses_to_revoke_too_many_removed_rows() {
    let project = Project::loans();
    on_vanish_revoke(&project);
    project.expect(&["apply", "--yes"], 0);
    remove(&project, |at| at > 150);
    project.expect(&["validate"], 0);
    for args in [&["plan"][..], &["apply", "--yes"]] {
        let refused = project.expect(args, 65);
        assert!(
            refused
                .stderr
                .contains("50 of 200 items in progress would be revoked")
                && refused.stderr.contains("--max-revoke 50")
                && refused.stderr.contains("onVanish: revoke"),
            "{}",
            refused.stderr
        );
    }
    let plan = project.expect(&["plan", "--max-revoke", "25%"], 0);
    assert!(plan.stdout.contains("- 50 to revoke"), "{}", plan.stdout);
    project.expect(&["apply", "--yes", "--max-revoke", "50"], 0);
    let report = project.report("loans.csv");
    let (kept, gone) = report.split_at(150);
    assert!(kept.iter().all(|row| row["treaty_status"] == "unchanged"));
    assert_eq!(gone.len(), 50);
    for row in gone {
        assert_eq!(
            (row["treaty_status"].as_str(), row["treaty_action"].as_str()),
            ("revoked", "revoke")
        );
        assert!(row["姓名"].is_empty() && !row["treaty_key"].is_empty());
    }
    project.expect(&["plan", "--detailed-exitcode"], 0);
    let audit = project.expect(&["audit", "--all"], 0);
    assert!(
        audit.stdout.contains("200 exactly_once"),
        "{}",
        audit.stdout
    );
}

#[test]
fn too_many_failures_end_the_run_and_are_reported() {
    let project = Project::loans();
    // The keyword is not in the document, so the service refuses each borrower.
    project.replace(
        "manifests/loans.yaml",
        "keyword: 乙方签字, posX: 100",
        "keyword: 不在, posX: 100",
    );
    let run = project.expect(&["apply", "--yes", "--max-failures", "10"], 3);
    assert!(
        run.stderr.contains("more than 10 items failed"),
        "{}",
        run.stderr
    );
    let report = project.report("loans.csv");
    let not_begun = report
        .iter()
        .filter(|row| row["treaty_error"] == "not started: more than 10 items failed")
        .count();
    assert!((150..190).contains(&not_begun), "{not_begun}");
    assert_eq!(project.summary()["stopped"], "more than 10 items failed");
}
