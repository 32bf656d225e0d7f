//! The tables of the database, its migrations and the settings of its connections.

use std::time::Duration;

use rusqlite::Connection;

use super::collision;
use super::receipt::{FLOW_ID, SIGN_URL};
use super::recorded::ItemStatus;
use super::step_name::{END, PROCESS, REVOKE};
use crate::api::operation::Op;

/// The version of the tables, stored in `SQLite`'s `user_version`.
pub(super) const VERSION: i64 = 8;

/// Returns the SQL that creates the tables.
///
/// Items and resources (table `thing`) take their ids from one sequence, so that a step belongs to
/// exactly one of them.
pub(super) fn tables() -> String {
    let is_under_way = is_under_way("");
    let collision_indexes = collision::indexes();
    format!(
        "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (
  id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL, since TEXT NOT NULL, fence INTEGER NOT NULL,
  machine TEXT NOT NULL DEFAULT '', locked INTEGER NOT NULL DEFAULT 0, beat INTEGER NOT NULL DEFAULT 0,
  brief INTEGER NOT NULL DEFAULT 0);
CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, begun TEXT NOT NULL, ended TEXT, exit INTEGER);
CREATE TABLE flow (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE item (
  id INTEGER PRIMARY KEY, flow INTEGER NOT NULL REFERENCES flow (id), key TEXT NOT NULL, fingerprint BLOB NOT NULL,
  status INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL, run INTEGER NOT NULL,
  code INTEGER, message TEXT, hint TEXT, content BLOB, sent_at INTEGER, moved_at INTEGER, looked_at INTEGER,
  cells BLOB, earlier INTEGER NOT NULL DEFAULT 0, UNIQUE (flow, key));
CREATE TABLE thing (
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, identity TEXT NOT NULL, remote_id TEXT,
  fields TEXT NOT NULL, granted INTEGER NOT NULL DEFAULT 0, deadline INTEGER, UNIQUE (kind, identity));
CREATE TABLE step (
  subject INTEGER NOT NULL, name TEXT NOT NULL, operation TEXT NOT NULL, legal INTEGER NOT NULL DEFAULT 0,
  begun INTEGER NOT NULL DEFAULT 1, deferral TEXT, receipt TEXT, sign_status INTEGER, sign_time TEXT,
  PRIMARY KEY (subject, name)) WITHOUT ROWID;
CREATE INDEX under_way ON item (id) WHERE {is_under_way};
CREATE INDEX flow_id ON step (json_extract(receipt, '{FLOW_ID}')) WHERE name = '{PROCESS}';
CREATE TABLE notice (
  id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, flow_id TEXT NOT NULL, received INTEGER NOT NULL,
  times INTEGER NOT NULL DEFAULT 1, handled INTEGER);
CREATE INDEX unhandled ON notice (id) WHERE handled IS NULL;
CREATE TABLE refused (
  subject INTEGER NOT NULL, step TEXT NOT NULL, operation TEXT NOT NULL, PRIMARY KEY (subject, step)) WITHOUT ROWID;
{collision_indexes}"
    )
}

/// Returns the SQL condition for [`super::ItemRecord::is_under_way`]. `table` is empty, or the name
/// of the item table with a dot.
///
/// The condition uses `OR`: with `IN`, every write of an item would build a temporary table. A
/// query uses the index `under_way` only if its condition has the same terms.
pub(super) fn is_under_way(table: &str) -> String {
    let statuses = ItemStatus::ALL.into_iter();
    let statuses = statuses.filter(|status| status.is_under_way());
    let terms: Vec<String> = statuses
        .map(|status| format!("{table}status = {}", status.number()))
        .collect();
    format!("{table}sent = 1 AND ({})", terms.join(" OR "))
}

