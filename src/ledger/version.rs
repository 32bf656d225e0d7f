//! The id, the serial and the last writer of a ledger, and their records outside of it.
//!
//! The serial grows with every transaction. Every process that writes has a random id, its writer
//! id, and the ledger keeps the ids of all its writers. A record outside of the ledger is written
//! after the transaction, so an intact ledger is never behind it. A ledger with a smaller serial, or
//! without the recorded writer, is an older copy, a copy that was changed elsewhere, or has lost its
//! `-wal` file: it does not know what was sent since.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::database::{Batch, Connection, Error, Result, Row, Value, params};
use super::location::Location;

/// The identity and the age of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerVersion {
    /// The random id.
    pub id: String,
    /// The number of transactions.
    pub serial: i64,
    /// The id of the process that made the last transaction; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
}

/// A record that a ledger exists, outside of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The file with the record.
    pub source: String,
    /// The version; none if the record shows only that a ledger existed.
    pub version: Option<LedgerVersion>,
}

/// The reaction to a ledger that is missing, older than the evidence, or another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VersionPolicy {
    /// Refuses it.
    #[default]
    Refuse,
    /// Opens an existing one for corrections. Its serial stays, so that it is still refused by runs.
    Correct,
    /// Creates or opens an empty one into which an export is imported.
    Import,
    /// Accepts an existing one. It gets a new id with its first transaction.
    Accept,
    /// Creates a missing one. An existing one is accepted only if it is empty.
    New,
}

/// The options to open a ledger for writing.
#[derive(Debug, Clone)]
pub struct HoldOptions {
    /// The evidence besides the marker.
    pub evidence: Vec<Evidence>,
    /// The reaction to a mismatch.
    pub policy: VersionPolicy,
    /// The id of this process.
    pub writer: String,
}

impl Default for HoldOptions {
    fn default() -> Self {
        Self {
            evidence: Vec::new(),
            policy: VersionPolicy::default(),
            writer: WRITER.clone(),
        }
    }
}

/// The random id of this process.
static WRITER: LazyLock<String> = LazyLock::new(|| {
    // The fallback is unique on this machine, too.
    random_id().unwrap_or_else(|_| format!("{}-{}", std::process::id(), jiff::Timestamp::now()))
});

/// Returns random bytes of the operating system.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes)
}

/// Returns a random id of a ledger or a process.
pub(super) fn random_id() -> Result<String> {
    random_bytes::<16>().map(hex::encode)
}

/// The names of the values in the table `meta`.
pub(super) const SUPERSEDED: &str = "supersedes";
pub(super) const ACKNOWLEDGED: &str = "acknowledged";
pub(super) const EXISTING_ACCOUNTS: &str = "existing_accounts";
pub(super) const LAST_WRITER: &str = "last_writer";

/// The prefix of the names of writers in the table `meta`. The values are the serials of their
/// first transactions.
const WRITER_PREFIX: &str = "writer.";

/// The changes of the ledger's version that the transactions of a process record.
#[derive(Debug)]
pub(super) struct Growth {
    pub(super) writer: String,
    /// The evidence that the ledger supersedes, if it was accepted in spite of it.
    pub(super) supersedes: Option<Vec<Evidence>>,
    /// Whether an operator confirms that nothing was sent before, or is sent again on purpose.
    pub(super) confirms: bool,
    /// Whether a transaction of this process has recorded all of it.
    pub(super) is_recorded: bool,
}

impl Growth {
    /// Records what was accepted, with the first transaction of the process: a command that writes
    /// nothing accepts nothing.
    pub(super) fn accept(&self, transaction: &Connection) -> Result<()> {
        if let Some(evidence) = &self.supersedes {
            supersede(transaction, evidence)?;
        }
        if self.confirms {
            set(transaction, ACKNOWLEDGED, 1_i64)?;
        }
        Ok(())
    }
}

/// Adds the increment of the serial to a batch. Its query returns the version.
pub(super) fn advance(batch: &mut Batch<'_>) -> Result<()> {
    let sql = "UPDATE meta SET value = CAST(value AS BIGINT) + 1 WHERE name = 'serial'";
    batch.run(sql, &[])?;
    batch.query(VERSION, &[])
}

/// Records that a process writes from now on.
pub(super) fn record_writer(connection: &Connection, writer: &str) -> Result<()> {
    let sql = "INSERT INTO meta (name, value)
               SELECT ?, value FROM meta WHERE name = 'serial' ON CONFLICT DO NOTHING";
    connection.execute(sql, params![&format!("{WRITER_PREFIX}{writer}")])?;
    set(connection, LAST_WRITER, writer)
}

fn knows_writer(connection: &Connection, writer: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM meta WHERE name = ?";
    connection.exists(sql, params![&format!("{WRITER_PREFIX}{writer}")])
}

/// Returns all writers, with the serials of their first transactions.
pub(super) fn writers(connection: &Connection) -> Result<BTreeMap<String, i64>> {
    let sql = "SELECT name, CAST(value AS BIGINT) FROM meta WHERE name LIKE ?";
    let pattern = format!("{WRITER_PREFIX}%");
    let found = connection.query(sql, params![&pattern], |row| {
        let name: &str = row.get(0)?;
        let id = name.strip_prefix(WRITER_PREFIX).unwrap_or(name);
        Ok((id.to_owned(), row.get(1)?))
    })?;
    Ok(found.into_iter().collect())
}

