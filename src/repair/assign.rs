//! Whose the tasks of a flow are, and what the calls that made them would have answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::not_adopted::{NotAdopted, no};
use crate::address::AccountId;
use crate::api::operation::Op;
use crate::desired::SignerKind;
use crate::execute::{FlowState, FoundTask, SignerIdentity, signs_at_once};

/// Who a declared signer is; none where his account does not exist yet.
pub(crate) fn who(kind: &SignerKind, ids: &BTreeMap<String, AccountId>) -> Option<SignerIdentity> {
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

pub(crate) type Found<'t> = Vec<(String, Op, SignerIdentity, &'t FoundTask)>;

/// Gives each signer one task of the flow; who has none is left, and so are the accounts of tasks that are nobody's.
pub(crate) fn assigned<'t>(
    signers: &[(String, Op, Option<SignerIdentity>)],
    state: &'t FlowState,
) -> Result<(Found<'t>, Vec<String>, Vec<AccountId>), NotAdopted> {
    let known: Vec<&SignerIdentity> = signers
        .iter()
        .filter_map(|(.., who)| who.as_ref())
        .collect();
    let explains = |who: &&SignerIdentity, task: &FoundTask| {
        who.account.as_ref() == Some(&task.account) || task.is_in_the_name_of(who)
    };
    let is_of = |task: &FoundTask, who: &SignerIdentity| match who.account {
        Some(_) => task.is_of(who),
        // The platform's account is not known: it is nobody else's.
        None => !known.iter().any(|who| explains(who, task)),
    };
    let mut free: Vec<&FoundTask> = state.tasks.iter().collect();
    let (mut found, mut left) = (Found::new(), Vec::new());
    for (step, op, who) in signers {
        let Some(who) = who else {
            left.push(step.clone());
            continue;
        };
        match free.iter().position(|task| is_of(task, who)) {
            Some(at) => found.push((step.clone(), *op, who.clone(), free.remove(at))),
            None => left.push(step.clone()),
        }
    }
    // What is listed under somebody who acts for it takes what is left.
    for (step, op, who) in signers {
        let (Some(who), Some(own)) = (who, left.iter().position(|name| name == step)) else {
            continue;
        };
        if let Some(at) = free.iter().position(|task| task.is_in_the_name_of(who)) {
            found.push((step.clone(), *op, who.clone(), free.remove(at)));
            left.remove(own);
        }
    }
    let whos = |step: &String| signers.iter().find(|(name, ..)| name == step)?.2.as_ref();
    for step in &left {
        let twin = found
            .iter()
            .find(|(.., who, _)| whos(step).is_some_and(|own| own.overlaps(who)));
        if let Some((twin, ..)) = twin {
            return Err(no(
                format!("{twin} and {step} are the same account, and the flow has one task less"),
                "which of them is there cannot be told; look at the flow on the service's own pages",
            ));
        }
    }
    let others = free.into_iter().map(|task| task.account.clone());
    Ok((found, left, others.collect()))
}

/// What the call that added a signer would have answered, but for a link that nobody knows.
pub(crate) fn sign_receipt(op: Op, flow_id: &str, who: &SignerIdentity, task: &FoundTask) -> Value {
    let mut receipt = Map::new();
    if signs_at_once(op) {
        receipt.insert("flowId".to_owned(), flow_id.into());
        receipt.insert("accountId".to_owned(), task.account.as_str().into());
    } else {
        receipt.insert("signUrl".to_owned(), "".into());
    }
    who.note(&mut receipt);
    Value::Object(receipt)
}
