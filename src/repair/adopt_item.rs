//! Adopts a flow that was created elsewhere: records it for a row as if treaty had created it.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value;

use super::adopt::{Adopter, Adoption};
use super::adopt_error::{AdoptError, rejected};
use super::assign::{assign_tasks, identity_of_kind, signer_receipt};
use crate::address::{Address, DocId, FlowId};
use crate::api::operation::Op;
use crate::api::{ErrorCode, FlowStatus};
use crate::desired::{DocumentSource, Item};
use crate::execute::{
    FlowRef, FlowState, ItemJournal, SignerIdentity, StepError, completion_steps, ended_status,
    sent_flow, why,
};
use crate::ledger::step_name::{self, PROCESS};
use crate::ledger::{Failure, ItemRecord, ItemStatus, Receipt, Write};
use crate::manifest::ExistingAccounts;

impl Adopter<'_> {
    /// Adopts a flow for a row: records its documents and each declared signer that has a task. The
    /// accounts of the row follow the rule of the flow for existing accounts.
    pub async fn item(
        &self,
        flow: &str,
        item: &Item,
        id: &str,
        rule: ExistingAccounts,
    ) -> Result<Adoption, AdoptError> {
        let address = Address::item(flow, &item.key);
        let record = self.records.item(flow, &item.key)?;
        let subject = match &record {
            Some(record) => record.id,
            None => self.records.next_subject(),
        };
        let journal = ItemJournal::new(subject, self.records.steps(subject)?);
        let recorded = sent_flow(&journal);
        check_recorded_flow(&address, record.as_ref(), recorded.as_ref(), id)?;
        self.check_flow_is_unused(&address, id)?;
        let flow_ref = FlowRef {
            id: FlowId(id.to_owned()),
            several: item.documents.len() > 1,
        };
        let state = self.state(&flow_ref).await?;
        let docs = documents(item, &state)?;
        let mut adoption = Adoption::default();
        let (ids, accounts) = self.accounts(item, rule).await?;
        adoption.writes.extend(accounts);
        adoption.writes.push(Write::ItemBegun {
            id: subject,
            flow: flow.to_owned(),
            key: item.key.clone(),
            fingerprint: item.fingerprint,
            content: item.content,
            cells: item.cells,
            at: self.context.now(),
            // No run created it.
            run: 0,
            afresh: recorded.is_none(),
        });
        let is_recorded = |step: &str| recorded.is_some() && journal.is_done(step);
        let receipts = creation_receipts(subject, item, &docs, &flow_ref);
        adopt_new(&mut adoption, receipts, &is_recorded);
        let signers: Vec<(String, Op, Option<SignerIdentity>)> = item
            .signers
            .iter()
            .map(|signer| {
                let op = signer.kind.operation(flow_ref.several);
                (
                    step_name::signer(&signer.name),
                    op,
                    identity_of_kind(&signer.kind, &ids),
                )
            })
            .collect();
        let (assigned, left, others) = assign_tasks(&signers, &state)?;
        if assigned.is_empty() && !state.tasks.is_empty() {
            return Err(rejected(
                format!("the flow {id} has no task of a signer of {address}"),
                "check the signers of the flow on the service's own pages",
            ));
        }
        for (step, op, identity, task) in
            assigned.into_iter().filter(|(step, ..)| !is_recorded(step))
        {
            let receipt = signer_receipt(op, &flow_ref.id, &identity, task);
            adoption
                .writes
                .extend(signer_writes(subject, step, op, receipt));
        }
        let (status, failure) = adopted_status(item, &state, &left);
        if status == ItemStatus::Waiting {
            let waiting = completion_steps(item, &flow_ref, &docs).into_iter();
            let waiting = waiting.map(|(step, op, deferral)| {
                let write = Write::Deferred {
                    subject,
                    step: step.clone(),
                    op,
                    deferral,
                };
                (step, write)
            });
            adopt_new(&mut adoption, waiting.collect(), &is_recorded);
        }
        if status == ItemStatus::Open {
            adoption.notes.push(format!(
                "The flow has no task for {} yet; the next apply adds it.",
                left.join(", ")
            ));
        }
        for account in others {
            adoption.notes.push(format!(
                "The flow has a task of the account {account}, which the row does not declare."
            ));
        }
        adoption.writes.push(Write::ItemEnded {
            id: subject,
            status,
            failure,
            at: self.context.now(),
        });
        Ok(adoption)
    }

    /// The state of a flow that must exist.
    async fn state(&self, flow: &FlowRef) -> Result<FlowState, AdoptError> {
        match self.context.state(flow).await {
            Err(StepError::Failed(failure)) if failure.code == Some(ErrorCode::NO_FLOW.0) => {
                Err(rejected(
                    format!(
                        "the service does not show the flow {}: {}",
                        flow.id, failure.message
                    ),
                    "try again; if the error persists, check the id: the service's own pages and the callbacks show it",
                ))
            }
            state => Ok(state?),
        }
    }

    /// Refuses a flow that is recorded for another item.
    fn check_flow_is_unused(&self, address: &Address, id: &str) -> Result<(), AdoptError> {
        let mut other = None;
        self.records.each_item_with_flow_id(&mut |sent| {
            let own = Address::item(&sent.flow, &sent.key);
            if sent.flow_id.as_deref() == Some(id) && own != *address {
                other = Some(own);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match other {
            Some(other) => Err(rejected(
                format!("the flow {id} belongs to {other}"),
                "a flow can belong to one item only",
            )),
            None => Ok(()),
        }
    }
}

/// Refuses an item that is recorded with another flow, or that was sent with this one already.
fn check_recorded_flow(
    address: &Address,
    record: Option<&ItemRecord>,
    recorded_flow: Option<&FlowRef>,
    id: &str,
) -> Result<(), AdoptError> {
    let (Some(record), Some(flow)) = (record, recorded_flow) else {
        return Ok(());
    };
    if flow.id.as_str() != id {
        return Err(rejected(
            format!("{address} is recorded with the flow {}", flow.id),
            format!(
                "if the recorded flow does not count, run treaty state forget '{address}' first"
            ),
        ));
    }
    if record.status.is_sent() {
        return Err(rejected(
            format!("{address} is already recorded with the flow {id}"),
            format!("run treaty state show '{address}' to see what is recorded"),
        ));
    }
    Ok(())
}

/// Adds the writes of steps that are not recorded yet.
fn adopt_new(
    adoption: &mut Adoption,
    writes: Vec<(String, Write)>,
    is_recorded: &dyn Fn(&str) -> bool,
) {
    let new = writes.into_iter().filter(|(step, _)| !is_recorded(step));
    adoption.writes.extend(new.map(|(_, write)| write));
}

/// Receipts for the steps that create the documents and the flow, as if treaty had sent them.
fn creation_receipts(
    subject: i64,
    item: &Item,
    docs: &[DocId],
    flow: &FlowRef,
) -> Vec<(String, Write)> {
    let write = |step: String, op: Op, receipt: Receipt| {
        let write = Write::Receipt {
            subject,
            step: step.clone(),
            op,
            receipt: Arc::new(receipt.to_json()),
        };
        (step, write)
    };
    let documents = docs.iter().zip(&item.documents).enumerate();
    let documents = documents.map(|(at, (doc, document))| {
        let op = match document.source {
            DocumentSource::Template { .. } => Op::CreateByTemplate,
            DocumentSource::File(_) => Op::CreateByFileKey,
        };
        let receipt = Receipt {
            doc_id: Some(doc.clone()),
            ..Receipt::default()
        };
        write(step_name::document(at, docs.len()), op, receipt)
    });
    let op = if flow.several {
        Op::ContractsAddProcess
    } else {
        Op::AddProcess
    };
    let receipt = Receipt {
        flow_id: Some(flow.id.clone()),
        ..Receipt::default()
    };
    let process = write(PROCESS.to_owned(), op, receipt);
    documents.chain([process]).collect()
}

/// The intent and the receipt of the step that adds a signer, as if treaty had sent it.
fn signer_writes(subject: i64, step: String, op: Op, receipt: Value) -> [Write; 2] {
    [
        Write::Intent {
            subject,
            step: step.clone(),
            op,
            legal: true,
        },
        Write::Receipt {
            subject,
            step,
            op,
            receipt: Arc::new(receipt),
        },
    ]
}

/// The status of an item according to the state of its flow; `left` are its signers without a task.
fn adopted_status(
    item: &Item,
    state: &FlowState,
    left: &[String],
) -> (ItemStatus, Option<Failure>) {
    let status = match (ended_status(state.status), state.status) {
        (Some(end), _) => return (end, Some(why(state, end))),
        // Sync still has to download the archived documents.
        (None, FlowStatus::Finished) if item.archive && item.download.is_some() => {
            ItemStatus::Waiting
        }
        (None, FlowStatus::Finished) => ItemStatus::Archived,
        _ if !left.is_empty() => ItemStatus::Open,
        _ => ItemStatus::Waiting,
    };
    (status, None)
}

/// The ids of the flow's documents, in the order of the row's documents.
fn documents(item: &Item, state: &FlowState) -> Result<Vec<DocId>, AdoptError> {
    let single = item.documents.len() == 1;
    let found = item.documents.iter().map(|document| {
        let mut same = state
            .docs
            .iter()
            .filter(|(_, name)| single || name.as_ref() == Some(&document.name))
            .map(|(id, _)| id);
        match same.next() {
            Some(id) if same.all(|other| other == id) => Ok(id.clone()),
            _ => Err(rejected(
                format!("cannot identify the document {} in the flow", document.name),
                "a flow of several documents can be adopted only if each is in it by name, with a signer",
            )),
        }
    });
    found.collect()
}
