//! Tests of ledgers that are missing, older than their marker, or replaced.

use std::fs;
use std::path::{Path, PathBuf};

use super::marker::marker_path;
use super::*;
use crate::api::operation::Op;

fn binding() -> Binding {
    Binding {
        endpoint: "sandbox".into(),
        app_id: Some(String::new()),
    }
}

fn hold(path: &Path, policy: VersionPolicy) -> Result<Store, LedgerError> {
    let options = HoldOptions {
        policy,
        ..HoldOptions::default()
    };
    Store::hold_with(path, &binding(), "a test", "now", &options)
}

fn held(path: &Path) -> Store {
    hold(path, VersionPolicy::Refuse).expect("held")
}

async fn write_intent(ledger: &Store) {
    let intent = Write::Intent {
        subject: ledger.next_subject(),
        step: "signers.a".into(),
        op: Op::HandPersonSignTask,
        legal: true,
    };
    ledger.write(vec![intent]).await.expect("written");
}

/// Returns the file of a ledger with one intent.
async fn made(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("l.db");
    write_intent(&held(&path)).await;
    path
}

fn remove_wal(path: &Path) {
    for ending in ["db-wal", "db-shm"] {
        let _ = fs::remove_file(path.with_extension(ending));
    }
}

fn marked(path: &Path) -> LedgerVersion {
    serde_json::from_slice(&fs::read(marker_path(path)).expect("a marker")).expect("JSON")
}

#[tokio::test]
async fn the_marker_shows_an_intent_before_the_request_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let ledger = held(&path);
    write_intent(&ledger).await;
    let version = ledger.version().expect("a version");
    assert_eq!((marked(&path), version.serial), (version, 2));
}

#[tokio::test]
async fn refuses_a_copy_from_before_the_last_intent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let backup = fs::read(&path).expect("a backup");
    write_intent(&held(&path)).await;
    fs::write(&path, backup).expect("put back");
    let error = hold(&path, VersionPolicy::Refuse).expect_err("refused");
    assert!(
        matches!(
            error,
            LedgerError::Older {
                serial: 1,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
    let error = Store::hold_briefly(&path, &binding(), "a test", "now", &HoldOptions::default())
        .expect_err("refused");
    assert!(matches!(error, LedgerError::Older { .. }), "{error}");
    // A correction does not make it newer.
    let corrected = hold(&path, VersionPolicy::Correct).expect("held");
    write_intent(&corrected).await;
    write_intent(&corrected).await;
    drop(corrected);
    hold(&path, VersionPolicy::Refuse).expect_err("still refused");
    hold(&path, VersionPolicy::New).expect_err("it is not empty");
    // An accepted one is another ledger, so that the original one is refused then.
    let original = marked(&path);
    let accepted = hold(&path, VersionPolicy::Accept).expect("held");
    // Nothing is accepted before something is written.
    drop(accepted);
    hold(&path, VersionPolicy::Refuse).expect_err("still refused");
    assert_eq!(marked(&path), original);
    let accepted = hold(&path, VersionPolicy::Accept).expect("held");
    write_intent(&accepted).await;
    assert!(accepted.may_have_predecessor().expect("read"));
    let version = accepted.version().expect("a version");
    assert!(version.id != original.id && version.serial > original.serial);
    drop(accepted);
    held(&path);
    let error = hold(&path, VersionPolicy::Accept).expect_err("nothing to accept");
    assert!(matches!(error, LedgerError::Current(_)), "{error}");
}

/// A copy that was changed elsewhere can have a larger serial than the marker.
#[tokio::test]
async fn refuses_a_copy_that_another_process_has_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).expect("copied");
    let as_writer = |path: &Path, writer: &str| {
        let options = HoldOptions {
            writer: writer.to_owned(),
            ..HoldOptions::default()
        };
        Store::hold_with(path, &binding(), "a test", "now", &options).expect("held")
    };
    write_intent(&as_writer(&path, "here")).await;
    let elsewhere = as_writer(&copy, "elsewhere");
    for _ in 0..5 {
        write_intent(&elsewhere).await;
    }
    drop(elsewhere);
    fs::copy(&copy, &path).expect("put back");
    let error = hold(&path, VersionPolicy::Refuse).expect_err("refused");
    assert!(matches!(error, LedgerError::Diverged { .. }), "{error}");
}

#[tokio::test]
async fn refuses_a_ledger_without_its_wal_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let ledger = held(&path);
    write_intent(&ledger).await;
    // The main file of a killed run lacks what its WAL file holds.
    let main_file = fs::read(&path).expect("read");
    drop(ledger);
    remove_wal(&path);
    fs::write(&path, main_file).expect("written");
    let error = hold(&path, VersionPolicy::Refuse).expect_err("refused");
    assert!(matches!(error, LedgerError::Older { .. }), "{error}");
}

