//! A call that the service never accepts fails alone: the others are sent in their usual time.

use std::time::Duration;

use tokio::time::Instant;
use treaty::plan::Observe;

use crate::support::rig::{Fault, Rig};

const ROWS: usize = 60;
const SENT: u64 = ROWS as u64;
const LATENCY: Duration = Duration::from_millis(50);

/// Faults of a service that never accepts a call.
const FAULTS: [Fault; 6] = [
    Fault::Throttled { retry_after: None },
    Fault::Throttled {
        retry_after: Some(300),
    },
    Fault::Status(500),
    Fault::Status(503),
    Fault::LostBefore,
    Fault::Status(504),
];

/// The calls of one row, with a text that only this row has.
const CALLS: [(&str, &str); 3] = [
    ("doc/createbytemplate", "HT-2026-0003"),
    ("account/create/person", "C100003"),
    ("account/idexchange", "C100003"),
];

fn rig() -> Rig {
    let mut rig = Rig::loans(ROWS).answered_after(LATENCY);
    rig.observe = Observe::All;
    rig
}

/// Returns the usual time of a run.
async fn usual_time() -> Duration {
    let rig = rig();
    let began = Instant::now();
    let (_, stats) = rig.apply().await;
    assert_eq!((stats.done, stats.failed), (SENT, 0));
    began.elapsed()
}

/// Asserts that all but the calls of one row were sent in about their usual time.
fn assert_others_in_time(rig: &Rig, began: Instant, usual: Duration, what: &str) {
    let bound = usual.mul_f64(1.2) + Duration::from_secs(1);
    let times = rig.call_times();
    let late = times.iter().filter(|at| **at - began > bound).count();
    assert!(
        late < 20,
        "{what}: {late} of {} calls are late",
        times.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_never_accepted_fails_alone() {
    let usual = usual_time().await;
    for (path, text) in &CALLS[..2] {
        for fault in FAULTS {
            let rig = rig().for_request(path, text, fault);
            let began = Instant::now();
            let (_, stats) = rig.apply().await;
            let what = format!("{path} {fault:?}");
            assert!(stats.stopped.is_none(), "{what}: {:?}", stats.stopped);
            assert_eq!(stats.done, SENT - 1, "{what}");
            assert_eq!(stats.failed + stats.in_doubt, 1, "{what}");
            assert_others_in_time(&rig, began, usual, &what);
            assert!(began.elapsed() < Duration::from_mins(10), "{what}");
        }
    }
}

/// The lookups come before all contracts, so these wait for the attempts of the lookup.
#[tokio::test(start_paused = true)]
async fn an_account_that_cannot_be_looked_up_blocks_its_row_only() {
    let (path, text) = CALLS[2];
    for fault in FAULTS {
        let rig = rig().for_request(path, text, fault);
        let began = Instant::now();
        let (_, stats) = rig.apply().await;
        assert!(stats.stopped.is_none(), "{fault:?}: {:?}", stats.stopped);
        assert_eq!((stats.done, stats.failed), (SENT - 1, 1), "{fault:?}");
        assert!(began.elapsed() < Duration::from_mins(5), "{fault:?}");
        assert_eq!(rig.calls("account/create/person") as u64, SENT, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_account_that_cannot_be_looked_up_blocks_its_dependents_only() {
    let rig = Rig::loans(3);
    let acme = "  acme:\n";
    let other = "  other:\n    person: { thirdId: other, name: 沈晨怡, idType: resident-id, idNo: 33019919860724191X }\n";
    rig.project
        .replace("manifests/lender.yaml", acme, &format!("{other}{acme}"));
    let rig = rig.for_request("account/idexchange", "other", Fault::Status(500));
    let (plan, stats) = rig.apply().await;
    assert_eq!(plan.count('!'), 1);
    assert_eq!((stats.done, stats.failed), (3, 0), "{:?}", stats.stopped);
    let failed: Vec<String> = stats
        .failed_resources
        .iter()
        .map(|(address, failure)| format!("{address}: {}", failure.message))
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].starts_with("accounts.other: cannot be looked up: "),
        "{failed:?}"
    );
    assert_eq!(
        rig.calls("account/create/person"),
        4,
        "the clerk and the borrowers"
    );

    let rig = Rig::loans(3).for_request("account/idexchange", "acme-clerk", Fault::Status(500));
    let (_, stats) = rig.apply().await;
    assert_eq!((stats.done, stats.failed), (0, 3), "all rows require acme");
    assert_eq!(rig.calls("sign/contract/addProcess"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_any_answer_is_not_made() {
    let rig = rig().always("account/idexchange", Fault::Status(500));
    assert!(rig.apply_while(std::future::pending()).await.is_none());
}

/// Three rows that are never accepted are left at the end. They are no outage.
#[tokio::test(start_paused = true)]
async fn several_bad_rows_at_the_end_are_no_outage() {
    let mut rig = rig();
    for text in ["HT-2026-0003", "HT-2026-0009", "HT-2026-0013"] {
        rig = rig.for_request("doc/createbytemplate", text, Fault::LostBefore);
    }
    let (_, stats) = rig.apply().await;
    assert!(stats.stopped.is_none(), "{:?}", stats.stopped);
    assert_eq!((stats.done, stats.failed), (SENT - 3, 3));
}
