//! The SQL statements of a run's reads: one function for each.

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::database::{Connection, Error, Result, Row, params};
use super::receipt::FLOW_ID;
use super::record::{
    Deferral, EntityId, Failure, ItemRecord, Notice, Resource, ResourceKind, SignState, Step,
};
use super::recorded::{BegunRevocation, ItemStatus, RecordedGrant, RecordedItem};
use super::schema;
use super::step_name::PROCESS;
use crate::api::SignStatus;
use crate::api::operation::Op;
use crate::expr::Fingerprint;

pub(super) fn resource(
    connection: &Connection,
    kind: ResourceKind,
    identity: &str,
) -> Result<Option<Resource>> {
    let sql = "SELECT id, remote_id, fields, granted, deadline FROM thing WHERE kind = ? AND identity = ?";
    connection.query_optional(sql, params![kind.number(), identity], |row| {
        let granted: bool = row.get(3)?;
        let deadline = row.get(4)?;
        Ok(Resource {
            id: row.get(0)?,
            remote_id: row.get(1)?,
            fields: json(row, 2)?.unwrap_or_default(),
            grant: granted.then_some(RecordedGrant { deadline }),
        })
    })
}

pub(super) fn items(
    connection: &Connection,
    flow: &str,
    each: &mut dyn FnMut(&str, RecordedItem),
) -> Result<()> {
    let revocation = schema::begun_revocation();
    let sql = format!(
        "SELECT key, fingerprint, status, sent, earlier > 0, {revocation}
         FROM item WHERE flow = (SELECT id FROM flow WHERE name = ?)"
    );
    connection.visit(&sql, params![flow], |row| {
        let item = RecordedItem {
            fingerprint: Fingerprint(row.get(1)?),
            status: status(row, 2)?,
            sent: row.get(3)?,
            is_reissue: row.get(4)?,
            revocation: BegunRevocation::from_number(row.get(5)?),
        };
        each(row.get(0)?, item);
        Ok(ControlFlow::Continue(()))
    })
}

pub(super) fn flows(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM flow ORDER BY name";
    connection.query(sql, &[], |row| row.get(0))
}

pub(super) fn item(connection: &Connection, flow: &str, key: &str) -> Result<Option<ItemRecord>> {
    let revocation = schema::begun_revocation();
    let sql = format!(
        "SELECT id, fingerprint, status, sent, attempts, run, code, message, hint, content, sent_at, moved_at,
           looked_at, cells, earlier, {revocation}
         FROM item WHERE flow = (SELECT id FROM flow WHERE name = ?) AND key = ?"
    );
    connection.query_optional(&sql, params![flow, key], |row| item_record(row, 0))
}

/// Reads an item from the columns that begin at `from`: id, fingerprint, status, sent, attempts,
/// run, code, message, hint, content, `sent_at`, `moved_at`, `looked_at`, cells, earlier, [`schema::begun_revocation`].
pub(super) fn item_record(row: &Row<'_>, from: usize) -> Result<ItemRecord> {
    let message: Option<String> = row.get(from + 7)?;
    let hint: Option<String> = row.get(from + 8)?;
    let code = row.get(from + 6)?;
    let content: Option<[u8; 16]> = row.get(from + 9)?;
    let cells: Option<[u8; 16]> = row.get(from + 13)?;
    Ok(ItemRecord {
        id: row.get(from)?,
        fingerprint: Fingerprint(row.get(from + 1)?),
        status: status(row, from + 2)?,
        sent: row.get(from + 3)?,
        attempts: row.get(from + 4)?,
        run: row.get(from + 5)?,
        failure: message.map(|message| Failure {
            code,
            message,
            hint: hint.unwrap_or_default(),
        }),
        content: content.map(Fingerprint),
        cells: cells.map(Fingerprint),
        sent_at: timestamp(row, from + 10)?,
        moved_at: timestamp(row, from + 11)?,
        polled_at: timestamp(row, from + 12)?,
        earlier: row.get(from + 14)?,
        revocation: BegunRevocation::from_number(row.get(from + 15)?),
    })
}

