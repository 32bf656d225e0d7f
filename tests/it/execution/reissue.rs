//! `onChange: reissue`, `--reissue` and `--retry rejected`: end a contract and send another one once.
//! Signed items are not reissued.

use jiff::{SignedDuration, Timestamp};
use treaty::api::FlowStatus;
use treaty::ledger::ItemStatus;
use treaty::plan::Retry;
use treaty::sandbox::UserAction;

use crate::support::rig::{Fault, HANG_AFTER, HANG_BEFORE, Rig, pending};

/// Creates the loans project with `onChange: reissue`.
fn reissuing(rows: usize) -> Rig {
    let rig = Rig::loans(rows);
    let manifest = rig.project.read("manifests/loans.yaml");
    rig.project.write(
        "manifests/loans.yaml",
        format!("{manifest}    onChange: reissue\n"),
    );
    rig
}

fn change_amount(rig: &Rig, from: &str, to: &str) {
    let sheet = rig.project.sheet();
    assert!(sheet.contains(from));
    rig.project.set_sheet(&sheet.replacen(from, to, 1));
}

#[tokio::test(start_paused = true)]
async fn reissues_a_changed_row_once() {
    for fault in [
        None,
        Some(Fault::LostAfter),
        Some(Fault::LostBefore),
        Some(Fault::Garbage),
    ] {
        let rig = reissuing(2);
        rig.apply().await;
        change_amount(&rig, "51010.10", "51010.20");
        let rig = match fault {
            Some(fault) => rig.fault("sign/revoke", 1, fault),
            None => rig,
        };
        let (plan, tally) = rig.apply().await;
        assert_eq!((plan.count('±'), plan.count('=') > 0), (1, true));
        assert_eq!(
            (tally.done, tally.failed, tally.in_doubt),
            (1, 0, 0),
            "{fault:?}"
        );
        let flows = rig.sent();
        let of = |status| flows.iter().filter(|flow| flow.status == status).count();
        assert_eq!(
            (of(FlowStatus::Revoked), of(FlowStatus::Signing)),
            (1, 2),
            "{fault:?}"
        );
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty(), "{fault:?}");
    }
}

