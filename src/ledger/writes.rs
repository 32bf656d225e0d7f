//! The SQL statements that execute writes.

use jiff::Timestamp;

use super::database::{Batch, Result, params};
use super::record::{EntityId, SignState, Write};
use super::recorded::ItemStatus;
use super::version::EXISTING_ACCOUNTS;

/// Adds the statements of one write to a batch.
pub(super) fn write(batch: &mut Batch<'_>, write: &Write) -> Result<()> {
    match write {
        Write::RunBegun { run, at } => batch.run(
            "INSERT INTO run (id, name, begun) VALUES (?, ?, ?)",
            params![run.id, &run.name, at],
        ),
        Write::RunEnded { run, at, exit } => batch.run(
            "UPDATE run SET ended = ?2, exit = ?3 WHERE id = ?1",
            params![*run, at, *exit],
        ),
        Write::LedgerAccepted => Ok(()),
        Write::AccountsFound { count } => {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            batch.run(
                "INSERT INTO meta (name, value) VALUES (?1, 0) ON CONFLICT DO NOTHING",
                params![EXISTING_ACCOUNTS],
            )?;
            batch.run(
                "UPDATE meta SET value = CAST(value AS BIGINT) + CAST(?2 AS BIGINT) WHERE name = ?1",
                params![EXISTING_ACCOUNTS, count],
            )
        }
        Write::Resource {
            kind,
            identity,
            resource,
        } => {
            let fields = serde_json::to_string(&resource.fields).unwrap_or_default();
            let deadline = resource.grant.and_then(|grant| grant.deadline);
            batch.run(
                "INSERT INTO thing (id, kind, identity, remote_id, fields, granted, deadline)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (kind, identity) DO UPDATE SET
                   remote_id = ?4, fields = ?5, granted = ?6, deadline = ?7",
                params![
                    resource.id,
                    kind.number(),
                    identity,
                    resource.remote_id.as_deref(),
                    &fields,
                    resource.grant.is_some(),
                    deadline,
                ],
            )
        }
        Write::ResourceForgotten { kind, identity } => batch.run(
            "DELETE FROM thing WHERE kind = ? AND identity = ?",
            params![kind.number(), identity],
        ),
        Write::FlowRenamed { from, to } => {
            // A flow without items may be recorded under the new name.
            batch.run(
                "DELETE FROM flow WHERE name = ? AND NOT EXISTS (SELECT 1 FROM item WHERE item.flow = flow.id)",
                params![to],
            )?;
            batch.run(
                "UPDATE flow SET name = ?2 WHERE name = ?1",
                params![from, to],
            )
        }
        Write::ItemBegun { .. }
        | Write::ItemEnded { .. }
        | Write::Polled { .. }
        | Write::NoticesHandled { .. }
        | Write::Withdrawn { .. }
        | Write::ItemForgotten { .. } => write_item(batch, write),
        Write::Deferred { .. }
        | Write::DeferralsDropped { .. }
        | Write::Intent { .. }
        | Write::Receipt { .. }
        | Write::Refused { .. }
        | Write::Void { .. } => write_step(batch, write),
    }
}

/// Creates a flow if it does not exist. Items refer to it.
pub(super) fn create_flow(batch: &mut Batch<'_>, name: &str) -> Result<()> {
    batch.run(
        "INSERT INTO flow (name) VALUES (?) ON CONFLICT DO NOTHING",
        params![name],
    )
}

