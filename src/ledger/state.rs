//! All that is recorded, for those who look through it: things, items, steps and runs.
//!
//! Everything streams or comes in pages; nothing here asks for a whole ledger at once. Whoever is called back must not
//! ask the ledger again: it is being read.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::record::{
    Deferral, EntityId, ItemRecord, Resource, ResourceKind, RunRecord, SignState, Step,
};
use super::recorded::RecordedGrant;
use super::{Ledger, LedgerError, Sqlite, store};

/// A thing, and what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownResource {
    /// What it is.
    pub kind: ResourceKind,
    /// What it is known by.
    pub identity: String,
    /// The rest.
    pub thing: Resource,
}

/// An item, and what it is known by.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownItem {
    /// Its flow.
    pub flow: String,
    /// Its key.
    pub key: String,
    /// The rest.
    pub record: ItemRecord,
    /// The name of the run that worked on it last; none when it was taken over.
    pub run: Option<String>,
    /// What the step that was asked for has answered.
    pub answered: Option<String>,
}

/// A run, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRun {
    /// The run.
    pub record: RunRecord,
    /// When it began, in the API's form.
    pub begun: String,
    /// When it ended; none when it was cut off, or goes on.
    pub ended: Option<String>,
    /// Its exit code.
    pub exit: Option<i32>,
}

/// A signer who was asked and has not signed, in a flow that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The item's number.
    pub item: EntityId,
    /// The flow's name.
    pub flow: String,
    /// The item's key.
    pub key: String,
    /// The signer's name.
    pub signer: String,
    /// The flow's id.
    pub flow_id: String,
    /// The signer's account.
    pub account_id: String,
    /// Where he signs; empty when that is not known.
    pub sign_url: String,
    /// Whether its item waits for signatures, and has not failed and is not in doubt.
    pub is_waiting: bool,
    /// When all was done that could be done at first.
    pub sent_at: Option<Timestamp>,
}

/// A step, and the operation that it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownStep {
    /// Its name.
    pub name: String,
    /// The path of its operation.
    pub operation: String,
    /// How it stands.
    pub step: Step,
    /// How far its signer is, if it is a signer's and was asked for since.
    pub sign: Option<SignState>,
}

/// An item and its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemWithSteps {
    /// The item.
    pub record: ItemRecord,
    /// Its steps, by name.
    pub steps: Vec<WrittenStep>,
}

/// A step as it is written: for those who read millions, and can take what it says apart on other cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenStep {
    /// Its name.
    pub name: String,
    /// What its call answered, as JSON.
    pub receipt: Option<String>,
    /// Whether its call may have gone out.
    pub begun: bool,
    /// Whether it has waited for others to have signed.
    pub waits: bool,
    /// How far its signer is, if it is a signer's and was asked for since.
    pub sign: Option<SignState>,
}