/// Changes an amount and asserts that two runs refuse to reissue the signed item.
async fn stands_though_it_changed(rig: &Rig) {
    change_amount(rig, "51010.10", "51010.20");
    for night in 1..=2 {
        let (_, tally) = rig.apply().await;
        assert_eq!((tally.done, tally.failed), (0, 1), "night {night}");
        assert_eq!(rig.calls("sign/revoke"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_reissue_signed_items_that_are_not_archived() {
    let rig = reissuing(1);
    rig.apply().await;
    rig.sign_all();
    stands_though_it_changed(&rig).await;
    assert_eq!(rig.sync().await.signed, 1, "what was sent goes on");
}

/// All tasks are created and signed before the interrupted run records them.
#[tokio::test(start_paused = true)]
async fn does_not_reissue_signed_items_after_an_interrupted_run() {
    let rig = reissuing(1).fault("sign/contract/handPersonSignTask", 1, HANG_AFTER);
    assert!(rig.apply_while(rig.hang()).await.is_none());
    rig.stop_faults();
    rig.sign_all();
    stands_though_it_changed(&rig).await;
}

/// An item revoked by a command is not reissued when its row changes.
#[tokio::test(start_paused = true)]
async fn does_not_reissue_revoked_items() {
    let rig = reissuing(1);
    rig.apply().await;
    rig.withdraw().await;
    change_amount(&rig, "51010.10", "51010.20");
    let (plan, _) = rig.apply().await;
    assert_eq!((plan.is_empty(), plan.count('!')), (true, 1));
    rig.assert_each_once(1);
}

#[tokio::test(start_paused = true)]
async fn reissues_an_item_revoked_by_an_interrupted_run() {
    for fault in [HANG_AFTER, HANG_BEFORE] {
        let rig = reissuing(1).fault("sign/revoke", 1, fault);
        rig.apply().await;
        change_amount(&rig, "51010.10", "51010.20");
        assert!(rig.apply_while(rig.hang()).await.is_none());
        rig.stop_faults();
        change_amount(&rig, "51010.20", "51010.10");
        rig.apply().await;
        let open = rig
            .sent()
            .iter()
            .filter(|flow| flow.status == FlowStatus::Signing)
            .count();
        assert_eq!(open, 1, "{fault:?}");
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_reissue_completed_items() {
    let rig = Rig::loans(1);
    let manifest = rig.project.read("manifests/loans.yaml");
    rig.project.write(
        "manifests/loans.yaml",
        format!("{manifest}    onChange: reissue\n"),
    );
    rig.apply().await;
    rig.sign_all();
    let flow_id = rig.sent()[0].id.clone();
    rig.archive(&flow_id).await;
    let sheet = rig.project.sheet();
    rig.project
        .set_sheet(&sheet.replacen("51010.10", "51010.20", 1));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1));
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn does_not_revoke_when_the_new_account_cannot_be_created() {
    let rig = reissuing(1);
    rig.apply().await;
    change_amount(&rig, "C100001", "C900001");
    let rig = rig.always("account/create/person", Fault::Status(503));
    let (plan, tally) = rig.apply().await;
    assert_eq!((plan.count('±'), tally.failed), (1, 1));
    let flows = rig.sent();
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0].status, FlowStatus::Signing);
    rig.stop_faults();
    rig.apply().await;
    let flows = rig.sent();
    let revoked = flows
        .iter()
        .filter(|flow| flow.status == FlowStatus::Revoked);
    assert_eq!((flows.len(), revoked.count()), (2, 1));
}

/// The signing deadline may pass between the plan and the execution of a row. In that case nothing
/// is sent and nothing is revoked.
#[tokio::test(start_paused = true)]
async fn an_expired_deadline_prevents_reissue_and_revocation() {
    let mut rig = reissuing(2);
    (rig.window, rig.max_revoke) = (1, Some(10));
    rig.apply().await;
    let changed = rig.project.sheet().replace(",4.35,", ",4.36,");
    rig.project.set_sheet(&changed);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(40);
    let validity = "{{ run.started | plus('7d') | epochMs }}";
    let soon = soon.as_millisecond().to_string();
    rig.project.replace("manifests/loans.yaml", validity, &soon);
    // The first row meets the deadline; its slow calls make the second row miss it.
    let rig = rig.answered_after(std::time::Duration::from_secs(10));
    let (plan, tally) = rig.apply().await;
    assert_eq!((plan.count('±'), tally.done, tally.failed), (2, 1, 1));
    let flows = rig.sent();
    let of = |status| flows.iter().filter(|flow| flow.status == status).count();
    assert_eq!((of(FlowStatus::Revoked), of(FlowStatus::Signing)), (1, 2));
}

const FIRST: &str = "flows.loans[\"HT-2026-0001\"]";

/// Returns the numbers of contracts with signers: all, and those that can still be signed.
fn contracts(rig: &Rig) -> (usize, usize) {
    let flows = rig.sent();
    let open = flows
        .iter()
        .filter(|flow| flow.status == FlowStatus::Signing);
    (flows.len(), open.count())
}

fn first_status(rig: &Rig) -> (ItemStatus, u32) {
    let record = rig.first().0.record;
    (record.status, record.contract_number())
}

fn refuse(rig: &Rig) {
    let token = pending(&rig.sent()[0]).token.clone();
    let reason = "金额不对".to_owned();
    rig.sandbox
        .act(&token, &UserAction::Refuse { reason }, Timestamp::now())
        .expect("refused");
}

/// Lets the deadline of all contracts pass.
fn expire(rig: &Rig) {
    let later = Timestamp::now() + SignedDuration::from_hours(15 * 24);
    rig.sandbox.advance(None, later);
}

#[tokio::test(start_paused = true)]
async fn sends_a_named_contract_again_once() {
    for fault in [
        None,
        Some(Fault::LostAfter),
        Some(Fault::LostBefore),
        Some(Fault::Garbage),
    ] {
        let mut rig = Rig::loans(2);
        rig.apply().await;
        rig.reissue = vec![FIRST];
        let mut rig = match fault {
            Some(fault) => rig.fault("sign/revoke", 1, fault),
            None => rig,
        };
        let (plan, tally) = rig.apply().await;
        assert_eq!((plan.count('±'), tally.done), (1, 1), "{fault:?}");
        assert_eq!((plan.people.asked, plan.people.again), (1, 1));
        assert_eq!(contracts(&rig), (3, 2), "{fault:?}");
        assert_eq!(first_status(&rig), (ItemStatus::Waiting, 2));
        // The command is repeated by accident, and a plain apply has nothing to do.
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty(), "{fault:?}");
        rig.reissue.clear();
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty(), "{fault:?}");
        assert_eq!(contracts(&rig), (3, 2), "{fault:?}");
    }
}

/// A contract that has ended is not revoked before it is sent again, and only on request.
#[tokio::test(start_paused = true)]
async fn sends_ended_contracts_again_only_on_request() {
    for (status, retry) in [
        (ItemStatus::Rejected, Some(Retry::Rejected)),
        (ItemStatus::Rejected, None),
        (ItemStatus::Expired, Some(Retry::Expired)),
        (ItemStatus::Expired, None),
        (ItemStatus::Revoked, None),
    ] {
        let mut rig = Rig::loans(1);
        rig.apply().await;
        match status {
            ItemStatus::Rejected => refuse(&rig),
            ItemStatus::Expired => expire(&rig),
            _ => drop(rig.withdraw().await),
        }
        rig.sync().await;
        assert_eq!(first_status(&rig), (status, 1));
        rig.stop_faults();
        for other in [None, Some(Retry::Failed), Some(Retry::InDoubt)] {
            rig.retry = other;
            assert!(rig.apply().await.0.is_empty(), "{status:?}");
        }
        rig.retry = retry;
        if retry.is_none() {
            rig.reissue = vec![FIRST];
        }
        let (plan, tally) = rig.apply().await;
        assert_eq!((plan.count('±'), tally.done), (1, 1), "{status:?}");
        assert_eq!(rig.calls("sign/revoke"), 0, "{status:?}");
        assert_eq!(contracts(&rig), (2, 1), "{status:?}");
        assert_eq!(first_status(&rig), (ItemStatus::Waiting, 2));
        assert!(rig.apply().await.0.is_empty(), "{status:?}");
    }
}

/// The contract is signed after the last sync: the reissue fails, and the contract stays.
#[tokio::test(start_paused = true)]
async fn does_not_send_a_signed_contract_again() {
    let mut rig = Rig::loans(1);
    rig.apply().await;
    rig.sign_all();
    rig.reissue = vec![FIRST];
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1));
    assert_eq!((rig.calls("sign/revoke"), contracts(&rig).0), (0, 1));
    // The contract is as it was, and says why no other one was sent.
    let record = rig.first().0.record;
    assert_eq!(record.status, ItemStatus::Waiting);
    assert!(record.failure.is_some_and(|why| why.is_not_sent_again()));
    rig.reissue.clear();
    assert!(rig.apply().await.0.is_empty());
    assert_eq!(rig.sync().await.signed, 1);
}

