//! Tests of ledgers in files: leases, reopening, migrations, damage.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::lease::LeaseValidity;
use super::recorded::ItemStatus;
use super::writer::{Writer, WriterState};
use super::*;
use crate::api::operation::Op;
use crate::expr::Fingerprint;

fn binding() -> Binding {
    Binding {
        endpoint: "sandbox".into(),
        app_id: Some(String::new()),
    }
}

fn hold(path: &Path) -> Result<Store, LedgerError> {
    Store::hold(path, &binding(), "a test", "2026-11-23 08:00:00")
}

/// The write that begins an item.
pub(super) fn begun(id: EntityId) -> Write {
    Write::ItemBegun {
        id,
        flow: "loan".into(),
        key: format!("HT-{id}"),
        fingerprint: Fingerprint([7; 16]),
        content: None,
        cells: None,
        run: 1,
        at: jiff::Timestamp::UNIX_EPOCH,
        afresh: false,
    }
}

#[tokio::test]
async fn writes_survive_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let ledger = hold(&path).expect("held");
    let id = ledger.next_subject();
    let intent = Write::Intent {
        subject: id,
        step: "signers.a".into(),
        op: Op::HandPersonSignTask,
        legal: true,
    };
    ledger
        .write(vec![begun(id), intent])
        .await
        .expect("written");
    assert_eq!(
        ledger.steps(id).expect("read"),
        [("signers.a".to_owned(), Step::Intent(None))]
    );
    drop(ledger);
    let ledger = hold(&path).expect("held again");
    assert!(ledger.next_subject() > id);
    let item = ledger
        .item("loan", &format!("HT-{id}"))
        .expect("read")
        .expect("there");
    assert!(item.sent && item.status == ItemStatus::Open && item.attempts == 1);
    ledger
        .write(vec![Write::Void {
            subject: id,
            step: "signers.a".into(),
        }])
        .await
        .expect("written");
    let item = ledger
        .item("loan", &format!("HT-{id}"))
        .expect("read")
        .expect("there");
    assert!(!item.sent, "a refused request asks no signer");
}

#[tokio::test]
async fn migrates_a_ledger_of_an_older_treaty() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let ledger = hold(&path).expect("held");
    let intent = Write::Intent {
        subject: 1,
        step: "signers.a".into(),
        op: Op::HandPersonSignTask,
        legal: true,
    };
    ledger.write(vec![begun(1), intent]).await.expect("written");
    drop(ledger);
    // Reverts the schema to version 1.
    let connection = Connection::open(&path).expect("a database");
    connection
        .execute_batch(
            "DROP TABLE refused; DROP INDEX doc_id; DROP INDEX sign_url; DROP INDEX sign_short_url; DROP INDEX remote_id;
             DROP INDEX under_way; DROP INDEX flow_id; DROP TABLE notice; CREATE INDEX waiting ON step (subject);
             ALTER TABLE lease DROP COLUMN brief; ALTER TABLE item DROP COLUMN content; ALTER TABLE item DROP COLUMN cells;
             ALTER TABLE item DROP COLUMN earlier;
             ALTER TABLE item DROP COLUMN sent_at; ALTER TABLE item DROP COLUMN moved_at;
             ALTER TABLE item DROP COLUMN looked_at; ALTER TABLE step DROP COLUMN sign_status;
             ALTER TABLE step DROP COLUMN sign_time; DROP INDEX waiting; ALTER TABLE step DROP COLUMN begun;
             ALTER TABLE step DROP COLUMN deferral; ALTER TABLE lease DROP COLUMN machine;
             ALTER TABLE lease DROP COLUMN locked; ALTER TABLE lease DROP COLUMN beat;
             DELETE FROM meta WHERE name IN ('id', 'serial'); PRAGMA user_version = 1",
        )
        .expect("version 1");
    drop(connection);
    // An older treaty wrote no marker.
    std::fs::remove_file(marker::marker_path(&path)).expect("removed");
    for ledger in [Store::read(&path, &binding()), hold(&path)] {
        let ledger = ledger.expect("opened");
        let steps = ledger.steps(1).expect("read");
        assert_eq!(steps, [("signers.a".to_owned(), Step::Intent(None))]);
        let mut under_way = Vec::new();
        let read =
            ledger.under_way(&mut |id, flow, key| under_way.push((id, format!("{flow} {key}"))));
        read.expect("read");
        assert_eq!(under_way, [(1, "loan HT-1".to_owned())]);
        let version = ledger.version().expect("a version");
        assert_eq!((version.id.len(), version.serial), (32, 0));
    }
    drop(hold(&path).expect("the marker has the same version"));
}

