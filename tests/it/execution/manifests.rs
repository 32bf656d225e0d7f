//! The manifest language against the sandbox: every kind of signer, seal and document, and the
//! steps after sending.

use jiff::SignedDuration;
use treaty::api::{FlowStatus, SignStatus};
use treaty::execute::SyncStats;
use treaty::ledger::ItemStatus;
use treaty::ledger::{Ledger, Write};
use treaty::sandbox::AutoSign;

use crate::support::project::{Project, root};
use crate::support::rig::{Fault, HANG_AFTER, HANG_BEFORE, LATE, Rig};

/// Creates `examples/tenancy` with the first `rows` rows of its sheet.
pub(crate) fn tenancy(rows: usize) -> Rig {
    let project = Project::copy_of(&root().join("examples/tenancy"));
    let sheet: Vec<String> = project
        .read("tenants.csv")
        .lines()
        .take(rows + 1)
        .map(str::to_owned)
        .collect();
    project.write("tenants.csv", sheet.join("\n"));
    Rig::of(project)
}

/// Creates the loans project with one row and the given signers.
pub(crate) fn signers(text: &str) -> Rig {
    let rig = Rig::loans(1);
    let manifest = rig.project.read("manifests/loans.yaml");
    let (head, _) = manifest.split_once("    signers:").expect("signers");
    rig.project.write(
        "manifests/loans.yaml",
        format!("{head}    signers:\n{text}"),
    );
    rig
}

fn finished(count: u64) -> SyncStats {
    SyncStats {
        archived: count,
        ..SyncStats::default()
    }
}

#[tokio::test(start_paused = true)]
async fn adds_signers_in_turn_and_downloads_signed_documents() {
    let rig = tenancy(2);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (2, 0));
    // Only the tenants are added yet.
    assert_eq!(rig.sign_all(), 2);
    assert_eq!(rig.sync().await.waiting, 2);
    assert_eq!(
        rig.sign_all(),
        2,
        "the agent is asked once the tenant has signed"
    );
    assert_eq!(rig.sync().await, finished(2));
    for flow in rig.sent() {
        assert_eq!(flow.status, FlowStatus::Finished);
        assert_eq!(flow.docs.len(), 2);
        assert_eq!(flow.attachments, ["入住指南"]);
        let kinds: Vec<(bool, usize)> = flow
            .tasks
            .iter()
            .map(|task| (task.organization.is_some(), task.places.len()))
            .collect();
        assert_eq!(
            kinds,
            [(false, 2), (true, 1), (false, 1)],
            "tenant, agent, landlord"
        );
    }
    // One attachment for all rows, one document per row, one template.
    assert_eq!(rig.calls("upload"), 1 + 2 + 1);
    let lease = std::fs::read(rig.project.path("signed/ZL-2026-001-lease.pdf")).expect("a PDF");
    assert_eq!(
        treaty::pdf::page_sizes(&lease).expect("pages").len(),
        3,
        "with the appended page"
    );
    for word in ["周雨桐", "叁仟贰佰元整", "洗衣机 1 台"] {
        assert!(
            !treaty::pdf::find(&lease, word).expect("a PDF").is_empty(),
            "{word}"
        );
    }
    assert!(rig.project.path("signed/ZL-2026-002-rules.pdf").exists());
    rig.stop_faults();
    assert_eq!(rig.sync().await, SyncStats::default());
    assert_eq!(rig.total_calls(), 0, "nothing waits: no call");
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_item() {
    let rig = tenancy(1);
    rig.apply().await;
    let token = rig.sent()[0].tasks[0].token.clone();
    let refuse = treaty::sandbox::UserAction::Refuse {
        reason: "租金不对".to_owned(),
    };
    let now = jiff::Timestamp::now();
    rig.sandbox.act(&token, &refuse, now).expect("refused");
    assert_eq!(rig.sync().await.ended(), 1);
    assert_eq!(rig.sync().await, SyncStats::default());
    assert_eq!(rig.sent()[0].status, FlowStatus::Rejected);
    let (plan, _) = rig.apply().await;
    assert!(
        plan.is_empty(),
        "what was refused is not sent again by itself"
    );
}

/// Operations of the `sign/contracts` family, and the archive operation.
const LATER: [&str; 5] = [
    "sign/contracts/addProcess",
    "sign/contracts/handPersonSignTask",
    "sign/contracts/handOrgSignTask",
    "sign/contracts/userSignTask",
    "sign/contract/archiveProcess",
];

async fn to_the_end(rig: &Rig) {
    for _ in 0..4 {
        rig.sign_all();
        rig.sync().await;
    }
}

