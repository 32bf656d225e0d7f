//! Resolves steps in doubt: records what an operator states about the outcome of a call.
//!
//! Checks the tasks of the flow at the service, so that a signer who was never added is not
//! recorded. Like [`Adopter`], it writes nothing: the writes are returned.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::adopt::{Adopter, Adoption};
use super::adopt_error::{AdoptError, rejected};
use super::assign::{assign_tasks, identity_of_kind, signer_receipt};
use crate::address::Address;
use crate::api::FlowStatus;
use crate::api::operation::Op;
use crate::desired::Item;
use crate::execute::{ItemJournal, SignerIdentity, ended_status, sent_flow, signer_identity};
use crate::ledger::step_name::{self, ARCHIVE, END};
use crate::ledger::{ItemStatus, KnownStep, Receipt, Step, Write};
use crate::manifest::ExistingAccounts;

impl Adopter<'_> {
    /// Resolves the steps in doubt of an item as done, after checking them against the flow.
    ///
    /// `id` is the flow's id as the operator states it. `item` is the row's item if there is one:
    /// it identifies signers whose step has no recorded request.
    pub async fn resolve(
        &self,
        address: &Address,
        subject: i64,
        steps: &[KnownStep],
        item: Option<&Item>,
        id: &str,
    ) -> Result<Adoption, AdoptError> {
        let journal = ItemJournal::new(subject, self.records.steps(subject)?);
        let Some(flow) = sent_flow(&journal) else {
            return Err(rejected(
                format!("no flow is recorded for {address}, so no signer was asked"),
                "apply again; or run treaty state adopt if the flow exists at the service",
            ));
        };
        if flow.id.as_str() != id {
            return Err(rejected(
                format!("{address} is recorded with the flow {}", flow.id),
                "pass the id of that flow",
            ));
        }
        let ids = match item {
            Some(item) => self.accounts(item, ExistingAccounts::default()).await?.0,
            None => BTreeMap::new(),
        };
        let signer_of = |step: &str| {
            let item = item?;
            let name = step_name::signer_name(step)?;
            let signer = item.signers.iter().find(|signer| signer.name == name)?;
            identity_of_kind(&signer.kind, &ids)
        };
        let mut adoption = Adoption::default();
        let mut signers = Vec::new();
        for step in steps.iter().filter(|step| step_name::is_signer(&step.name)) {
            let Some(op) = Op::at(&step.operation) else {
                continue;
            };
            let identity = match &step.step {
                Step::Receipt(receipt) => Some(SignerIdentity::of(&Receipt::from_json(receipt))),
                Step::Intent(Some(deferral)) => signer_identity(op, &deferral.request),
                Step::Intent(None) => Some(signer_of(&step.name).ok_or_else(|| {
                    rejected(
                        format!("the signer of {} is unknown", step.name),
                        "restore the row in the sheet as it was sent",
                    )
                })?),
                Step::Deferred(_) => continue,
            };
            signers.push((step.name.clone(), op, identity));
        }
        let in_doubt = |name: &str| {
            steps
                .iter()
                .any(|step| step.name == name && matches!(step.step, Step::Intent(_)))
        };
        if signers.iter().any(|(name, ..)| in_doubt(name)) {
            let state = self.context.state(&flow).await?;
            let (assigned, left, _) = assign_tasks(&signers, &state)?;
            if let Some(step) = left.iter().find(|step| in_doubt(step)) {
                return Err(rejected(
                    format!("the flow {id} has no task of {step}: the step was not done"),
                    format!("record it as not done: treaty state settle '{address}' again"),
                ));
            }
            for (step, op, identity, task) in
                assigned.into_iter().filter(|(step, ..)| in_doubt(step))
            {
                adoption.writes.push(Write::Receipt {
                    subject,
                    op,
                    receipt: Arc::new(signer_receipt(op, &flow.id, &identity, task)),
                    step,
                });
            }
        }
        let others = steps
            .iter()
            .filter(|step| !step_name::is_signer(&step.name));
        for step in others.filter(|step| in_doubt(&step.name)) {
            if let Some(op) = Op::at(&step.operation) {
                let status = self.context.state(&flow).await?.status;
                if !took_effect(op, status) {
                    return Err(rejected(
                        format!(
                            "the flow {id} is still in progress: {} was not done",
                            step.name
                        ),
                        format!("record it as not done: treaty state settle '{address}' again"),
                    ));
                }
                adoption.writes.push(Write::Receipt {
                    subject,
                    step: step.name.clone(),
                    op,
                    receipt: Arc::new(Value::Null),
                });
            }
        }
        adoption.writes.push(Write::ItemEnded {
            id: subject,
            status: status_when_done(steps),
            failure: None,
            at: self.context.now(),
        });
        Ok(adoption)
    }
}

/// Resolves the steps in doubt of an item as not done: their intents are voided and sent again.
pub fn resolve_not_done(subject: i64, steps: &[KnownStep]) -> Adoption {
    let in_doubt = steps
        .iter()
        .filter(|step| matches!(step.step, Step::Intent(_)));
    let mut writes: Vec<Write> = in_doubt
        .map(|step| Write::Void {
            subject,
            step: step.name.clone(),
        })
        .collect();
    writes.push(Write::ItemEnded {
        id: subject,
        status: if were_deferred(steps) {
            ItemStatus::Waiting
        } else {
            ItemStatus::Open
        },
        failure: None,
        at: Timestamp::now(),
    });
    let mut in_doubt = steps
        .iter()
        .filter(|step| matches!(step.step, Step::Intent(_)));
    let has_revocation = in_doubt.clone().any(|step| step.name == END);
    let note = if has_revocation && in_doubt.all(|step| step.name == END) {
        "The contract stays as it is. If the flow was revoked nevertheless, the next apply or sync detects it."
    } else {
        "If the call did take effect, it takes effect twice: a signer may be asked to sign twice."
    };
    Adoption {
        writes,
        notes: vec![note.to_owned()],
    }
}

/// Whether the status of the flow shows that a call took effect; true where it cannot show it.
fn took_effect(op: Op, status: FlowStatus) -> bool {
    match op {
        Op::Revoke => ended_status(status).is_some(),
        Op::Archive => status == FlowStatus::Finished,
        _ => true,
    }
}

/// Whether all steps in doubt were deferred. Then apply is complete, and sync continues without the
/// sheet.
fn were_deferred(steps: &[KnownStep]) -> bool {
    let mut in_doubt = steps.iter().filter_map(|step| match &step.step {
        Step::Intent(deferral) => Some(deferral.is_some()),
        _ => None,
    });
    in_doubt.next() == Some(true) && in_doubt.all(|deferred| deferred)
}

/// The status of an item after its steps in doubt are resolved as done.
fn status_when_done(steps: &[KnownStep]) -> ItemStatus {
    let is_deferred = |step: &KnownStep| matches!(step.step, Step::Deferred(_));
    let archived = steps
        .iter()
        .any(|step| step.name == ARCHIVE && !is_deferred(step));
    if !were_deferred(steps) {
        ItemStatus::Open
    } else if archived && !steps.iter().any(is_deferred) {
        ItemStatus::Archived
    } else {
        ItemStatus::Waiting
    }
}
