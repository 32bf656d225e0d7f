//! Lost responses, interrupted runs, slow services: no task is duplicated, no row is lost, and
//! unresolved items are reported as in doubt.

use std::time::Duration;

use treaty::api::ErrorCode;
use treaty::execute::Stopped;
use treaty::plan::{Fatal, ItemAction, Observe};
use treaty::sandbox::AutoSign;

use crate::support::rig::{Fault, HANG_AFTER, HANG_BEFORE, LATE, NOT_SENT, Rig};

const PLATFORM: &str = "sign/contract/platformSignTask";
const PERSON: &str = "sign/contract/handPersonSignTask";

#[tokio::test(start_paused = true)]
async fn a_second_apply_writes_nothing() {
    let rig = Rig::loans(5);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (5, 0));
    rig.assert_each_once(5);
    rig.stop_faults();
    let (plan, tally) = rig.apply().await;
    assert!(plan.is_empty() && tally.done == 0);
    // Two account lookups and one seal query, and nothing else.
    assert_eq!(
        (
            rig.total_calls(),
            rig.calls("account/idexchange"),
            rig.calls("seal/query")
        ),
        (3, 2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn probes_lost_responses_of_every_operation() {
    let every = [
        "account/create/person",
        "account/create/organize/common",
        "account/platform/silentsign",
        "seal/create/organize",
        "file/uploadurl",
        "upload",
        "template/createbyfilekey",
        "doc/createbytemplate",
        "sign/contract/addProcess",
        PLATFORM,
        PERSON,
    ];
    for path in every {
        for fault in [
            Fault::LostAfter,
            Fault::LostBefore,
            LATE,
            Fault::StatusAfter(502),
            Fault::Status(503),
            Fault::Garbage,
            HANG_AFTER,
            NOT_SENT,
            Fault::Status(429),
        ] {
            let rig = Rig::loans(3).fault(path, 1, fault);
            let (_, tally) = rig.apply().await;
            assert_eq!(
                (tally.done, tally.failed, tally.in_doubt),
                (3, 0, 0),
                "{path} {fault:?}"
            );
            rig.assert_each_once(3);
            assert_eq!(
                rig.calls("seal/create/organize"),
                1 + usize::from(repeated_seal(path, fault)),
                "{path} {fault:?}"
            );
        }
    }
}

/// The service takes longer than the client's timeout and still does the work.
#[tokio::test(start_paused = true)]
async fn does_not_repeat_a_request_that_takes_effect_after_the_timeout() {
    for path in [PERSON, PLATFORM] {
        for seconds in [35, 50] {
            let slow = Fault::Slow(Duration::from_secs(seconds));
            let rig = Rig::loans(3).fault(path, 1, slow);
            let (_, tally) = rig.apply().await;
            assert_eq!((tally.done, tally.in_doubt), (3, 0), "{path} {seconds}");
            tokio::time::sleep(Duration::from_mins(2)).await;
            rig.assert_each_once(3);
        }
    }
}

/// A lost call takes effect after the probe, and the retry is refused. The next run probes again.
#[tokio::test(start_paused = true)]
async fn probes_a_lost_response_in_the_next_run_too() {
    let late = Fault::WorkLate(Duration::from_secs(14));
    let rig = Rig::loans(1)
        .fault(PERSON, 1, late)
        .fault(PERSON, 2, Fault::Status(404));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed, tally.in_doubt), (0, 0, 1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    rig.assert_each_once(1);
}

/// A slow service may still be processing a request of a killed run. The next run waits for it.
#[tokio::test(start_paused = true)]
async fn waits_for_a_slow_request_of_a_killed_run_before_probing() {
    for time in [8, 20] {
        let slow = Fault::Slow(Duration::from_secs(time));
        let rig = Rig::loans(1).fault(PERSON, 1, slow);
        let asked = async {
            while rig.calls(PERSON) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(rig.apply_while(asked).await.is_none());
        let (_, tally) = rig.apply().await;
        assert_eq!((tally.done, tally.in_doubt), (1, 0), "{time} s");
        rig.assert_each_once(1);
    }
}

/// No signer was added yet, and the template is corrected. The document made from the old template
/// is not used.
#[tokio::test(start_paused = true)]
async fn sends_a_template_corrected_after_an_interrupted_run() {
    let rig = Rig::loans(1).fault("sign/contract/addProcess", 1, HANG_BEFORE);
    assert!(rig.apply_while(rig.hang()).await.is_none());
    let old = rig.body("doc/createbytemplate")["templateId"].clone();
    rig.stop_faults();
    let file = std::fs::read(rig.project.path("templates/loan.pdf")).expect("a file");
    let corrected = [file, b"\n%corrected\n".to_vec()].concat();
    std::fs::write(rig.project.path("templates/loan.pdf"), corrected).expect("written");
    rig.apply().await;
    assert_ne!(rig.body("doc/createbytemplate")["templateId"], old);
    rig.assert_each_once(1);
}

/// A sync is interrupted while it adds a signer. The item is in doubt until it is probed. Apply
/// probes as sync does.
#[tokio::test(start_paused = true)]
async fn a_signer_of_an_interrupted_sync_is_probed_by_apply() {
    for fault in [HANG_AFTER, HANG_BEFORE] {
        let rig = Rig::loans(1);
        rig.with_witness("after: [borrower], ");
        rig.apply().await;
        rig.sign_all();
        rig.stop_faults();
        let rig = rig.fault(PERSON, 1, fault);
        assert!(rig.sync_while(rig.hang()).await.is_none());
        rig.stop_faults();
        let (status, _) = treaty::report::recorded(&rig.first().0.record);
        assert_eq!(status, treaty::report::Status::Interrupted, "{fault:?}");
        let (plan, tally) = rig.apply().await;
        assert_eq!((plan.is_empty(), tally.done), (false, 1), "{fault:?}");
        let (_, steps) = rig.first();
        let open =
            |step: &treaty::ledger::KnownStep| matches!(step.step, treaty::ledger::Step::Intent(_));
        assert!(!steps.iter().any(open), "{fault:?}");
        assert_eq!(rig.calls(PERSON), 1, "{fault:?}");
        assert!(rig.apply().await.0.is_empty(), "{fault:?}");
    }
}

/// A sync counts an item that it cannot continue as reports and `treaty status` do.
#[tokio::test(start_paused = true)]
async fn a_sync_counts_items_by_their_status_in_reports() {
    use treaty::report::Status;
    for (fault, expected) in [
        (HANG_AFTER, Status::Interrupted),
        (Fault::Failed(ErrorCode::NOT_SIGNED), Status::Failed),
    ] {
        let hangs = expected == Status::Interrupted;
        let rig = Rig::loans(1).fault(PERSON, 1, fault);
        if hangs {
            assert!(rig.apply_while(rig.hang()).await.is_none());
        } else {
            drop(rig.apply().await);
        }
        rig.stop_faults();
        let synced = rig.sync().await;
        let (status, _) = treaty::report::recorded(&rig.first().0.record);
        assert_eq!(status, expected);
        let counts = (synced.interrupted, synced.failed, synced.in_doubt);
        assert_eq!(counts, (u64::from(hangs), u64::from(!hangs), 0));
    }
}

/// A response that reports a failure does not prove that the call had no effect.
#[tokio::test(start_paused = true)]
async fn probes_steps_reported_as_failed() {
    let rig = Rig::loans(1).fault(PERSON, 1, Fault::Failed(ErrorCode::NOT_SIGNED));
    let (_, tally) = rig.apply().await;
    // The task exists without a link, so it is withdrawn.
    assert_eq!((tally.done, tally.failed), (0, 1));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    rig.assert_each_once(1);
}

/// The number of rows in progress exceeds the concurrency limit only slightly while requests wait
/// for responses.
#[tokio::test(start_paused = true)]
async fn begins_few_more_rows_than_the_concurrency_limit() {
    let mut rig = Rig::loans(60);
    rig.window = 8;
    let rig = rig.answered_after(std::time::Duration::from_secs(10));
    let half_done = async {
        while rig.calls("doc/createbytemplate") == 0 {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    assert!(rig.apply_while(half_done).await.is_none());
    let begun = rig.calls("account/create/person");
    assert!((8..=10).contains(&begun), "{begun}");
}

/// A file replaced during the run no longer matches the plan. Later rows are not sent.
#[tokio::test(start_paused = true)]
async fn refuses_a_file_that_changed_during_the_run() {
    let mut rig = crate::execution::manifests::tenancy(2);
    rig.window = 1;
    let replaced = async {
        while rig.calls("sign/contracts/addProcess") == 0 {
            tokio::task::yield_now().await;
        }
        let path = rig.project.path("annexes/rules.pdf");
        let file = std::fs::read(&path).expect("a file");
        std::fs::write(&path, [file, b"\n%other\n".to_vec()].concat()).expect("written");
    };
    let ((_, tally), ()) = tokio::join!(rig.apply(), replaced);
    assert_eq!((tally.done, tally.failed), (1, 1));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
}

/// An account whose creation had a lost response may have the row's old values. It is updated.
#[tokio::test(start_paused = true)]
async fn updates_an_account_created_by_an_interrupted_run() {
    let rig = Rig::loans(1).fault("account/create/person", 2, HANG_AFTER);
    assert!(rig.apply_while(rig.hang()).await.is_none());
    rig.stop_faults();
    let sheet = rig.project.sheet();
    rig.project
        .set_sheet(&sheet.replacen("13500000001", "13500000009", 1));
    rig.apply().await;
    assert_eq!(rig.calls("account/person/update"), 1);
    assert_eq!(rig.body("account/person/update")["mobile"], "13500000009");
    rig.assert_each_once(1);
}

/// A detail that lacks a recorded signer is no evidence about the signer that is probed.
#[tokio::test(start_paused = true)]
async fn a_detail_without_a_recorded_signer_leaves_the_item_in_doubt() {
    let rig = Rig::loans(1).fault(PERSON, 2, HANG_BEFORE);
    rig.with_witness("");
    assert!(rig.apply_while(rig.hang()).await.is_none());
    rig.stop_faults();
    let flow = rig.sent()[0].id.clone();
    rig.sandbox.modify_world(|world| {
        world.change_flow(&flow, |flow| flow.tasks.retain(|task| !task.is_pending()));
    });
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.in_doubt, rig.calls(PERSON)), (0, 1, 0));
}

/// The probe fails too, so the item is reported as in doubt.
#[tokio::test(start_paused = true)]
async fn stays_in_doubt_until_a_probe_succeeds() {
    let rig = Rig::loans(2)
        .fault(PERSON, 1, Fault::LostAfter)
        .always("sign/contract/detail", Fault::Status(404));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed, tally.in_doubt), (1, 0, 1));
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.in_doubt), (1, 0));
    rig.assert_each_once(2);
}

