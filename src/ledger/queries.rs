//! The SQL queries for read access to all records.

use std::ops::ControlFlow;

use super::database::{Connection, Error, Result, Row, params};
use super::known::{
    ItemWithSteps, KnownItem, KnownResource, KnownRun, KnownStep, Pending, RawStep, Records,
};
use super::receipt::{ACCOUNT_ID, FLOW_ID, SIGN_URL};
use super::record::{Deferral, EntityId, Resource, ResourceKind, RunRecord, Step};
use super::recorded::{ItemStatus, RecordedGrant};
use super::recorded_field::DECLARED;
use super::step_name::{PROCESS, SIGNER};
use super::{LedgerError, Store, reads, schema, step_name};
use crate::api::SignStatus;

impl Records for Store {
    fn each_resource(
        &self,
        each: &mut dyn FnMut(KnownResource) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RESOURCE} ORDER BY kind, identity");
            connection.visit(&sql, &[], |row| Ok(each(resource(row)?)))
        })
    }

    fn declared_resources(&self) -> Result<Vec<KnownResource>, LedgerError> {
        self.reading(|connection| {
            // The accounts of rows are many: only others are decoded.
            let sql = format!(
                "{RESOURCE} WHERE kind = ? OR granted = 1 OR fields LIKE ? ORDER BY kind, identity"
            );
            let mark = format!("%\"{DECLARED}\"%");
            connection.query(&sql, params![ResourceKind::Seal.number(), &mark], resource)
        })
    }

    fn each_item(
        &self,
        each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| visit_items(connection, &item_sql("NULL"), each))
    }

    fn each_item_with_flow_id(
        &self,
        each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| visit_items(connection, &item_sql(&flow_id_sql()), each))
    }

    fn items_after(
        &self,
        run: Option<i64>,
        after: EntityId,
        most: u32,
    ) -> Result<Vec<KnownItem>, LedgerError> {
        self.reading(|connection| {
            let sql = format!(
                "{} WHERE item.id > ?1 AND item.run = coalesce(?2, item.run) ORDER BY item.id LIMIT ?3",
                item_sql(&flow_id_sql())
            );
            connection.query(&sql, params![after, run, most], item)
        })
    }

    fn item_by_id(&self, id: EntityId) -> Result<Option<KnownItem>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{} WHERE item.id = ?", item_sql(&flow_id_sql()));
            connection.query_optional(&sql, params![id], item)
        })
    }

    fn item_with_steps(&self, flow: &str, key: &str) -> Result<Option<ItemWithSteps>, LedgerError> {
        let recorded = self.recorded_name(flow);
        self.reading(|connection| {
            let Some(record) = reads::item(connection, &recorded, key)? else {
                return Ok(None);
            };
            let steps = raw_steps(connection, record.id)?;
            Ok(Some(ItemWithSteps { record, steps }))
        })
    }

    fn known_steps(&self, subject: EntityId) -> Result<Vec<KnownStep>, LedgerError> {
        self.reading(|connection| steps(connection, subject))
    }

    fn resource_by_id(&self, id: EntityId) -> Result<Option<KnownResource>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RESOURCE} WHERE id = ?");
            connection.query_optional(&sql, params![id], resource)
        })
    }

    fn run(&self, name: Option<&str>) -> Result<Option<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} WHERE name = coalesce(?, name) ORDER BY id DESC LIMIT 1");
            connection.query_optional(&sql, params![name], known_run)
        })
    }

    fn runs(&self, most: u32) -> Result<Vec<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} ORDER BY id DESC LIMIT ?");
            connection.query(&sql, params![most], known_run)
        })
    }

    fn working_run(&self) -> Result<Option<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} WHERE id = (SELECT max(run) FROM item)");
            connection.query_optional(&sql, &[], known_run)
        })
    }

    fn each_pending(
        &self,
        each: &mut dyn FnMut(Pending) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            connection.visit(&pending_sql(), &[], |row| Ok(each(pending(row)?)))
        })
    }

    fn other_signers(&self, flow: &str, known: &[&str]) -> Result<Vec<String>, LedgerError> {
        let names = self.reading(|connection| {
            let prefix_length = SIGNER.len();
            let sql = format!(
                "SELECT DISTINCT step.name FROM step JOIN item ON item.id = step.subject
                 WHERE substr(step.name, 1, {prefix_length}) = '{SIGNER}'
                   AND item.flow = (SELECT id FROM flow WHERE name = ?) ORDER BY 1"
            );
            connection.query(&sql, params![flow], |row| signer_name(row, 0))
        })?;
        let is_other = |name: &String| !known.contains(&name.as_str());
        Ok(names.into_iter().filter(is_other).collect())
    }

    fn has_worked_on(&self, flow: &str, run: i64) -> Result<bool, LedgerError> {
        self.reading(|connection| {
            let sql = "SELECT 1 FROM item WHERE flow = (SELECT id FROM flow WHERE name = ?) AND run = ? LIMIT 1";
            connection.exists(sql, params![flow, run])
        })
    }

    fn each_of_run(
        &self,
        flow: &str,
        run: i64,
        each: &mut dyn FnMut(EntityId),
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            // The plus sign keeps SQLite from using the index of keys: rows are read by id.
            let sql = "SELECT id FROM item WHERE +flow = (SELECT id FROM flow WHERE name = ?) AND run = ? ORDER BY id";
            connection.visit(sql, params![flow, run], |row| {
                each(row.get(0)?);
                Ok(ControlFlow::Continue(()))
            })
        })
    }
}