#[test]
fn refuses_a_second_run_and_names_the_holder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let first = hold(&path).expect("held");
    let error = hold(&path).expect_err("refused");
    let message = error.to_string();
    let expected = "another run holds the ledger: a test, since 2026-11-23 08:00:00, renewed ";
    assert!(message.starts_with(expected), "{message}");
    drop(first);
    hold(&path).expect("free again");
}

#[test]
fn refuses_another_endpoint_or_app() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    drop(hold(&path).expect("held"));
    for other in [
        Binding {
            endpoint: "https://o.tsign.cn/opentreaty-service".into(),
            ..binding()
        },
        Binding {
            app_id: Some("another".into()),
            ..binding()
        },
    ] {
        assert!(matches!(
            Store::read(&path, &other),
            Err(LedgerError::Bound { .. })
        ));
        assert!(matches!(
            Store::hold(&path, &other, "", ""),
            Err(LedgerError::Bound { .. })
        ));
    }
    let bytes = std::fs::read(&path).expect("read");
    assert!(!bytes.windows(7).any(|window| window == b"another"));
}

#[test]
fn reading_creates_no_file_and_changes_no_damaged_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let ledger = Store::read(&path, &binding()).expect("an empty ledger");
    assert!(ledger.item("loan", "HT-1").expect("read").is_none() && !path.exists());
    let damaged = b"this is no database, but it is long enough to be taken for one".repeat(20);
    std::fs::write(&path, &damaged).expect("written");
    for result in [
        Store::read(&path, &binding()).map(drop),
        hold(&path).map(drop),
    ] {
        assert!(result.expect_err("refused").to_string().contains("damaged"));
    }
    assert_eq!(std::fs::read(&path).expect("read"), damaged);
}

/// The holder was suspended, and resumes after another run has taken the lease.
#[tokio::test]
async fn a_holder_without_its_lease_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let suspended = hold(&path).expect("held");
    suspended.write(vec![begun(1)]).await.expect("written");
    hold(&path).expect_err("it is alive");
    let connection = Connection::open(&path).expect("a database");
    let long_ago = "UPDATE lease SET beat = beat - 40000";
    connection.execute(long_ago, []).expect("forty seconds ago");
    let next = hold(&path).expect("taken over");
    next.write(vec![begun(2)]).await.expect("written");
    let late = suspended.write(vec![begun(3)]).await.expect_err("too late");
    assert!(
        matches!(&late, LedgerError::Taken(by) if by.starts_with("a test")),
        "{late}"
    );
    let lease = suspended.lease().expect("it was held");
    drop(suspended);
    lease.check().await.expect_err("the lease is lost");
    assert!(next.item("loan", "HT-3").expect("read").is_none());
    hold(&path).expect_err("the suspended holder does not release the lease of another");
    drop(next);
    drop(hold(&path).expect("released"));
}

/// The clock of the holder's machine was a day ahead.
#[test]
fn a_renewal_in_the_future_counts_from_when_it_was_first_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    drop(hold(&path).expect("made"));
    let connection = Connection::open(&path).expect("a database");
    // Another machine holds the lease, without a lock here.
    let ahead = "UPDATE lease SET machine = 'other', locked = 1, beat = ?1 + 86400000";
    let now = jiff::Timestamp::now().as_millisecond();
    connection.execute(ahead, [now]).expect("a day ahead");
    let held = hold(&path).expect_err("it may be alive").to_string();
    assert!(
        held.contains("s in the future") && held.contains("30 s"),
        "{held}"
    );
    hold(&path).expect_err("it was seen just now");
    // To other machines, the renewal may be recent: it stays as it is.
    let renewed = connection.query_row("SELECT beat FROM lease", [], |row| row.get::<_, i64>(0));
    assert_eq!(renewed.expect("read"), now + 86_400_000);
    // This machine has seen it for 31 seconds.
    let sql = "UPDATE meta SET value = ?1 WHERE name LIKE 'lease_seen.%'";
    let earlier = format!("{} {}", now + 86_400_000, now - 31_000);
    connection
        .execute(sql, [earlier])
        .expect("half a minute later");
    // A holder that is alive has renewed it meanwhile.
    connection
        .execute("UPDATE lease SET beat = beat + 5000", [])
        .expect("renewed");
    hold(&path).expect_err("it is alive");
    connection
        .execute("UPDATE lease SET beat = beat - 5000", [])
        .expect("not renewed");
    let sql = "UPDATE meta SET value = ?1 WHERE name LIKE 'lease_seen.%'";
    let earlier = format!("{} {}", now + 86_400_000, now - 31_000);
    connection
        .execute(sql, [earlier])
        .expect("half a minute later");
    drop(hold(&path).expect("expired"));
}