/// Returns whether the seal is requested a second time, because the probe does not find it.
fn repeated_seal(path: &str, fault: Fault) -> bool {
    path == "seal/create/organize"
        && matches!(fault, Fault::LostBefore | Fault::Status(_) | NOT_SENT)
}

/// Interrupts a run at each call, before or after the service does its work, and runs it again.
#[tokio::test(start_paused = true)]
async fn completes_a_run_interrupted_at_any_call() {
    let calls = {
        let rig = Rig::loans(2);
        rig.apply().await;
        rig.total_calls()
    };
    assert!(calls > 15);
    for nth in 1..=calls {
        for fault in [HANG_AFTER, HANG_BEFORE] {
            let rig = Rig::loans(2).overall(nth, fault);
            let cut = rig.apply_while(rig.hang()).await;
            assert!(cut.is_none(), "the run hangs at call {nth}");
            rig.stop_faults();
            let (_, tally) = rig.apply().await;
            assert_eq!(
                (tally.failed, tally.in_doubt, tally.interrupted),
                (0, 0, 0),
                "cut at {nth} {fault:?}"
            );
            rig.assert_each_once(2);
            let (plan, _) = rig.apply().await;
            assert!(plan.is_empty(), "cut at {nth} {fault:?}");
        }
    }
}

