//! Responses with the ids and links of other rows or resources: nothing builds on them, the items are
//! in doubt, and the run stops when it happens repeatedly.

use treaty::execute::Stopped;
use treaty::ledger::{ItemStatus, Ledger, Records, ResourceKind};
use treaty::plan::{Fatal, Observe};

use crate::support::rig::{Fault, Rig};

const CREATE: &str = "account/create/person";
const EXCHANGE: &str = "account/idexchange";
const PLATFORM: &str = "sign/contract/platformSignTask";
const PERSON: &str = "sign/contract/handPersonSignTask";
const DETAIL: &str = "sign/contract/detail";

/// A rig that sends one row at a time.
fn rig(rows: usize) -> Rig {
    let mut rig = Rig::loans(rows);
    rig.window = 1;
    rig
}

#[tokio::test(start_paused = true)]
async fn responses_with_ids_of_others_are_in_doubt_and_stop_the_run() {
    for (path, field, done, asked) in [
        // The first account is the clerk's.
        (CREATE, "accountId", 0, 0),
        ("doc/createbytemplate", "docId", 1, 1),
        ("sign/contract/addProcess", "flowId", 1, 1),
        (PLATFORM, "flowId", 1, 1),
        (PERSON, "thirdOrderNo", 1, 4),
        (PERSON, "signUrl", 1, 4),
        (PERSON, "signShortUrl", 1, 4),
    ] {
        let rig = rig(8).repeats(path, field);
        let (_, stats) = rig.apply().await;
        let ended = (stats.done, stats.failed, stats.in_doubt, stats.not_started);
        assert_eq!(ended, (done, 0, 3, 5 - done), "{path} {field}");
        let stopped = stats.stopped.expect("stopped");
        assert!(
            matches!(stopped, Stopped::Fatal(Fatal::MismatchedResponses(3))),
            "{stopped:?}"
        );
        // Nothing was built on a foreign id.
        assert_eq!(rig.calls(PERSON), asked, "{path} {field}");
        let ledger = rig.ledger();
        let items = ledger.items_after(None, 0, 8).expect("read");
        let doubts = items
            .iter()
            .filter(|item| item.record.status == ItemStatus::InDoubt);
        let mut messages = doubts.map(|item| item.record.failure.clone().expect("why").message);
        let first = messages.next().expect("in doubt");
        assert!(first.starts_with(path), "{first}");
        assert!(!first.contains("http"), "a link is private: {first}");
        assert_eq!(messages.count(), 2, "{path} {field}");
    }
}

/// The item in doubt is sent again on request once the service answers correctly.
#[tokio::test(start_paused = true)]
async fn an_item_with_the_link_of_another_is_sent_on_request() {
    let mut rig = rig(2).repeats(PERSON, "signUrl");
    let (_, stats) = rig.apply().await;
    assert_eq!((stats.done, stats.in_doubt), (1, 1));
    rig.stop_faults();
    assert_eq!(rig.apply().await.1.done, 0, "not by itself");
    rig.retry = Some(treaty::plan::Retry::InDoubt);
    assert_eq!(rig.apply().await.1.done, 1);
    rig.assert_each_once(2);
}

/// A lost response is recovered by a lookup that answers one account for everybody.
#[tokio::test(start_paused = true)]
async fn an_account_that_was_looked_up_for_another_third_id_is_not_used() {
    let rig = rig(6)
        .always(CREATE, Fault::LostAfter)
        .repeats(EXCHANGE, "accountId");
    let (_, stats) = rig.apply().await;
    assert_eq!((stats.done, stats.in_doubt), (0, 3));
    assert_eq!(rig.sent().len(), 0);
}

/// The lookups of the plan answer one account for everybody: nothing is updated or sent.
#[tokio::test(start_paused = true)]
async fn a_plan_with_one_account_for_everybody_is_refused() {
    let mut rig = rig(3);
    rig.apply().await;
    rig.stop_faults();
    std::fs::remove_dir_all(rig.project.path(".treaty")).expect("a lost ledger");
    rig.observe = Observe::All;
    let rig = rig.repeats(EXCHANGE, "accountId");
    assert!(rig.apply_while(std::future::pending()).await.is_none());
    assert_eq!(rig.calls("account/person/update"), 0);
    assert_eq!(rig.sent().len(), 3);
}

/// The details of another flow are no evidence, and a sync that gets only those stops.
#[tokio::test(start_paused = true)]
async fn details_of_another_flow_stop_a_sync() {
    let rig = rig(5);
    rig.apply().await;
    rig.stop_faults();
    let rig = rig.repeats(DETAIL, "flowId");
    let synced = rig.course(treaty::sync::SyncMode::Once).await;
    assert!(
        matches!(synced, Err(Fatal::MismatchedResponses(3))),
        "{synced:?}"
    );
    let ledger = rig.ledger();
    let items = ledger.items_after(None, 0, 5).expect("read");
    assert!(
        items
            .iter()
            .all(|item| item.record.status == ItemStatus::Waiting)
    );
}

/// A ledger of an older treaty may record one id for two rows: it opens, and its rows are kept.
#[tokio::test(start_paused = true)]
async fn an_older_ledger_with_repeated_ids_opens() {
    let rig = rig(2);
    rig.apply().await;
    let connection = rusqlite::Connection::open(rig.ledger_path()).expect("a database");
    connection
        .execute_batch(
            "DROP INDEX doc_id; DROP INDEX sign_url; DROP INDEX sign_short_url; DROP INDEX remote_id;
             DROP TABLE refused; ALTER TABLE item DROP COLUMN cells;
             ALTER TABLE item DROP COLUMN earlier; PRAGMA user_version = 4;
             UPDATE step SET receipt = json_set(receipt, '$.signUrl', 'https://one')
               WHERE name = 'signers.borrower';
             UPDATE thing SET remote_id = 'one' WHERE kind = 1",
        )
        .expect("an older ledger");
    drop(connection);
    let ledger = rig.ledger();
    assert_eq!(ledger.items_after(None, 0, 5).expect("read").len(), 2);
    let repeated = ledger.repeated_ids().expect("read");
    assert_eq!(repeated, ["accounts: 1", "signing links: 1"]);
    let taken = ledger.collision(ResourceKind::Account, "another", "one");
    assert!(taken.expect("read").is_some());
}
