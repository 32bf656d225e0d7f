//! The SQL queries for read access to all records.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::known::{
    ItemWithSteps, KnownItem, KnownResource, KnownRun, KnownStep, Pending, RawStep, Records,
};
use super::receipt::{ACCOUNT_ID, FLOW_ID, SIGN_URL};
use super::record::{Deferral, EntityId, Resource, ResourceKind, RunRecord, Step};
use super::recorded::{ItemStatus, RecordedGrant};
use super::recorded_field::DECLARED;
use super::step_name::{PROCESS, SIGNER};
use super::{LedgerError, Sqlite, schema, step_name, store};
use crate::api::SignStatus;

impl Records for Sqlite {
    fn each_resource(
        &self,
        each: &mut dyn FnMut(KnownResource) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RESOURCE} ORDER BY kind, identity");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if each(resource(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn declared_resources(&self) -> Result<Vec<KnownResource>, LedgerError> {
        self.reading(|connection| {
            // The accounts of rows are many: only others are decoded.
            let sql = format!(
                "{RESOURCE} WHERE kind = ?1 OR granted OR instr(fields, ?2) > 0 ORDER BY kind, identity"
            );
            let mut statement = connection.prepare(&sql)?;
            let mark = format!("\"{DECLARED}\"");
            let rows = statement.query_map(params![ResourceKind::Seal.number(), mark], resource)?;
            rows.collect()
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
                "{} WHERE item.id > ?1 AND (?2 IS NULL OR item.run = ?2) ORDER BY item.id LIMIT ?3",
                item_sql(&flow_id_sql())
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![after, run, most], item)?;
            rows.collect()
        })
    }

    fn item_by_id(&self, id: EntityId) -> Result<Option<KnownItem>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{} WHERE item.id = ?", item_sql(&flow_id_sql()));
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row([id], item).optional()
        })
    }

    fn item_with_steps(&self, flow: &str, key: &str) -> Result<Option<ItemWithSteps>, LedgerError> {
        let recorded = self.recorded_name(flow);
        self.reading(|connection| {
            let Some(record) = store::item(connection, &recorded, key)? else {
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
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row([id], resource).optional()
        })
    }

    fn run(&self, name: Option<&str>) -> Result<Option<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC");
            connection.query_row(&sql, [name], known_run).optional()
        })
    }

    fn runs(&self, most: u32) -> Result<Vec<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} ORDER BY id DESC LIMIT ?");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([most], known_run)?.collect()
        })
    }

    fn working_run(&self) -> Result<Option<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} WHERE id = (SELECT max(run) FROM item)");
            connection.query_row(&sql, [], known_run).optional()
        })
    }

    fn each_pending(
        &self,
        each: &mut dyn FnMut(Pending) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            let mut statement = connection.prepare(&pending_sql())?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if each(pending(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn other_signers(&self, flow: &str, known: &[&str]) -> Result<Vec<String>, LedgerError> {
        self.reading(|connection| {
            // Scans the steps once; an item is read only for a name that is not known.
            let mut statement = connection.prepare_cached(&format!(
                "SELECT DISTINCT step.name FROM step CROSS JOIN item ON item.id = step.subject
                 WHERE step.name GLOB '{SIGNER}*'
                   AND step.name NOT IN (SELECT '{SIGNER}' || value FROM json_each(?2))
                   AND item.flow = (SELECT id FROM flow WHERE name = ?1) ORDER BY 1"
            ))?;
            let known = serde_json::json!(known).to_string();
            let names = statement.query_map([flow, &known], |row| signer_name(row, 0))?;
            names.collect()
        })
    }

    fn has_worked_on(&self, flow: &str, run: i64) -> Result<bool, LedgerError> {
        self.reading(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM item WHERE flow = (SELECT id FROM flow WHERE name = ?) AND run = ?)";
            connection.query_row(sql, params![flow, run], |row| row.get(0))
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
            let mut statement = connection.prepare_cached(
                "SELECT id FROM item WHERE +flow = (SELECT id FROM flow WHERE name = ?) AND run = ? ORDER BY id",
            )?;
            let mut rows = statement.query(params![flow, run])?;
            while let Some(row) = rows.next()? {
                each(row.get(0)?);
            }
            Ok(())
        })
    }
}

const RUN: &str = "SELECT id, name, begun, ended, exit FROM run";

