//! Following sent items until they end: signer statuses, the polling schedule, callbacks, failures.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use treaty::address::FlowId;
use treaty::api::SignStatus;
use treaty::execute::SyncStats;
use treaty::ledger::{CallbackEvent, CallbackReceipt, Inbox, ItemStatus, Ledger, Records};
use treaty::sandbox::UserAction;
use treaty::sync::{SyncMode, Wait};

use crate::execution::manifests::tenancy;
use crate::support::rig::{Fault, Rig, binding, pending};

const DETAIL: &str = "sign/contract/detail";

fn wait(every: u64) -> Wait {
    Wait {
        every: Duration::from_secs(every),
        until: None,
    }
}

/// Signs all pending tasks at a fixed interval.
async fn sign_every(rig: &Rig, pause: Duration) {
    loop {
        sleep(pause).await;
        rig.sign_all();
    }
}

/// Returns the step name and status of each signer of the first item.
fn signers(rig: &Rig) -> Vec<(String, SignStatus)> {
    let (_, steps) = rig.first();
    let signers = steps.into_iter();
    signers
        .filter_map(|step| Some((step.name, step.sign?.status)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn follows_items_until_every_signed_document_is_downloaded() {
    let rig = tenancy(3);
    rig.apply().await;
    let synced = tokio::select! {
        synced = rig.follow(wait(30)) => synced,
        () = sign_every(&rig, Duration::from_secs(45)) => unreachable!("it never ends"),
    };
    assert_eq!(
        synced,
        SyncStats {
            archived: 3,
            ..SyncStats::default()
        }
    );
    for at in 1..=3 {
        for part in ["lease", "rules"] {
            let path = format!("signed/ZL-2026-00{at}-{part}.pdf");
            let pdf = std::fs::read(rig.project.path(&path)).expect("a PDF");
            assert!(pdf.starts_with(b"%PDF-"));
        }
    }
    rig.stop_faults();
    assert_eq!(rig.follow(wait(30)).await, SyncStats::default());
    assert_eq!(rig.total_calls(), 0, "nothing is under way: no call");
}

/// The plan found the folder inside of the project; it was replaced by a link afterwards.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn writes_no_document_outside_of_the_project() {
    let rig = tenancy(1);
    rig.apply().await;
    let outside = tempfile::tempdir().expect("a folder");
    let signed = rig.project.path("signed");
    std::os::unix::fs::symlink(outside.path(), &signed).expect("a link");
    let failed = tokio::select! {
        synced = rig.follow(wait(30)) => synced,
        () = sign_every(&rig, Duration::from_secs(45)) => unreachable!("it never ends"),
    };
    assert_eq!((failed.failed, failed.archived), (1, 0));
    let written = std::fs::read_dir(outside.path()).expect("a folder").count();
    assert_eq!(written, 0);
    let (item, _) = rig.first();
    let why = format!("{item:?}");
    assert!(why.contains("is outside of the project's folder"), "{why}");
    std::fs::remove_file(&signed).expect("removed");
    assert_eq!(rig.sync().await.archived, 1);
    assert!(signed.join("ZL-2026-001-lease.pdf").exists());
}

#[tokio::test(start_paused = true)]
async fn stops_waiting_at_the_deadline_and_reports_waiting_items() {
    let rig = tenancy(2);
    rig.apply().await;
    let begun = Instant::now();
    let until = Wait {
        until: Timestamp::now()
            .checked_add(SignedDuration::from_mins(10))
            .ok(),
        ..wait(30)
    };
    let synced = rig.follow(until).await;
    assert_eq!((synced.waiting, synced.stopped), (2, false));
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_mins(9) && waited <= Duration::from_mins(11),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn polls_idle_flows_less_often() {
    let rig = Rig::loans(1);
    rig.apply().await;
    rig.stop_faults();
    let day = Wait {
        until: Timestamp::now()
            .checked_add(SignedDuration::from_hours(24))
            .ok(),
        ..wait(30)
    };
    rig.follow(day).await;
    let times = rig.call_times();
    // Every 30 s for 5 min, then at intervals of a tenth of the age: 10 + ln(288) / ln(1.1).
    assert!((60..=80).contains(&times.len()), "{}", times.len());
    let pauses: Vec<Duration> = times.windows(2).map(|two| two[1] - two[0]).collect();
    let second = Duration::from_secs(1);
    assert!(pauses[0] >= Duration::from_secs(29) && pauses[0] <= Duration::from_secs(31));
    assert!(pauses.windows(2).all(|two| two[1] + second >= two[0]));
    assert!(pauses.last() >= Some(&Duration::from_mins(100)));
}

#[tokio::test(start_paused = true)]
async fn polling_keeps_the_rate_limit() {
    let mut rig = Rig::loans(12);
    rig.apply().await;
    rig.stop_faults();
    rig.rate = Some(10.0);
    let until = Wait {
        until: Timestamp::now()
            .checked_add(SignedDuration::from_secs(20))
            .ok(),
        ..wait(5)
    };
    assert_eq!(rig.follow(until).await.waiting, 12);
    let times = rig.call_times();
    assert!(times.len() >= 36, "{}", times.len());
    // The limit is 10 calls/s with a burst of 2, so 13 calls take at least a second.
    let closest = times.windows(13).map(|calls| calls[12] - calls[0]).min();
    assert!(closest >= Some(Duration::from_secs(1)), "{closest:?}");
}

#[tokio::test(start_paused = true)]
async fn records_the_status_of_each_signer() {
    let rig = tenancy(1);
    rig.apply().await;
    rig.sync().await;
    assert_eq!(
        signers(&rig),
        [("signers.tenant".to_owned(), SignStatus::Pending)]
    );
    rig.sign_all();
    rig.sync().await;
    rig.sync().await;
    let both = [
        ("signers.agent".to_owned(), SignStatus::Pending),
        ("signers.tenant".to_owned(), SignStatus::Signed),
    ];
    assert_eq!(signers(&rig), both);
    let (item, steps) = rig.first();
    let tenant = steps.iter().find(|step| step.name == "signers.tenant");
    let signed = tenant.and_then(|step| step.sign.clone()).expect("signed");
    assert_eq!(
        signed.time.map(|time| time.len()),
        Some("2026-11-26 12:00:00".len())
    );
    assert!(item.record.sent_at.is_some() && item.record.polled_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn reports_a_task_withdrawn_elsewhere_and_does_not_recreate_it() {
    let rig = Rig::loans(1);
    rig.apply().await;
    let flow = rig.sent()[0].clone();
    let borrower = pending(&flow);
    let undo = treaty::api::UndoTask {
        flow_id: flow.id.clone(),
        account_id: borrower.account.clone(),
    };
    rig.client().call(&undo).await.expect("taken back");
    let synced = rig.sync().await;
    assert_eq!((synced.failed, synced.waiting), (1, 0));
    let (item, _) = rig.first();
    let failure = item.record.failure.expect("a failure");
    assert!(
        failure
            .message
            .contains("the task of borrower was withdrawn elsewhere"),
        "{failure:?}"
    );
    assert!(
        failure.hint.contains("treaty revoke --signer borrower"),
        "{failure:?}"
    );
    // Neither sync nor apply recreates the task.
    rig.sync().await;
    rig.apply().await;
    assert_eq!(rig.calls("sign/contract/handPersonSignTask"), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_an_invalid_download_from_a_fresh_url() {
    for fault in [
        Fault::LostAfter,
        Fault::Garbage,
        Fault::Truncated,
        Fault::Status(403),
    ] {
        let rig = tenancy(1).fault("download", 1, fault);
        rig.apply().await;
        let synced = tokio::select! {
            synced = rig.follow(wait(30)) => synced,
            () = sign_every(&rig, Duration::from_secs(45)) => unreachable!("it never ends"),
        };
        assert_eq!(synced.archived, 1, "{fault:?}");
        // Two documents, and one retry of the failed download.
        assert_eq!(rig.calls("sign/download"), 3, "{fault:?}");
        let lease = std::fs::read(rig.project.path("signed/ZL-2026-001-lease.pdf"));
        let lease = lease.expect("a PDF");
        assert!(
            !treaty::pdf::find(&lease, "周雨桐")
                .expect("whole")
                .is_empty()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn retries_failed_polls_until_the_service_recovers() {
    let rig = Rig::loans(2).always(DETAIL, Fault::Status(400));
    rig.apply().await;
    let until = Wait {
        until: Timestamp::now()
            .checked_add(SignedDuration::from_hours(8))
            .ok(),
        ..wait(30)
    };
    let night = async {
        sleep(Duration::from_hours(1)).await;
        rig.stop_faults();
        rig.sign_all();
        std::future::pending::<()>().await;
    };
    let begun = Instant::now();
    let synced = tokio::select! {
        synced = rig.follow(until) => synced,
        () = night => unreachable!("it never ends"),
    };
    assert_eq!((synced.signed, synced.failed), (2, 0));
    assert!(
        begun.elapsed() < Duration::from_hours(4),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn recreates_a_task_with_lost_responses_once_per_run() {
    let rig = tenancy(1).always("sign/contracts/handOrgSignTask", Fault::LostAfter);
    rig.apply().await;
    rig.sign_all();
    let until = Wait {
        until: Timestamp::now()
            .checked_add(SignedDuration::from_hours(8))
            .ok(),
        ..wait(30)
    };
    let synced = rig.follow(until).await;
    assert_eq!((synced.failed, synced.waiting), (1, 0));
    assert_eq!(rig.calls("sign/contracts/handOrgSignTask"), 2);
    let live = rig.sent()[0].live_tasks().count();
    assert_eq!(live, 1, "the tenant's, who has signed");
    rig.stop_faults();
    assert_eq!(rig.sync().await.waiting, 1);
    assert_eq!(rig.sent()[0].live_tasks().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn gives_up_a_repeatedly_failing_item_until_the_next_sync() {
    let rig = tenancy(2).always("download", Fault::Garbage);
    rig.apply().await;
    let synced = tokio::select! {
        synced = rig.follow(wait(30)) => synced,
        () = sign_every(&rig, Duration::from_secs(45)) => unreachable!("it never ends"),
    };
    assert_eq!((synced.failed, synced.archived), (2, 0));
    rig.stop_faults();
    assert_eq!(rig.sync().await.archived, 2, "the next one tries again");
}

/// Records a callback of a flow as a receiver does. The clock is paused meanwhile.
fn told(inbox: &Inbox, flow: &FlowId, text: &str) -> CallbackReceipt {
    let told = CallbackEvent {
        digest: inbox.salt().of(text),
        flow_id: flow.0.clone(),
        at: Timestamp::now(),
    };
    futures::executor::block_on(inbox.record(told)).expect("written")
}

#[tokio::test(start_paused = true)]
async fn a_callback_triggers_a_poll_and_its_content_is_not_trusted() {
    let rig = Rig::loans(2);
    rig.apply().await;
    let flow = rig.sent()[0].id.clone();
    let inbox = Inbox::open(
        &rig.ledger_path(),
        &binding(),
        &treaty::ledger::HoldOptions::default(),
    )
    .expect("an inbox");
    rig.stop_faults();
    let begun = Instant::now();
    let until = Wait {
        every: Duration::from_hours(1),
        until: Timestamp::now()
            .checked_add(SignedDuration::from_mins(10))
            .ok(),
    };
    let tell = async {
        sleep(Duration::from_mins(5)).await;
        // The content of the callback is wrong: the flow is not signed yet.
        assert_eq!(told(&inbox, &flow, "finished"), CallbackReceipt::New);
        assert_eq!(told(&inbox, &flow, "finished"), CallbackReceipt::Repeated);
        std::future::pending::<()>().await;
    };
    let synced = tokio::select! {
        synced = rig.follow(until) => synced,
        () = tell => unreachable!("it never ends"),
    };
    assert_eq!(synced.waiting, 2);
    let times = rig.call_times();
    let times: Vec<u64> = times.iter().map(|at| (*at - begun).as_secs()).collect();
    assert_eq!(
        times.len(),
        3,
        "each once, and the one that was told of: {times:?}"
    );
    assert!((300..=302).contains(&times[2]), "{times:?}");
    assert_eq!(rig.body(DETAIL)["flowId"], flow.0.as_str());
}

#[tokio::test(start_paused = true)]
async fn polls_only_flows_with_recorded_callbacks() {
    let rig = Rig::loans(3);
    rig.apply().await;
    let flow = rig.sent()[1].clone();
    let inbox = Inbox::open(
        &rig.ledger_path(),
        &binding(),
        &treaty::ledger::HoldOptions::default(),
    )
    .expect("an inbox");
    assert_eq!(told(&inbox, &flow.id, "signed"), CallbackReceipt::New);
    assert_eq!(
        told(&inbox, &FlowId("404".into()), "signed, elsewhere"),
        CallbackReceipt::Unknown
    );
    let token = pending(&flow).token.clone();
    let signed = UserAction::Sign(vec![treaty::sandbox::SealChoice::Handwritten]);
    rig.sandbox
        .act(&token, &signed, Timestamp::now())
        .expect("signed");
    rig.stop_faults();
    let briefly = SyncMode::FromCallbacks(Duration::from_secs(3));
    let synced = rig.course(briefly).await.expect("a sync");
    assert_eq!((synced.signed, synced.waiting), (1, 0));
    assert_eq!((rig.calls(DETAIL), rig.total_calls()), (1, 1));
    // Processed callbacks do not trigger another poll, whether or not their flow is known.
    assert_eq!(
        rig.course(briefly).await.expect("a sync"),
        SyncStats::default()
    );
    assert_eq!(rig.total_calls(), 1);
    let items = rig.ledger().items_after(None, 0, 10).expect("read");
    let of = |status| {
        items
            .iter()
            .filter(|item| item.record.status == status)
            .count()
    };
    assert_eq!((of(ItemStatus::Signed), of(ItemStatus::Waiting)), (1, 2));
    assert!(rig.ledger().notices(10).expect("read").is_empty());
}
