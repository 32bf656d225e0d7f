//! The SQL statements: one function for each read or write.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::de::DeserializeOwned;

use super::receipt::FLOW_ID;
use super::record::{
    Deferral, EntityId, Failure, ItemRecord, Notice, Resource, ResourceKind, SignState, Step, Write,
};
use super::recorded::{ItemStatus, RecordedGrant, RecordedItem};
use super::schema;
use super::step_name::PROCESS;
use crate::api::SignStatus;
use crate::expr::Fingerprint;

/// Executes one write.
pub(super) fn write(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| execute(transaction, sql, params);
    match write {
        Write::RunBegun { run: record, at } => run(
            "INSERT INTO run (id, name, begun) VALUES (?, ?, ?)",
            &[&record.id, &record.name, at],
        ),
        Write::RunEnded { run: id, at, exit } => run(
            "UPDATE run SET ended = ?2, exit = ?3 WHERE id = ?1",
            &[id, at, exit],
        ),
        Write::Resource {
            kind,
            identity,
            resource,
        } => {
            let fields = serde_json::to_string(&resource.fields).unwrap_or_default();
            let deadline = resource.grant.and_then(|grant| grant.deadline);
            run(
                "INSERT INTO thing (id, kind, identity, remote_id, fields, granted, deadline)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (kind, identity) DO UPDATE SET
                   remote_id = ?4, fields = ?5, granted = ?6, deadline = ?7",
                &[
                    &resource.id,
                    &kind.number(),
                    identity,
                    &resource.remote_id,
                    &fields,
                    &resource.grant.is_some(),
                    &deadline,
                ],
            )
        }
        Write::ResourceForgotten { kind, identity } => run(
            "DELETE FROM thing WHERE kind = ? AND identity = ?",
            &[&kind.number(), identity],
        ),
        Write::ItemBegun { .. }
        | Write::ItemEnded { .. }
        | Write::Polled { .. }
        | Write::NoticesHandled { .. }
        | Write::Withdrawn { .. }
        | Write::ItemForgotten { .. } => write_item(transaction, write),
        Write::Deferred { .. }
        | Write::DeferralsDropped { .. }
        | Write::Intent { .. }
        | Write::Receipt { .. }
        | Write::Void { .. } => write_step(transaction, write),
    }
}

/// Creates a flow if it does not exist. Items refer to it.
pub(super) fn create_flow(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO flow (name) VALUES (?)";
    execute(transaction, sql, &[&name])
}

fn write_item(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| execute(transaction, sql, params);
    match write {
        Write::ItemBegun {
            id,
            flow,
            key,
            fingerprint,
            content,
            run: run_id,
            at,
            afresh,
        } => {
            if *afresh {
                run("DELETE FROM step WHERE subject = ?", &[id])?;
                run(
                    "UPDATE item SET sent = 0, sent_at = NULL, looked_at = NULL WHERE id = ?",
                    &[id],
                )?;
            }
            run(
                "INSERT INTO item (id, flow, key, fingerprint, status, attempts, run, content, moved_at)
                 VALUES (?1, (SELECT id FROM flow WHERE name = ?2), ?3, ?4, ?5, 1, ?6, ?8, ?9)
                 ON CONFLICT (flow, key) DO UPDATE SET
                   fingerprint = ?4, status = iif(status = ?7, status, ?5), attempts = attempts + 1, run = ?6,
                   content = ifnull(?8, content), moved_at = ?9,
                   code = iif(status = ?7, code, NULL), message = iif(status = ?7, message, NULL),
                   hint = iif(status = ?7, hint, NULL)",
                &[
                    id,
                    flow,
                    key,
                    &fingerprint.0,
                    &ItemStatus::Open.number(),
                    run_id,
                    // An item stays in doubt until a probe answers, even if the run is interrupted.
                    &ItemStatus::InDoubt.number(),
                    &content.map(|content| content.0),
                    &at.as_millisecond(),
                ],
            )
        }
        Write::Withdrawn { id } => run("UPDATE item SET sent = 0 WHERE id = ?", &[id]),
        Write::ItemEnded {
            id,
            status,
            failure,
            at,
        } => {
            let failure = failure.as_ref();
            run(
                "UPDATE item SET status = ?2, code = ?3, message = ?4, hint = ?5,
                   moved_at = iif(status = ?2 AND message IS ?4, moved_at, ?6),
                   sent_at = iif(?7, ifnull(sent_at, ?6), sent_at)
                 WHERE id = ?1",
                &[
                    id,
                    &status.number(),
                    &failure.and_then(|failure| failure.code),
                    &failure.map(|failure| &failure.message),
                    &failure.map(|failure| &failure.hint),
                    &at.as_millisecond(),
                    &status.is_sent(),
                ],
            )
        }
        Write::Polled { id, at, signers } => write_poll(transaction, *id, *at, signers),
        Write::NoticesHandled { notices, at } => notices.iter().try_for_each(|notice| {
            run(
                "UPDATE notice SET handled = ?2 WHERE id = ?1",
                &[notice, &at.as_millisecond()],
            )
        }),
        Write::ItemForgotten { id } => {
            run("DELETE FROM step WHERE subject = ?", &[id])?;
            run("DELETE FROM item WHERE id = ?", &[id])
        }
        _ => Ok(()),
    }
}

