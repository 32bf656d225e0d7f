//! `treaty revoke`: revokes flows, and reissues the tasks of single signers.

use treaty::api::{FlowStatus, SignStatus};
use treaty::ledger::ItemStatus;
use treaty::ledger::{Ledger, Records, Step};
use treaty::repair::RevocationStats;

use crate::cli::state::{applied, few};
use crate::execution::manifests::tenancy;
use crate::support::project::Project;
use crate::support::rig::{Fault, HANG_AFTER, HANG_BEFORE, LATE, Rig, pending};

const REVOKE: &str = "sign/revoke";
const UNDO: &str = "sign/contract/undoTask";
const PERSON: &str = "sign/contract/handPersonSignTask";
const UPDATE: &str = "account/person/update";

fn done(count: u64) -> RevocationStats {
    RevocationStats {
        done: count,
        ..RevocationStats::default()
    }
}

fn statuses(rig: &Rig) -> Vec<ItemStatus> {
    let items = rig.ledger().items_after(None, 0, 100).expect("read");
    items.iter().map(|item| item.record.status).collect()
}

#[tokio::test(start_paused = true)]
async fn revokes_an_item_once_and_does_not_send_it_again() {
    for fault in [
        None,
        Some(Fault::LostAfter),
        Some(Fault::LostBefore),
        Some(Fault::Garbage),
        Some(LATE),
    ] {
        let rig = Rig::loans(3);
        rig.apply().await;
        let rig = match fault {
            Some(fault) => rig.fault(REVOKE, 1, fault),
            None => rig,
        };
        assert_eq!(rig.withdraw().await, Some(done(3)), "{fault:?}");
        let flows = rig.sent();
        assert!(flows.iter().all(|flow| flow.status == FlowStatus::Revoked));
        assert!(
            statuses(&rig)
                .iter()
                .all(|status| *status == ItemStatus::Revoked)
        );
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty(), "its row is still in the sheet: {fault:?}");
        assert_eq!(rig.sent().len(), 3);
        let synced = rig.sync().await;
        assert_eq!(synced, treaty::execute::SyncStats::default());
    }
}

#[tokio::test(start_paused = true)]
async fn sync_probes_an_interrupted_revocation() {
    for fault in [HANG_AFTER, HANG_BEFORE] {
        let rig = Rig::loans(1).fault(REVOKE, 1, fault);
        rig.apply().await;
        rig.withdraw_until_it_hangs().await;
        let synced = rig.sync().await;
        match fault {
            HANG_AFTER => assert_eq!(
                (synced.ended(), statuses(&rig)[0]),
                (1, ItemStatus::Revoked)
            ),
            // A sync does not revoke; the operator repeats the command.
            _ => {
                assert_held(&rig);
                assert_eq!(synced.in_doubt, 1);
                assert_eq!(rig.calls(REVOKE), 0);
                assert_eq!(rig.withdraw().await, Some(done(1)));
                assert_eq!(statuses(&rig)[0], ItemStatus::Revoked);
            }
        }
        // No intent is left without a receipt, that of the lost call included.
        let (id, ledger) = (rig.first().0.record.id, rig.ledger());
        let steps = ledger.steps(id).expect("its steps");
        drop(ledger);
        let open = |(_, step): &(String, Step)| matches!(step, Step::Intent(_));
        assert!(!steps.iter().any(open), "{steps:?}");
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty());
        rig.assert_each_once(1);
    }
}

/// Asserts that the record says that `treaty revoke` was interrupted, and names the command.
fn assert_held(rig: &Rig) {
    let record = rig.first().0.record;
    let (status, failure) = treaty::report::recorded(&record);
    assert_eq!(status, treaty::report::Status::Interrupted);
    let failure = failure.expect("a reason");
    assert!(
        failure.message.contains("treaty revoke was interrupted")
            && failure.hint.contains("treaty revoke --target"),
        "{failure:?}"
    );
}

/// An interrupted revocation that is settled as not done leaves the contract as it is.
#[tokio::test(start_paused = true)]
async fn a_settled_revocation_leaves_the_contract_valid() {
    let rig = Rig::loans(1).fault(REVOKE, 1, HANG_BEFORE);
    rig.apply().await;
    rig.withdraw_until_it_hangs().await;
    rig.sync().await;
    rig.resolve_not_done("HT-2026-0001").await;
    rig.apply().await;
    assert_eq!(statuses(&rig), [ItemStatus::Waiting]);
    assert_eq!(rig.calls(REVOKE), 0);
    assert!(rig.apply().await.0.is_empty());
}

