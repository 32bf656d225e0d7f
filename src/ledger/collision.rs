//! Ids that a response repeats although the ledger records them for something else.
//!
//! A service, or a cache in front of it, that mixes up responses gives the account, document, flow,
//! seal or signing link of one row to another. The check is part of the transaction that would
//! record the response.

use std::fmt;

use super::database::{Batch, Connection, Result, Row, StoredRow, params};
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

/// A query for collisions in a [`Batch`].
#[derive(Debug)]
pub(super) enum Check {
    /// Finds the resources of another identity with the id.
    Resource {
        kind: ResourceKind,
        identity: String,
        remote_id: String,
    },
    /// Finds the item of another step with the id.
    Receipt {
        /// The kind of the id, with the id unless it gives access.
        id: String,
    },
}

impl Check {
    /// Returns the collision that the rows of the query show.
    pub(super) fn read(&self, rows: &[StoredRow]) -> Result<Option<Collision>> {
        match self {
            Self::Resource {
                kind,
                identity,
                remote_id,
            } => {
                let identities = rows.iter().map(|row| row.row().get(0));
                let identities: Vec<String> = identities.collect::<Result<_>>()?;
                Ok(held_resource(*kind, identity, remote_id, &identities))
            }
            Self::Receipt { id } => match rows.first() {
                None => Ok(None),
                Some(row) => Ok(Some(Collision {
                    id: id.clone(),
                    holder: item(&row.row())?,
                })),
            },
        }
    }
}

/// Adds the queries for collisions of a write to a batch.
pub(super) fn check(batch: &mut Batch<'_>, write: &Write, checks: &mut Vec<Check>) -> Result<()> {
    match write {
        Write::Receipt {
            subject,
            step,
            receipt,
            ..
        } => check_receipt(batch, *subject, step, receipt, checks),
        Write::Resource {
            kind: kind @ (ResourceKind::Account | ResourceKind::Seal),
            identity,
            resource,
        } => {
            let Some(remote_id) = &resource.remote_id else {
                return Ok(());
            };
            checks.push(Check::Resource {
                kind: *kind,
                identity: identity.clone(),
                remote_id: remote_id.clone(),
            });
            batch.query(
                OTHER_IDENTITIES,
                params![remote_id, kind.number(), identity],
            )
        }
        _ => Ok(()),
    }
}

/// Selects the identities of other resources with an id. A pair that an older treaty recorded is
/// ignored: the response does not change it.
const OTHER_IDENTITIES: &str =
    "SELECT identity FROM thing WHERE remote_id = ?1 AND kind = ?2 AND identity <> ?3
  AND NOT EXISTS (SELECT 1 FROM thing WHERE kind = ?2 AND identity = ?3 AND remote_id = ?1)";

/// Returns the collision of the id of an account or a seal. Several templates may have one id.
pub(super) fn find_resource(
    connection: &Connection,
    kind: ResourceKind,
    identity: &str,
    remote_id: &str,
) -> Result<Option<Collision>> {
    if kind == ResourceKind::Template {
        return Ok(None);
    }
    let params = params![remote_id, kind.number(), identity];
    let identities: Vec<String> = connection.query(OTHER_IDENTITIES, params, |row| row.get(0))?;
    Ok(held_resource(kind, identity, remote_id, &identities))
}

/// Returns the collision with the other identities that are recorded for an id.
fn held_resource(
    kind: ResourceKind,
    identity: &str,
    remote_id: &str,
    others: &[String],
) -> Option<Collision> {
    // A seal of the same account was renamed at the service and in the manifest.
    let is_renamed = |other: &String| {
        kind == ResourceKind::Seal && seal_parts(other).0 == seal_parts(identity).0
    };
    if others.iter().all(is_renamed) {
        return None;
    }
    let holder = match kind {
        ResourceKind::Seal => t!("another seal"),
        ResourceKind::Account | ResourceKind::Template => t!("another thirdId"),
    };
    Some(Collision {
        id: t!("the %{kind} %{id}", kind = t!(kind.word()), id = remote_id).into_owned(),
        holder: holder.into_owned(),
    })
}

/// Selects the flow and the key of the item whose step matches a condition. Another step is of a
/// resource.
fn holder_sql(condition: &str) -> String {
    format!(
        "SELECT flow.name, item.key FROM step LEFT JOIN item ON item.id = step.subject
           LEFT JOIN flow ON flow.id = item.flow WHERE {condition} LIMIT 1"
    )
}

fn check_receipt(
    batch: &mut Batch<'_>,
    subject: EntityId,
    step: &str,
    receipt: &serde_json::Value,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let text = |path: &str| {
        receipt
            .get(&path[2..])?
            .as_str()
            .filter(|id| !id.is_empty())
    };
    if let Some(id) = text(DOC_ID) {
        checks.push(Check::Receipt {
            id: format!("the document {id}"),
        });
        let value = format!("json_extract(step.receipt, '{DOC_ID}')");
        let condition =
            format!("{value} = ?1 AND {value} > '' AND NOT (step.subject = ?2 AND step.name = ?3)");
        batch.query(&holder_sql(&condition), params![id, subject, step])?;
    }
    if let Some(id) = text(FLOW_ID).filter(|_| step == PROCESS) {
        checks.push(Check::Receipt {
            id: format!("the flow {id}"),
        });
        let value = format!("json_extract(step.receipt, '{FLOW_ID}')");
        let condition = format!("step.name = '{PROCESS}' AND {value} = ?1 AND step.subject <> ?2");
        batch.query(&holder_sql(&condition), params![id, subject])?;
    }
    for path in [SIGN_URL, SIGN_SHORT_URL] {
        let Some(link) = text(path) else { continue };
        checks.push(Check::Receipt {
            id: t!("a signing link").into_owned(),
        });
        let value = format!("json_extract(step.receipt, '{path}')");
        // A person with two tasks in one flow may have one link.
        let condition = format!(
            "{value} = ?1 AND {value} > '' AND NOT (step.subject = ?2 AND
               (step.name = ?3 OR json_extract(step.receipt, '{ACCOUNT_ID}') IS NOT DISTINCT FROM ?4))"
        );
        let params = params![link, subject, step, text(ACCOUNT_ID)];
        batch.query(&holder_sql(&condition), params)?;
    }
    Ok(())
}

/// Returns the address of an item from the columns with its flow and key.
fn item(row: &Row<'_>) -> Result<String> {
    let (flow, key): (Option<&str>, Option<&str>) = (row.get(0)?, row.get(1)?);
    Ok(match (flow, key) {
        (Some(flow), Some(key)) => Address::item(flow, key).to_string(),
        _ => t!("another item").into_owned(),
    })
}

/// Describes the ids that a ledger records more than once: an older treaty did not check them.
pub(super) fn describe_duplicates(connection: &Connection) -> Result<Vec<String>> {
    let count = |table: &str, value: &str, owner: &str, condition: &str| {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition}
               GROUP BY {value} HAVING count(DISTINCT {owner}) > 1) AS repeated"
        );
        connection.query_one(&sql, &[], |row| row.get::<i64>(0))
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