fn assert_each_signed_once(rig: &Rig, what: &str) {
    let flows = rig.sent();
    assert_eq!(flows.len(), 1, "{what}");
    assert_eq!(flows[0].status, FlowStatus::Finished, "{what}");
    let live = flows[0]
        .tasks
        .iter()
        .filter(|task| task.status != SignStatus::Withdrawn);
    assert_eq!(live.count(), 3, "{what}");
}

#[tokio::test(start_paused = true)]
async fn probes_lost_responses_of_contracts_operations() {
    for path in LATER {
        for fault in [
            Fault::LostAfter,
            Fault::LostBefore,
            LATE,
            Fault::Garbage,
            Fault::Status(503),
        ] {
            let rig = tenancy(1).fault(path, 1, fault);
            rig.apply().await;
            to_the_end(&rig).await;
            assert_each_signed_once(&rig, &format!("{path} {fault:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn resumes_an_interrupted_sync() {
    for path in &LATER[2..] {
        for fault in [HANG_AFTER, HANG_BEFORE] {
            let rig = tenancy(1).fault(path, 1, fault);
            rig.apply().await;
            for _ in 0..3 {
                rig.sign_all();
                if rig.sync_while(rig.hang()).await.is_none() {
                    rig.stop_faults();
                }
            }
            to_the_end(&rig).await;
            assert_each_signed_once(&rig, &format!("{path} {fault:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_five_kinds_of_signers_sign_one_document() {
    let five = r#"
      lender: { platform: { positions: [{ keyword: 甲方盖章 }] } }
      seal: { user: { account: acme, seal: contract-seal, noticeSignMessage: true, positions: [{ page: "1", posX: 300, posY: 120, scale: 80 }] } }
      borrower: { person: { account: borrower, sealType: [0, template], positions: [{ keyword: 乙方签字 }] } }
      agent: { organization: { account: clerk, organization: acme } }
      both: { personAndOrganization: { account: witness, organization: acme } }
"#;
    let rig = signers(five);
    let witness = "accounts:\n  witness: { person: { thirdId: witness, name: 何思远, idType: resident-id, idNo: \"330199198506151368\" } }";
    rig.project
        .replace("manifests/lender.yaml", "accounts:", witness);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    for path in [
        "sign/contract/platformSignTask",
        "sign/contract/userSignTask",
        "sign/contract/handPersonSignTask",
        "sign/contract/handOrgSignTask",
        "sign/contract/handSignTask",
    ] {
        assert_eq!(rig.calls(path), 1, "{path}");
    }
    let tasks = &rig.sent()[0].tasks;
    let at_once = tasks
        .iter()
        .filter(|task| task.status == SignStatus::Signed);
    assert_eq!((at_once.count(), tasks.len()), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn all_five_kinds_of_signers_sign_several_documents() {
    let rig = tenancy(1);
    let manifest = rig.project.read("manifests/leases.yaml");
    let (head, _) = manifest.split_once("    signers:").expect("signers");
    let five = r#"
      platform: { platform: { positions: { rules: [{ keyword: 住户签字 }] } } }
      landlord: { user: { account: anju, noticeSignMessage: false, positions: { lease: [{ seam: "1-2", posY: 300 }], rules: [{ page: "1", posX: 90, posY: 90 }] } } }
      tenant: { person: { account: tenant, positions: { rules: [] } } }
      agent: { organization: { account: agent, organization: anju } }
      both: { personAndOrganization: { account: witness, organization: anju } }
    finish: { archive: true }
"#;
    let witness = "accounts:\n  witness: { person: { thirdId: witness, name: 何思远, idType: resident-id, idNo: \"330199198506151368\" } }";
    rig.project
        .replace("manifests/landlord.yaml", "accounts:", witness);
    rig.project.write(
        "manifests/leases.yaml",
        format!("{head}    signers:\n{five}"),
    );
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    for path in [
        "sign/contracts/platformSignTask",
        "sign/contracts/userSignTask",
        "sign/contracts/handPersonSignTask",
        "sign/contracts/handOrgSignTask",
        "sign/contracts/handSignTask",
    ] {
        assert_eq!(rig.calls(path), 1, "{path}");
    }
    // A signer without listed documents signs all of them.
    let documents: Vec<usize> = rig.sent()[0]
        .tasks
        .iter()
        .map(|task| task.places.len())
        .collect();
    assert_eq!(documents, [1, 2, 1, 2, 2]);
    rig.sign_all();
    assert_eq!(rig.sync().await, finished(1));
}

#[tokio::test(start_paused = true)]
async fn archives_and_downloads_automatic_flows_immediately() {
    let rig = signers(
        r#"
      seal: { user: { account: acme, seal: contract-seal, positions: [{ keyword: 乙方签字 }] } }
      lender: { platform: { seal: contract-seal, positions: [{ keyword: 甲方盖章 }] }, after: [seal] }
    finish: { archive: true, download: "../done/{{ key }}.pdf" }
"#,
    );
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.done, 1);
    assert_eq!(rig.sent()[0].status, FlowStatus::Finished);
    assert!(rig.project.path("done/HT-2026-0001.pdf").exists());
    rig.stop_faults();
    assert_eq!(rig.sync().await, SyncStats::default());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_two_seals_share_is_uploaded_once() {
    let project = Project::copy_of(&root().join("examples/onboarding"));
    let seals = project.read("manifests/seals.yaml");
    project.write(
        "manifests/seals.yaml",
        format!("{seals}  second: {{ account: tiangu, alias: 财务章二, color: RED, image: ../seals/finance.png }}\n"),
    );
    let rig = Rig::of(project);
    let (_, tally) = rig.apply().await;
    assert!(
        tally.failed_resources.is_empty(),
        "{:?}",
        tally.failed_resources
    );
    assert_eq!(rig.calls("upload"), 2, "one for each image");
    assert_eq!(rig.calls("seal/create/image/organize"), 2);
    assert_eq!(rig.calls("seal/create/image/person"), 1);
    let (plan, _) = rig.apply().await;
    assert!(plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn deletes_absent_accounts_once_and_revokes_grants() {
    let project = Project::copy_of(&root().join("examples/onboarding"));
    let absent = "former-clerk: { absent: true, thirdId: tiangu-former-clerk }";
    let present = "former-clerk: { person: { thirdId: tiangu-former-clerk, name: 何思远, idType: 19, idNo: \"330199198506151368\" } }";
    project.replace("manifests/accounts.yaml", absent, present);
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Garbage] {
        let rig = Rig::of(Project::copy_of(project.root())).fault("account/delete", 1, fault);
        rig.apply().await;
        let accounts = || {
            rig.sandbox
                .with_world(treaty::sandbox::World::account_count)
        };
        assert_eq!(accounts(), 4);
        rig.project
            .replace("manifests/accounts.yaml", present, absent);
        rig.project.replace(
            "manifests/accounts.yaml",
            "silentSign: { until: 2030-12-31 }",
            "protect: false",
        );
        let (plan, tally) = rig.apply().await;
        assert_eq!(plan.count('-'), 1);
        assert!(
            tally.failed_resources.is_empty(),
            "{fault:?} {:?}",
            tally.failed_resources
        );
        assert_eq!(accounts(), 3);
        assert_eq!(rig.calls("account/platform/revokeSilentsign"), 1);
        let (plan, _) = rig.apply().await;
        assert!(plan.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_document_is_signed_with_its_password() {
    let project = |password: &str| {
        let rig = Rig::loans(1);
        let locked = std::fs::read(root().join("tests/data/locked.pdf")).expect("a PDF");
        rig.project.write("locked.pdf", locked);
        let manifest = rig.project.read("manifests/loans.yaml");
        let (head, tail) = manifest.split_once("    documents:").expect("documents");
        let (_, process) = tail.split_once("    process:").expect("a process");
        let (process, _) = process.split_once("    signers:").expect("signers");
        let documents =
            "    documents: { contract: { file: ../locked.pdf, name: 指南, encryption: true } }\n";
        let signers = format!(
            "    signers: {{ lender: {{ platform: {{ docPwd: {password}, positions: [{{ page: \"1\", posX: 100, posY: 100 }}] }} }} }}\n"
        );
        rig.project.write(
            "manifests/loans.yaml",
            format!("{head}{documents}    process:{process}{signers}"),
        );
        rig
    };
    let (_, tally) = project("edit-me").apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
    let (_, tally) = project("guessed").apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1), "1436015");
}

#[tokio::test(start_paused = true)]
async fn recreates_a_task_with_a_lost_response_only_once() {
    let rig = Rig::loans(1).always("sign/contract/handPersonSignTask", Fault::LostAfter);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1));
    assert_eq!(rig.calls("sign/contract/handPersonSignTask"), 2);
    rig.stop_faults();
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.done, 1);
    rig.assert_each_once(1);
}

/// The link of the clerk's task is lost, and withdrawing the task would also withdraw the one that
/// the clerk has for the organization. Neither a sync nor an apply forgets the doubt.
#[tokio::test(start_paused = true)]
async fn a_deferred_signer_in_doubt_stays_in_doubt() {
    let rig = signers(
        r"
      borrower: { person: { account: borrower } }
      agent: { organization: { account: clerk, organization: acme } }
      clerk: { person: { account: clerk }, after: [borrower] }
",
    )
    .fault("sign/contract/handPersonSignTask", 2, LATE);
    rig.apply().await;
    let id = rig.sent()[0].id.clone();
    rig.sandbox.modify_world(|world| {
        world.change_flow(&id, |flow| flow.tasks[0].status = SignStatus::Signed);
    });
    for _ in 0..3 {
        assert_eq!(rig.sync().await.in_doubt, 1);
        let (plan, _) = rig.apply().await;
        assert_eq!(plan.count('?'), 1);
    }
    assert_eq!(rig.calls("sign/contract/handPersonSignTask"), 2);
}

#[tokio::test(start_paused = true)]
async fn fails_a_flow_that_ended_before_all_signers_were_added() {
    let rig = tenancy(1);
    rig.apply().await;
    rig.sign_all();
    let flow_id = rig.sent()[0].id.clone();
    rig.archive(&flow_id).await;
    assert_eq!(rig.sync().await.failed, 1);
    assert_eq!(rig.sync().await, SyncStats::default());
}

/// A sync is interrupted after its last call, before it records the end of the item.
#[tokio::test(start_paused = true)]
async fn finishes_an_archive_that_an_interrupted_sync_began() {
    let rig = tenancy(1);
    rig.apply().await;
    to_the_end(&rig).await;
    let ledger = rig.ledger();
    let item = ledger.item("leases", "ZL-2026-001").expect("a ledger");
    let unsaid = Write::ItemEnded {
        id: item.expect("an item").id,
        status: ItemStatus::Waiting,
        failure: None,
        at: jiff::Timestamp::now(),
    };
    ledger.write(vec![unsaid]).await.expect("written");
    drop(ledger);
    assert_eq!(rig.sync().await, finished(1));
    assert_eq!(rig.sync().await, SyncStats::default());
}

#[tokio::test(start_paused = true)]
async fn does_not_overwrite_an_existing_file() {
    let rig = tenancy(1);
    rig.project.write("signed/ZL-2026-001-rules.pdf", "mine");
    rig.apply().await;
    to_the_end(&rig).await;
    assert_eq!(rig.project.read("signed/ZL-2026-001-rules.pdf"), "mine");
    assert_eq!(rig.sync().await.failed, 1);
    std::fs::remove_file(rig.project.path("signed/ZL-2026-001-rules.pdf")).expect("removed");
    assert_eq!(rig.sync().await, finished(1));
}

#[tokio::test(start_paused = true)]
async fn finishes_a_flow_that_was_archived_elsewhere() {
    let rig = tenancy(1);
    let manifest = rig.project.read("manifests/leases.yaml");
    let (head, tail) = manifest.split_once("      agent:").expect("an agent");
    let (_, finish) = tail.split_once("    finish:").expect("a finish");
    rig.project.write(
        "manifests/leases.yaml",
        format!("{head}    finish:{finish}"),
    );
    rig.apply().await;
    rig.sign_all();
    let flow_id = rig.sent()[0].id.clone();
    rig.archive(&flow_id).await;
    rig.stop_faults();
    assert_eq!(rig.sync().await, finished(1));
    assert_eq!(rig.calls("sign/contract/archiveProcess"), 0);
    assert!(rig.project.path("signed/ZL-2026-001-lease.pdf").exists());
    assert_eq!(rig.sync().await, SyncStats::default());
}

#[tokio::test(start_paused = true)]
async fn automatic_signers_sign_and_refuse_by_seed() {
    let rejected = async |seed, after| {
        let rig = Rig::loans(40);
        rig.apply().await;
        let auto = AutoSign {
            after,
            refuse: 0.25,
            seed,
        };
        rig.sandbox.advance(Some(&auto), jiff::Timestamp::now());
        let flows = rig.sent();
        let mut refused: Vec<String> = flows
            .iter()
            .filter(|flow| flow.status == FlowStatus::Rejected)
            .map(|flow| flow.docs[0].name.clone())
            .collect();
        refused.sort();
        let pending = flows.iter().flat_map(|flow| &flow.tasks);
        (refused, pending.filter(|task| task.is_pending()).count())
    };
    let (first, pending) = rejected(1, SignedDuration::ZERO).await;
    assert_eq!(pending, 0, "everybody has signed or refused");
    assert!((2..40).contains(&first.len()), "{}", first.len());
    assert_eq!(rejected(1, SignedDuration::ZERO).await.0, first);
    assert_ne!(rejected(2, SignedDuration::ZERO).await.0, first);
    assert_eq!(
        rejected(1, SignedDuration::from_hours(1)).await,
        (Vec::new(), 40)
    );
}
