//! `treaty audit`: proves that each contract exists exactly once, or reports the differences.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::middleware::Next;
use treaty::api::{FlowStatus, SignStatus};
use treaty::repair::Verdict;
use treaty::sandbox::Sandbox;

use crate::sandbox::servers::{project_of, run};
use crate::support::project::Project;
use crate::support::rig::{Fault, Rig};
use crate::support::serve::serve;

const PERSON: &str = "sign/contract/handPersonSignTask";

fn counted(found: &[treaty::repair::AuditedItem]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for audited in found {
        *counts.entry(audited.verdict.word()).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn audit_proves_each_item_and_writes_nothing() {
    let rig = Rig::loans(5);
    rig.apply().await;
    rig.stop_faults();
    let found = rig.audit().await;
    assert_eq!(counted(&found), BTreeMap::from([("exactly_once", 5)]));
    // One detail per flow and one lookup per borrower; the clerk and the lender sign nothing.
    assert_eq!(
        (
            rig.calls("sign/contract/detail"),
            rig.calls("account/idexchange"),
            rig.total_calls()
        ),
        (5, 5, 10)
    );
}

#[tokio::test(start_paused = true)]
async fn audits_waiting_signed_and_archived_flows() {
    let rig = crate::execution::manifests::tenancy(2);
    rig.apply().await;
    for _ in 0..6 {
        let found = rig.audit().await;
        assert_eq!(
            counted(&found),
            BTreeMap::from([("exactly_once", 2)]),
            "{found:?}"
        );
        rig.sign_all();
        rig.sync().await;
    }
}

#[tokio::test(start_paused = true)]
async fn reports_every_difference_from_the_ledger() {
    let rig = Rig::loans(8);
    rig.apply().await;
    let flows = rig.sent();
    let first = |at: usize| flows[at].id.clone();
    // Changes at the service: a flow is removed, tasks are removed, duplicated, withdrawn or added,
    // a flow is revoked, an account is removed.
    rig.sandbox.modify_world(|world| {
        world.remove_flow(&first(0));
        world.change_flow(&first(1), |flow| {
            flow.tasks.retain(|task| !task.is_pending());
        });
        world.change_flow(&first(2), |flow| {
            let twice = flow.tasks.iter().find(|task| task.is_pending()).cloned();
            flow.tasks.extend(twice);
        });
        world.change_flow(&first(3), |flow| flow.status = FlowStatus::Revoked);
        world.change_flow(&first(4), |flow| {
            for task in flow.tasks.iter_mut().filter(|task| task.is_pending()) {
                task.status = SignStatus::Withdrawn;
            }
        });
        world.change_flow(&first(5), |flow| {
            let mut stranger = flow.tasks[0].clone();
            stranger.account = "somebody".into();
            flow.tasks.push(stranger);
        });
        let person = flows[6]
            .tasks
            .iter()
            .find(|task| task.is_pending())
            .expect("a person");
        world.remove_account(&person.account);
    });
    let found = rig.audit().await;
    let of = |at: usize| {
        let id = Some(first(at));
        let audited = found.iter().find(|audited| audited.flow_id == id);
        let audited = audited.expect("audited");
        (audited.verdict, audited.differences.join("; "))
    };
    for (at, verdict, part) in [
        (0, Verdict::Unproven, "does not show the flow"),
        (1, Verdict::Missing, "no task of signers.borrower"),
        (2, Verdict::Different, "one task of signers.borrower more"),
        (3, Verdict::Different, "reports revoked"),
        (4, Verdict::Missing, "no task of signers.borrower"),
        (5, Verdict::Different, "unrecorded task"),
        (6, Verdict::Different, "no longer has an account"),
        (7, Verdict::ExactlyOnce, ""),
    ] {
        let (found, differs) = of(at);
        assert!(
            found == verdict && differs.contains(part),
            "{at}: {found:?} {differs}"
        );
    }
}

/// The service may list new tasks with a delay. The audit reads the detail again before it reports
/// a missing task.
#[tokio::test(start_paused = true)]
async fn reads_a_stale_detail_again() {
    let rig = Rig::loans(1);
    rig.apply().await;
    let flow = rig.sent()[0].clone();
    rig.sandbox.modify_world(|world| {
        world.change_flow(&flow.id, |flow| flow.tasks.clear());
    });
    let listed = async {
        while rig.calls("sign/contract/detail") == 0 {
            tokio::task::yield_now().await;
        }
        rig.sandbox.modify_world(|world| {
            world.change_flow(&flow.id, |own| own.tasks.clone_from(&flow.tasks));
        });
    };
    rig.stop_faults();
    let (found, ()) = tokio::join!(rig.audit(), listed);
    assert_eq!(counted(&found), BTreeMap::from([("exactly_once", 1)]));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_flow_is_unproven_and_a_failed_row_was_not_sent() {
    let rig = Rig::loans(4)
        .fault(PERSON, 2, Fault::LostAfter)
        .always("sign/contract/undoTask", Fault::Status(500))
        .fault("sign/contract/addProcess", 4, Fault::Status(404));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.in_doubt, tally.failed), (2, 1, 1));
    rig.stop_faults();
    let counts = counted(&rig.audit().await);
    assert_eq!(
        counts,
        BTreeMap::from([("exactly_once", 2), ("not_sent", 1), ("unproven", 1)])
    );
    let rig = rig.always("sign/contract/detail", Fault::Status(404));
    let counts = counted(&rig.audit().await);
    assert_eq!(
        counts,
        BTreeMap::from([("not_sent", 1), ("unproven", 3)]),
        "a question that is not answered proves nothing"
    );
}

#[test]
fn resumes_an_interrupted_audit_and_writes_a_table() {
    let asked: Arc<AtomicUsize> = Arc::default();
    let counted = asked.clone();
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base).with_credentials();
        let count = move |request: Request, next: Next| {
            if request.uri().path().ends_with("/sign/contract/detail") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            next.run(request)
        };
        sandbox.router().layer(axum::middleware::from_fn(count))
    });
    let project = project_of(&format!("{base}/opentreaty-service"), 200);
    let expect = |args: &[&str], code: i32| {
        let run = run(&project, args);
        assert_eq!(run.code, code, "{args:?}\n{}\n{}", run.stdout, run.stderr);
        run
    };
    expect(&["audit"], 64);
    expect(&["apply", "--yes"], 0);
    let run = expect(&["audit"], 0);
    assert!(run.stdout.contains("200 exactly_once; "), "{}", run.stdout);
    let journal = project.read("reports/latest/audit.jsonl");
    let table = project.report("audit.csv");
    assert_eq!((journal.lines().count(), table.len()), (200, 200));
    assert!(
        table
            .iter()
            .zip(project.report("loans.csv"))
            .all(|(audited, row)| {
                audited["treaty_key"] == row["treaty_key"]
                    && audited["treaty_flow_id"] == row["treaty_flow_id"]
                    && audited["treaty_verdict"] == "exactly_once"
                    && audited["treaty_flow"] == "loans"
            })
    );
    // The journal is truncated to half its length, in the middle of a line.
    project.write("reports/latest/audit.jsonl", &journal[..journal.len() / 2]);
    asked.store(0, Ordering::Relaxed);
    expect(&["audit"], 0);
    let again = asked.swap(0, Ordering::Relaxed);
    assert!((90..=110).contains(&again), "{again}");
    assert_eq!(project.report("audit.csv"), table);
    expect(&["audit"], 0);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    expect(
        &[
            "audit",
            "--again",
            "--target",
            "flows.loans[\"HT-2026-000*\"]",
        ],
        0,
    );
    assert_eq!(asked.load(Ordering::Relaxed), 9);
    expect(&["audit", "--all"], 0);
    assert_eq!(project.report("audit-all.csv").len(), 200);
    let run = expect(
        &[
            "audit",
            "--all",
            "--target",
            "flows.loans[\"HT-2026-000*\"]",
        ],
        0,
    );
    assert!(run.stdout.contains("9 exactly_once"), "{}", run.stdout);
    expect(&["audit", "--run", "no-run"], 64);
    // A run without work has nothing to audit, so the audit uses the run before it.
    expect(&["apply", "--yes"], 0);
    let run = expect(&["audit", "--again"], 0);
    assert!(run.stdout.contains("200 exactly_once; "), "{}", run.stdout);
    let run = expect(&["audit", "--again"], 0);
    assert!(!run.stdout.contains("/sign/") && !run.stderr.contains("/sign/"));
}

#[test]
fn audit_exits_with_an_error_when_items_differ() {
    let project = Project::loans();
    project.expect(&["apply", "--yes"], 0);
    // A new world contains nothing that the ledger records.
    std::fs::remove_dir_all(project.path(".treaty/sandbox")).expect("removed");
    let run = project.expect(&["audit"], 3);
    assert!(run.stdout.contains("200 different"), "{}", run.stdout);
}