/// The migrations from each version to the next. They are history: a released one never changes.
pub(super) const MIGRATIONS: [&str; 7] = [
    "
ALTER TABLE step ADD COLUMN begun INTEGER NOT NULL DEFAULT 1;
ALTER TABLE step ADD COLUMN deferral TEXT;
CREATE INDEX waiting ON step (subject) WHERE deferral IS NOT NULL;
",
    "
ALTER TABLE lease ADD COLUMN machine TEXT NOT NULL DEFAULT '';
ALTER TABLE lease ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lease ADD COLUMN beat INTEGER NOT NULL DEFAULT 0;
",
    "
ALTER TABLE lease ADD COLUMN brief INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item ADD COLUMN content BLOB;
ALTER TABLE item ADD COLUMN sent_at INTEGER;
ALTER TABLE item ADD COLUMN moved_at INTEGER;
ALTER TABLE item ADD COLUMN looked_at INTEGER;
ALTER TABLE step ADD COLUMN sign_status INTEGER;
ALTER TABLE step ADD COLUMN sign_time TEXT;
DROP INDEX waiting;
CREATE INDEX under_way ON item (id) WHERE sent = 1 AND (status = 0 OR status = 2 OR status = 3 OR status = 8);
CREATE INDEX flow_id ON step (json_extract(receipt, '$.flowId')) WHERE name = 'process';
CREATE TABLE notice (
  id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, flow_id TEXT NOT NULL, received INTEGER NOT NULL,
  times INTEGER NOT NULL DEFAULT 1, handled INTEGER);
CREATE INDEX unhandled ON notice (id) WHERE handled IS NULL;
",
    "
CREATE TABLE refused (
  subject INTEGER NOT NULL, step TEXT NOT NULL, operation TEXT NOT NULL, PRIMARY KEY (subject, step)) WITHOUT ROWID;
CREATE INDEX doc_id ON step (json_extract(receipt, '$.docId')) WHERE json_extract(receipt, '$.docId') > '';
CREATE INDEX sign_url ON step (json_extract(receipt, '$.signUrl')) WHERE json_extract(receipt, '$.signUrl') > '';
CREATE INDEX sign_short_url ON step (json_extract(receipt, '$.signShortUrl')) WHERE json_extract(receipt, '$.signShortUrl') > '';
CREATE INDEX remote_id ON thing (remote_id) WHERE remote_id IS NOT NULL;
",
    "
INSERT OR IGNORE INTO meta (name, value) VALUES ('id', lower(hex(randomblob(16)))), ('serial', 0);
ALTER TABLE item ADD COLUMN cells BLOB;
",
    "
ALTER TABLE item ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;
",
    // The column `fields` may have values that plans show, which an older treaty cannot read.
    "",
];

/// The version since which the status waiting exists.
pub(super) const HAS_WAITING: i64 = 4;

/// Returns the SQL that gives items recorded as done before version 4 the status waiting, if they
/// are still in progress: a signer was added, a step is deferred, or the flow is being archived.
pub(super) fn mark_waiting() -> String {
    let (waiting, done) = (ItemStatus::Waiting.number(), ItemStatus::Signed.number());
    let archive = Op::Archive.path();
    format!(
        "
UPDATE item SET status = {waiting} WHERE status = {done} AND sent = 1 AND EXISTS
  (SELECT 1 FROM step WHERE step.subject = item.id AND
    (step.deferral IS NOT NULL OR json_extract(step.receipt, '{SIGN_URL}') IS NOT NULL
     OR step.operation = '{archive}' AND step.receipt IS NOT NULL))"
    )
}

/// Returns the SQL expression for the [`BegunRevocation`] of an item that is open or in doubt: 0 for
/// none, 1 for [`BegunRevocation::ByRun`], 2 for [`BegunRevocation::ByCommand`].
pub(super) fn begun_revocation() -> String {
    let (open, doubt) = (ItemStatus::Open.number(), ItemStatus::InDoubt.number());
    format!(
        "iif(item.status IN ({open}, {doubt}), ifnull((SELECT min(iif(step.name = '{REVOKE}', 1, 2)) FROM step
           WHERE step.subject = item.id AND step.name IN ('{REVOKE}', '{END}') AND step.begun), 0), 0)"
    )
}

/// The time for which a connection waits for another one's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Applies the settings of every connection.
pub(super) fn configure_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Applies the further settings of a connection that may write.
pub(super) fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A deferred request may hold a password, which must not stay in free pages.
    connection.pragma_update(None, "secure_delete", true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migrated_ledger_has_the_indexes_of_a_new_one() {
        let tables = tables();
        let is_index = |line: &&str| line.starts_with("CREATE INDEX");
        for index in tables.lines().filter(is_index) {
            let mut migrations = MIGRATIONS.iter();
            assert!(migrations.any(|sql| sql.contains(index)), "{index}");
        }
    }

    #[test]
    fn statuses_are_listed_by_number() {
        for (number, status) in (0..).zip(ItemStatus::ALL) {
            assert_eq!(status.number(), number);
        }
    }
}
