//! Compares the world with the ledger: duplicate requests to signers, lost items, and items in
//! doubt.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use treaty::api::{FlowStatus, SignStatus};
use treaty::ledger::{ItemStatus, Ledger, Step};
use treaty::plan::{FlowPlan, ItemAction};
use treaty::sandbox::{Flow, Task};

use crate::support::rig::Rig;

/// The result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Redundant tasks, flows, seals and accounts.
    pub(crate) duplicates: u64,
    /// Missing items, signers and links.
    pub(crate) lost: u64,
    /// Items that the ledger records as in doubt.
    pub(crate) in_doubt: u64,
    /// Descriptions of the differences, for failed assertions.
    pub(crate) notes: Vec<String>,
}

/// The items that a flow should have after the last run.
pub(crate) struct Declared<'a> {
    /// The flow's name.
    pub(crate) flow: &'a str,
    /// The items' keys. The name of an item's first document contains its key.
    pub(crate) keys: Vec<String>,
    /// The signers' names.
    pub(crate) signers: &'a [&'a str],
}

/// Applies, syncs and signs until nothing changes. World and ledger must agree after each round
/// that leaves nothing to do, before the next signer signs.
pub(crate) async fn until_quiet(rig: &Rig, declared: &[Declared<'_>]) -> Comparison {
    const ROUNDS: usize = 200;
    for _ in 0..ROUNDS {
        // A plan or a sync may fail without a response; the next round retries it.
        let applied = rig.apply_while(std::future::pending()).await;
        let synced = rig.sync_tolerant().await;
        let (Some((plan, _)), Some(synced)) = (applied, synced) else {
            continue;
        };
        let found = audit(rig, declared);
        let work: u64 = plan.flows.iter().map(FlowPlan::work).sum();
        // An item that this sync could not poll is in doubt for this sync only.
        let again = synced.failed > 0 || synced.in_doubt + synced.interrupted > found.in_doubt;
        if again || !plan.resources.is_empty() || work > 0 {
            continue;
        }
        let doubts = plan.flows.iter();
        let shown: u64 = doubts.map(|flow| flow.counted(ItemAction::InDoubt)).sum();
        if found.duplicates + found.lost > 0 || (shown == found.in_doubt && rig.sign_all() == 0) {
            return found;
        }
    }
    panic!(
        "after {ROUNDS} rounds it is not quiet: {:?}",
        audit(rig, declared)
    );
}

impl Comparison {
    fn lost(&mut self, note: impl Into<String>) {
        self.lost += 1;
        self.notes.push(note.into());
    }
}

impl Comparison {
    /// Counts redundant seals and accounts.
    fn resources(&mut self, rig: &Rig) {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        rig.sandbox.with_world(|world| {
            let seals = world.seal_aliases();
            let seals = seals.map(|(account, alias)| format!("seal {alias} of {account}"));
            let accounts = world.third_ids().map(|id| format!("account {id}"));
            for name in seals.chain(accounts) {
                *counts.entry(name).or_default() += 1;
            }
        });
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
            self.duplicates += count - 1;
            self.notes.push(format!("{name}: made {count} times"));
        }
    }
}

/// The signer of a task or a receipt: account, organization, and whether both seals are used.
type Who = (String, Option<String>, bool);

fn signer_of_task(task: &Task) -> Who {
    let organization = task.organization.as_ref().map(|id| id.0.clone());
    // A signer without an organization always uses the own seal.
    let both = organization.is_some() && task.with_own_seal;
    (task.account.0.clone(), organization, both)
}

fn signer_of_receipt(receipt: &Value) -> Who {
    let text = |name: &str| receipt.get(name)?.as_str().map(str::to_owned);
    (
        text("accountId").unwrap_or_default(),
        text("authorizationOrgId"),
        receipt.get("both").is_some(),
    )
}

fn live(flow: &Flow) -> impl Iterator<Item = &Task> {
    flow.tasks
        .iter()
        .filter(|task| task.status != SignStatus::Withdrawn)
}

