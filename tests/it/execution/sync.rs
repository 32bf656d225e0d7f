//! Following what was sent until it has its end: states of signers, the schedule, callbacks, what is wrong on the way.

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

/// Everybody who is asked signs, now and then.
async fn sign_every(rig: &Rig, pause: Duration) {
    loop {
        sleep(pause).await;
        rig.sign_all();
    }
}

/// How the signers of the first item stand, by the names of their steps.
fn signers(rig: &Rig) -> Vec<(String, SignStatus)> {
    let (_, steps) = rig.first();
    let signers = steps.into_iter();
    signers
        .filter_map(|step| Some((step.name, step.sign?.status)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn waiting_goes_on_by_itself_until_every_signed_document_is_there() {
    let rig = tenancy(3);
    rig.apply().await;
    let synced = tokio::select! {
        synced = rig.follow(wait(30)) => synced,
        () = sign_every(&rig, Duration::from_secs(45)) => unreachable!("it never ends"),
    };
    assert_eq!(
        synced,
        SyncStats {
            finished: 3,
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

#[tokio::test(start_paused = true)]
async fn waiting_ends_when_it_is_time_and_says_who_still_waits() {
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
    // Every 30 s for five minutes, then after a tenth of its age each: 10 + ln(288) / ln(1.1).
    assert!((60..=80).contains(&times.len()), "{}", times.len());
    let pauses: Vec<Duration> = times.windows(2).map(|two| two[1] - two[0]).collect();
    let second = Duration::from_secs(1);
    assert!(pauses[0] >= Duration::from_secs(29) && pauses[0] <= Duration::from_secs(31));
    assert!(pauses.windows(2).all(|two| two[1] + second >= two[0]));
    assert!(pauses.last() >= Some(&Duration::from_mins(100)));
}

#[tokio::test(start_paused = true)]
async fn waiting_keeps_to_the_rate_limit() {
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
    // The limit is ten a second, with a burst of two: thirteen calls take more than a second.
    let closest = times.windows(13).map(|calls| calls[12] - calls[0]).min();
    assert!(closest >= Some(Duration::from_secs(1)), "{closest:?}");
}

#[tokio::test(start_paused = true)]
async fn how_far_each_signer_is_is_recorded() {
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
async fn a_task_that_somebody_else_took_back_is_said_and_waits_for_a_person() {
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
        failure.message.contains("borrower was taken back"),
        "{failure:?}"
    );
    assert!(
        failure.hint.contains("treaty revoke --signer borrower"),
        "{failure:?}"
    );
    // Nobody is asked again by a sync or by an apply.
    rig.sync().await;
    rig.apply().await;
    assert_eq!(rig.calls("sign/contract/handPersonSignTask"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_is_cut_short_or_no_pdf_is_not_kept_and_tried_from_a_fresh_address() {
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
        assert_eq!(synced.finished, 1, "{fault:?}");
        // Two documents, and the one that was lost once more.
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
async fn a_disturbance_at_the_service_does_not_end_the_night() {
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
    assert_eq!((synced.done, synced.failed), (2, 0));
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
async fn an_item_that_fails_again_and_again_is_given_up_for_this_time() {
    let rig = tenancy(2).always("download", Fault::Garbage);
    rig.apply().await;
    let synced = tokio::select! {
        synced = rig.follow(wait(30)) => synced,
        () = sign_every(&rig, Duration::from_secs(45)) => unreachable!("it never ends"),
    };
    assert_eq!((synced.failed, synced.finished), (2, 0));
    rig.stop_faults();
    assert_eq!(rig.sync().await.finished, 2, "the next one tries again");
}

/// A callback of a flow, as a receiver writes it down. The clock stands still meanwhile.
fn told(inbox: &Inbox, flow: &FlowId, text: &str) -> CallbackReceipt {
    let told = CallbackEvent {
        digest: inbox.salt().of(text),
        flow_id: flow.0.clone(),
        at: Timestamp::now(),
    };
    futures::executor::block_on(inbox.record(told)).expect("written")
}

#[tokio::test(start_paused = true)]
async fn a_callback_has_its_flow_asked_for_at_once_and_is_believed_nothing() {
    let rig = Rig::loans(2);
    rig.apply().await;
    let flow = rig.sent()[0].id.clone();
    let inbox = Inbox::open(&rig.ledger_path(), &binding()).expect("an inbox");
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
        // Whatever it says: the flow is still to be signed.
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
    let inbox = Inbox::open(&rig.ledger_path(), &binding()).expect("an inbox");
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
    assert_eq!((synced.done, synced.waiting), (1, 0));
    assert_eq!((rig.calls(DETAIL), rig.total_calls()), (1, 1));
    // What was looked at is not looked at again, known or not.
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
    assert_eq!((of(ItemStatus::Done), of(ItemStatus::Waiting)), (1, 2));
    assert!(rig.ledger().notices(10).expect("read").is_empty());
}