/// Reads a timestamp in milliseconds since 1970; none if it is out of range.
pub(super) fn timestamp(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    let milliseconds: Option<i64> = row.get(column)?;
    Ok(milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok()))
}

/// Reads the state of a signer from two columns; none if the flow was never polled.
pub(super) fn sign_state(row: &Row<'_>, from: usize) -> Result<Option<SignState>> {
    let number: Option<i64> = row.get(from)?;
    let Some(number) = number else {
        return Ok(None);
    };
    Ok(Some(SignState {
        status: SignStatus::from_number(number).ok_or_else(|| Error::out_of_range(from, number))?,
        time: row.get(from + 1)?,
    }))
}

pub(super) fn steps(connection: &Connection, subject: EntityId) -> Result<Vec<(String, Step)>> {
    let sql = "SELECT name, receipt, begun, deferral FROM step WHERE subject = ?";
    connection.query(sql, params![subject], |row| {
        let deferral: Option<Deferral> = json(row, 3)?;
        let step = Step::from_columns(json(row, 1)?, deferral, row.get(2)?);
        Ok((row.get(0)?, step))
    })
}

/// Returns the refused steps of an item, with their operations.
pub(super) fn refused(connection: &Connection, subject: EntityId) -> Result<Vec<(String, Op)>> {
    let sql = "SELECT step, operation FROM refused WHERE subject = ?";
    let steps = connection.query(sql, params![subject], |row| {
        let step: String = row.get(0)?;
        Ok(Op::at(row.get(1)?).map(|op| (step, op)))
    })?;
    Ok(steps.into_iter().flatten().collect())
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text: Option<&str> = row.get(column)?;
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|error| Error::Value {
        column,
        why: error.to_string(),
    })
}

/// Visits the items in progress, ordered by id, with flow and key.
pub(super) fn under_way(
    connection: &Connection,
    each: &mut dyn FnMut(EntityId, &str, &str),
) -> Result<()> {
    let is_under_way = schema::is_under_way("item.");
    let sql = format!(
        "SELECT item.id, flow.name, item.key FROM item JOIN flow ON flow.id = item.flow
         WHERE {is_under_way} ORDER BY item.id"
    );
    connection.visit(&sql, &[], |row| {
        each(row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(ControlFlow::Continue(()))
    })
}

/// Returns the oldest unhandled callbacks.
pub(super) fn notices(connection: &Connection, most: u32) -> Result<Vec<Notice>> {
    let sql = format!(
        "SELECT id, (SELECT min(subject) FROM step
           WHERE step.name = '{PROCESS}' AND json_extract(step.receipt, '{FLOW_ID}') = notice.flow_id)
         FROM notice WHERE handled IS NULL ORDER BY id LIMIT ?"
    );
    connection.query(&sql, params![most], |row| {
        Ok(Notice {
            id: row.get(0)?,
            item: row.get(1)?,
        })
    })
}

/// Returns the id after all that are in use.
pub(super) fn next_subject(connection: &Connection) -> Result<EntityId> {
    let sql = "SELECT 1 + coalesce(max(id), 0) FROM
               (SELECT max(id) AS id FROM item UNION ALL SELECT max(id) FROM thing) AS used";
    connection.query_one(sql, &[], |row| row.get(0))
}

/// Returns whether a run has this name.
pub(super) fn has_run(connection: &Connection, name: &str) -> Result<bool> {
    connection.exists("SELECT 1 FROM run WHERE name = ?", params![name])
}

/// Returns the id after the last run's.
pub(super) fn next_run(connection: &Connection) -> Result<i64> {
    let sql = "SELECT 1 + coalesce(max(id), 0) FROM run";
    connection.query_one(sql, &[], |row| row.get(0))
}

/// Reads the status of an item.
pub(super) fn status(row: &Row<'_>, column: usize) -> Result<ItemStatus> {
    let number = row.get(column)?;
    ItemStatus::from_number(number).ok_or_else(|| Error::out_of_range(column, number))
}
