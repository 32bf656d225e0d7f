//! The service signs asynchronously (5.9.1) and may list signers differently. The flow detail
//! decides.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use treaty::address::AccountId;
use treaty::api::SignStatus;
use treaty::execute::{RunStats, SyncStats};
use treaty::ledger::{ItemStatus, Store};
use treaty::sandbox::{Flow, Task};
use treaty::sync::{Sync, SyncMode, Wait};

use crate::execution::manifests::{signers, tenancy};
use crate::support::rig::{Fault, Rig, binding};

const PLATFORM: &str = "      lender: { platform: { positions: { contract: [{ keyword: 甲方盖章 }] } } }\n    finish: { archive: true }\n";
const SEALED: &str = "      lender: { user: { account: acme, positions: { contract: [{ keyword: 甲方盖章 }] } } }\n    finish: { archive: true }\n";

fn waiting() -> SyncStats {
    SyncStats {
        waiting: 1,
        ..SyncStats::default()
    }
}

fn failed() -> SyncStats {
    SyncStats {
        failed: 1,
        ..SyncStats::default()
    }
}

fn finished() -> SyncStats {
    SyncStats {
        archived: 1,
        ..SyncStats::default()
    }
}

/// Changes the only flow directly in the world.
fn change(rig: &Rig, change: impl FnOnce(&mut Flow)) {
    let id = rig.sent()[0].id.clone();
    rig.sandbox
        .modify_world(|world| world.change_flow(&id, change));
}

fn task(rig: &Rig, nth: usize, change_task: impl FnOnce(&mut Task)) {
    change(rig, |flow| change_task(&mut flow.tasks[nth]));
}

fn account(rig: &Rig, third_id: &str) -> AccountId {
    let found = rig
        .sandbox
        .with_world(|world| world.account_of(third_id).cloned());
    found.expect("an account")
}

#[tokio::test(start_paused = true)]
async fn archives_only_after_a_pending_automatic_signature() {
    let mut rig = signers(PLATFORM);
    rig.signing_takes(SignedDuration::from_hours(1));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    assert_eq!(rig.calls("sign/contract/archiveProcess"), 0);
    assert_eq!(rig.first().0.record.status, ItemStatus::Waiting);
    assert_eq!(rig.sync().await, waiting());
    assert_eq!(rig.calls("sign/contract/archiveProcess"), 0);
    rig.signing_takes(SignedDuration::ZERO);
    assert_eq!(rig.sync().await, finished());
}