const RUN: &str = "SELECT id, name, begun, ended, exit FROM run";

fn known_run(row: &Row<'_>) -> Result<KnownRun> {
    Ok(KnownRun {
        record: RunRecord {
            id: row.get(0)?,
            name: row.get(1)?,
        },
        begun: row.get(2)?,
        ended: row.get(3)?,
        exit: row.get(4)?,
    })
}

/// Returns the SQL that selects signers with a signing page who were not seen to have signed.
fn pending_sql() -> String {
    let is_under_way = schema::is_under_way("item.");
    let waiting = ItemStatus::Waiting.number();
    let pending = SignStatus::Pending.number();
    let signing = SignStatus::Signing.number();
    let prefix_length = SIGNER.len();
    format!(
        "
SELECT flow.name, item.key, step.name, coalesce(json_extract(process.receipt, '{FLOW_ID}'), ''),
  coalesce(json_extract(step.receipt, '{ACCOUNT_ID}'), ''), json_extract(step.receipt, '{SIGN_URL}'),
  item.sent_at, item.status = {waiting} AND item.message IS NULL, item.id
FROM item JOIN flow ON flow.id = item.flow
  JOIN step ON step.subject = item.id AND substr(step.name, 1, {prefix_length}) = '{SIGNER}'
  LEFT JOIN step AS process ON process.subject = item.id AND process.name = '{PROCESS}'
WHERE {is_under_way}
  AND json_extract(step.receipt, '{SIGN_URL}') IS NOT NULL
  AND coalesce(step.sign_status, {pending}) IN ({pending}, {signing})
ORDER BY item.id, step.name"
    )
}

/// Reads the name of a signer from a column with the name of its step.
fn signer_name(row: &Row<'_>, column: usize) -> Result<String> {
    let step: String = row.get(column)?;
    Ok(step_name::signer_name(&step).unwrap_or(&step).to_owned())
}

fn pending(row: &Row<'_>) -> Result<Pending> {
    Ok(Pending {
        flow: row.get(0)?,
        key: row.get(1)?,
        signer: signer_name(row, 2)?,
        flow_id: row.get(3)?,
        account_id: row.get(4)?,
        sign_url: row.get(5)?,
        sent_at: reads::timestamp(row, 6)?,
        is_waiting: row.get(7)?,
        item: row.get(8)?,
    })
}

