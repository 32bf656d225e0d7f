//! Assigns the tasks of a flow to the declared signers, and reconstructs their receipts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::adopt_error::{AdoptError, rejected};
use crate::address::{AccountId, FlowId};
use crate::api::operation::Op;
use crate::desired::SignerKind;
use crate::execute::{FlowState, FoundTask, SignerIdentity, signs_at_once};
use crate::ledger::Receipt;

/// The identity of a declared signer; `None` if one of its accounts does not exist yet.
pub(crate) fn identity_of_kind(
    kind: &SignerKind,
    ids: &BTreeMap<String, AccountId>,
) -> Option<SignerIdentity> {
    let (account, organization) = kind.accounts();
    let id = |name: Option<&String>| match name {
        Some(name) => ids.get(name).cloned().map(Some),
        None => Some(None),
    };
    Some(SignerIdentity {
        account: id(account)?,
        organization: id(organization)?,
        both: matches!(kind, SignerKind::PersonAndOrganization { .. }),
    })
}

/// Signers with their step, operation, identity and task.
pub(crate) type AssignedTasks<'t> = Vec<(String, Op, SignerIdentity, &'t FoundTask)>;

/// Assigns one task of the flow to each signer.
///
/// Returns the assigned tasks, the steps of signers without a task, and the accounts of tasks
/// without a signer.
///
/// # Errors
///
/// Returns an error when two signers have the same account and one task is missing.
pub(crate) fn assign_tasks<'t>(
    signers: &[(String, Op, Option<SignerIdentity>)],
    state: &'t FlowState,
) -> Result<(AssignedTasks<'t>, Vec<String>, Vec<AccountId>), AdoptError> {
    let identities: Vec<&SignerIdentity> = signers
        .iter()
        .filter_map(|(.., identity)| identity.as_ref())
        .collect();
    let explains = |identity: &&SignerIdentity, task: &FoundTask| {
        identity.account.as_ref() == Some(&task.account) || task.is_in_the_name_of(identity)
    };
    let is_of = |task: &FoundTask, identity: &SignerIdentity| match identity.account {
        Some(_) => task.is_of(identity),
        // The platform's account id is unknown: its task is one that fits no other signer.
        None => !identities.iter().any(|identity| explains(identity, task)),
    };
    let mut free: Vec<&FoundTask> = state.tasks.iter().collect();
    let (mut assigned, mut left) = (AssignedTasks::new(), Vec::new());
    for (step, op, identity) in signers {
        let Some(identity) = identity else {
            left.push(step.clone());
            continue;
        };
        match free.iter().position(|task| is_of(task, identity)) {
            Some(at) => assigned.push((step.clone(), *op, identity.clone(), free.remove(at))),
            None => left.push(step.clone()),
        }
    }
    // A signer may be listed under another account that acts for it: match those last.
    for (step, op, identity) in signers {
        let (Some(identity), Some(own)) = (identity, left.iter().position(|name| name == step))
        else {
            continue;
        };
        if let Some(at) = free
            .iter()
            .position(|task| task.is_in_the_name_of(identity))
        {
            assigned.push((step.clone(), *op, identity.clone(), free.remove(at)));
            left.remove(own);
        }
    }
    let identity_of = |step: &String| signers.iter().find(|(name, ..)| name == step)?.2.as_ref();
    for step in &left {
        let twin = assigned
            .iter()
            .find(|(.., identity, _)| identity_of(step).is_some_and(|own| own.overlaps(identity)));
        if let Some((twin, ..)) = twin {
            return Err(rejected(
                format!(
                    "{twin} and {step} have the same account, and the flow lacks a task for one of them"
                ),
                "the missing one cannot be identified; check the flow on the service's own pages",
            ));
        }
    }
    let others = free.into_iter().map(|task| task.account.clone());
    Ok((assigned, left, others.collect()))
}

/// Reconstructs the receipt of the call that added a signer. The signing link is unknown and empty.
pub(crate) fn signer_receipt(
    op: Op,
    flow_id: &FlowId,
    identity: &SignerIdentity,
    task: &FoundTask,
) -> Value {
    let identity = identity.receipt();
    let receipt = if signs_at_once(op) {
        Receipt {
            flow_id: Some(flow_id.clone()),
            account_id: identity.account_id.or_else(|| Some(task.account.clone())),
            ..identity
        }
    } else {
        Receipt {
            sign_url: Some(String::new()),
            ..identity
        }
    };
    receipt.to_json()
}
