//! Erases document passwords of requests that were removed, from the write-ahead log and from unused
//! space of the file.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use super::database::{Connection, Error, Result, params};
use super::location::Location;
use super::record::{Deferral, PASSWORD, Write};
use super::schema::BUSY_TIMEOUT;
use super::{reads, version};

/// The name of the mark of a ledger whose unused space never held a password.
pub(super) const NO_REMNANTS: &str = "noRemnants";

/// Returns whether a write may remove a deferred request.
pub(super) fn removes_request(write: &Write) -> bool {
    match write {
        Write::Receipt { .. }
        | Write::DeferralsDropped { .. }
        | Write::ItemForgotten { .. }
        | Write::ItemBegun { afresh: true, .. } => true,
        Write::ItemEnded { status, .. } => status.has_ended(),
        _ => false,
    }
}

/// Moves the write-ahead log into the file and empties it. Returns whether it is empty now. Waits
/// for other connections up to `wait`.
pub(super) fn empty_log(connection: &Connection, wait: Duration) -> bool {
    let Some(connection) = connection.sqlite() else {
        // The server reuses its log.
        return true;
    };
    let checkpoint = || {
        connection.busy_timeout(wait)?;
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy = connection.query_row(sql, [], |row| row.get::<_, bool>(0));
        connection.busy_timeout(BUSY_TIMEOUT)?;
        is_busy
    };
    checkpoint().is_ok_and(|is_busy| !is_busy)
}

/// Rewrites the file once if an older treaty may have left passwords in its unused space. Otherwise,
/// if another connection uses the log, and after an error, nothing changes: the next run tries again.
/// A schema of Postgres was never written by an older treaty.
pub(super) fn erase_remnants(location: &Location, connection: &Connection) {
    let Location::File(path) = location else {
        return;
    };
    let is_marked = || {
        let sql = "SELECT 1 FROM meta WHERE name = ?";
        connection.exists(sql, params![NO_REMNANTS])
    };
    let erase = || {
        if !empty_log(connection, Duration::ZERO) {
            return Ok(());
        }
        if holds_password(path)? {
            pad_requests(connection)?;
            connection.execute_batch("VACUUM")?;
        }
        version::set(connection, NO_REMNANTS, 1_i64)
    };
    if is_marked().is_ok_and(|is_marked| !is_marked)
        && let Err(error) = erase()
    {
        tracing::warn!(
            "passwords of documents that an older treaty has sent may still be in unused space of the ledger {location}, \
             which could not be rewritten: {error}; the next run tries again"
        );
    }
}

/// Returns whether a file contains the name of the field with a password.
fn holds_password(path: &Path) -> Result<bool> {
    let sought = PASSWORD.as_bytes();
    let search = |path: &Path| {
        let mut file = std::fs::File::open(path)?;
        let mut buffer = vec![0; 1 << 20];
        // The end of the previous piece is kept at the start, because a hit may span both.
        let mut kept = 0;
        loop {
            let read = file.read(&mut buffer[kept..])?;
            if read == 0 {
                return Ok(false);
            }
            let filled = kept + read;
            if buffer[..filled]
                .windows(sought.len())
                .any(|part| part == sought)
            {
                return Ok(true);
            }
            kept = filled.min(sought.len() - 1);
            buffer.copy_within(filled - kept..filled, 0);
        }
    };
    search(path).map_err(|error: std::io::Error| Error::File(error.to_string()))
}

