//! `onChange: reissue`: revokes a sent item and sends it again once. Signed items are not reissued.

use treaty::api::FlowStatus;

use crate::support::rig::{Fault, HANG_AFTER, HANG_BEFORE, Rig};

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