/// The task exists, its link is lost, and it cannot be withdrawn. It must not be sent again.
#[tokio::test(start_paused = true)]
async fn an_ambiguous_probe_leaves_the_item_in_doubt() {
    let rig = Rig::loans(3)
        .fault(PERSON, 2, Fault::LostAfter)
        .always("sign/contract/undoTask", Fault::Status(500));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.in_doubt), (2, 1));
    rig.stop_faults();
    let (plan, tally) = rig.apply().await;
    assert_eq!(plan.flows[0].counted(ItemAction::InDoubt), 1);
    assert_eq!((tally.done, rig.calls(PERSON)), (0, 0));
}

/// The withdrawal of a task has a lost response. It is probed, and repeated if it had no effect.
#[tokio::test(start_paused = true)]
async fn probes_a_withdrawal_with_a_lost_response() {
    const UNDO: &str = "sign/contract/undoTask";
    for fault in [
        Fault::LostAfter,
        LATE,
        Fault::LostBefore,
        Fault::Status(503),
        Fault::Garbage,
    ] {
        let rig = Rig::loans(2)
            .fault(PERSON, 1, Fault::LostAfter)
            .fault(UNDO, 1, fault);
        let (_, tally) = rig.apply().await;
        assert_eq!((tally.done, tally.in_doubt), (2, 0), "{fault:?}");
        rig.assert_each_once(2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_endpoint_ends_the_run_and_the_next_completes_it() {
    let rig = Rig::loans(6).always(PERSON, NOT_SENT);
    let (_, tally) = rig.apply().await;
    assert!(
        matches!(tally.stopped, Some(Stopped::Fatal(Fatal::Unreachable(_)))),
        "{:?}",
        tally.stopped
    );
    assert_eq!((tally.done, tally.failed), (0, 0));
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.done, 6);
    rig.assert_each_once(6);
}

/// A signer refuses although another signer could not be added. The item has ended and is not
/// retried.
#[tokio::test(start_paused = true)]
async fn a_refusal_before_all_signers_were_added_ends_the_item() {
    // The last task of 24: two people for each of twelve rows.
    let rig = Rig::loans(12).fault(PERSON, 24, Fault::Status(404));
    rig.with_witness("");
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (11, 1));
    rig.stop_faults();
    let refuse = AutoSign {
        after: jiff::SignedDuration::ZERO,
        refuse: 1.0,
        seed: 0,
    };
    rig.sandbox.advance(Some(&refuse), jiff::Timestamp::now());
    let rig = rig.always("sign/contract/handPersonSignTask", Fault::Status(404));
    let (plan, tally) = rig.apply().await;
    assert_eq!((plan.flows[0].work(), tally.failed), (1, 0));
    rig.stop_faults();
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty(), "nothing is left to try");
}

