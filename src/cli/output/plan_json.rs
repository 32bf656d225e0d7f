//! Renders a plan as JSON. Its schema is `docs/schema/plan.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::plan_text::{not_sent, replaced_status};
use super::{env_values, existing_accounts, undeclared};
use crate::plan::saved::PlanHead;
use crate::plan::{
    Difference, FieldChange, FlowMove, FlowPlan, ItemAction, Plan, ResourceAction, SAMPLES,
    Undeclared,
};

/// The version of the format. It grows when a field is removed or gets another meaning.
const VERSION: u32 = 1;

/// A plan, as `plan --format json` and `show --format json` print it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PlanJson {
    /// The version of the format.
    version: u32,
    /// The version of treaty.
    treaty: String,
    /// The project.
    project: String,
    /// The environment.
    environment: String,
    /// The URL of the API, or `sandbox`.
    endpoint: String,
    /// The ledger that the plan was made from.
    ledger: LedgerJson,
    /// Whether applying the plan changes anything.
    changes: bool,
    /// The number of resources and items by action.
    counts: CountsJson,
    /// The people who are asked to sign.
    people: PeopleJson,
    /// The actions on accounts, seals and templates.
    resources: Vec<ResourceJson>,
    /// The flows that are recorded under another name from now on.
    moves: Vec<MoveJson>,
    /// The accounts, seals and flows that the ledger records and no manifest declares.
    undeclared: Vec<UndeclaredJson>,
    /// The flows.
    flows: Vec<FlowJson>,
    /// The existing accounts of rows that treaty did not create.
    row_accounts: Value,
    /// The number of requests by operation, without lookups.
    calls: BTreeMap<String, u64>,
    /// The number of all these requests.
    calls_total: u64,
    /// The time that the requests take at the configured rate, in seconds; null without a rate.
    seconds: Option<u64>,
}

/// The ledger of a plan.
#[derive(Debug, Serialize, JsonSchema)]
struct LedgerJson {
    /// Its file.
    file: String,
    /// Its id; null if there is no ledger yet, so that every row counts as never sent.
    id: Option<String>,
    /// Its serial.
    serial: i64,
}

/// Counts of resources and items.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CountsJson {
    /// To delete or revoke.
    delete: u64,
    /// To create or send.
    create: u64,
    /// To update.
    update: u64,
    /// To send again.
    reissue: u64,
    /// In doubt.
    in_doubt: u64,
    /// Blocked.
    blocked: u64,
    /// Unchanged.
    unchanged: u64,
    /// Unchanged contracts that a signer refused.
    rejected: u64,
    /// Unchanged contracts whose deadline passed.
    expired: u64,
    /// Contracts without a row that can still be signed.
    without_row: u64,
}

/// The people who are asked to sign.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PeopleJson {
    /// Different people.
    asked: u64,
    /// Whether it may be fewer: rows were counted before a later row conflicted with them.
    at_most: bool,
    /// Of these, the people who are asked again.
    again: u64,
    /// The signatures that are requested.
    signatures: u64,
    /// The number of people by notice.
    notices: BTreeMap<String, u64>,
    /// The people who get no notice.
    without_notice: u64,
}

/// The action on a resource.
#[derive(Debug, Serialize, JsonSchema)]
struct ResourceJson {
    /// The address.
    address: String,
    /// create, update, adopt, delete, none or blocked.
    action: &'static str,
    /// The fields that change.
    changes: Vec<FieldChange>,
    /// Why it is blocked.
    reason: Option<String>,
}

/// A renamed flow.
#[derive(Debug, Serialize, JsonSchema)]
struct MoveJson {
    /// The recorded address.
    from: String,
    /// The declared address.
    to: String,
    /// The number of its items.
    items: u64,
}

/// Something that the ledger records and no manifest declares.
#[derive(Debug, Serialize, JsonSchema)]
struct UndeclaredJson {
    /// The address.
    address: String,
    /// delete, or blocked if it stays.
    action: &'static str,
    /// The removal by apply, or the effect that stays in force.
    note: String,
    /// The action for an operator if it stays.
    hint: Option<String>,
}

/// The items of a flow.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FlowJson {
    /// The name of the flow.
    flow: String,
    /// The number of rows.
    rows: u64,
    /// Items to send.
    send: u64,
    /// Items to continue.
    resume: u64,
    /// Items to send again.
    reissue: u64,
    /// Unchanged items.
    unchanged: u64,
    /// Blocked items: the row differs from what was sent.
    changed: u64,
    /// Blocked items: the row is invalid.
    invalid: u64,
    /// Items to revoke, because their row was removed.
    revoke: u64,
    /// Blocked items: interrupted, and their row was removed.
    stranded: u64,
    /// Items in doubt.
    in_doubt: u64,
    /// Items whose `treaty revoke` was interrupted.
    revoke_interrupted: u64,
    /// Rows that are left out.
    skipped: u64,
    /// The number of items of each kind in `items`. Revoked and reissued ones are listed all.
    samples_of_each_kind: usize,
    /// Items by address.
    items: Vec<ItemJson>,
}