#[tokio::test]
async fn a_full_disk_ends_a_run_and_damages_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    drop(hold(&path).expect("made"));
    let connection = file::open(&path).expect("opened");
    let small = "PRAGMA max_page_count = 40";
    connection.execute_batch(small).expect("a small disk");
    let state = WriterState {
        fence: 1,
        validity: LeaseValidity::since(LeaseValidity::now()),
        connection,
        flows: std::collections::HashSet::new(),
        ledger: Location::File(path.clone()),
        first_serial: 0,
        growth: None,
        marker: None,
        version: None,
        has_remnants: false,
    };
    let writer = Writer::start(state);
    let mut written = 0;
    let error = loop {
        let many = (1..=100).map(|at| begun(written * 100 + at)).collect();
        match writer.queue.write(many).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().ends_with("the disk is full"), "{error}");
    let after = writer.queue.write(vec![begun(1)]).await;
    after.expect_err("no write follows a failed one");
    drop(writer);
    let ledger = hold(&path).expect("held again");
    ledger.wait_until_verified().expect("undamaged");
    let mut count = 0;
    let mut each = |_: &str, _: RecordedItem| count += 1;
    ledger.items("loan", &mut each).expect("read");
    assert_eq!(count, written * 100, "all acknowledged writes are recorded");
}

#[tokio::test]
async fn finds_damage_anywhere_in_the_file_before_a_run_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let ledger = hold(&path).expect("held");
    let items = (1..5000).map(begun).collect();
    ledger.write(items).await.expect("written");
    ledger.begin_run("one", "now").await.expect("sound");
    drop(ledger);
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(&path, &bytes).expect("written");
    let error = hold(&path).expect_err("found");
    assert!(error.to_string().contains("damaged"), "{error}");
    let left = std::fs::read(&path).expect("read");
    assert!(left == bytes, "it was not changed");
    for other in [&b""[..], &bytes[..bytes.len() / 2]] {
        std::fs::write(&path, other).expect("written");
        let error = hold(&path).expect_err("found");
        assert!(error.to_string().contains("damaged"), "{error}");
    }
    // A link to a disk that is not mounted is not an empty ledger.
    let dangling = folder.path().join("dangling.db");
    std::os::unix::fs::symlink(folder.path().join("unmounted/l.db"), &dangling).expect("a link");
    hold(&dangling).expect_err("it cannot be reached");
    Store::read(&dangling, &binding()).expect_err("nor read");
    let foreign = folder.path().join("foreign.db");
    let connection = Connection::open(&foreign).expect("a database");
    connection
        .execute_batch("CREATE TABLE own (x)")
        .expect("a table");
    drop(connection);
    let before = std::fs::read(&foreign).expect("read");
    let error = hold(&foreign).expect_err("refused");
    assert!(error.to_string().contains("it is not a ledger"), "{error}");
    assert_eq!(std::fs::read(&foreign).expect("read"), before);
}

#[test]
fn refuses_a_ledger_of_a_newer_treaty_without_changing_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    drop(hold(&path).expect("held"));
    let connection = Connection::open(&path).expect("a database");
    connection
        .execute_batch("PRAGMA user_version = 999")
        .expect("a version");
    drop(connection);
    let before = std::fs::read(&path).expect("read");
    for result in [
        Store::read(&path, &binding()).map(drop),
        hold(&path).map(drop),
    ] {
        assert!(matches!(result, Err(LedgerError::Newer(_))), "{result:?}");
    }
    assert_eq!(std::fs::read(&path).expect("read"), before);
}

#[tokio::test]
async fn looks_up_an_item_with_its_own_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = hold(&folder.path().join("l.db")).expect("held");
    let receipt = |subject: i64, step: &str| Write::Receipt {
        subject,
        step: step.to_owned(),
        op: Op::AddProcess,
        receipt: Arc::new(serde_json::json!({ "flowId": subject.to_string() })),
    };
    let mut other_flow = begun(3);
    if let Write::ItemBegun { flow, .. } = &mut other_flow {
        "others".clone_into(flow);
    }
    let writes = vec![
        begun(1),
        begun(2),
        other_flow,
        receipt(1, "process"),
        receipt(1, "document"),
        receipt(3, "process"),
    ];
    ledger.write(writes).await.expect("written");
    let steps = |flow: &str, key: &str| {
        let found = ledger.item_with_steps(flow, key).expect("read")?;
        assert_eq!(ledger.item(flow, key).expect("read"), Some(found.record));
        let steps = found.steps.into_iter();
        Some(
            steps
                .map(|step| (step.name, step.receipt))
                .collect::<Vec<_>>(),
        )
    };
    let expected = |name: &str, flow: &str| {
        let receipt = format!("{{\"flowId\":\"{flow}\"}}");
        (name.to_owned(), Some(receipt))
    };
    let first = vec![expected("document", "1"), expected("process", "1")];
    assert_eq!(steps("loan", "HT-1"), Some(first));
    assert_eq!(steps("loan", "HT-2"), Some(Vec::new()));
    assert_eq!(steps("loan", "HT-3"), None);
    assert_eq!(
        steps("others", "HT-3"),
        Some(vec![expected("process", "3")])
    );
}

