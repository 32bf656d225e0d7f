//! `Retry-After` holds an operation back. A stop ends the waits.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use treaty::api::operation::Op;
use treaty::client::{CallFailure, Client, ClientEvent};
use treaty::execute::Stop;
use treaty::sync::SyncMode;

use crate::support::rig::{Fault, Rig};

const HELD: Fault = Fault::Throttled {
    retry_after: Some(300),
};

/// Requests a stop of this kind after 20 seconds.
async fn stop_later(ask: &watch::Sender<Stop>, stop: Stop) {
    sleep(Duration::from_secs(20)).await;
    ask.send_replace(stop);
}

/// Both kinds of calls: one that may be repeated, and one that is probed first.
#[tokio::test(start_paused = true)]
async fn a_stop_ends_calls_that_are_held_back() {
    for path in [
        "sign/contract/addProcess",
        "sign/contract/handPersonSignTask",
    ] {
        let rig = Rig::loans(20).always(path, HELD);
        let (ask, stop) = watch::channel(Stop::No);
        let began = Instant::now();
        let run = async { rig.apply_until(stop).await.expect("a plan") };
        let ((_, stats), ()) = tokio::join!(run, stop_later(&ask, Stop::Drain));
        let took = began.elapsed();
        assert!(took < Duration::from_secs(26), "{path}: {took:?}");
        assert_eq!((stats.failed, stats.in_doubt), (0, 0), "{path}");
        assert!(stats.interrupted > 0, "{path}");
        rig.stop_faults();
        let (_, stats) = rig.apply().await;
        assert_eq!((stats.failed, stats.in_doubt), (0, 0), "{path}");
        rig.assert_each_once(20);
    }
}

/// The same for a sync, and for a listener, which requests [`Stop::Soon`] when it has held the
/// ledger for long enough.
#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_polls_that_are_held_back() {
    for wanted in [Stop::Drain, Stop::Soon] {
        let rig = Rig::loans(8);
        rig.apply().await;
        let rig = rig.always("sign/contract/detail", HELD);
        let (ask, stop) = watch::channel(Stop::No);
        let began = Instant::now();
        let (synced, ()) = tokio::join!(
            rig.course_until(SyncMode::Once, stop),
            stop_later(&ask, wanted)
        );
        let synced = synced.expect("no fatal error");
        assert!(synced.stopped && synced.failed == 0, "{synced:?}");
        assert!(began.elapsed() < Duration::from_secs(26), "{wanted:?}");
    }
}

/// An outage makes calls wait, too.
#[tokio::test(start_paused = true)]
async fn a_stop_ends_calls_that_wait_for_the_end_of_an_outage() {
    let mut rig = Rig::loans(8);
    for nth in 20..500 {
        rig = rig.overall(nth, Fault::Status(503));
    }
    let (ask, stop) = watch::channel(Stop::No);
    let began = Instant::now();
    let run = async { rig.apply_until(stop).await.expect("a plan") };
    let ((_, stats), ()) = tokio::join!(run, stop_later(&ask, Stop::Drain));
    assert!(began.elapsed() < Duration::from_secs(26));
    assert_eq!(stats.failed, 0);
    rig.stop_faults();
    rig.apply().await;
    rig.assert_each_once(8);
}

/// Several calls of one operation are throttled: the others are sent, and the end is reported once.
#[tokio::test(start_paused = true)]
async fn a_hold_concerns_one_operation() {
    let rig = Rig::loans(1).always("account/idexchange", HELD);
    let held = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let events = held.clone();
    let client: Client = rig.client_with(std::sync::Arc::new(move |event| {
        if let ClientEvent::Held { op, until } = event {
            events.lock().expect("a lock").push((op, until));
        }
    }));
    let lookups = ["a", "b", "c", "d"].map(|third_id| {
        let request = treaty::api::ExchangeId {
            third_id: third_id.into(),
        };
        let client = &client;
        async move { client.call(&request).await }
    });
    let others = async {
        sleep(Duration::from_secs(1)).await;
        let request = treaty::api::UploadUrl {
            file_name: "a.pdf".into(),
            file_size: 1,
            content_type: "application/pdf".into(),
            content_md5: "-".into(),
        };
        let began = Instant::now();
        let uploaded = client.call(&request).await;
        assert!(!matches!(uploaded, Err(CallFailure::Throttled { .. })));
        assert!(began.elapsed() < Duration::from_secs(2));
        client.end_waits();
    };
    let (answers, ()) = tokio::join!(futures::future::join_all(lookups), others);
    assert!(
        answers
            .iter()
            .all(|answer| *answer == Err(CallFailure::Stopped))
    );
    let held = held.lock().expect("a lock");
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(held[0].0, Op::ExchangeId);
}