fn write_poll(
    transaction: &Transaction<'_>,
    id: EntityId,
    at: Timestamp,
    signers: &[(String, SignState)],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "UPDATE step SET sign_status = ?3, sign_time = ?4
         WHERE subject = ?1 AND name = ?2 AND (sign_status IS NOT ?3 OR sign_time IS NOT ?4)",
    )?;
    let mut changed = 0;
    for (step, state) in signers {
        changed += statement.execute(params![id, step, state.status.number(), state.time])?;
    }
    let mut statement = transaction.prepare_cached(
        "UPDATE item SET looked_at = ?2, moved_at = iif(?3, ?2, moved_at) WHERE id = ?1",
    )?;
    let at = at.as_millisecond();
    statement.execute(params![id, at, changed > 0]).map(drop)
}

fn write_step(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| execute(transaction, sql, params);
    match write {
        Write::Deferred {
            subject,
            step,
            op,
            deferral,
        } => run(
            "INSERT INTO step (subject, name, operation, begun, deferral) VALUES (?1, ?2, ?3, 0, ?4)
             ON CONFLICT (subject, name) DO UPDATE SET deferral = ?4 WHERE receipt IS NULL",
            &[
                subject,
                step,
                &op.path(),
                &serde_json::to_string(deferral).unwrap_or_default(),
            ],
        ),
        Write::DeferralsDropped { subject } => {
            run(
                "DELETE FROM step WHERE subject = ? AND deferral IS NOT NULL AND receipt IS NULL AND NOT begun",
                &[subject],
            )?;
            // A request that may have been sent stays recorded; only its deferral is dropped.
            run(
                "UPDATE step SET deferral = NULL WHERE subject = ? AND receipt IS NULL",
                &[subject],
            )
        }
        Write::Intent {
            subject,
            step,
            op,
            legal,
        } => {
            if *legal {
                // Until the response is recorded, the item is neither waiting nor done.
                let (waiting, done) = (ItemStatus::Waiting, ItemStatus::Done);
                run(
                    "UPDATE item SET sent = 1, status = iif(status IN (?2, ?3), ?4, status)
                     WHERE id = ?1 AND (sent = 0 OR status IN (?2, ?3))",
                    &[
                        subject,
                        &waiting.number(),
                        &done.number(),
                        &ItemStatus::Open.number(),
                    ],
                )?;
            }
            run(
                "INSERT INTO step (subject, name, operation, legal) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (subject, name) DO UPDATE SET
                   begun = 1, legal = ?4, receipt = NULL, sign_status = NULL, sign_time = NULL",
                &[subject, step, &op.path(), legal],
            )
        }
        Write::Receipt {
            subject,
            step,
            op,
            receipt,
        } => run(
            "INSERT INTO step (subject, name, operation, receipt) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (subject, name) DO UPDATE SET receipt = ?4, begun = 1, deferral = NULL",
            &[subject, step, &op.path(), &receipt.to_string()],
        ),
        Write::Void { subject, step } => {
            run(
                "DELETE FROM step WHERE subject = ? AND name = ? AND receipt IS NULL AND deferral IS NULL",
                &[subject, step],
            )?;
            run(
                "UPDATE step SET begun = 0, legal = 0 WHERE subject = ? AND name = ? AND receipt IS NULL",
                &[subject, step],
            )?;
            run(
                // A reissued or deferred task belongs to a flow that was sent.
                "UPDATE item SET sent = EXISTS
                   (SELECT 1 FROM step WHERE subject = ?1 AND (legal OR name = ?2 AND deferral IS NOT NULL))
                 WHERE id = ?1",
                &[subject, step],
            )
        }
        _ => Ok(()),
    }
}

fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    transaction.prepare_cached(sql)?.execute(params).map(drop)
}

pub(super) fn resource(
    connection: &Connection,
    kind: ResourceKind,
    identity: &str,
) -> rusqlite::Result<Option<Resource>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, remote_id, fields, granted, deadline FROM thing WHERE kind = ? AND identity = ?",
    )?;
    let found = statement.query_row(params![kind.number(), identity], |row| {
        let granted: bool = row.get(3)?;
        let deadline = row.get(4)?;
        Ok(Resource {
            id: row.get(0)?,
            remote_id: row.get(1)?,
            fields: json(row, 2)?.unwrap_or_default(),
            grant: granted.then_some(RecordedGrant { deadline }),
        })
    });
    found.optional()
}