/// Without the lock, a crash of this run would not be detected.
#[test]
fn waits_for_a_lock_that_is_released_after_its_lease() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    drop(hold(&path).expect("made"));
    let lock = std::fs::File::open(path.with_added_extension("lock")).expect("the lock");
    lock.lock().expect("taken");
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(lock);
    });
    let held = hold(&path).expect("held");
    late.join().expect("released");
    let disk = rusqlite::Connection::open(&path).expect("the file");
    let locked = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
    assert_eq!(
        disk.query_row("SELECT locked FROM lease", [], locked),
        Ok(true)
    );
    drop(held);
}

/// Through a link to the file, and after the lock file was removed.
#[cfg(unix)]
#[test]
fn one_run_holds_a_ledger_under_any_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let link = folder.path().join("link.db");
    let held = hold(&path).expect("held");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    assert!(matches!(hold(&link), Err(LedgerError::Held(_))));
    std::fs::remove_file(path.with_added_extension("lock")).expect("removed");
    assert!(matches!(hold(&path), Err(LedgerError::Held(_))));
    drop(held);
}

/// Even within the time in which a renewal is trusted.
#[tokio::test]
async fn a_lost_lease_stays_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let held = hold(&path).expect("held");
    let lease = held.lease().expect("a lease");
    lease.check().await.expect("its own");
    let disk = rusqlite::Connection::open(&path).expect("the file");
    disk.execute("UPDATE lease SET fence = fence + 1", [])
        .expect("taken");
    let written = held.write(vec![begun(1)]).await;
    assert!(matches!(written, Err(LedgerError::Taken(_))));
    assert!(matches!(lease.check().await, Err(LedgerError::Taken(_))));
}

/// An empty ledger in its place would send everything again.
#[tokio::test]
async fn refuses_to_replace_a_missing_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let ledger = hold(&path).expect("made");
    ledger.write(vec![begun(1)]).await.expect("written");
    drop(ledger);
    std::fs::remove_file(&path).expect("removed");
    for result in [
        hold(&path).map(drop),
        Store::read(&path, &binding()).map(drop),
    ] {
        assert!(
            result
                .expect_err("refused")
                .to_string()
                .contains("the file is missing")
        );
    }
    for ending in ["db.lock", "db.marker"] {
        std::fs::remove_file(path.with_extension(ending)).expect("removed");
    }
    drop(hold(&path).expect("created again"));
}

/// `status` must not call a run that was killed on this machine running until its lease expires.
#[test]
fn a_killed_holder_of_this_machine_is_no_holder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let holder = || {
        let ledger = Store::read(&path, &binding()).expect("a reader");
        ledger.holder().expect("read").map(|holder| holder.name)
    };
    let held = hold(&path).expect("held");
    assert_eq!(holder().as_deref(), Some("a test"));
    let connection = Connection::open(&path).expect("a database");
    drop(held);
    let renewed = "UPDATE lease SET beat = ?";
    let now = jiff::Timestamp::now().as_millisecond();
    connection.execute(renewed, [now]).expect("not released");
    assert_eq!(holder(), None);
    let elsewhere = "UPDATE lease SET machine = 'another'";
    connection
        .execute(elsewhere, [])
        .expect("of another machine");
    assert_eq!(holder().as_deref(), Some("a test"));
}

#[test]
fn recognizes_what_was_not_sent_again_in_each_language() {
    for (message, expected) in [
        ("not sent again: the row has errors", true),
        ("没有重新发送：该行有错误", true),
        ("the row has errors", false),
    ] {
        let failure = Failure {
            code: None,
            message: message.to_owned(),
            hint: String::new(),
        };
        assert_eq!(failure.is_not_sent_again(), expected, "{message}");
        let recorded = failure.not_sent_again();
        assert!(recorded.message.starts_with("not sent again: "));
    }
}

#[tokio::test]
async fn a_snapshot_is_one_state_beside_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("l.db");
    let held = hold(&path).expect("held");
    held.write(vec![begun(1)]).await.expect("written");
    let reader = Store::read(&path, &binding()).expect("a reader");
    reader.hold_snapshot().expect("a snapshot");
    held.write(vec![begun(2)]).await.expect("written");
    assert!(reader.item("loan", "HT-1").expect("read").is_some());
    assert!(reader.item("loan", "HT-2").expect("read").is_none());
}