/// Nothing is sent for an ended contract whose new version cannot be sent, and its record stays.
#[tokio::test(start_paused = true)]
async fn keeps_the_record_of_an_ended_contract_that_cannot_be_sent_again() {
    let mut rig = Rig::loans(1);
    rig.apply().await;
    refuse(&rig);
    rig.sync().await;
    let ended_at = rig.first().0.record.ended_at();
    change_amount(&rig, "C100001", "C900001");
    rig.retry = Some(Retry::Rejected);
    let mut rig = rig.always("account/create/person", Fault::Status(503));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1));
    assert_eq!(first_status(&rig), (ItemStatus::Rejected, 1));
    assert_eq!(rig.first().0.record.ended_at(), ended_at);
    rig.stop_faults();
    rig.apply().await;
    assert_eq!(first_status(&rig), (ItemStatus::Waiting, 2));
    rig.retry = None;
    assert!(rig.apply().await.0.is_empty());
}

/// The process is killed at every call of a reissue. A plain apply then ends with at most one
/// contract that can be signed, and the repeated command with one new contract, not two.
#[tokio::test(start_paused = true)]
async fn an_interrupted_reissue_sends_one_new_contract() {
    for (is_rejected, is_changed, faults) in [
        (false, true, &[HANG_AFTER, HANG_BEFORE][..]),
        (false, false, &[HANG_AFTER]),
        (true, true, &[HANG_AFTER]),
    ] {
        for fault in faults.iter().copied() {
            for nth in 1..40 {
                let label = format!("{is_rejected} {is_changed} {fault:?} {nth}");
                let mut rig = Rig::loans(1);
                rig.apply().await;
                if is_rejected {
                    refuse(&rig);
                    rig.sync().await;
                }
                if is_changed {
                    change_amount(&rig, "51010.10", "51010.20");
                }
                rig.stop_faults();
                rig.reissue = vec![FIRST];
                let mut rig = rig.overall(nth, fault);
                let is_done = rig.apply_while(rig.hang()).await.is_some();
                rig.stop_faults();
                rig.reissue.clear();
                rig.apply().await;
                let (all, open) = contracts(&rig);
                let is_replaced = all == 2;
                assert_eq!(open, usize::from(is_replaced || !is_rejected), "{label}");
                assert!(all <= 2, "{label}");
                for _ in 0..2 {
                    rig.reissue = vec![FIRST];
                    rig.apply().await;
                    assert_eq!(contracts(&rig), (2, 1), "{label}");
                    assert_eq!(first_status(&rig), (ItemStatus::Waiting, 2), "{label}");
                }
                if is_done {
                    assert!(nth > 3, "{label}");
                    break;
                }
            }
        }
    }
}
