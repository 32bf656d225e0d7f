//! The password of an encrypted document, which waits in the ledger until its signer is added.

use treaty::api::{FlowStatus, SignStatus};

use crate::support::project::root;
use crate::support::rig::Rig;

/// The password of the document.
const PASSWORD: &str = "edit-me";

/// Returns a project whose lender signs an encrypted document after the borrower.
fn encrypted(rows: usize) -> Rig {
    let rig = Rig::loans(rows);
    let locked = std::fs::read(root().join("tests/data/locked.pdf")).expect("a PDF");
    rig.project.write("locked.pdf", locked);
    let manifest = rig.project.read("manifests/loans.yaml");
    let (head, tail) = manifest.split_once("    documents:").expect("documents");
    let (_, process) = tail.split_once("    process:").expect("a process");
    let (process, _) = process.split_once("    signers:").expect("signers");
    let documents =
        "    documents: { contract: { file: ../locked.pdf, name: 指南, encryption: true } }\n";
    let signers = format!(
        "    signers:\n      borrower: {{ person: {{ account: borrower }} }}\n      \
         lender: {{ after: [borrower], platform: {{ docPwd: {PASSWORD}, positions: [{{ page: \"1\", posX: 100, posY: 100 }}] }} }}\n"
    );
    rig.project.write(
        "manifests/loans.yaml",
        format!("{head}{documents}    process:{process}{signers}"),
    );
    rig
}

/// Returns the files of the ledger that contain the password.
fn files_with_password(rig: &Rig) -> Vec<String> {
    let folder = rig.ledger_path();
    let folder = folder.parent().expect("a folder");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("read");
        let mut parts = bytes.windows(PASSWORD.len());
        if parts.any(|part| part == PASSWORD.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn no_file_contains_a_password_after_it_was_sent_or_its_flow_ended() {
    for ending in [
        FlowStatus::Signing,
        FlowStatus::Rejected,
        FlowStatus::Expired,
        FlowStatus::Revoked,
    ] {
        let rig = encrypted(2);
        let (_, tally) = rig.apply().await;
        assert_eq!((tally.done, tally.failed), (2, 0));
        assert_eq!(files_with_password(&rig).len(), 1, "it waits to be sent");
        let sent = rig.sent();
        rig.sandbox.modify_world(|world| {
            for sent in &sent {
                world.change_flow(&sent.id, |flow| {
                    flow.status = ending;
                    flow.tasks[0].status = match ending {
                        FlowStatus::Signing => SignStatus::Signed,
                        FlowStatus::Rejected => SignStatus::Ended,
                        _ => flow.tasks[0].status,
                    };
                });
            }
        });
        let synced = rig.sync().await;
        assert_eq!(synced.failed, 0, "{ending:?}");
        assert_eq!(files_with_password(&rig), [""; 0], "{ending:?}");
    }
}