pub(super) fn items(
    connection: &Connection,
    flow: &str,
    each: &mut dyn FnMut(&str, RecordedItem),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT key, fingerprint, status, sent FROM item WHERE flow = (SELECT id FROM flow WHERE name = ?)",
    )?;
    let mut rows = statement.query([flow])?;
    while let Some(row) = rows.next()? {
        let item = RecordedItem {
            fingerprint: Fingerprint(row.get(1)?),
            status: status(row, 2)?,
            sent: row.get(3)?,
        };
        each(row.get_ref(0)?.as_str()?, item);
    }
    Ok(())
}

pub(super) fn flows(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM flow ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

pub(super) fn item(
    connection: &Connection,
    flow: &str,
    key: &str,
) -> rusqlite::Result<Option<ItemRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, fingerprint, status, sent, attempts, run, code, message, hint, content, sent_at, moved_at, looked_at
         FROM item WHERE flow = (SELECT id FROM flow WHERE name = ?) AND key = ?",
    )?;
    let found = statement.query_row([flow, key], |row| item_record(row, 0));
    found.optional()
}

/// Reads an item from the columns that begin at `from`: id, fingerprint, status, sent, attempts,
/// run, code, message, hint, content, `sent_at`, `moved_at`, `looked_at`.
pub(super) fn item_record(row: &Row<'_>, from: usize) -> rusqlite::Result<ItemRecord> {
    let message: Option<String> = row.get(from + 7)?;
    let hint: Option<String> = row.get(from + 8)?;
    let code = row.get(from + 6)?;
    let content: Option<[u8; 16]> = row.get(from + 9)?;
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
        sent_at: timestamp(row, from + 10)?,
        moved_at: timestamp(row, from + 11)?,
        polled_at: timestamp(row, from + 12)?,
    })
}

/// Reads a timestamp in milliseconds since 1970; none if it is out of range.
pub(super) fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let milliseconds: Option<i64> = row.get(column)?;
    Ok(milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok()))
}

/// Reads the state of a signer from two columns; none if the flow was never polled.
pub(super) fn sign_state(row: &Row<'_>, from: usize) -> rusqlite::Result<Option<SignState>> {
    let number: Option<i64> = row.get(from)?;
    let Some(number) = number else {
        return Ok(None);
    };
    Ok(Some(SignState {
        status: SignStatus::from_number(number)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(from, number))?,
        time: row.get(from + 1)?,
    }))
}

pub(super) fn steps(
    connection: &Connection,
    subject: EntityId,
) -> rusqlite::Result<Vec<(String, Step)>> {
    let mut statement = connection
        .prepare_cached("SELECT name, receipt, begun, deferral FROM step WHERE subject = ?")?;
    let rows = statement.query_map([subject], |row| {
        let deferral: Option<Deferral> = json(row, 3)?;
        let step = Step::from_columns(json(row, 1)?, deferral, row.get(2)?);
        Ok((row.get(0)?, step))
    })?;
    rows.collect()
}

pub(super) fn json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let Some(text) = text else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

/// Visits the items in progress, ordered by id, with flow and key.
pub(super) fn under_way(
    connection: &Connection,
    each: &mut dyn FnMut(EntityId, &str, &str),
) -> rusqlite::Result<()> {
    let is_under_way = schema::is_under_way("item.");
    let mut statement = connection.prepare_cached(&format!(
        "SELECT item.id, flow.name, item.key FROM item JOIN flow ON flow.id = item.flow
         WHERE {is_under_way} ORDER BY item.id"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(
            row.get(0)?,
            row.get_ref(1)?.as_str()?,
            row.get_ref(2)?.as_str()?,
        );
    }
    Ok(())
}

/// Returns the oldest unhandled callbacks.
pub(super) fn notices(connection: &Connection, most: u32) -> rusqlite::Result<Vec<Notice>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, (SELECT subject FROM step
           WHERE step.name = '{PROCESS}' AND json_extract(step.receipt, '{FLOW_ID}') = notice.flow_id)
         FROM notice WHERE handled IS NULL ORDER BY id LIMIT ?"
    ))?;
    let rows = statement.query_map([most], |row| {
        Ok(Notice {
            id: row.get(0)?,
            item: row.get(1)?,
        })
    })?;
    rows.collect()
}

/// Returns the id after all that are in use.
pub(super) fn next_subject(connection: &Connection) -> rusqlite::Result<EntityId> {
    let sql = "SELECT 1 + max((SELECT ifnull(max(id), 0) FROM item), (SELECT ifnull(max(id), 0) FROM thing))";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Returns whether a run has this name.
pub(super) fn has_run(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM run WHERE name = ?)",
        [name],
        |row| row.get(0),
    )
}

/// Returns the id after the last run's.
pub(super) fn next_run(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT 1 + ifnull(max(id), 0) FROM run", [], |row| {
        row.get(0)
    })
}

/// Reads the status of an item.
pub(super) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<ItemStatus> {
    let number = row.get(column)?;
    ItemStatus::from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}