/// Inserts the writers of an export.
pub(super) fn insert_writers(
    connection: &Connection,
    writers: &BTreeMap<String, i64>,
) -> Result<()> {
    for (writer, serial) in writers {
        set(connection, &format!("{WRITER_PREFIX}{writer}"), *serial)?;
    }
    Ok(())
}

/// Selects the id, the serial and the last writer.
const VERSION: &str = "SELECT (SELECT CAST(value AS TEXT) FROM meta WHERE name = 'id'),
         (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'serial'),
         (SELECT CAST(value AS TEXT) FROM meta WHERE name = 'last_writer')";

/// Reads the version from a row of [`advance`].
pub(super) fn from_row(row: &Row<'_>) -> Result<LedgerVersion> {
    Ok(LedgerVersion {
        id: row.get(0)?,
        serial: row.get(1)?,
        writer: row.get(2)?,
    })
}

pub(super) fn read(connection: &Connection) -> Result<LedgerVersion> {
    connection.query_one(VERSION, &[], from_row)
}

/// Stores a text or a number, and replaces an earlier one.
pub(super) fn set<'v>(
    connection: &Connection,
    name: &str,
    value: impl Into<Value<'v>>,
) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    connection
        .execute(sql, &[name.into(), value.into()])
        .map(drop)
}

/// Returns a number; none if it is not stored.
pub(super) fn number(connection: &Connection, name: &str) -> Result<Option<i64>> {
    let sql = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = ?";
    connection.query_optional(sql, params![name], |row| row.get(0))
}

/// Returns a text; none if it is not stored.
pub(super) fn text(connection: &Connection, name: &str) -> Result<Option<String>> {
    let sql = "SELECT CAST(value AS TEXT) FROM meta WHERE name = ?";
    connection.query_optional(sql, params![name], |row| row.get(0))
}

/// Returns the ledgers that this one replaces on purpose: their ids and last known serials.
pub(super) fn superseded(connection: &Connection) -> Result<BTreeMap<String, i64>> {
    let parsed = text(connection, SUPERSEDED)?.map(|text| serde_json::from_str(&text));
    let invalid = |error: serde_json::Error| Error::Value {
        column: 0,
        why: error.to_string(),
    };
    parsed
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(invalid)
}

/// Gives the ledger a new id, and records that it replaces the ledgers of the evidence.
fn supersede(transaction: &Connection, evidence: &[Evidence]) -> Result<()> {
    let mut all = superseded(transaction)?;
    let own = read(transaction)?;
    let mut serial = own.serial;
    let known = evidence.iter().filter_map(|found| found.version.as_ref());
    for version in known.chain([&own]) {
        let last = all.entry(version.id.clone()).or_insert(version.serial);
        *last = version.serial.max(*last);
        serial = version.serial.max(serial);
    }
    set(transaction, SUPERSEDED, &to_json(&all))?;
    set(transaction, "serial", serial)?;
    set(transaction, "id", &random_id()?)
}

pub(super) fn to_json(superseded: &BTreeMap<String, i64>) -> String {
    // A map of numbers has a JSON form.
    serde_json::to_string(superseded).unwrap_or_default()
}

/// Returns whether the ledger records nothing.
pub(super) fn is_empty(connection: &Connection) -> Result<bool> {
    let sql = "SELECT NOT (EXISTS (SELECT 1 FROM item) OR EXISTS (SELECT 1 FROM thing) OR EXISTS (SELECT 1 FROM run)
                      OR EXISTS (SELECT 1 FROM step))";
    connection.query_one(sql, &[], |row| row.get(0))
}

/// Returns an error if the evidence shows that the ledger does not know everything that was sent. A
/// ledger without a transaction is no better than a missing one.
pub(super) fn check(
    location: &Location,
    connection: &Connection,
    evidence: &[Evidence],
) -> Result<Result<(), LedgerError>> {
    let own = read(connection)?;
    if own.serial == 0 && is_empty(connection)? {
        return Ok(missing(location, evidence).map_or(Ok(()), Err));
    }
    let superseded = superseded(connection)?;
    for found in evidence {
        let Some(known) = &found.version else {
            continue;
        };
        let shown = location.to_string();
        let source_file = found.source.clone();
        if known.id != own.id {
            let last = superseded.get(&known.id);
            if last.is_none_or(|last| known.serial > *last) {
                return Ok(Err(LedgerError::Replaced {
                    path: shown,
                    own: describe(&own),
                    source_file,
                    known: describe(known),
                }));
            }
        } else if known.serial > own.serial {
            return Ok(Err(LedgerError::Older {
                path: shown,
                serial: own.serial,
                source_file,
                known: known.serial,
            }));
        } else if let Some(writer) = &known.writer
            && !knows_writer(connection, writer)?
        {
            return Ok(Err(LedgerError::Diverged {
                path: shown,
                source_file,
            }));
        }
    }
    Ok(Ok(()))
}

/// Returns the error for a missing or empty ledger, if the evidence shows that it existed.
pub(super) fn missing(location: &Location, evidence: &[Evidence]) -> Option<LedgerError> {
    let found = evidence.first()?;
    let version = found.version.as_ref();
    let version = version.map_or(String::new(), |version| format!(" ({})", describe(version)));
    Some(LedgerError::Missing {
        path: location.to_string(),
        evidence: format!("{}{version}", found.source),
    })
}

/// The first digits of the id, and the serial.
pub(super) fn describe(version: &LedgerVersion) -> String {
    let id: String = version.id.chars().take(8).collect();
    t!(
        "id %{id}, serial %{serial}",
        id = id,
        serial = version.serial
    )
    .into_owned()
}
