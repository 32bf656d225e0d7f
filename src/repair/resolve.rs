//! Settling what is in doubt: what a person says of a call becomes what is recorded.
//!
//! The service is asked who is in the flow, so that a signer who was never added is not taken for one. Writes nothing,
//! as [`Adopter`] does.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::adopt::{Adopter, Adoption};
use super::assign::{assigned, sign_receipt, who};
use super::not_adopted::{NotAdopted, no};
use crate::address::Address;
use crate::api::FlowStatus;
use crate::api::operation::Op;
use crate::desired::Item;
use crate::execute::{
    ARCHIVE, ItemJournal, SIGNER, SignerIdentity, ended_status, sent_flow, signer_identity, step_of,
};
use crate::ledger::{ItemStatus, KnownStep, Step, Write};

impl Adopter<'_> {
    /// A person says that what is in doubt of an item was done. The row, where there is one, tells who signs.
    pub async fn settle(
        &self,
        address: &Address,
        subject: i64,
        known: &[KnownStep],
        item: Option<&Item>,
        id: &str,
    ) -> Result<Adoption, NotAdopted> {
        let steps = ItemJournal::new(subject, self.records.steps(subject)?);
        let Some(flow) = sent_flow(&steps) else {
            return Err(no(
                format!("no flow is recorded of {address}, so nobody was asked to sign"),
                "apply again; or treaty state adopt, if there is a flow elsewhere",
            ));
        };
        if flow.id.as_str() != id {
            return Err(no(
                format!("{address} is recorded with the flow {}", flow.id),
                "that flow is the one that is in doubt",
            ));
        }
        let ids = match item {
            Some(item) => self.accounts(item).await?.0,
            None => BTreeMap::new(),
        };
        let signer_of = |step: &str| {
            let item = item?;
            let signer = item.signers.iter().find(|signer| step_of(signer) == step)?;
            who(&signer.kind, &ids)
        };
        let mut adoption = Adoption::default();
        let mut signers = Vec::new();
        for step in known.iter().filter(|step| step.name.starts_with(SIGNER)) {
            let Some(op) = Op::at(&step.operation) else {
                continue;
            };
            let who = match &step.step {
                Step::Receipt(receipt) => Some(SignerIdentity::of(receipt)),
                Step::Intent(Some(deferral)) => signer_identity(op, &deferral.request),
                Step::Intent(None) => Some(signer_of(&step.name).ok_or_else(|| {
                    no(
                        format!("who signs in {} is not known", step.name),
                        "put the row back into the sheet as it was",
                    )
                })?),
                Step::Deferred(_) => continue,
            };
            signers.push((step.name.clone(), op, who));
        }
        let in_doubt = |name: &str| {
            known
                .iter()
                .any(|step| step.name == name && matches!(step.step, Step::Intent(_)))
        };
        if signers.iter().any(|(name, ..)| in_doubt(name)) {
            let state = self.context.state(&flow).await?;
            let (found, left, _) = assigned(&signers, &state)?;
            if let Some(step) = left.iter().find(|step| in_doubt(step)) {
                return Err(no(
                    format!("the flow {id} has no task of {step}: it was not done"),
                    format!("treaty state settle '{address}' again"),
                ));
            }
            for (step, op, who, task) in found.into_iter().filter(|(step, ..)| in_doubt(step)) {
                adoption.writes.push(Write::Receipt {
                    subject,
                    op,
                    receipt: Arc::new(sign_receipt(op, id, &who, task)),
                    step,
                });
            }
        }
        let others = known.iter().filter(|step| !step.name.starts_with(SIGNER));
        for step in others.filter(|step| in_doubt(&step.name)) {
            if let Some(op) = Op::at(&step.operation) {
                let status = self.context.state(&flow).await?.status;
                let was_done = match op {
                    Op::Revoke => ended_status(status).is_some(),
                    Op::Archive => status == FlowStatus::Finished,
                    _ => true,
                };
                if !was_done {
                    return Err(no(
                        format!("the flow {id} goes on: {} was not done", step.name),
                        format!("treaty state settle '{address}' again"),
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
            status: after_done(known),
            failure: None,
            at: self.context.now(),
        });
        Ok(adoption)
    }
}

/// A person says that what is in doubt of an item was not done.
pub fn settle_again(subject: i64, known: &[KnownStep]) -> Adoption {
    let in_doubt = known
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
        status: if waited(known) {
            ItemStatus::Waiting
        } else {
            ItemStatus::Open
        },
        failure: None,
        at: Timestamp::now(),
    });
    let told = "If it was done after all, it is done twice: somebody may be asked to sign twice.";
    Adoption {
        writes,
        told: vec![told.to_owned()],
    }
}

/// Whether all that is in doubt had waited for others: then apply had done its part, and sync goes on without a sheet.
fn waited(known: &[KnownStep]) -> bool {
    let mut in_doubt = known.iter().filter_map(|step| match &step.step {
        Step::Intent(deferral) => Some(deferral.is_some()),
        _ => None,
    });
    in_doubt.next() == Some(true) && in_doubt.all(|waited| waited)
}

/// How an item stands once all that was in doubt was done.
fn after_done(known: &[KnownStep]) -> ItemStatus {
    let waits = |step: &KnownStep| matches!(step.step, Step::Deferred(_));
    let archived = known
        .iter()
        .any(|step| step.name == ARCHIVE && !waits(step));
    if !waited(known) {
        ItemStatus::Open
    } else if archived && !known.iter().any(waits) {
        ItemStatus::Finished
    } else {
        ItemStatus::Waiting
    }
}