/// A flow that may be revoked is reported as in doubt until a sync or an apply probes it.
#[tokio::test(start_paused = true)]
async fn an_interrupted_revocation_is_probed_by_apply() {
    for fault in [HANG_AFTER, HANG_BEFORE] {
        let rig = Rig::loans(1).fault(REVOKE, 1, fault);
        rig.apply().await;
        rig.withdraw_until_it_hangs().await;
        let (status, _) = treaty::report::recorded(&rig.first().0.record);
        assert_eq!(status, treaty::report::Status::Interrupted, "{fault:?}");
        let (plan, tally) = rig.apply().await;
        assert_eq!((plan.is_empty(), plan.count('?')), (false, 1), "{fault:?}");
        assert_eq!(tally.done + tally.in_doubt, 1, "{fault:?}");
        if fault == HANG_BEFORE {
            assert_held(&rig);
            assert_eq!(rig.apply().await.0.count('?'), 1);
            assert_held(&rig);
            assert_eq!(rig.calls(REVOKE) + rig.calls(PERSON), 0);
            assert_eq!(rig.withdraw().await, Some(done(1)));
        }
        assert_eq!(statuses(&rig)[0], ItemStatus::Revoked);
        assert_eq!(rig.calls(PERSON), 0);
        assert!(rig.apply().await.0.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn records_ended_flows_and_refuses_to_revoke_archived_ones() {
    let rig = Rig::loans(2);
    rig.apply().await;
    let flows = in_order(&rig);
    let token = pending(&flows[0]).token.clone();
    let reason = "金额不对".to_owned();
    let refuse = treaty::sandbox::UserAction::Refuse { reason };
    rig.sandbox
        .act(&token, &refuse, jiff::Timestamp::now())
        .expect("refused");
    let token = pending(&flows[1]).token.clone();
    let sign = treaty::sandbox::UserAction::Sign(vec![treaty::sandbox::SealChoice::Handwritten]);
    rig.sandbox
        .act(&token, &sign, jiff::Timestamp::now())
        .expect("signed");
    rig.archive(&flows[1].id).await;
    let expected = RevocationStats {
        over: 1,
        failed: 1,
        ..RevocationStats::default()
    };
    assert_eq!(rig.withdraw().await, Some(expected));
    assert_eq!(rig.calls(REVOKE), 0);
    assert_eq!(statuses(&rig), [ItemStatus::Rejected, ItemStatus::Waiting]);
}

/// Returns the flows with signing tasks, ordered by document name.
fn in_order(rig: &Rig) -> Vec<treaty::sandbox::Flow> {
    let mut flows = rig.sent();
    flows.sort_by_key(|flow| flow.docs[0].name.clone());
    flows
}

/// Changes the mobile number in the first row.
fn correct_mobile(project: &Project) {
    let sheet = project.sheet();
    let mut lines: Vec<String> = sheet.lines().map(str::to_owned).collect();
    let header: Vec<&str> = lines[0].split(',').collect();
    let at = header
        .iter()
        .position(|name| *name == "手机号")
        .expect("mobiles");
    let mut cells: Vec<&str> = lines[1].split(',').collect();
    cells[at] = "13999999999";
    lines[1] = cells.join(",");
    project.set_sheet(&lines.join("\r\n"));
}

/// Returns the number of the borrower's live and withdrawn tasks in the only flow.
fn tasks(rig: &Rig) -> (usize, usize) {
    let flow = &rig.sent()[0];
    let platform = treaty::sandbox::World::platform();
    let own = flow.tasks.iter().filter(|task| task.account != platform);
    let (live, gone): (Vec<_>, Vec<_>) = own.partition(|task| task.status != SignStatus::Withdrawn);
    (live.len(), gone.len())
}

fn link(rig: &Rig) -> String {
    let (_, steps) = rig.first();
    let signer = steps.iter().find(|step| step.name == "signers.borrower");
    match &signer.expect("the borrower").step {
        treaty::ledger::Step::Receipt(receipt) => {
            receipt["signUrl"].as_str().expect("a link").to_owned()
        }
        step => panic!("{step:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn reissues_a_task_with_a_corrected_mobile_number() {
    let rig = Rig::loans(1);
    rig.apply().await;
    let before = link(&rig);
    correct_mobile(&rig.project);
    assert_eq!(rig.ask_anew("borrower").await, Some(done(1)));
    assert_eq!(rig.body(UPDATE)["mobile"], "13999999999");
    assert_eq!((rig.calls(UNDO), rig.calls(PERSON)), (1, 2));
    assert_eq!(tasks(&rig), (1, 1));
    let flow = rig.sent()[0].clone();
    let live = pending(&flow);
    assert_ne!(link(&rig), before);
    assert!(link(&rig).contains(&live.token), "the new link is recorded");
    rig.assert_each_once(1);
    // The row now equals the sent item.
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
    assert_eq!(rig.sign_all(), 1);
    assert_eq!(rig.sync().await.signed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_reissue_leaves_one_task() {
    for fault in [HANG_AFTER, HANG_BEFORE] {
        for nth in 1..20 {
            let rig = Rig::loans(1);
            rig.apply().await;
            correct_mobile(&rig.project);
            rig.stop_faults();
            let rig = rig.overall(nth, fault);
            let done = tokio::select! {
                done = rig.ask_anew("borrower") => done.is_some(),
                () = rig.hang() => false,
            };
            rig.stop_faults();
            rig.sync().await;
            let (live, _) = tasks(&rig);
            assert_eq!(live, 1, "cut off at call {nth}, {fault:?}");
            // If the interruption came before the first record, the operator repeats the command.
            if !done {
                rig.ask_anew("borrower").await;
            }
            let (plan, _) = rig.apply().await;
            assert!(plan.is_empty(), "cut off at call {nth}, {fault:?}");
            let flow = rig.sent()[0].clone();
            let live = pending(&flow);
            assert!(
                link(&rig).contains(&live.token),
                "cut off at call {nth}, {fault:?}"
            );
            rig.assert_each_once(1);
            if done {
                assert!(nth > 5, "every call was cut off once");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_to_reissue_tasks_that_are_signed_or_deferred() {
    let rig = Rig::loans(1);
    rig.apply().await;
    rig.sign_all();
    let failed = RevocationStats {
        failed: 1,
        ..RevocationStats::default()
    };
    assert_eq!(rig.ask_anew("borrower").await, Some(failed));
    assert_eq!(rig.calls(UNDO), 0);
    let rig = tenancy(1);
    rig.apply().await;
    assert_eq!(rig.ask_anew_in("leases", "agent").await, Some(failed));
    assert_eq!(rig.ask_anew_in("leases", "tenant").await, Some(done(1)));
    assert_eq!(rig.calls("sign/contracts/handPersonSignTask"), 2);
    let live = rig.sent()[0].live_tasks().count();
    assert_eq!(live, 1, "the tenant has one task");
}

#[tokio::test(start_paused = true)]
async fn refuses_to_reissue_a_task_if_other_cells_changed() {
    let rig = Rig::loans(1);
    rig.apply().await;
    let sheet = rig.project.sheet();
    assert!(sheet.contains("51010.10"));
    rig.project
        .set_sheet(&sheet.replacen("51010.10", "51010.20", 1));
    rig.stop_faults();
    let failed = RevocationStats {
        failed: 1,
        ..RevocationStats::default()
    };
    assert_eq!(rig.ask_anew("borrower").await, Some(failed));
    assert_eq!(rig.total_calls(), 0);
}

#[test]
fn revoke_shows_its_selection_and_asks_for_confirmation() {
    let project = applied(3);
    let all = ["revoke", "--target", "flows.loans"];
    let run = project.expect(&all, 64);
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    let run = project.expect(&["revoke", "--yes"], 64);
    assert!(run.stderr.contains("--target"), "{}", run.stderr);
    let run = project.expect(&["revoke", "--target", "flows.loan", "--yes"], 64);
    assert!(
        run.stderr
            .contains("the target flows.loan matches no recorded item")
            && run.stderr.contains("similar addresses: flows.loans"),
        "{}",
        run.stderr
    );
    let run = project.expect(&[&all[..], &["--signer", "lendr", "--yes"]].concat(), 64);
    assert!(
        run.stderr.contains("has a signer lendr") && run.stderr.contains("did you mean lender?"),
        "{}",
        run.stderr
    );
    let first = "flows.loans[\"HT-2026-0001\"]";
    let run = project.expect(&["revoke", "--target", first, "--yes"], 0);
    assert!(
        run.stderr.contains("1 flow will be revoked") && run.stderr.contains(first),
        "{}",
        run.stderr
    );
    assert_eq!(run.stdout, "1 revoked\n");
    let run = project.expect(&[&all[..], &["--yes"]].concat(), 0);
    assert!(run.stderr.contains("1 more have ended"), "{}", run.stderr);
    let run = project.expect(&[&all[..], &["--yes"]].concat(), 0);
    assert!(
        run.stdout.contains("no matching item is in progress"),
        "{}",
        run.stdout
    );
    project.expect(&["plan", "--detailed-exitcode"], 0);
    project.expect(&["report"], 0);
    let report = project.report("loans.csv");
    assert!(report.iter().all(|row| row["treaty_status"] == "revoked"));
}

#[test]
fn revoke_requires_confirmation_in_a_protected_environment() {
    let project = applied(1);
    project.replace(
        "treaty.yaml",
        "sandbox: { endpoint: sandbox }",
        "sandbox: { endpoint: sandbox, protected: true }",
    );
    let all = ["revoke", "--target", "flows.loans", "--yes"];
    let run = project.expect(&all, 64);
    assert!(run.stderr.contains("--confirm sandbox"), "{}", run.stderr);
    project.expect(&[&all[..], &["--confirm", "sandbox"]].concat(), 0);
}

#[tokio::test(start_paused = true)]
async fn retries_a_task_that_could_not_be_recreated() {
    for fault in [
        Fault::Status(400),
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::Fieldless,
    ] {
        let rig = Rig::loans(1);
        rig.apply().await;
        rig.stop_faults();
        let rig = rig.always(PERSON, fault);
        let withdrawn = rig.ask_anew("borrower").await.expect("it can go on");
        assert_eq!(withdrawn.failed + withdrawn.in_doubt, 1, "{fault:?}");
        // A sync and an apply fail to recreate the task, too.
        rig.sync().await;
        let (item, _) = rig.first();
        assert!(item.record.is_under_way(), "{fault:?}");
        rig.apply().await;
        rig.stop_faults();
        let synced = rig.sync().await;
        assert_eq!(
            (synced.waiting, synced.failed, synced.in_doubt),
            (1, 0, 0),
            "{fault:?}"
        );
        rig.assert_each_once(1);
        let flow = rig.sent()[0].clone();
        let live = pending(&flow);
        assert!(link(&rig).contains(&live.token), "{fault:?}");
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_the_link_of_a_task_that_cannot_be_withdrawn() {
    for fault in [Fault::Status(400), Fault::LostBefore] {
        let rig = Rig::loans(1);
        rig.apply().await;
        let before = link(&rig);
        let rig = rig.always(UNDO, fault);
        let failed = RevocationStats {
            failed: 1,
            ..RevocationStats::default()
        };
        assert_eq!(rig.ask_anew("borrower").await, Some(failed), "{fault:?}");
        assert_eq!(link(&rig), before, "{fault:?}");
        assert_eq!((rig.calls(PERSON), tasks(&rig)), (1, (1, 0)), "{fault:?}");
        rig.stop_faults();
        assert_eq!(rig.sync().await.waiting, 1);
        assert_eq!(rig.sign_all(), 1);
        assert_eq!(rig.sync().await.signed, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_revocation_is_in_doubt_and_signer_statuses_are_recorded() {
    let rig = Rig::loans(1).always(REVOKE, Fault::LostBefore);
    rig.apply().await;
    let expected = RevocationStats {
        in_doubt: 1,
        ..RevocationStats::default()
    };
    assert_eq!(rig.withdraw().await, Some(expected));
    rig.stop_faults();
    assert_eq!(rig.sync().await.in_doubt, 1);
    assert_held(&rig);
    rig.sign_all();
    let failed = RevocationStats {
        failed: 1,
        ..RevocationStats::default()
    };
    assert_eq!(rig.withdraw().await, Some(failed), "all have signed");
    assert_eq!(
        (rig.calls(REVOKE), statuses(&rig)[0]),
        (0, ItemStatus::Open)
    );
    let (_, steps) = rig.first();
    let borrower = steps.iter().find(|step| step.name == "signers.borrower");
    let sign = borrower
        .and_then(|step| step.sign.clone())
        .expect("asked for");
    assert_eq!(sign.status, SignStatus::Signed);
    assert_eq!(rig.sync().await.signed, 1, "it cannot be revoked any more");
}

/// A key with a star is an address, and a pattern only if no item has this key.
#[test]
fn revoke_takes_the_address_of_an_item_literally() {
    let project = few(3);
    let sheet = project.sheet().replace("HT-2026-0002", "HT-2026-*");
    project.set_sheet(&sheet);
    project.expect(&["apply", "--yes"], 0);
    let revoke = |key: &str| {
        let address = format!("flows.loans[\"{key}\"]");
        project
            .expect(&["revoke", "--target", &address, "--yes"], 0)
            .stdout
    };
    assert_eq!(revoke("HT-2026-*"), "1 revoked\n");
    assert_eq!(revoke("HT-2026-**"), "2 revoked\n");
}
