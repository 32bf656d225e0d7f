//! The id and the serial of a ledger, and their records outside of it.
//!
//! The serial grows with every transaction of a run. A record outside of the ledger is written
//! after the transaction, so an intact ledger is never behind it. A ledger that is behind is an
//! older copy, or has lost its `-wal` file: it does not know what was sent since.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::LedgerError;

/// The identity and the age of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerVersion {
    /// The random id.
    pub id: String,
    /// The number of transactions of runs.
    pub serial: i64,
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
    /// Accepts an existing one. It gets a new id.
    Accept,
    /// Creates a missing one. An existing one is accepted only if it is empty.
    New,
}

/// The options to open a ledger for writing.
#[derive(Debug, Clone, Default)]
pub struct HoldOptions {
    /// The evidence besides the marker.
    pub evidence: Vec<Evidence>,
    /// The reaction to a mismatch.
    pub policy: VersionPolicy,
}

/// The names of the values in the table `meta`.
pub(super) const SUPERSEDED: &str = "supersedes";
pub(super) const ACKNOWLEDGED: &str = "acknowledged";
pub(super) const EXISTING_ACCOUNTS: &str = "existing_accounts";

/// Increments the serial and returns it.
pub(super) fn next_serial(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "UPDATE meta SET value = value + 1 WHERE name = 'serial' RETURNING value";
    connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<LedgerVersion> {
    let sql = "SELECT (SELECT CAST(value AS TEXT) FROM meta WHERE name = 'id'),
                      (SELECT value FROM meta WHERE name = 'serial')";
    connection.query_row(sql, [], |row| {
        Ok(LedgerVersion {
            id: row.get(0)?,
            serial: row.get(1)?,
        })
    })
}

/// Stores a value, and replaces an earlier one.
pub(super) fn set(
    connection: &Connection,
    name: &str,
    value: &dyn rusqlite::ToSql,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)";
    connection.execute(sql, params![name, value]).map(drop)
}

/// Returns a number; none if it is not stored.
pub(super) fn number(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT value FROM meta WHERE name = ?";
    connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()
}

/// Returns the ledgers that this one replaces on purpose: their ids and last known serials.
pub(super) fn superseded(connection: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    let sql = "SELECT CAST(value AS TEXT) FROM meta WHERE name = ?";
    let text: Option<String> = connection
        .query_row(sql, [SUPERSEDED], |row| row.get(0))
        .optional()?;
    let parsed = text.map(|text| serde_json::from_str(&text));
    parsed
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
        })
}

/// Gives the ledger a new id, and records that it replaces the ledgers of the evidence.
pub(super) fn supersede(
    connection: &mut Connection,
    evidence: &[Evidence],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut all = superseded(&transaction)?;
    let own = read(&transaction)?;
    let mut serial = own.serial;
    let known = evidence.iter().filter_map(|found| found.version.as_ref());
    for version in known.chain([&own]) {
        let last = all.entry(version.id.clone()).or_insert(version.serial);
        *last = version.serial.max(*last);
        serial = version.serial.max(serial);
    }
    set(&transaction, SUPERSEDED, &to_json(&all))?;
    set(&transaction, "serial", &(serial + 1))?;
    let sql = "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'id'";
    transaction.execute(sql, [])?;
    transaction.commit()
}

pub(super) fn to_json(superseded: &BTreeMap<String, i64>) -> String {
    // A map of numbers has a JSON form.
    serde_json::to_string(superseded).unwrap_or_default()
}

/// Returns whether the ledger records nothing.
pub(super) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT (EXISTS (SELECT 1 FROM item) OR EXISTS (SELECT 1 FROM thing) OR EXISTS (SELECT 1 FROM run)
                      OR EXISTS (SELECT 1 FROM step))";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Returns an error if the evidence shows a later state of the ledger, or another ledger.
pub(super) fn check(
    path: &Path,
    own: &LedgerVersion,
    superseded: &BTreeMap<String, i64>,
    evidence: &[Evidence],
) -> Result<(), LedgerError> {
    for found in evidence {
        let Some(known) = &found.version else {
            continue;
        };
        if known.id == own.id {
            if known.serial > own.serial {
                return Err(LedgerError::Older {
                    path: path.display().to_string(),
                    serial: own.serial,
                    source_file: found.source.clone(),
                    known: known.serial,
                });
            }
        } else if superseded
            .get(&known.id)
            .is_none_or(|last| known.serial > *last)
        {
            return Err(LedgerError::Replaced {
                path: path.display().to_string(),
                own: describe(own),
                source_file: found.source.clone(),
                known: describe(known),
            });
        }
    }
    Ok(())
}

/// Returns the error for a missing ledger, if the evidence shows that it existed.
pub(super) fn missing(path: &Path, evidence: &[Evidence]) -> Option<LedgerError> {
    let found = evidence.first()?;
    let version = found.version.as_ref();
    let version = version.map_or(String::new(), |version| format!(" ({})", describe(version)));
    Some(LedgerError::Missing {
        path: path.display().to_string(),
        evidence: format!("{}{version}", found.source),
    })
}

/// The first digits of the id, and the serial.
fn describe(version: &LedgerVersion) -> String {
    let id: String = version.id.chars().take(8).collect();
    format!("id {id}, serial {}", version.serial)
}