/// The action on an item.
#[derive(Debug, Serialize, JsonSchema)]
struct ItemJson {
    /// The address.
    address: String,
    /// The action: create, resume, reissue, none, keep, blocked, refuse, `in_doubt` or revoke.
    action: &'static str,
    /// The row; null without a row.
    row: Option<u64>,
    /// The status of the contract that is replaced.
    replaces: Option<&'static str>,
    /// The difference from the contract that was sent, if the row has changed.
    difference: Option<Difference>,
}

/// Renders a plan as JSON. Values of environment variables are masked.
pub(in crate::cli) fn json(plan: &Plan, head: &PlanHead, all: bool) -> Value {
    // The types have no maps with other keys than texts.
    let json = serde_json::to_value(document(plan, head, all)).unwrap_or_default();
    env_values::masked_json(json)
}

/// Returns the JSON Schema of the format.
pub(in crate::cli) fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<PlanJson>().into()
}

fn document(plan: &Plan, head: &PlanHead, all: bool) -> PlanJson {
    let calls = plan.calls();
    let (ended, without_row) = not_sent(plan);
    let ended = |word| ended.get(word).copied().unwrap_or(0);
    let people = &plan.people;
    let notices = people.notices.iter();
    PlanJson {
        version: VERSION,
        treaty: head.treaty.clone(),
        project: head.project.clone(),
        environment: head.environment.clone(),
        endpoint: head.endpoint.clone(),
        ledger: LedgerJson {
            file: head.ledger.clone(),
            id: head.ledger_id.clone(),
            serial: head.serial,
        },
        changes: !plan.is_empty(),
        counts: CountsJson {
            delete: plan.count('-'),
            create: plan.count('+'),
            update: plan.count('~'),
            reissue: plan.count('±'),
            in_doubt: plan.count('?'),
            blocked: plan.count('!'),
            unchanged: plan.count('='),
            rejected: ended("rejected"),
            expired: ended("expired"),
            without_row,
        },
        people: PeopleJson {
            asked: people.asked,
            at_most: people.at_most,
            again: people.again,
            signatures: people.signatures,
            notices: notices
                .map(|(name, count)| (name.to_string(), *count))
                .collect(),
            without_notice: people.without_notice,
        },
        resources: plan
            .resources
            .entries()
            .map(|entry| ResourceJson {
                address: entry.address.to_string(),
                action: entry.action.word(),
                changes: entry.changes.to_vec(),
                reason: entry.reason.map(str::to_owned),
            })
            .collect(),
        moves: plan.moves.iter().map(Into::into).collect(),
        undeclared: plan.undeclared.iter().map(Into::into).collect(),
        flows: plan
            .flows
            .iter()
            .map(|flow| self::flow(flow, all))
            .collect(),
        row_accounts: existing_accounts::json(&plan.row_accounts),
        calls: calls
            .iter()
            .map(|(op, count)| (op.path().to_owned(), count))
            .collect(),
        calls_total: calls.total(),
        seconds: head.seconds,
    }
}

fn flow(flow: &FlowPlan, all: bool) -> FlowJson {
    let counted = |action| flow.counted(action);
    let sum = |one, other| flow.counted(one) + flow.counted(other);
    let mut shown: BTreeMap<ItemAction, usize> = BTreeMap::new();
    let items = flow.samples.iter().filter(|sample| {
        let count = shown.entry(sample.action).or_default();
        *count += 1;
        all || sample.action.is_always_listed() || *count <= SAMPLES
    });
    FlowJson {
        flow: flow.flow.clone(),
        rows: flow.rows.len() as u64,
        send: counted(ItemAction::Create),
        resume: counted(ItemAction::Resume),
        reissue: sum(ItemAction::Reissue, ItemAction::Resend),
        unchanged: sum(ItemAction::Unchanged, ItemAction::Kept),
        changed: counted(ItemAction::Changed),
        invalid: counted(ItemAction::Invalid),
        revoke: counted(ItemAction::Revoke),
        stranded: counted(ItemAction::Orphaned),
        in_doubt: counted(ItemAction::InDoubt),
        revoke_interrupted: counted(ItemAction::RevokeInterrupted),
        skipped: sum(ItemAction::Skipped, ItemAction::Excluded),
        samples_of_each_kind: SAMPLES,
        items: items
            .map(|sample| ItemJson {
                address: sample.address.to_string(),
                action: sample.action.word(),
                row: sample.row,
                replaces: sample.replaced.map(replaced_status),
                difference: sample.difference.clone(),
            })
            .collect(),
    }
}

impl From<&FlowMove> for MoveJson {
    fn from(own: &FlowMove) -> Self {
        Self {
            from: format!("flows.{}", own.from),
            to: format!("flows.{}", own.to),
            items: own.items,
        }
    }
}

impl From<&Undeclared> for UndeclaredJson {
    fn from(own: &Undeclared) -> Self {
        let action = match own.prune {
            Some(_) => ResourceAction::Delete,
            None => ResourceAction::Blocked,
        };
        Self {
            address: own.address.to_string(),
            action: action.word(),
            note: own.note(),
            hint: undeclared::action(own),
        }
    }
}