/// `SQLite` would merge the log of a killed run into a new file.
#[tokio::test]
async fn creates_no_ledger_beside_a_log_that_was_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let ledger = held(&path);
    write_intent(&ledger).await;
    let log = path.with_extension("db-wal");
    let left = fs::read(&log).expect("a log");
    drop(ledger);
    fs::remove_file(&path).expect("removed");
    fs::write(&log, left).expect("left");
    for policy in [
        VersionPolicy::Refuse,
        VersionPolicy::New,
        VersionPolicy::Import,
    ] {
        let error = hold(&path, policy).expect_err("refused");
        assert!(matches!(error, LedgerError::LogOnly { .. }), "{error}");
    }
    Store::read(&path, &binding()).expect_err("nor read as an empty one");
    assert!(!path.exists());
}

/// The process was killed between the transaction and the marker.
#[tokio::test]
async fn accepts_a_ledger_that_is_ahead_of_its_marker() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let before = fs::read(marker_path(&path)).expect("read");
    write_intent(&held(&path)).await;
    fs::write(marker_path(&path), before).expect("put back");
    let ledger = held(&path);
    write_intent(&ledger).await;
    assert_eq!(marked(&path), ledger.version().expect("a version"));
}

#[tokio::test]
async fn refuses_another_ledger_and_a_missing_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let other = folder.path().join("other.db");
    write_intent(&held(&other)).await;
    fs::copy(&other, &path).expect("replaced");
    let error = hold(&path, VersionPolicy::Refuse).expect_err("refused");
    assert!(matches!(error, LedgerError::Replaced { .. }), "{error}");
    for ending in ["db", "db.lock"] {
        fs::remove_file(path.with_extension(ending)).expect("removed");
    }
    for policy in [VersionPolicy::Refuse, VersionPolicy::Accept] {
        let error = hold(&path, policy).expect_err("refused");
        assert!(matches!(error, LedgerError::Missing { .. }), "{error}");
    }
    Store::read(&path, &binding()).expect_err("nor read as an empty one");
    let ledger = hold(&path, VersionPolicy::New).expect("created");
    // It is kept only once it is used.
    drop(ledger);
    hold(&path, VersionPolicy::Refuse).expect_err("still refused");
    let ledger = hold(&path, VersionPolicy::New).expect("empty");
    write_intent(&ledger).await;
    assert!(ledger.may_have_predecessor().expect("read"));
    drop(ledger);
    held(&path);
}

#[tokio::test]
async fn an_import_has_the_version_of_its_export() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    let export = |ledger: &Store| {
        let mut lines = Vec::new();
        ledger.export("1", &mut lines).expect("exported");
        lines
    };
    let ledger = held(&path);
    let older = export(&ledger);
    write_intent(&ledger).await;
    let newest = export(&ledger);
    drop(ledger);
    for (lines, is_newest) in [(older, false), (newest, true)] {
        fs::remove_file(&path).expect("removed");
        remove_wal(&path);
        let ledger = hold(&path, VersionPolicy::Import).expect("created");
        ledger
            .import("l.jsonl", lines.as_slice(), &binding())
            .expect("imported");
        assert_eq!(hold(&path, VersionPolicy::Refuse).is_ok(), is_newest);
    }
}

#[tokio::test]
async fn a_damaged_marker_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(&folder).await;
    fs::write(marker_path(&path), "{").expect("written");
    let error = hold(&path, VersionPolicy::Refuse).expect_err("refused");
    assert!(
        matches!(error, LedgerError::DamagedMarker { .. }),
        "{error}"
    );
    let accepted = hold(&path, VersionPolicy::Accept).expect("held");
    accepted
        .write(vec![Write::LedgerAccepted])
        .await
        .expect("written");
    // The ledger knows everything that its marker may have recorded.
    assert!(!accepted.may_have_predecessor().expect("read"));
    drop(accepted);
    held(&path);
    // An empty one is not accepted in its place.
    fs::write(marker_path(&path), "{").expect("written");
    fs::remove_file(&path).expect("removed");
    remove_wal(&path);
    hold(&path, VersionPolicy::New).expect_err("the marker is damaged");
    hold(&path, VersionPolicy::Accept).expect_err("missing");
    assert!(!path.exists());
}

#[tokio::test]
async fn accounts_that_a_killed_run_was_creating_are_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = held(&folder.path().join("l.db"));
    let pending = |identity: &str| Write::Resource {
        kind: ResourceKind::Account,
        identity: identity.to_owned(),
        resource: Resource {
            id: ledger.next_subject(),
            remote_id: None,
            fields: std::collections::BTreeMap::new(),
            grant: None,
        },
    };
    let writes = vec![pending("a"), pending("b")];
    ledger.write(writes).await.expect("written");
    for (accounts, is_younger) in [(0, false), (2, false), (3, true)] {
        let found = ledger.is_younger_than(accounts).expect("read");
        assert_eq!(found, is_younger, "{accounts}");
    }
}
