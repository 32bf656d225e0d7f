//! The SQL statements that execute writes.

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::record::{EntityId, SignState, Write};
use super::recorded::ItemStatus;
use super::version::{self, EXISTING_ACCOUNTS};

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
        Write::LedgerAccepted => Ok(()),
        Write::AccountsFound { count } => {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let before = version::number(transaction, EXISTING_ACCOUNTS)?.unwrap_or(0);
            version::set(
                transaction,
                EXISTING_ACCOUNTS,
                &before.saturating_add(count),
            )
        }
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
        Write::FlowRenamed { from, to } => {
            // A flow without items may be recorded under the new name.
            run(
                "DELETE FROM flow WHERE name = ? AND NOT EXISTS (SELECT 1 FROM item WHERE item.flow = flow.id)",
                &[to],
            )?;
            run("UPDATE flow SET name = ?2 WHERE name = ?1", &[from, to])
        }
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
        | Write::Refused { .. }
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
            cells,
            run: run_id,
            at,
            afresh,
        } => {
            if *afresh {
                run("DELETE FROM step WHERE subject = ?", &[id])?;
                run("DELETE FROM refused WHERE subject = ?", &[id])?;
                run(
                    "UPDATE item SET earlier = earlier + sent, sent = 0, sent_at = NULL, looked_at = NULL WHERE id = ?",
                    &[id],
                )?;
            }
            run(
                "INSERT INTO item (id, flow, key, fingerprint, status, attempts, run, content, moved_at, cells)
                 VALUES (?1, (SELECT id FROM flow WHERE name = ?2), ?3, ?4, ?5, 1, ?6, ?8, ?9, ?10)
                 ON CONFLICT (flow, key) DO UPDATE SET
                   fingerprint = ?4, status = iif(status = ?7, status, ?5), attempts = attempts + 1, run = ?6,
                   content = ifnull(?8, content), moved_at = ?9, cells = ifnull(?10, cells),
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
                    &cells.map(|cells| cells.0),
                ],
            )
        }
        Write::Withdrawn { id } => run(
            "UPDATE item SET earlier = earlier + sent, sent = 0 WHERE id = ?",
            &[id],
        ),
        Write::ItemEnded {
            id,
            status,
            failure,
            at,
        } => {
            if status.has_ended() {
                // No request is sent any more, so none may stay with its password.
                drop_deferrals(transaction, *id)?;
            }
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
            run("DELETE FROM refused WHERE subject = ?", &[id])?;
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
                &deferral.to_column(),
            ],
        ),
        Write::DeferralsDropped { subject } => drop_deferrals(transaction, *subject),
        Write::Intent {
            subject,
            step,
            op,
            legal,
        } => {
            if *legal {
                // Until the response is recorded, the item is neither waiting nor done.
                let (waiting, done) = (ItemStatus::Waiting, ItemStatus::Signed);
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
        } => {
            run(
                "INSERT INTO step (subject, name, operation, receipt) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (subject, name) DO UPDATE SET receipt = ?4, begun = 1, deferral = NULL",
                &[subject, step, &op.path(), &receipt.to_string()],
            )?;
            run(
                "DELETE FROM refused WHERE subject = ? AND step = ?",
                &[subject, step],
            )
        }
        Write::Refused { subject, step, op } => {
            run(
                "INSERT OR REPLACE INTO refused (subject, step, operation) VALUES (?, ?, ?)",
                &[subject, step, &op.path()],
            )?;
            void(transaction, *subject, step)
        }
        Write::Void { subject, step } => void(transaction, *subject, step),
        _ => Ok(()),
    }
}

fn drop_deferrals(transaction: &Transaction<'_>, subject: EntityId) -> rusqlite::Result<()> {
    let run = |sql: &str| execute(transaction, sql, &[&subject]);
    run(
        "DELETE FROM step WHERE subject = ? AND deferral IS NOT NULL AND receipt IS NULL AND NOT begun",
    )?;
    // A request that may have been sent stays recorded; only its deferral is dropped.
    run("UPDATE step SET deferral = NULL WHERE subject = ? AND receipt IS NULL")
}

fn void(transaction: &Transaction<'_>, subject: EntityId, step: &str) -> rusqlite::Result<()> {
    let run = |sql: &str| execute(transaction, sql, &[&subject, &step]);
    run(
        "DELETE FROM step WHERE subject = ? AND name = ? AND receipt IS NULL AND deferral IS NULL",
    )?;
    run("UPDATE step SET begun = 0, legal = 0 WHERE subject = ? AND name = ? AND receipt IS NULL")?;
    // A reissued or deferred task belongs to a flow that was sent.
    run("UPDATE item SET sent = EXISTS
           (SELECT 1 FROM step WHERE subject = ?1 AND (legal OR name = ?2 AND deferral IS NOT NULL))
         WHERE id = ?1")
}

fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    transaction.prepare_cached(sql)?.execute(params).map(drop)
}