/// Stores the recorded requests with a password again, as this version does.
fn pad_requests(connection: &Connection) -> Result<()> {
    let sql = "SELECT subject, name, deferral FROM step WHERE deferral LIKE ?";
    let pattern = format!("%{PASSWORD}%");
    let requests = connection.query(sql, params![&pattern], |row| {
        let deferral: Option<Deferral> = reads::json(row, 2)?;
        let text = deferral.map(|deferral| deferral.to_column());
        Ok((row.get::<i64>(0)?, row.get::<String>(1)?, text))
    })?;
    let transaction = connection.begin()?;
    for (subject, name, deferral) in requests {
        transaction.execute(
            "UPDATE step SET deferral = ?3 WHERE subject = ?1 AND name = ?2",
            params![subject, &name, deferral.as_ref()],
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::operation::Op;
    use crate::ledger::tests::begun;
    use crate::ledger::{Binding, ItemStatus, Ledger, Store};

    const MARK: &[u8] = b"open-sesame-";
    const ITEMS: i64 = 2000;

    fn binding() -> Binding {
        Binding {
            endpoint: "sandbox".into(),
            app_id: Some(String::new()),
        }
    }

    fn hold(path: &Path) -> Store {
        Store::hold(path, &binding(), "a test", "2026-11-23 08:00:00").expect("held")
    }

    /// Returns the names of the files in a folder that contain a password.
    fn files_with_passwords(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).expect("a folder");
        let files = files.map(|file| file.expect("a file").path());
        let with = files.filter(|file| {
            let bytes = std::fs::read(file).expect("read");
            bytes.windows(MARK.len()).any(|part| part == MARK)
        });
        let mut names: Vec<String> = with
            .map(|file| file.file_name().expect("a name").display().to_string())
            .collect();
        names.sort();
        names
    }

    fn deferral(id: i64, size: usize) -> Deferral {
        let password = format!("{}{id}", String::from_utf8_lossy(MARK));
        Deferral {
            order: 3,
            operation: Op::PlatformSignTask.path().to_owned(),
            after: vec!["signers.borrower".to_owned()],
            request: serde_json::json!({ "flowId": format!("f{id}"), "docPwd": password, "posList": "x".repeat(size) }),
        }
    }

    /// The item is begun again in another version, which removes its steps.
    fn begun_again(id: i64) -> Write {
        let mut write = begun(id);
        if let Write::ItemBegun { afresh, .. } = &mut write {
            *afresh = true;
        }
        write
    }

    fn receipt(id: i64, step: &str, size: usize) -> Write {
        let flow = format!("{step} {id}");
        let receipt = serde_json::json!({ "flowId": flow, "more": "x".repeat(size) });
        Write::Receipt {
            subject: id,
            step: step.to_owned(),
            op: Op::PlatformSignTask,
            receipt: Arc::new(receipt),
        }
    }

    /// Records items with deferred requests of different sizes, in an order that splits the pages of
    /// the table often. Some requests are answered meanwhile.
    async fn defer(ledger: &Store) {
        let mut random = fastrand::Rng::with_seed(7);
        let mut ids: Vec<i64> = (1..=ITEMS).collect();
        random.shuffle(&mut ids);
        let mut writes = Vec::new();
        for id in ids.iter().copied() {
            writes.push(begun(id));
            writes.push(Write::Deferred {
                subject: id,
                step: "signers.lender".to_owned(),
                op: Op::PlatformSignTask,
                deferral: deferral(id, random.usize(50..500)),
            });
            writes.push(receipt(id, "process", random.usize(20..400)));
            if random.bool() {
                let answered = *random.choice(&ids).expect("an item");
                writes.push(receipt(answered, "signers.lender", random.usize(20..300)));
            }
        }
        ledger.write(writes).await.expect("written");
    }

    /// Removes the requests in all ways.
    async fn remove(ledger: &Store) {
        let writes = (1..=ITEMS).map(|id| match id % 5 {
            0 => receipt(id, "signers.lender", 120),
            1 => Write::ItemEnded {
                id,
                status: [ItemStatus::Rejected, ItemStatus::Revoked][usize::from(id % 2 == 0)],
                failure: None,
                at: jiff::Timestamp::UNIX_EPOCH,
            },
            2 => Write::DeferralsDropped { subject: id },
            3 => Write::ItemForgotten { id },
            _ => begun_again(id),
        });
        ledger.write(writes.collect()).await.expect("written");
    }

    #[tokio::test]
    async fn no_file_contains_a_password_whose_request_was_removed() {
        let [folder, killed] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("l.db");
        let ledger = hold(&path);
        defer(&ledger).await;
        assert!(!files_with_passwords(folder.path()).is_empty());
        remove(&ledger).await;
        // The files as a kill leaves them.
        for name in ["l.db", "l.db-wal", "l.db-shm"] {
            let copy = killed.path().join(name);
            std::fs::copy(folder.path().join(name), copy).expect("copied");
        }
        assert!(!files_with_passwords(killed.path()).is_empty());
        // Another process keeps the log in use, so that the end of the run does not remove it.
        let listener = Store::read(&path, &binding()).expect("opened");
        listener.wait_until_verified().expect("undamaged");
        let mut export = Vec::new();
        listener.export("0", &mut export).expect("exported");
        assert!(!export.windows(MARK.len()).any(|part| part == MARK));
        drop(ledger);
        assert!(folder.path().join("l.db-wal").exists());
        assert_eq!(files_with_passwords(folder.path()), [""; 0]);
        let path = killed.path().join("l.db");
        let listener = rusqlite::Connection::open(&path).expect("a database");
        let expired = "UPDATE lease SET beat = beat - 40000";
        listener.execute(expired, []).expect("forty seconds ago");
        drop(hold(&path));
        drop(listener);
        assert_eq!(files_with_passwords(killed.path()), [""; 0]);
    }

    /// Older versions stored the requests without padding.
    #[tokio::test]
    async fn erases_what_an_older_treaty_left_and_keeps_pending_requests() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db");
        drop(hold(&path));
        let connection = rusqlite::Connection::open(&path).expect("a database");
        let older = "DELETE FROM meta WHERE name = ?";
        connection.execute(older, [NO_REMNANTS]).expect("unmarked");
        for id in 1..=ITEMS {
            let text = serde_json::to_string(&deferral(id, 300)).expect("plain data");
            let sql = "INSERT INTO step (subject, name, operation, begun, deferral) VALUES (?, 'signers.lender', ?, 0, ?)";
            let values = rusqlite::params![id, Op::PlatformSignTask.path(), text];
            connection.execute(sql, values).expect("a request");
        }
        let sql = "DELETE FROM step WHERE subject > 1";
        connection.execute(sql, []).expect("removed");
        drop(connection);
        let ledger = hold(&path);
        let steps = ledger.steps(1).expect("read");
        let [(_, crate::ledger::Step::Deferred(kept))] = &steps[..] else {
            panic!("{steps:?}");
        };
        assert_eq!(*kept, deferral(1, 300));
        let dropped = Write::DeferralsDropped { subject: 1 };
        ledger.write(vec![dropped]).await.expect("written");
        drop(ledger);
        assert_eq!(files_with_passwords(folder.path()), [""; 0]);
    }
}
