//! Ids that a response repeats although the ledger records them for something else.
//!
//! A service, or a cache in front of it, that mixes up responses gives the account, document, flow,
//! seal or signing link of one row to another. The check is part of the transaction that would
//! record the response.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, ToSql};

use super::receipt::{ACCOUNT_ID, DOC_ID, FLOW_ID, SIGN_SHORT_URL, SIGN_URL};
use super::record::{EntityId, ResourceKind, Write};
use super::seal::seal_parts;
use super::step_name::PROCESS;
use crate::address::Address;

/// An id in a response that the ledger has recorded for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The kind of the id, with the id unless it gives access.
    id: String,
    /// The item or resource for which it is recorded.
    holder: String,
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, holder } = self;
        let text = t!(
            "the response has %{id}, which is recorded for %{holder}",
            id = id,
            holder = holder
        );
        f.write_str(&text)
    }
}

/// Returns the SQL of the indexes by which collisions are found.
///
/// They are not unique: a ledger of an older treaty may record an id twice.
pub(super) fn indexes() -> String {
    let on_step = |name: &str, path: &str| {
        let value = format!("json_extract(receipt, '{path}')");
        format!("CREATE INDEX {name} ON step ({value}) WHERE {value} > '';\n")
    };
    [
        on_step("doc_id", DOC_ID),
        on_step("sign_url", SIGN_URL),
        on_step("sign_short_url", SIGN_SHORT_URL),
        "CREATE INDEX remote_id ON thing (remote_id) WHERE remote_id IS NOT NULL;\n".to_owned(),
    ]
    .concat()
}

/// Returns the first collision of a write.
pub(super) fn find(connection: &Connection, write: &Write) -> rusqlite::Result<Option<Collision>> {
    match write {
        Write::Receipt {
            subject,
            step,
            receipt,
            ..
        } => find_receipt(connection, *subject, step, receipt),
        Write::Resource {
            kind,
            identity,
            resource,
        } => match &resource.remote_id {
            Some(remote_id) => find_resource(connection, *kind, identity, remote_id),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Returns the collision of the id of an account or a seal. Several templates may have one id.
pub(super) fn find_resource(
    connection: &Connection,
    kind: ResourceKind,
    identity: &str,
    remote_id: &str,
) -> rusqlite::Result<Option<Collision>> {
    let holder = match kind {
        ResourceKind::Account => t!("another thirdId"),
        ResourceKind::Seal => t!("another seal"),
        ResourceKind::Template => return Ok(None),
    };
    // A pair that an older treaty recorded is ignored: the response does not change it.
    let sql = "SELECT identity FROM thing WHERE remote_id = ?1 AND kind = ?2 AND identity <> ?3
                 AND NOT EXISTS (SELECT 1 FROM thing WHERE kind = ?2 AND identity = ?3 AND remote_id = ?1)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut holders = statement.query((remote_id, kind.number(), identity))?;
    let mut is_taken = false;
    while let Some(row) = holders.next()? {
        let other: String = row.get(0)?;
        // A seal of the same account was renamed at the service and in the manifest.
        let is_renamed =
            kind == ResourceKind::Seal && seal_parts(&other).0 == seal_parts(identity).0;
        is_taken |= !is_renamed;
    }
    Ok(is_taken.then(|| Collision {
        id: t!("the %{kind} %{id}", kind = t!(kind.word()), id = remote_id).into_owned(),
        holder: holder.into_owned(),
    }))
}

fn find_receipt(
    connection: &Connection,
    subject: EntityId,
    step: &str,
    receipt: &serde_json::Value,
) -> rusqlite::Result<Option<Collision>> {
    let text = |path: &str| {
        receipt
            .get(&path[2..])?
            .as_str()
            .filter(|id| !id.is_empty())
    };
    let holder = |condition: &str, params: &[&dyn ToSql]| {
        let sql = format!("SELECT subject FROM step WHERE {condition} LIMIT 1");
        let mut statement = connection.prepare_cached(&sql)?;
        let found: Option<EntityId> = statement.query_row(params, |row| row.get(0)).optional()?;
        found.map(|found| item(connection, found)).transpose()
    };
    let found = |id: String, holder: Option<String>| holder.map(|holder| Collision { id, holder });
    if let Some(id) = text(DOC_ID) {
        let value = format!("json_extract(receipt, '{DOC_ID}')");
        let condition =
            format!("{value} = ?1 AND {value} > '' AND NOT (subject = ?2 AND name = ?3)");
        let holder = holder(&condition, &[&id, &subject, &step])?;
        if holder.is_some() {
            return Ok(found(format!("the document {id}"), holder));
        }
    }
    if let Some(id) = text(FLOW_ID).filter(|_| step == PROCESS) {
        let value = format!("json_extract(receipt, '{FLOW_ID}')");
        let condition = format!("name = '{PROCESS}' AND {value} = ?1 AND subject <> ?2");
        let holder = holder(&condition, &[&id, &subject])?;
        if holder.is_some() {
            return Ok(found(format!("the flow {id}"), holder));
        }
    }
    for path in [SIGN_URL, SIGN_SHORT_URL] {
        let Some(link) = text(path) else { continue };
        let value = format!("json_extract(receipt, '{path}')");
        // A person with two tasks in one flow may have one link.
        let condition = format!(
            "{value} = ?1 AND {value} > ''
             AND NOT (subject = ?2 AND (name = ?3 OR json_extract(receipt, '{ACCOUNT_ID}') IS ?4))"
        );
        let holder = holder(&condition, &[&link, &subject, &step, &text(ACCOUNT_ID)])?;
        if holder.is_some() {
            return Ok(found(t!("a signing link").into_owned(), holder));
        }
    }
    Ok(None)
}

/// Returns the address of an item.
fn item(connection: &Connection, id: EntityId) -> rusqlite::Result<String> {
    let sql =
        "SELECT flow.name, item.key FROM item JOIN flow ON flow.id = item.flow WHERE item.id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([id], |row| {
        let (flow, key): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(Address::item(&flow, &key).to_string())
    });
    Ok(found
        .optional()?
        .unwrap_or_else(|| t!("another item").into_owned()))
}

/// Describes the ids that a ledger records more than once: an older treaty did not check them.
pub(super) fn describe_duplicates(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let count = |table: &str, value: &str, owner: &str, condition: &str| {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition}
               GROUP BY {value} HAVING count(DISTINCT {owner}) > 1)"
        );
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
    };
    let of_steps = |path: &str, condition: &str| {
        let value = format!("json_extract(receipt, '{path}')");
        count(
            "step",
            &value,
            "subject",
            &format!("{value} > ''{condition}"),
        )
    };
    let of_resources = |kind: ResourceKind| {
        let condition = format!("kind = {} AND remote_id IS NOT NULL", kind.number());
        count("thing", "remote_id", "identity", &condition)
    };
    let counts = [
        ("accounts", of_resources(ResourceKind::Account)?),
        ("seals", of_resources(ResourceKind::Seal)?),
        ("documents", of_steps(DOC_ID, "")?),
        (
            "flows",
            of_steps(FLOW_ID, &format!(" AND name = '{PROCESS}'"))?,
        ),
        ("signing links", of_steps(SIGN_URL, "")?),
    ];
    let duplicates = counts.into_iter().filter(|(_, count)| *count > 0);
    Ok(duplicates
        .map(|(name, count)| format!("{name}: {count}"))
        .collect())
}