/// Compares all flows with all items. No run may be in progress.
pub(crate) fn audit(rig: &Rig, declared: &[Declared<'_>]) -> Comparison {
    let mut audit = Comparison::default();
    let flows: Vec<Flow> = rig
        .sandbox
        .with_world(|world| world.flows().cloned().collect());
    audit.resources(rig);
    let ledger = rig.ledger();
    let declared = declared
        .iter()
        .flat_map(|declared| declared.keys.iter().map(move |key| (declared, key)));
    for (declared, key) in declared {
        let own = flows.iter().filter(|flow| flow.docs[0].name.contains(key));
        let asked = own.filter(|flow| {
            flow.status != FlowStatus::Revoked && flow.live_tasks().next().is_some()
        });
        let asked: Vec<&Flow> = asked.collect();
        for flow in asked.iter().skip(1) {
            audit.duplicates += 1;
            audit.notes.push(format!("{key}: another flow {}", flow.id));
        }
        for flow in &asked {
            let mut counts: BTreeMap<Who, u64> = BTreeMap::new();
            for task in live(flow) {
                *counts.entry(signer_of_task(task)).or_default() += 1;
            }
            for (who, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
                audit.duplicates += count - 1;
                audit
                    .notes
                    .push(format!("{key}: {who:?} is asked {count} times"));
            }
        }
        let Some(record) = ledger.item(declared.flow, key).expect("a ledger") else {
            audit.lost(format!("{key}: the ledger does not know it"));
            continue;
        };
        if record.status == ItemStatus::InDoubt {
            audit.in_doubt += 1;
            let why = record.failure.map(|failure| failure.message);
            audit.notes.push(format!("{key} is in doubt: {why:?}"));
            continue;
        }
        let steps = ledger
            .steps(record.id)
            .expect("steps")
            .into_iter()
            .collect();
        match asked.first() {
            Some(flow) => item(
                &mut audit,
                key,
                flow,
                &steps,
                record.status,
                declared.signers,
            ),
            None => audit.lost(format!("{key}: nobody was asked; {record:?}")),
        }
    }
    audit
}

/// Compares an item that is not in doubt with its flow.
fn item(
    audit: &mut Comparison,
    key: &str,
    flow: &Flow,
    steps: &BTreeMap<String, Step>,
    status: ItemStatus,
    signers: &[&str],
) {
    match steps.get("process") {
        Some(Step::Receipt(receipt)) if receipt["flowId"] == flow.id.0 => {}
        other => audit.lost(format!(
            "{key}: {} is not in the ledger: {other:?}",
            flow.id
        )),
    }
    let tasks: Vec<&Task> = live(flow).collect();
    let mut explained = BTreeSet::new();
    let mut signed = BTreeSet::new();
    for name in signers {
        let step = format!("signers.{name}");
        let Some(Step::Receipt(receipt)) = steps.get(&step) else {
            continue;
        };
        let who = signer_of_receipt(receipt);
        let Some(task) = tasks.iter().find(|task| signer_of_task(task) == who) else {
            audit.lost(format!(
                "{key}: {name} is in the ledger and was never asked"
            ));
            continue;
        };
        explained.insert(who);
        if !task.is_pending() {
            // The detail cannot distinguish tasks of one person that may have the same
            // organization.
            let alike = |other: &&&Task| {
                let (one, two) = (signer_of_task(task), signer_of_task(other));
                one.0 == two.0 && (one.1 == two.1 || one.2 || two.2)
            };
            if !tasks.iter().filter(alike).any(|other| other.is_pending()) {
                signed.insert(step);
            }
        } else if !receipt["signUrl"]
            .as_str()
            .is_some_and(|url| url.contains(&task.token))
        {
            audit.lost(format!("{key}: the link of {name} is lost: {receipt}"));
        }
    }
    for task in &tasks {
        // In an ended flow, a task may be recorded as an intent only.
        let may_be = || steps.values().any(|step| matches!(step, Step::Intent(_)));
        let ended = !matches!(flow.status, FlowStatus::Signing | FlowStatus::Finished);
        let known = explained.contains(&signer_of_task(task)) || ended && may_be();
        if !known {
            audit.lost(format!(
                "{key}: the ledger does not know of {:?}",
                signer_of_task(task)
            ));
        }
    }
    if !matches!(flow.status, FlowStatus::Signing | FlowStatus::Finished) {
        return;
    }
    for name in signers {
        let turn = match steps.get(&format!("signers.{name}")) {
            Some(Step::Receipt(_)) => continue,
            Some(Step::Deferred(deferral)) => {
                deferral.after.iter().all(|step| signed.contains(step))
            }
            _ => true,
        };
        if turn {
            audit.lost(format!("{key}: {name} was not asked"));
        }
    }
    let archived = matches!(steps.get("archive"), Some(Step::Receipt(_)));
    if archived != (flow.status == FlowStatus::Finished)
        || archived != (status == ItemStatus::Archived)
    {
        audit.lost(format!(
            "{key}: {:?} in the world, {status:?} in the ledger",
            flow.status
        ));
    }
}