fn write_item(batch: &mut Batch<'_>, write: &Write) -> Result<()> {
    match write {
        Write::ItemBegun {
            id,
            flow,
            key,
            fingerprint,
            content,
            cells,
            run,
            at,
            afresh,
        } => {
            if *afresh {
                forget_steps(batch, *id)?;
                batch.run(
                    "UPDATE item SET earlier = earlier + sent, sent = 0, sent_at = NULL, looked_at = NULL WHERE id = ?",
                    params![*id],
                )?;
            }
            batch.run(
                "INSERT INTO item (id, flow, key, fingerprint, status, attempts, run, content, moved_at, cells)
                 VALUES (?1, (SELECT id FROM flow WHERE name = ?2), ?3, ?4, ?5, 1, ?6, ?8, ?9, ?10)
                 ON CONFLICT (flow, key) DO UPDATE SET
                   fingerprint = ?4, status = CASE WHEN item.status = ?7 THEN item.status ELSE ?5 END,
                   attempts = item.attempts + 1, run = ?6, content = coalesce(?8, item.content), moved_at = ?9,
                   cells = coalesce(?10, item.cells),
                   code = CASE WHEN item.status = ?7 THEN item.code END,
                   message = CASE WHEN item.status = ?7 THEN item.message END,
                   hint = CASE WHEN item.status = ?7 THEN item.hint END",
                params![
                    *id,
                    flow,
                    key,
                    &fingerprint.0,
                    ItemStatus::Open.number(),
                    *run,
                    // An item stays in doubt until a probe answers, even if the run is interrupted.
                    ItemStatus::InDoubt.number(),
                    content.as_ref().map(|content| &content.0),
                    at.as_millisecond(),
                    cells.as_ref().map(|cells| &cells.0),
                ],
            )
        }
        Write::Withdrawn { id } => batch.run(
            "UPDATE item SET earlier = earlier + sent, sent = 0 WHERE id = ?",
            params![*id],
        ),
        Write::ItemEnded {
            id,
            status,
            failure,
            at,
        } => {
            if status.has_ended() {
                // No request is sent any more, so none may stay with its password.
                drop_deferrals(batch, *id)?;
            }
            let failure = failure.as_ref();
            batch.run(
                "UPDATE item SET status = ?2, code = ?3, message = ?4, hint = ?5,
                   moved_at = CASE WHEN status = ?2 AND message IS NOT DISTINCT FROM ?4 THEN moved_at ELSE ?6 END,
                   sent_at = CASE WHEN ?7 THEN coalesce(sent_at, ?6) ELSE sent_at END
                 WHERE id = ?1",
                params![
                    *id,
                    status.number(),
                    failure.and_then(|failure| failure.code),
                    failure.map(|failure| &failure.message),
                    failure.map(|failure| &failure.hint),
                    at.as_millisecond(),
                    status.is_sent(),
                ],
            )
        }
        Write::Polled { id, at, signers } => write_poll(batch, *id, *at, signers),
        Write::NoticesHandled { notices, at } => notices.iter().try_for_each(|notice| {
            batch.run(
                "UPDATE notice SET handled = ?2 WHERE id = ?1",
                params![*notice, at.as_millisecond()],
            )
        }),
        Write::ItemForgotten { id } => {
            forget_steps(batch, *id)?;
            batch.run("DELETE FROM item WHERE id = ?", params![*id])
        }
        _ => Ok(()),
    }
}

fn forget_steps(batch: &mut Batch<'_>, subject: EntityId) -> Result<()> {
    batch.run("DELETE FROM step WHERE subject = ?", params![subject])?;
    batch.run("DELETE FROM refused WHERE subject = ?", params![subject])
}

fn write_poll(
    batch: &mut Batch<'_>,
    id: EntityId,
    at: Timestamp,
    signers: &[(String, SignState)],
) -> Result<()> {
    let at = at.as_millisecond();
    for (step, state) in signers {
        let (status, time) = (state.status.number(), state.time.as_deref());
        batch.run(
            "UPDATE item SET moved_at = ?2 WHERE id = ?1 AND EXISTS
               (SELECT 1 FROM step WHERE subject = ?1 AND name = ?3
                  AND (sign_status IS DISTINCT FROM ?4 OR sign_time IS DISTINCT FROM ?5))",
            params![id, at, step, status, time],
        )?;
        batch.run(
            "UPDATE step SET sign_status = ?3, sign_time = ?4
             WHERE subject = ?1 AND name = ?2 AND (sign_status IS DISTINCT FROM ?3 OR sign_time IS DISTINCT FROM ?4)",
            params![id, step, status, time],
        )?;
    }
    batch.run(
        "UPDATE item SET looked_at = ?2 WHERE id = ?1",
        params![id, at],
    )
}