/// What can be read through.
pub trait Records: Ledger {
    /// Every thing, by kind and by what it is known by.
    fn each_thing(
        &self,
        each: &mut dyn FnMut(KnownResource) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// Every item, by flow and in the order in which they were begun first, each with the text that a step has answered
    /// in a field of its answer.
    fn each_item(
        &self,
        answer: (&str, &str),
        each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// The next items after a number, of one run or of all.
    fn items_after(
        &self,
        run: Option<i64>,
        after: EntityId,
        most: u32,
    ) -> Result<Vec<KnownItem>, LedgerError>;

    /// An item by its number.
    fn item_numbered(&self, id: EntityId) -> Result<Option<KnownItem>, LedgerError>;

    /// Looks up an item and its steps by key. The steps are ordered by name.
    fn item_with_steps(&self, flow: &str, key: &str) -> Result<Option<ItemWithSteps>, LedgerError>;

    /// The steps of an item or a thing, with their operations.
    fn known_steps(&self, subject: EntityId) -> Result<Vec<KnownStep>, LedgerError>;

    /// A thing by its number.
    fn thing_numbered(&self, id: EntityId) -> Result<Option<KnownResource>, LedgerError>;

    /// The last run, or the one of a name.
    fn run(&self, name: Option<&str>) -> Result<Option<KnownRun>, LedgerError>;

    /// The last run that worked on an item.
    fn working_run(&self) -> Result<Option<KnownRun>, LedgerError>;

    /// Every signer who was asked and has not signed, of flows that are under way, in the order in which their items
    /// were begun first.
    fn each_pending(
        &self,
        each: &mut dyn FnMut(Pending) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// The names of the signers of a flow's items, beside those that are known.
    fn other_signers(&self, flow: &str, known: &[&str]) -> Result<Vec<String>, LedgerError>;

    /// Whether a run worked on an item of a flow, and no later one did.
    fn has_worked_on(&self, flow: &str, run: i64) -> Result<bool, LedgerError>;

    /// The items of a flow that a run worked on last, by number.
    fn each_of_run(
        &self,
        flow: &str,
        run: i64,
        each: &mut dyn FnMut(EntityId),
    ) -> Result<(), LedgerError>;
}

impl Records for Sqlite {
    fn each_thing(
        &self,
        each: &mut dyn FnMut(KnownResource) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            let sql = format!("{THING} ORDER BY kind, identity");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if each(thing(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn each_item(
        &self,
        (step, field): (&str, &str),
        each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            let sql = format!("{ITEM} ORDER BY flow.name, item.id");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query(params![step, format!("$.{field}")])?;
            while let Some(row) = rows.next()? {
                if each(item(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn items_after(
        &self,
        run: Option<i64>,
        after: EntityId,
        most: u32,
    ) -> Result<Vec<KnownItem>, LedgerError> {
        self.reading(|connection| {
            let sql = format!(
                "{ITEM} WHERE item.id > ?3 AND (?4 IS NULL OR item.run = ?4) ORDER BY item.id LIMIT ?5"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params!["", "$", after, run, most], item)?;
            rows.collect()
        })
    }

    fn item_numbered(&self, id: EntityId) -> Result<Option<KnownItem>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{ITEM} WHERE item.id = ?3");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row(params!["", "$", id], item).optional()
        })
    }

    fn item_with_steps(&self, flow: &str, key: &str) -> Result<Option<ItemWithSteps>, LedgerError> {
        self.reading(|connection| {
            let Some(record) = store::item(connection, flow, key)? else {
                return Ok(None);
            };
            let steps = written_steps(connection, record.id)?;
            Ok(Some(ItemWithSteps { record, steps }))
        })
    }

    fn known_steps(&self, subject: EntityId) -> Result<Vec<KnownStep>, LedgerError> {
        self.reading(|connection| steps(connection, subject))
    }

    fn thing_numbered(&self, id: EntityId) -> Result<Option<KnownResource>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{THING} WHERE id = ?");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row([id], thing).optional()
        })
    }

    fn run(&self, name: Option<&str>) -> Result<Option<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC");
            connection.query_row(&sql, [name], of_run).optional()
        })
    }

    fn working_run(&self) -> Result<Option<KnownRun>, LedgerError> {
        self.reading(|connection| {
            let sql = format!("{RUN} WHERE id = (SELECT max(run) FROM item)");
            connection.query_row(&sql, [], of_run).optional()
        })
    }

    fn each_pending(
        &self,
        each: &mut dyn FnMut(Pending) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reading(|connection| {
            let mut statement = connection.prepare(PENDING)?;
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
            // The steps once, in their order; an item is asked for only where a name is not known.
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT substr(step.name, 9) FROM step CROSS JOIN item ON item.id = step.subject
                 WHERE step.name >= 'signers.' AND step.name < 'signers/'
                   AND step.name NOT IN (SELECT 'signers.' || value FROM json_each(?2))
                   AND item.flow = (SELECT id FROM flow WHERE name = ?1) ORDER BY 1",
            )?;
            let known = serde_json::json!(known).to_string();
            let names = statement.query_map([flow, &known], |row| row.get(0))?;
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
            // In the order of the numbers, not by the index of keys.
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

fn of_run(row: &Row<'_>) -> rusqlite::Result<KnownRun> {
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

/// Who has a page to sign on, and was not seen to have signed: 0 waits, 1 is signing.
const PENDING: &str = "
SELECT flow.name, item.key, substr(step.name, 9), ifnull(json_extract(process.receipt, '$.flowId'), ''),
  ifnull(json_extract(step.receipt, '$.accountId'), ''), json_extract(step.receipt, '$.signUrl'),
  item.sent_at, item.status = 8 AND item.message IS NULL, item.id
FROM item JOIN flow ON flow.id = item.flow
  JOIN step ON step.subject = item.id AND step.name LIKE 'signers.%'
  LEFT JOIN step AS process ON process.subject = item.id AND process.name = 'process'
WHERE item.sent = 1 AND (item.status = 0 OR item.status = 2 OR item.status = 3 OR item.status = 8)
  AND json_extract(step.receipt, '$.signUrl') IS NOT NULL AND ifnull(step.sign_status, 0) IN (0, 1)
ORDER BY item.id, step.name";

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    Ok(Pending {
        flow: row.get(0)?,
        key: row.get(1)?,
        signer: row.get(2)?,
        flow_id: row.get(3)?,
        account_id: row.get(4)?,
        sign_url: row.get(5)?,
        sent_at: store::moment(row, 6)?,
        is_waiting: row.get(7)?,
        item: row.get(8)?,
    })
}

const THING: &str = "SELECT kind, identity, id, remote_id, fields, granted, deadline FROM thing";

fn thing(row: &Row<'_>) -> rusqlite::Result<KnownResource> {
    let kind: i64 = row.get(0)?;
    let kind =
        ResourceKind::numbered(kind).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, kind))?;
    let granted: bool = row.get(5)?;
    let deadline = row.get(6)?;
    Ok(KnownResource {
        kind,
        identity: row.get(1)?,
        thing: Resource {
            id: row.get(2)?,
            remote_id: row.get(3)?,
            fields: store::json(row, 4)?.unwrap_or_default(),
            grant: granted.then_some(RecordedGrant { deadline }),
        },
    })
}

/// `?1` and `?2` are the step and the path of the field whose text comes along.
const ITEM: &str = "
SELECT flow.name, item.key, item.id, item.fingerprint, item.status, item.sent, item.attempts, item.run,
  item.code, item.message, item.hint, item.content, item.sent_at, item.moved_at, item.looked_at, run.name,
  (SELECT json_extract(step.receipt, ?2) FROM step WHERE step.subject = item.id AND step.name = ?1)
FROM item JOIN flow ON flow.id = item.flow LEFT JOIN run ON run.id = item.run";

fn item(row: &Row<'_>) -> rusqlite::Result<KnownItem> {
    Ok(KnownItem {
        flow: row.get(0)?,
        key: row.get(1)?,
        record: store::item_record(row, 2)?,
        run: row.get(15)?,
        answered: row.get(16)?,
    })
}

/// The steps of an item as they are written, ordered by name.
fn written_steps(connection: &Connection, subject: EntityId) -> rusqlite::Result<Vec<WrittenStep>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, receipt, begun, deferral IS NOT NULL, sign_status, sign_time FROM step
         WHERE subject = ? ORDER BY name",
    )?;
    let steps = statement.query_map([subject], |row| {
        Ok(WrittenStep {
            name: row.get(0)?,
            receipt: row.get(1)?,
            begun: row.get(2)?,
            waits: row.get(3)?,
            sign: store::sign_state(row, 4)?,
        })
    })?;
    steps.collect()
}

/// The steps of an item in the order in which they are taken: what waits comes last, as it says itself.
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
    let step = match (store::json(row, 2)?, deferral, row.get(3)?) {
        (Some(receipt), _, _) => Step::Receipt(receipt),
        (None, Some(deferral), false) => Step::Deferred(deferral),
        (None, deferral, _) => Step::Intent(deferral),
    };
    Ok(KnownStep {
        name: row.get(0)?,
        operation: row.get(1)?,
        step,
        sign: store::sign_state(row, 5)?,
    })
}
