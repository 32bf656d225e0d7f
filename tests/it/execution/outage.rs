//! An endpoint that is down, recovers or throttles: the run waits, and no item fails for it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use treaty::execute::Stopped;
use treaty::plan::Fatal;

use crate::support::rig::{Fault, NOT_SENT, Rig};

/// Injects the fault into 500 calls, from the `first` call on.
fn down_from(mut rig: Rig, first: usize, fault: Fault) -> Rig {
    for nth in first..first + 500 {
        rig = rig.overall(nth, fault);
    }
    rig
}

#[tokio::test(start_paused = true)]
async fn waits_until_the_endpoint_recovers() {
    for fault in [
        NOT_SENT,
        Fault::Status(503),
        Fault::LostBefore,
        Fault::Garbage,
    ] {
        let rig = down_from(Rig::loans(8), 20, fault);
        let began = Instant::now();
        let ((_, tally), ()) = tokio::join!(rig.apply(), async {
            sleep(Duration::from_mins(2)).await;
            rig.stop_faults();
        });
        assert_eq!(
            (tally.done, tally.failed, tally.in_doubt),
            (8, 0, 0),
            "{fault:?}: {:?}",
            tally.stopped
        );
        assert!(began.elapsed() >= Duration::from_mins(2));
        rig.assert_each_once(8);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lasting_outage_ends_the_run_with_everything_recorded() {
    let rig = down_from(Rig::loans(8), 25, Fault::LostAfter);
    let began = Instant::now();
    let (_, tally) = rig.apply().await;
    assert!(
        matches!(tally.stopped, Some(Stopped::Fatal(Fatal::Unreachable(_)))),
        "{:?}",
        tally.stopped
    );
    let waited = began.elapsed().as_secs();
    assert!((180..300).contains(&waited), "{waited} s");
    assert!(rig.total_calls() < 80, "{} calls", rig.total_calls());
    assert_eq!(tally.failed, 0, "nobody failed for it");
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.failed, tally.in_doubt, tally.interrupted), (0, 0, 0));
    rig.assert_each_once(8);
}

/// Two rows get invalid responses while no other row is in progress. They fail, and the endpoint
/// does not count as down.
#[tokio::test(start_paused = true)]
async fn failures_of_single_rows_are_not_an_outage() {
    let mut rig = Rig::loans(6);
    for nth in 5..20 {
        rig = rig.fault("doc/createbytemplate", nth, Fault::Garbage);
    }
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (4, 2), "{:?}", tally.stopped);
}

#[tokio::test(start_paused = true)]
async fn lasting_throttling_ends_the_run() {
    let rig = Rig::loans(8).always("sign/contract/addProcess", Fault::Status(429));
    let began = Instant::now();
    let (_, tally) = rig.apply().await;
    assert!(
        matches!(tally.stopped, Some(Stopped::Fatal(Fatal::Unreachable(_)))),
        "{:?}",
        tally.stopped
    );
    let waited = began.elapsed().as_secs();
    assert!((180..300).contains(&waited), "{waited} s");
    assert_eq!(tally.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn throttling_fails_no_item() {
    let rig = Rig::loans(8).always("sign/contract/addProcess", Fault::Status(429));
    let ((_, tally), ()) = tokio::join!(rig.apply(), async {
        sleep(Duration::from_secs(100)).await;
        assert!(rig.total_calls() < 150, "{} calls", rig.total_calls());
        rig.stop_faults();
    });
    assert_eq!((tally.done, tally.failed), (8, 0), "{:?}", tally.stopped);
    rig.assert_each_once(8);
}

#[tokio::test(start_paused = true)]
async fn retries_after_a_gateway_timeout() {
    let rig = Rig::loans(1).fault("doc/createbytemplate", 1, Fault::Status(408));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
}