const RESOURCE: &str = "SELECT kind, identity, id, remote_id, fields, granted, deadline FROM thing";

fn resource(row: &Row<'_>) -> Result<KnownResource> {
    let kind: i64 = row.get(0)?;
    let kind = ResourceKind::from_number(kind).ok_or_else(|| Error::out_of_range(0, kind))?;
    let granted: bool = row.get(5)?;
    let deadline = row.get(6)?;
    Ok(KnownResource {
        kind,
        identity: row.get(1)?,
        resource: Resource {
            id: row.get(2)?,
            remote_id: row.get(3)?,
            fields: reads::json(row, 4)?.unwrap_or_default(),
            grant: granted.then_some(RecordedGrant { deadline }),
        },
    })
}

/// Returns the SQL expression for the id of an item's flow. Like [`Receipt`](super::Receipt), it
/// reads only texts: an import may contain anything, and in `SQLite` a number is less than any text.
fn flow_id_sql() -> String {
    format!(
        "(SELECT json_extract(step.receipt, '{FLOW_ID}') FROM step
          WHERE step.subject = item.id AND step.name = '{PROCESS}'
            AND json_extract(step.receipt, '{FLOW_ID}') > '')"
    )
}

/// Returns the SQL that selects items with the columns that [`item`] reads.
fn item_sql(flow_id: &str) -> String {
    let revocation = schema::begun_revocation();
    format!(
        "
SELECT flow.name, item.key, item.id, item.fingerprint, item.status, item.sent, item.attempts, item.run,
  item.code, item.message, item.hint, item.content, item.sent_at, item.moved_at, item.looked_at, item.cells, item.earlier,
  {revocation}, run.name, {flow_id}
FROM item JOIN flow ON flow.id = item.flow LEFT JOIN run ON run.id = item.run"
    )
}

fn visit_items(
    connection: &Connection,
    sql: &str,
    each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
) -> Result<()> {
    let sql = format!("{sql} ORDER BY flow.name, item.id");
    connection.visit(&sql, &[], |row| Ok(each(item(row)?)))
}

fn item(row: &Row<'_>) -> Result<KnownItem> {
    Ok(KnownItem {
        flow: row.get(0)?,
        key: row.get(1)?,
        record: reads::item_record(row, 2)?,
        run: row.get(18)?,
        flow_id: row.get(19)?,
    })
}

/// Returns the unparsed steps of an item, ordered by name.
fn raw_steps(connection: &Connection, subject: EntityId) -> Result<Vec<RawStep>> {
    let sql = "SELECT name, receipt, begun, deferral IS NOT NULL, sign_status, sign_time FROM step
               WHERE subject = ? ORDER BY name";
    connection.query(sql, params![subject], |row| {
        Ok(RawStep {
            name: row.get(0)?,
            receipt: row.get(1)?,
            begun: row.get(2)?,
            has_deferral: row.get(3)?,
            sign: reads::sign_state(row, 4)?,
        })
    })
}

/// Returns the steps of an item in the order of execution: deferred steps last, by their positions.
fn steps(connection: &Connection, subject: EntityId) -> Result<Vec<KnownStep>> {
    let sql = "SELECT name, operation, receipt, begun, deferral, sign_status, sign_time FROM step WHERE subject = ?
               ORDER BY deferral IS NOT NULL, CAST(json_extract(deferral, '$.order') AS BIGINT), name";
    connection.query(sql, params![subject], step)
}

fn step(row: &Row<'_>) -> Result<KnownStep> {
    let deferral: Option<Deferral> = reads::json(row, 4)?;
    let step = Step::from_columns(reads::json(row, 2)?, deferral, row.get(3)?);
    Ok(KnownStep {
        name: row.get(0)?,
        operation: row.get(1)?,
        step,
        sign: reads::sign_state(row, 5)?,
    })
}
