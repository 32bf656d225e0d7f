//! Confirming callbacks: a state is recorded only if the service confirms it, and the listener
//! never holds the ledger for long.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};
use treaty::execute::{Stop, SyncStats};
use treaty::ledger::{CallbackReceipt, Inbox, ItemStatus, Ledger, Step, Store};
use treaty::sandbox::{AutoSign, Faults, Notifier, Rule};
use treaty::sync::{SyncMode, Wait};
use treaty::webhook::{ConfirmStep, Confirmer, ConfirmerEvent, Connection, Metrics, RetrySchedule};

use crate::execution::manifests::tenancy;
use crate::support::listener::{LONG, Listening, finish, note, show_app};
use crate::support::rig::{Fault, NOT_SENT, Rig, binding};

/// Returns a confirmer that runs as long as the sender exists.
fn confirmer<'a>(
    rig: &'a Rig,
    inbox: Inbox,
    binding: &'a treaty::ledger::Binding,
    path: &'a std::path::Path,
) -> (Confirmer<'a>, watch::Sender<Stop>) {
    let (ask, stop) = watch::channel(Stop::No);
    let confirmer = Confirmer {
        inbox,
        ledger: path.into(),
        binding,
        holder: "a listener".to_owned(),
        options: Box::new(Default::default),
        root: rig.project.root(),
        concurrency: 4,
        connect: Box::new(|_| Connection {
            client: rig.client(),
            listener: Arc::new(|_| {}),
        }),
        on_event: Box::new(|_| {}),
        metrics: Arc::new(Metrics::default()),
        new_callback: Arc::default(),
        stop,
        retries: RetrySchedule::default(),
    };
    (confirmer, ask)
}

fn status(rig: &Rig, flow: &str, key: &str) -> ItemStatus {
    let ledger = Store::read(&rig.ledger_path(), &binding()).expect("a ledger");
    let item = ledger.item(flow, key).expect("read").expect("an item");
    item.status
}

fn synced(synced: SyncStats) -> ConfirmStep {
    ConfirmStep::Polled(synced)
}

#[tokio::test]
async fn a_callback_alone_changes_nothing() {
    let rig = tenancy(1);
    rig.apply().await;
    let flow = rig.sent()[0].id.to_string();
    let listening = Listening::start(&rig.ledger_path(), &binding()).await;
    // The signature is valid, but the content is false: no signer has signed.
    assert_eq!(listening.tell(finish(&flow)).await, 200);
    let (path, binding) = (rig.ledger_path(), binding());
    let (mut confirmer, _ask) = confirmer(&rig, listening.inbox.clone(), &binding, &path);
    let waiting = SyncStats {
        waiting: 1,
        ..SyncStats::default()
    };
    assert_eq!(confirmer.step().await.expect("a step"), synced(waiting));
    assert_eq!(rig.calls("sign/contracts/detail"), 1);
    assert_eq!(status(&rig, "leases", "ZL-2026-001"), ItemStatus::Waiting);
    // The callback is handled, and the loop does not spin; the same holds for an unknown flow.
    assert_eq!(confirmer.step().await.expect("a step"), ConfirmStep::Idle);
    assert_eq!(listening.tell(finish("1")).await, 200);
    assert_eq!(confirmer.step().await.expect("a step"), ConfirmStep::Idle);
}

#[tokio::test]
async fn confirms_signatures_after_callbacks() {
    let rig = tenancy(2);
    rig.apply().await;
    show_app(&rig);
    let listening = Listening::start(&rig.ledger_path(), &binding()).await;
    let notifier = Notifier {
        url: Some(format!("{}/callback?zone=%E4%B8%9C", listening.base)),
        interval: Duration::from_millis(1),
        auto_sign: Some(AutoSign {
            after: SignedDuration::ZERO,
            refuse: 0.0,
            seed: 0,
        }),
    };
    let sending = tokio::spawn(notifier.run(rig.sandbox.clone()));
    let (path, binding) = (rig.ledger_path(), binding());
    let (mut confirmer, ask) = confirmer(&rig, listening.inbox.clone(), &binding, &path);
    let (tell, mut told) = mpsc::unbounded_channel();
    confirmer.new_callback = listening.news.clone();
    confirmer.metrics = listening.metrics.clone();
    confirmer.on_event = Box::new(move |said| {
        if let ConfirmerEvent::Polled(synced) = said {
            let _ = tell.send(synced.archived);
        }
    });
    let all = async {
        let mut finished = 0;
        while finished < 2 {
            finished += told.recv().await.expect("it goes on");
        }
        ask.send(Stop::Drain).expect("it listens");
    };
    let both = async { tokio::join!(confirmer.run(), all) };
    tokio::time::timeout(LONG, both).await.expect("in time");
    sending.abort();
    assert!(rig.project.path("signed/ZL-2026-001-lease.pdf").exists());
    assert!(rig.project.path("signed/ZL-2026-002-rules.pdf").exists());
    let text = listening.get("/metrics").await.1;
    assert!(
        text.contains("treaty_confirmations_total{outcome=\"archived\"} 2"),
        "{text}"
    );
}