fn write_step(batch: &mut Batch<'_>, write: &Write) -> Result<()> {
    match write {
        Write::Deferred {
            subject,
            step,
            op,
            deferral,
        } => batch.run(
            "INSERT INTO step (subject, name, operation, begun, deferral) VALUES (?1, ?2, ?3, 0, ?4)
             ON CONFLICT (subject, name) DO UPDATE SET deferral = ?4 WHERE step.receipt IS NULL",
            params![*subject, step, op.path(), &deferral.to_column()],
        ),
        Write::DeferralsDropped { subject } => drop_deferrals(batch, *subject),
        Write::Intent {
            subject,
            step,
            op,
            legal,
        } => {
            if *legal {
                // Until the response is recorded, the item is neither waiting nor done.
                let (waiting, done) = (ItemStatus::Waiting, ItemStatus::Signed);
                batch.run(
                    "UPDATE item SET sent = 1, status = CASE WHEN status IN (?2, ?3) THEN ?4 ELSE status END
                     WHERE id = ?1 AND (sent = 0 OR status IN (?2, ?3))",
                    params![
                        *subject,
                        waiting.number(),
                        done.number(),
                        ItemStatus::Open.number(),
                    ],
                )?;
            }
            batch.run(
                "INSERT INTO step (subject, name, operation, legal) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (subject, name) DO UPDATE SET
                   begun = 1, legal = ?4, receipt = NULL, sign_status = NULL, sign_time = NULL",
                params![*subject, step, op.path(), *legal],
            )
        }
        Write::Receipt {
            subject,
            step,
            op,
            receipt,
        } => {
            batch.run(
                "INSERT INTO step (subject, name, operation, receipt) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (subject, name) DO UPDATE SET receipt = ?4, begun = 1, deferral = NULL",
                params![*subject, step, op.path(), &receipt.to_string()],
            )?;
            batch.run(
                "DELETE FROM refused WHERE subject = ? AND step = ?",
                params![*subject, step],
            )
        }
        Write::Refused { subject, step, op } => {
            batch.run(
                "INSERT INTO refused (subject, step, operation) VALUES (?1, ?2, ?3)
                 ON CONFLICT (subject, step) DO UPDATE SET operation = ?3",
                params![*subject, step, op.path()],
            )?;
            void(batch, *subject, step)
        }
        Write::Void { subject, step } => void(batch, *subject, step),
        _ => Ok(()),
    }
}

fn drop_deferrals(batch: &mut Batch<'_>, subject: EntityId) -> Result<()> {
    batch.run(
        "DELETE FROM step WHERE subject = ? AND deferral IS NOT NULL AND receipt IS NULL AND begun = 0",
        params![subject],
    )?;
    // A request that may have been sent stays recorded; only its deferral is dropped.
    batch.run(
        "UPDATE step SET deferral = NULL WHERE subject = ? AND receipt IS NULL",
        params![subject],
    )
}

fn void(batch: &mut Batch<'_>, subject: EntityId, step: &str) -> Result<()> {
    batch.run(
        "DELETE FROM step WHERE subject = ? AND name = ? AND receipt IS NULL AND deferral IS NULL",
        params![subject, step],
    )?;
    batch.run(
        "UPDATE step SET begun = 0, legal = 0 WHERE subject = ? AND name = ? AND receipt IS NULL",
        params![subject, step],
    )?;
    // A reissued or deferred task belongs to a flow that was sent.
    batch.run(
        "UPDATE item SET sent = CASE WHEN EXISTS
           (SELECT 1 FROM step WHERE subject = ?1 AND (legal = 1 OR name = ?2 AND deferral IS NOT NULL))
           THEN 1 ELSE 0 END
         WHERE id = ?1",
        params![subject, step],
    )
}