#[tokio::test(start_paused = true)]
async fn a_refused_item_does_not_stop_the_others() {
    let rig = Rig::loans(4).fault("sign/contract/addProcess", 2, Fault::Status(404));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (3, 1));
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.done, 1);
    rig.assert_each_once(4);
}

/// Injects random faults by seed and applies until the plan is empty. Each contract exists once.
#[tokio::test(start_paused = true)]
async fn random_faults_leave_each_contract_once() {
    for seed in 0..40u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut rig = Rig::loans(4);
        for nth in 1..120 {
            if random(10) < 3 {
                let faults = [
                    Fault::LostAfter,
                    Fault::LostBefore,
                    Fault::Status(503),
                    Fault::StatusAfter(500),
                    Fault::Garbage,
                    NOT_SENT,
                ];
                rig = rig.overall(nth, faults[usize::try_from(random(6)).expect("small")]);
            }
        }
        for _ in 0..20 {
            // The lookups may fail; then there is no plan, and the next run retries.
            let quiet = rig.apply_survey_tolerant().await;
            if quiet {
                break;
            }
        }
        rig.assert_each_once(4);
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_the_rate_limit_in_every_second() {
    let mut rig = Rig::loans(10);
    rig.rate = Some(10.0);
    rig.apply().await;
    let times = rig.call_times();
    for (at, begin) in times.iter().enumerate() {
        let within = times[at..]
            .iter()
            .take_while(|time| **time - *begin < Duration::from_secs(1))
            .count();
        assert!(within <= 12, "{within} calls within a second");
    }
    let seconds = (times[times.len() - 1] - times[0]).as_secs_f64();
    // The upload is not counted, and the burst admits one call without a delay.
    let counted = u32::try_from(times.len() - 3).expect("few");
    let rate = f64::from(counted) / seconds;
    assert!((9.7..=10.3).contains(&rate), "{rate} calls/s");
}

/// A run is killed while it withdraws a task with a lost link. The withdrawal takes effect later.
#[tokio::test(start_paused = true)]
async fn a_late_withdrawal_of_a_killed_run_does_not_remove_the_next_task() {
    let rig = Rig::loans(1).fault(PERSON, 1, Fault::LostAfter).fault(
        "sign/contract/undoTask",
        1,
        Fault::Slow(Duration::from_secs(8)),
    );
    let killed = rig.apply_while(async {
        while rig.calls("sign/contract/undoTask") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(killed.await.is_none());
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed, tally.in_doubt), (1, 0, 0));
    tokio::time::sleep(Duration::from_mins(1)).await;
    rig.assert_each_once(1);
}

/// The detail still lists the withdrawn task for a while.
#[tokio::test(start_paused = true)]
async fn a_stale_detail_after_a_withdrawal_is_not_in_doubt() {
    let rig = Rig::loans(1).fault(PERSON, 1, Fault::LostAfter).fault(
        "sign/contract/undoTask",
        1,
        Fault::WorkLate(Duration::from_secs(2)),
    );
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.in_doubt), (1, 0));
    tokio::time::sleep(Duration::from_mins(1)).await;
    rig.assert_each_once(1);
}

/// The accounts and seals already exist, for example from a lost ledger, and are not looked up.
#[tokio::test(start_paused = true)]
async fn queries_the_seals_of_an_existing_account() {
    let mut rig = Rig::loans(1);
    rig.apply().await;
    std::fs::remove_dir_all(rig.project.path(".treaty")).expect("removed");
    rig.stop_faults();
    rig.observe = Observe::None;
    let (_, tally) = rig.apply().await;
    assert!(
        tally.failed_resources.is_empty(),
        "{:?}",
        tally.failed_resources
    );
    let calls = [
        "account/create/person",
        "seal/query",
        "seal/create/organize",
    ];
    assert_eq!(calls.map(|path| rig.calls(path)), [2, 1, 0]);
}