fn known_run(row: &Row<'_>) -> rusqlite::Result<KnownRun> {
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
    format!(
        "
SELECT flow.name, item.key, step.name, ifnull(json_extract(process.receipt, '{FLOW_ID}'), ''),
  ifnull(json_extract(step.receipt, '{ACCOUNT_ID}'), ''), json_extract(step.receipt, '{SIGN_URL}'),
  item.sent_at, item.status = {waiting} AND item.message IS NULL, item.id
FROM item JOIN flow ON flow.id = item.flow
  JOIN step ON step.subject = item.id AND step.name GLOB '{SIGNER}*'
  LEFT JOIN step AS process ON process.subject = item.id AND process.name = '{PROCESS}'
WHERE {is_under_way}
  AND json_extract(step.receipt, '{SIGN_URL}') IS NOT NULL
  AND ifnull(step.sign_status, {pending}) IN ({pending}, {signing})
ORDER BY item.id, step.name"
    )
}

/// Reads the name of a signer from a column with the name of its step.
fn signer_name(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let step: String = row.get(column)?;
    Ok(step_name::signer_name(&step).unwrap_or(&step).to_owned())
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    Ok(Pending {
        flow: row.get(0)?,
        key: row.get(1)?,
        signer: signer_name(row, 2)?,
        flow_id: row.get(3)?,
        account_id: row.get(4)?,
        sign_url: row.get(5)?,
        sent_at: store::timestamp(row, 6)?,
        is_waiting: row.get(7)?,
        item: row.get(8)?,
    })
}

const RESOURCE: &str = "SELECT kind, identity, id, remote_id, fields, granted, deadline FROM thing";

fn resource(row: &Row<'_>) -> rusqlite::Result<KnownResource> {
    let kind: i64 = row.get(0)?;
    let kind =
        ResourceKind::from_number(kind).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, kind))?;
    let granted: bool = row.get(5)?;
    let deadline = row.get(6)?;
    Ok(KnownResource {
        kind,
        identity: row.get(1)?,
        resource: Resource {
            id: row.get(2)?,
            remote_id: row.get(3)?,
            fields: store::json(row, 4)?.unwrap_or_default(),
            grant: granted.then_some(RecordedGrant { deadline }),
        },
    })
}

/// Returns the SQL expression for the id of an item's flow. Like [`Receipt`](super::Receipt), it
/// reads only texts: an import may contain anything.
fn flow_id_sql() -> String {
    format!(
        "(SELECT json_extract(step.receipt, '{FLOW_ID}') FROM step
          WHERE step.subject = item.id AND step.name = '{PROCESS}'
            AND json_type(step.receipt, '{FLOW_ID}') = 'text')"
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
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("{sql} ORDER BY flow.name, item.id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if each(item(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

fn item(row: &Row<'_>) -> rusqlite::Result<KnownItem> {
    Ok(KnownItem {
        flow: row.get(0)?,
        key: row.get(1)?,
        record: store::item_record(row, 2)?,
        run: row.get(18)?,
        flow_id: row.get(19)?,
    })
}

/// Returns the unparsed steps of an item, ordered by name.
fn raw_steps(connection: &Connection, subject: EntityId) -> rusqlite::Result<Vec<RawStep>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, receipt, begun, deferral IS NOT NULL, sign_status, sign_time FROM step
         WHERE subject = ? ORDER BY name",
    )?;
    let steps = statement.query_map([subject], |row| {
        Ok(RawStep {
            name: row.get(0)?,
            receipt: row.get(1)?,
            begun: row.get(2)?,
            has_deferral: row.get(3)?,
            sign: store::sign_state(row, 4)?,
        })
    })?;
    steps.collect()
}

/// Returns the steps of an item in the order of execution: deferred steps last, by their positions.
fn steps(connection: &Connection, subject: EntityId) -> rusqlite::Result<Vec<KnownStep>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, operation, receipt, begun, deferral, sign_status, sign_time FROM step WHERE subject = ?
         ORDER BY deferral IS NOT NULL, json_extract(deferral, '$.order'), name",
    )?;
    let rows = statement.query_map([subject], step)?;
    rows.collect()
}

fn step(row: &Row<'_>) -> rusqlite::Result<KnownStep> {
    let deferral: Option<Deferral> = store::json(row, 4)?;
    let step = Step::from_columns(store::json(row, 2)?, deferral, row.get(3)?);
    Ok(KnownStep {
        name: row.get(0)?,
        operation: row.get(1)?,
        step,
        sign: store::sign_state(row, 5)?,
    })
}
