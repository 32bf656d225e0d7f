//! The tables, and how a file becomes a ledger.

use rusqlite::Connection;

/// The version of the tables below, kept in `SQLite`'s `user_version`.
pub(super) const VERSION: i64 = 4;

/// Items and things are known by number; their numbers come from one sequence, so that a step belongs to one of them.
/// The index of what is under way does without `IN`, for which every write of an item would make a table of its own.
pub(super) const TABLES: &str = "
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
  UNIQUE (flow, key));
CREATE TABLE thing (
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, identity TEXT NOT NULL, remote_id TEXT,
  fields TEXT NOT NULL, granted INTEGER NOT NULL DEFAULT 0, deadline INTEGER, UNIQUE (kind, identity));
CREATE TABLE step (
  subject INTEGER NOT NULL, name TEXT NOT NULL, operation TEXT NOT NULL, legal INTEGER NOT NULL DEFAULT 0,
  begun INTEGER NOT NULL DEFAULT 1, deferral TEXT, receipt TEXT, sign_status INTEGER, sign_time TEXT,
  PRIMARY KEY (subject, name)) WITHOUT ROWID;
CREATE INDEX under_way ON item (id) WHERE sent = 1 AND (status = 0 OR status = 2 OR status = 3 OR status = 8);
CREATE INDEX flow_id ON step (json_extract(receipt, '$.flowId')) WHERE name = 'process';
CREATE TABLE notice (
  id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, flow_id TEXT NOT NULL, received INTEGER NOT NULL,
  times INTEGER NOT NULL DEFAULT 1, handled INTEGER);
CREATE INDEX unhandled ON notice (id) WHERE handled IS NULL;
";

/// What makes a ledger of each version one of the next.
pub(super) const MIGRATIONS: [&str; 3] = [
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
];

/// What was recorded as done before version 4, and is under way: somebody was asked, or something waits, or is archived
/// and not said to be finished.
pub(super) const TELL_WAITING: &str = "
UPDATE item SET status = 8 WHERE status = 1 AND sent = 1 AND EXISTS
  (SELECT 1 FROM step WHERE step.subject = item.id AND
    (step.deferral IS NOT NULL OR json_extract(step.receipt, '$.signUrl') IS NOT NULL
     OR step.operation = 'sign/contract/archiveProcess' AND step.receipt IS NOT NULL))";

/// The settings of every connection.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A password that waited is gone once it was sent.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(())
}