#[tokio::test(start_paused = true)]
async fn reports_a_failed_automatic_signature() {
    for (status, why) in [
        (SignStatus::Ended, "the signature has failed"),
        (SignStatus::Withdrawn, "withdrawn elsewhere"),
    ] {
        let mut rig = signers(PLATFORM);
        rig.signing_takes(SignedDuration::from_hours(1));
        rig.apply().await;
        task(&rig, 0, |task| task.status = status);
        assert_eq!(rig.sync().await, failed(), "{status:?}");
        let (item, steps) = rig.first();
        let failure = item.record.failure.expect("why");
        assert!(failure.message.contains(why), "{}", failure.message);
        let lender = steps.iter().find(|step| step.name == "signers.lender");
        let told = lender.and_then(|step| step.sign.as_ref()).expect("told");
        assert_eq!(told.status, status);
        assert_eq!(rig.calls("sign/contract/archiveProcess"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn adds_a_later_signer_after_the_automatic_signature() {
    let mut rig = tenancy(1);
    let manifest = rig.project.read("manifests/leases.yaml");
    let manifest = manifest
        .replace("        after: [tenant]\n", "        after: [landlord]\n")
        .replace("        after: [agent]\n", "        after: [tenant]\n");
    rig.project.write("manifests/leases.yaml", manifest);
    rig.signing_takes(SignedDuration::from_hours(1));
    rig.apply().await;
    rig.sign_all();
    assert_eq!(rig.sync().await, waiting());
    assert_eq!(rig.sent()[0].tasks.len(), 2, "the landlord is signing");
    assert_eq!(rig.sync().await, waiting());
    assert_eq!(rig.sent()[0].tasks.len(), 2, "and still is");
    rig.signing_takes(SignedDuration::ZERO);
    assert_eq!(rig.sync().await, waiting());
    assert_eq!(rig.sent()[0].tasks.len(), 3, "the agent is asked");
}

/// The detail may list an organization's signature under the account that created the organization.
#[tokio::test(start_paused = true)]
async fn an_organizations_signature_may_be_listed_under_its_creator() {
    let mut rig = signers(SEALED);
    rig.signing_takes(SignedDuration::from_hours(1));
    rig.apply().await;
    let clerk = account(&rig, "acme-clerk");
    task(&rig, 0, |task| {
        task.organization = Some(task.account.clone());
        task.account = clerk;
        task.status = SignStatus::Signed;
    });
    assert_eq!(rig.sync().await, finished());
}

/// A signer may choose an organization on the page. After signing, the detail lists the signer with
/// that organization.
#[tokio::test(start_paused = true)]
async fn a_person_may_be_listed_with_the_chosen_organization() {
    let both = "      boss: { personAndOrganization: { account: clerk } }\n";
    let rig = signers(both);
    rig.apply().await;
    rig.sign_all();
    let company = account(&rig, "acme");
    task(&rig, 0, |task| task.organization = Some(company));
    let done = SyncStats {
        signed: 1,
        ..SyncStats::default()
    };
    assert_eq!(rig.sync().await, done);
}

/// The next poll may begin before the receipts of this one are written.
#[tokio::test]
async fn an_unwritten_receipt_is_not_in_doubt() {
    let rig = tenancy(1);
    rig.apply().await;
    rig.sign_all();
    let rig = rig.answered_after(Duration::from_millis(50));
    let path = rig.ledger_path();
    let ledger = Store::hold(&path, &binding(), "a test", "now").expect("a ledger");
    // Once the intent of the agent's task is written, the ledger is locked for a while.
    let slow = std::thread::spawn(move || {
        let disk = rusqlite::Connection::open(path).expect("the ledger");
        let begun = "SELECT count(*) FROM step WHERE name = 'signers.agent' AND begun";
        let begun = || disk.query_row(begun, [], |row| row.get::<_, i64>(0));
        while begun().expect("a count") == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        disk.execute_batch("BEGIN IMMEDIATE").expect("held");
        std::thread::sleep(Duration::from_millis(400));
        disk.execute_batch("ROLLBACK").expect("given back");
    });
    let client = rig.client();
    let (_ask, stop) = tokio::sync::watch::channel(treaty::execute::Stop::No);
    let sync = Sync {
        records: &ledger,
        client: &client,
        root: rig.project.root(),
        targets: Vec::new(),
        excludes: Vec::new(),
        concurrency: 1,
        listener: std::sync::Arc::new(|_| {}),
        stop,
        mode: SyncMode::Continuous(Wait {
            every: Duration::ZERO,
            until: Some(Timestamp::now() + SignedDuration::from_secs(1)),
        }),
    };
    sync.run().await.expect("a sync");
    slow.join().expect("it ends");
    assert_eq!(
        rig.calls("sign/contract/undoTask"),
        0,
        "nobody is asked twice"
    );
    assert_eq!(rig.calls("sign/contracts/handOrgSignTask"), 1);
}

/// The service may show its results with a delay.
#[tokio::test(start_paused = true)]
async fn probes_again_when_the_detail_is_stale() {
    let rig = Rig::loans(1)
        .fault("sign/contract/handPersonSignTask", 1, Fault::LostAfter)
        .answered_after(Duration::from_millis(10));
    let behind = async {
        while rig.calls("sign/contract/handPersonSignTask") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut hidden = Vec::new();
        change(&rig, |flow| hidden = std::mem::take(&mut flow.tasks));
        while rig.calls("sign/contract/detail") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.sandbox.modify_world(|world| {
            let id = world.flows().next().expect("a flow").id.clone();
            world.change_flow(&id, |flow| flow.tasks = hidden);
        });
        std::future::pending::<()>().await;
    };
    let (_, tally) = tokio::select! {
        applied = rig.apply() => applied,
        () = behind => unreachable!("it goes on"),
    };
    assert_eq!((tally.done, tally.in_doubt), (1, 0));
    assert_eq!(rig.sent()[0].live_tasks().count(), 2, "each is asked once");
}

/// An organization's automatic signature and its creator's task for it may be listed the same way.
#[tokio::test(start_paused = true)]
async fn counts_an_organizations_signature_and_its_creators_task_separately() {
    let mut rig = signers(
        "      auto: { user: { account: acme, positions: { contract: [{ keyword: 甲方盖章 }] } } }\n\
         \x20     org: { organization: { account: clerk, organization: acme } }\n\
         \x20   finish: { archive: true }\n",
    );
    rig.signing_takes(SignedDuration::from_hours(1));
    rig.apply().await;
    let clerk = account(&rig, "acme-clerk");
    task(&rig, 0, |task| {
        task.organization = Some(task.account.clone());
        task.account = clerk;
        task.status = SignStatus::Signed;
    });
    assert_eq!(rig.sync().await, waiting());
    rig.sign_all();
    assert_eq!(rig.sync().await, finished());
}

#[tokio::test(start_paused = true)]
async fn adds_no_signer_after_a_failed_signature() {
    let mut rig = signers(
        "      lender: { platform: { positions: { contract: [{ keyword: 甲方盖章 }] } } }\n\
         \x20     borrower: { person: { account: borrower } }\n\
         \x20     boss: { person: { account: clerk }, after: [borrower] }\n",
    );
    rig.signing_takes(SignedDuration::from_hours(1));
    rig.apply().await;
    task(&rig, 0, |task| task.status = SignStatus::Ended);
    rig.sign_all();
    assert_eq!(rig.sync().await, failed());
    assert_eq!(rig.sync().await, failed());
    assert_eq!(rig.sent()[0].tasks.len(), 2, "the boss is not asked");
}

#[tokio::test(start_paused = true)]
async fn a_signer_missing_from_a_stale_detail_is_not_withdrawn() {
    let rig = Rig::loans(1);
    rig.apply().await;
    let mut hidden = Vec::new();
    change(&rig, |flow| hidden = flow.tasks.split_off(1));
    let id = rig.sent()[0].id.clone();
    let caught_up = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        rig.sandbox
            .modify_world(|world| world.change_flow(&id, |flow| flow.tasks.extend(hidden)));
    };
    let (synced, ()) = tokio::join!(rig.sync(), caught_up);
    assert_eq!(synced, waiting());
}

/// Applies while the first call of `op` is lost. Meanwhile the detail lists the first signature
/// under the account that created its organization.
async fn applied_once_under_the_creator(
    rig: Rig,
    op: &'static str,
    fault: Fault,
    status: SignStatus,
) -> (Rig, RunStats) {
    let rig = rig
        .fault(op, 1, fault)
        .answered_after(Duration::from_millis(10));
    let other = async {
        while rig.calls(op) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let clerk = account(&rig, "acme-clerk");
        task(&rig, 0, |task| {
            task.organization = Some(task.account.clone());
            task.account = clerk;
            task.status = status;
        });
        std::future::pending::<()>().await;
    };
    let (_, tally) = tokio::select! {
        applied = rig.apply() => applied,
        () = other => unreachable!("it goes on"),
    };
    (rig, tally)
}

/// The platform's task is the one that no other signer matches. An organization listed under its
/// creator is not the platform.
#[tokio::test(start_paused = true)]
async fn does_not_match_an_organizations_signature_with_the_platform() {
    let mut rig = signers(
        "      auto: { user: { account: acme, positions: { contract: [{ keyword: 甲方盖章 }] } } }\n\
         \x20     lender: { platform: { positions: { contract: [{ keyword: 乙方签字 }] } } }\n",
    );
    rig.signing_takes(SignedDuration::from_hours(1));
    let op = "sign/contract/platformSignTask";
    let (rig, tally) =
        applied_once_under_the_creator(rig, op, Fault::LostBefore, SignStatus::Signing).await;
    assert_eq!((tally.done, tally.in_doubt), (1, 0));
    assert_eq!(
        rig.sent()[0].live_tasks().count(),
        2,
        "the platform signs too"
    );
}

/// An agent's task for an organization is not matched with the organization's own signature, which
/// is listed under the agent.
#[tokio::test(start_paused = true)]
async fn an_agents_task_is_not_confused_with_the_signature_of_the_organization() {
    let mut rig = signers(
        "      auto: { user: { account: acme, positions: { contract: [{ keyword: 甲方盖章 }] } } }\n\
         \x20     org: { organization: { account: clerk, organization: acme } }\n",
    );
    rig.signing_takes(SignedDuration::from_hours(1));
    let op = "sign/contract/handOrgSignTask";
    let (rig, tally) =
        applied_once_under_the_creator(rig, op, Fault::LostBefore, SignStatus::Signed).await;
    assert_eq!((tally.done, tally.in_doubt), (1, 0));
    assert_eq!(rig.sent()[0].live_tasks().count(), 2, "he is asked");
    assert_eq!(rig.sync().await, waiting());
}

/// Creates a flow in which acme signs automatically, and somebody who is not its creator signs for
/// it.
fn signers_of_one_organization() -> Rig {
    let mut rig = signers(
        "      auto: { user: { account: acme, positions: { contract: [{ keyword: 甲方盖章 }] } } }\n\
         \x20     org: { organization: { account: boss, organization: acme } }\n\
         \x20   finish: { archive: true }\n",
    );
    let boss = "accounts:\n  boss: { person: { thirdId: boss, name: 何思远, idType: resident-id, idNo: \"330199198506151368\" } }";
    rig.project
        .replace("manifests/lender.yaml", "accounts:", boss);
    rig.signing_takes(SignedDuration::from_hours(1));
    rig
}

/// The signature of an organization may be listed under its creator, while another person signs for
/// it, too.
#[tokio::test(start_paused = true)]
async fn a_signature_listed_under_the_creator_does_not_hide_another_signer() {
    let rig = signers_of_one_organization();
    rig.apply().await;
    let clerk = account(&rig, "acme-clerk");
    task(&rig, 0, |task| {
        task.organization = Some(task.account.clone());
        task.account = clerk;
        task.status = SignStatus::Signed;
    });
    assert_eq!(rig.sync().await, waiting());
    rig.sign_all();
    assert_eq!(rig.sync().await, finished());
}

#[tokio::test(start_paused = true)]
async fn probes_find_a_task_beside_a_signature_listed_under_the_creator() {
    let op = "sign/contract/handOrgSignTask";
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let rig = signers_of_one_organization();
        let (rig, stats) = applied_once_under_the_creator(rig, op, fault, SignStatus::Signed).await;
        assert_eq!((stats.done, stats.in_doubt), (1, 0), "{fault:?}");
        assert_eq!(rig.sent()[0].live_tasks().count(), 2, "{fault:?}");
    }
}

/// The service may list people only. The archive call then checks whether all have signed.
#[tokio::test(start_paused = true)]
async fn a_signer_that_is_never_listed_does_not_block_the_archive() {
    let rig = signers(
        "      lender: { platform: { positions: { contract: [{ keyword: 甲方盖章 }] } } }\n\
         \x20     borrower: { person: { account: borrower } }\n\
         \x20   finish: { archive: true }\n",
    );
    rig.apply().await;
    change(&rig, |flow| drop(flow.tasks.remove(0)));
    assert_eq!(rig.sync().await, waiting());
    assert_eq!(rig.calls("sign/contract/archiveProcess"), 0);
    rig.sign_all();
    assert_eq!(rig.sync().await, finished());
}