#[tokio::test]
async fn two_listeners_share_a_ledger() {
    let rig = Rig::loans(2);
    rig.apply().await;
    rig.sign_all();
    let flows: Vec<String> = rig.sent().iter().map(|flow| flow.id.to_string()).collect();
    let first = Listening::start(&rig.ledger_path(), &binding()).await;
    let second = Listening::start(&rig.ledger_path(), &binding()).await;
    // Attempts of one callback arrive at different receivers.
    for (listening, flow) in [(&first, 0), (&second, 0), (&second, 1), (&first, 1)] {
        assert_eq!(listening.tell(finish(&flows[flow])).await, 200);
    }
    let (path, binding) = (rig.ledger_path(), binding());
    let (mut one, _ask) = confirmer(&rig, first.inbox.clone(), &binding, &path);
    let (mut other, _ask) = confirmer(&rig, second.inbox.clone(), &binding, &path);
    let brief = Store::hold_briefly(
        &path,
        &binding,
        "a third",
        "now",
        &treaty::ledger::HoldOptions::default(),
    );
    let brief = brief.expect("a ledger").expect("it is free");
    assert_eq!(one.step().await.expect("a step"), ConfirmStep::LedgerHeld);
    assert_eq!(other.step().await.expect("a step"), ConfirmStep::LedgerHeld);
    drop(brief);
    let done = SyncStats {
        signed: 2,
        ..SyncStats::default()
    };
    assert_eq!(other.step().await.expect("a step"), synced(done));
    assert_eq!(one.step().await.expect("a step"), ConfirmStep::Idle);
    assert_eq!(rig.calls("sign/contract/detail"), 2, "each once");
}

#[tokio::test]
async fn handles_callbacks_after_a_run_releases_the_ledger() {
    let rig = Rig::loans(1);
    rig.apply().await;
    rig.sign_all();
    let flow = rig.sent()[0].id.to_string();
    let listening = Listening::start(&rig.ledger_path(), &binding()).await;
    let (path, binding) = (rig.ledger_path(), binding());
    let (mut confirmer, _ask) = confirmer(&rig, listening.inbox.clone(), &binding, &path);
    let run = rig.ledger();
    assert_eq!(listening.tell(finish(&flow)).await, 200);
    assert_eq!(
        confirmer.step().await.expect("a step"),
        ConfirmStep::LedgerHeld
    );
    assert_eq!(listening.unhandled().await, 1);
    drop(run);
    let done = SyncStats {
        signed: 1,
        ..SyncStats::default()
    };
    assert_eq!(confirmer.step().await.expect("a step"), synced(done));
    assert_eq!(listening.unhandled().await, 0);
}

#[tokio::test(start_paused = true)]
async fn retries_a_poll_that_failed() {
    let rig = Rig::loans(1);
    rig.apply().await;
    rig.sign_all();
    let flow = rig.sent()[0].id.to_string();
    let (path, binding) = (rig.ledger_path(), binding());
    let inbox =
        Inbox::open(&path, &binding, &treaty::ledger::HoldOptions::default()).expect("an inbox");
    let (mut confirmer, _ask) = confirmer(&rig, inbox.clone(), &binding, &path);
    assert_eq!(note(&inbox, &flow, 0), CallbackReceipt::New);
    // The endpoint is down: the callback stays unhandled.
    rig.inject_faults(Faults {
        rules: vec![Rule::always(NOT_SENT)],
        ..Faults::default()
    });
    assert!(confirmer.step().await.is_err());
    assert_eq!(
        futures::executor::block_on(inbox.unhandled()).expect("a count"),
        1
    );
    // The endpoint responds without the expected fields.
    rig.inject_faults(Faults {
        rules: vec![Rule::always(Fault::Fieldless).of("sign/contract/detail")],
        ..Faults::default()
    });
    let failed = SyncStats {
        failed: 1,
        ..SyncStats::default()
    };
    assert_eq!(
        confirmer.step().await.expect("a step"),
        synced(failed.clone())
    );
    assert_eq!(confirmer.step().await.expect("a step"), ConfirmStep::Idle);
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(confirmer.step().await.expect("a step"), synced(failed));
    rig.stop_faults();
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(confirmer.step().await.expect("a step"), ConfirmStep::Idle);
    tokio::time::advance(Duration::from_mins(1)).await;
    // With a paused clock, the hold of the ledger would expire while the ledger's thread writes.
    tokio::time::resume();
    let done = SyncStats {
        signed: 1,
        ..SyncStats::default()
    };
    assert_eq!(confirmer.step().await.expect("a step"), synced(done));
    tokio::time::pause();
    tokio::time::advance(Duration::from_hours(24)).await;
    assert_eq!(confirmer.step().await.expect("a step"), ConfirmStep::Idle);
}

#[tokio::test(start_paused = true)]
async fn releases_the_ledger_when_the_service_hangs() {
    let rig = Rig::loans(1).always("sign/contract/detail", crate::support::rig::HANG_BEFORE);
    rig.apply().await;
    let flow = rig.sent()[0].id.to_string();
    let (path, binding) = (rig.ledger_path(), binding());
    let inbox =
        Inbox::open(&path, &binding, &treaty::ledger::HoldOptions::default()).expect("an inbox");
    let (mut confirmer, _ask) = confirmer(&rig, inbox.clone(), &binding, &path);
    note(&inbox, &flow, 0);
    let begun = tokio::time::Instant::now();
    let step = confirmer.step().await.expect("a step");
    let stopped = SyncStats {
        stopped: true,
        ..SyncStats::default()
    };
    assert_eq!(step, synced(stopped));
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "others wait no longer"
    );
    assert_eq!(
        futures::executor::block_on(inbox.unhandled()).expect("a count"),
        1
    );
}

/// A call that notifies a signer may take longer than the ledger is held. It is not cut off:
/// otherwise its task would be undone and created again.
#[tokio::test(start_paused = true)]
async fn a_slow_call_that_notifies_a_signer_is_not_cut_off() {
    const PERSON: &str = "sign/contract/handPersonSignTask";
    let rig = Rig::loans(1);
    rig.with_witness("after: [borrower], ");
    rig.apply().await;
    rig.sign_all();
    rig.stop_faults();
    let rig = rig.fault(PERSON, 1, Fault::AnswerLate(Duration::from_secs(13)));
    let (ask, stop) = watch::channel(Stop::No);
    let soon = async {
        while rig.calls(PERSON) == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ask.send_replace(Stop::Soon);
    };
    let (synced, ()) = tokio::join!(rig.course_until(SyncMode::Once, stop), soon);
    assert!(synced.is_ok());
    assert_eq!(rig.sync().await.waiting, 1);
    assert_eq!(
        (rig.calls(PERSON), rig.calls("sign/contract/undoTask")),
        (1, 0)
    );
}

/// The response to the first poll is older than the second callback.
#[tokio::test(start_paused = true)]
async fn polls_again_after_a_callback_during_a_poll() {
    let late = Fault::AnswerLate(Duration::from_secs(3));
    let rig = Rig::loans(1).fault("sign/contract/detail", 1, late);
    rig.apply().await;
    let flow = rig.sent()[0].id.to_string();
    let inbox = Inbox::open(
        &rig.ledger_path(),
        &binding(),
        &treaty::ledger::HoldOptions::default(),
    )
    .expect("an inbox");
    note(&inbox, &flow, 0);
    let second = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.sign_all();
        note(&inbox, &flow, 1);
    };
    let (synced, ()) = tokio::join!(
        rig.course(SyncMode::FromCallbacks(Duration::from_hours(24))),
        second
    );
    let done = SyncStats {
        signed: 1,
        ..SyncStats::default()
    };
    assert_eq!(synced.expect("a sync"), done);
    assert_eq!(rig.calls("sign/contract/detail"), 2, "and not more often");
    let unhandled = futures::executor::block_on(inbox.unhandled());
    assert_eq!(unhandled.expect("a count"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_handles_callbacks() {
    let rig = Rig::loans(2);
    rig.apply().await;
    let flow = rig.sent()[0].id.to_string();
    let inbox = Inbox::open(
        &rig.ledger_path(),
        &binding(),
        &treaty::ledger::HoldOptions::default(),
    )
    .expect("an inbox");
    let told = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        rig.sign_all();
        note(&inbox, &flow, 0);
        while futures::executor::block_on(inbox.unhandled()).expect("a count") > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let half_a_day = Wait {
        every: Duration::from_hours(12),
        until: None,
    };
    tokio::select! {
        _ = rig.follow(half_a_day) => panic!("the other one is not asked for before its time"),
        () = told => {}
    }
    assert_eq!(rig.calls("sign/contract/detail"), 2 + 1);
}

/// A listener was killed in the middle of a call.
#[tokio::test(start_paused = true)]
async fn the_next_sync_detects_an_archive_that_was_cut_off() {
    let rig = tenancy(1).fault(
        "sign/contract/archiveProcess",
        1,
        crate::support::rig::HANG_AFTER,
    );
    rig.apply().await;
    for _ in 0..2 {
        rig.sign_all();
        rig.sync_while(rig.hang()).await;
    }
    assert_eq!(rig.sync().await.archived, 1);
    let ledger = Store::read(&rig.ledger_path(), &binding()).expect("a ledger");
    let item = ledger
        .item("leases", "ZL-2026-001")
        .expect("read")
        .expect("an item");
    let steps = ledger.steps(item.id).expect("steps");
    let open = steps
        .iter()
        .filter(|(_, step)| !matches!(step, Step::Receipt(_)));
    assert_eq!(open.count(), 0, "{steps:?}");
}
