//! Taking over what exists elsewhere: what the service shows becomes what is recorded.
//!
//! Asks and decides, and writes nothing: what is to be written comes back, so that somebody can be asked first.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Value, json};

use super::assign::{assigned, sign_receipt, who};
use super::not_adopted::{NotAdopted, no};
use crate::address::{AccountId, Address, DocId, FlowId};
use crate::api::operation::Op;
use crate::api::{ErrorCode, FlowStatus, QuerySeals};
use crate::desired::{Account, DocumentSource, Item, Resources, Seal, Template};
use crate::execute::{
    FlowRef, FlowState, ItemJournal, PROCESS, SignerIdentity, StepContext, StepError,
    completion_steps, document_step, ended_status, sent_flow, step_of, why,
};
use crate::ledger::{
    Failure, ItemRecord, ItemStatus, LedgerError, Records, Resource, ResourceKind, Write,
    seal_identity,
};
use crate::plan::field_fingerprints;

/// Looks at what is to be taken over.
pub struct Adopter<'a> {
    pub(crate) records: &'a dyn Records,
    pub(crate) context: StepContext<'a>,
    standing: &'a Resources,
}

/// What is to be written down, and what there is to say about it.
#[derive(Debug, Default)]
pub struct Adoption {
    /// All of it, in one transaction.
    pub writes: Vec<Write>,
    /// What it means, a line each.
    pub told: Vec<String>,
}

impl<'a> Adopter<'a> {
    /// One who looks through a client.
    pub fn new(
        records: &'a dyn Records,
        client: &'a crate::client::Client,
        root: &'a std::path::Path,
        standing: &'a Resources,
    ) -> Self {
        Self {
            records,
            context: StepContext::new(records, client, root),
            standing,
        }
    }

    /// An account that the service knows by its `thirdId`.
    pub async fn account(&self, account: &Account, id: &str) -> Result<Adoption, NotAdopted> {
        let third_id = account.third_id();
        match self.context.account_of(third_id).await? {
            None => Err(no(
                format!("the service has no account of the thirdId {third_id}"),
                "apply creates it",
            )),
            Some(found) if found.as_str() != id => Err(no(
                format!("the account of the thirdId {third_id} is {found}"),
                "that is what account/idexchange answers; adopt that one",
            )),
            Some(found) => Ok(Adoption {
                writes: vec![self.account_write(account, &found)?],
                told: vec![
                    "What can be set of it is set as it is declared by the next apply.".to_owned(),
                ],
            }),
        }
    }

    /// An account as it is recorded when treaty has not made it: what cannot be set is taken to be as it is declared.
    pub(crate) fn account_write(
        &self,
        account: &Account,
        id: &AccountId,
    ) -> Result<Write, LedgerError> {
        let mut fields = field_fingerprints(account, self.records.salt());
        fields.retain(|name, _| !account.updatable().contains(&name.as_str()));
        let known = self
            .records
            .resource(ResourceKind::Account, account.third_id())?;
        // A grant belongs to the account that it was made for.
        let same = known
            .as_ref()
            .filter(|thing| thing.remote_id.as_deref() == Some(id.as_str()));
        Ok(Write::Resource {
            kind: ResourceKind::Account,
            identity: account.third_id().to_owned(),
            resource: Resource {
                grant: same.and_then(|thing| thing.grant),
                id: known.map_or_else(|| self.records.next_subject(), |thing| thing.id),
                remote_id: Some(id.0.clone()),
                fields,
            },
        })
    }

    /// A seal that the service lists for its account.
    pub async fn seal(&self, seal: &Seal, id: &str) -> Result<Adoption, NotAdopted> {
        let Some(account) = self.standing.accounts.get(&seal.account) else {
            return Err(no(
                format!("accounts.{} is not declared as it should be", seal.account),
                "run treaty validate",
            ));
        };
        let Some(account_id) = self.id_of(account).await? else {
            return Err(no(
                format!("the service has no account of accounts.{}", seal.account),
                "apply creates it",
            ));
        };
        let query = QuerySeals {
            account_id: account_id.clone(),
        };
        let seals = self.context.call(&query).await?;
        let Some(found) = seals.iter().find(|known| known.seal_id.as_str() == id) else {
            let message = format!("accounts.{} has no seal {id}", seal.account);
            let hint = format!("treaty ask seal/query accountId={account_id} lists its seals");
            return Err(no(message, hint));
        };
        let identity = seal_identity(account.third_id(), &seal.alias);
        let known = self.records.resource(ResourceKind::Seal, &identity)?;
        let alias = found.seal_alias.as_deref();
        let other = alias.filter(|alias| *alias != seal.alias);
        Ok(Adoption {
            writes: vec![Write::Resource {
                kind: ResourceKind::Seal,
                identity,
                resource: plain(
                    known.map_or_else(|| self.records.next_subject(), |thing| thing.id),
                    id,
                ),
            }],
            told: other
                .map(|alias| format!("The service knows it by the alias {alias}."))
                .into_iter()
                .collect(),
        })
    }

    /// A template, for the manifest's file as it is now. The service has no operation that could tell whether it is that.
    pub fn template(&self, template: &Template, id: &str) -> Result<Adoption, NotAdopted> {
        let Some(print) = template.source.fingerprint() else {
            return Err(no(
                "it is declared by its templateId: there is nothing to record",
                "change the templateId in the manifest",
            ));
        };
        let identity = print.to_string();
        let known = self.records.resource(ResourceKind::Template, &identity)?;
        Ok(Adoption {
            writes: vec![Write::Resource {
                kind: ResourceKind::Template,
                identity,
                resource: plain(
                    known.map_or_else(|| self.records.next_subject(), |thing| thing.id),
                    id,
                ),
            }],
            told: vec![
                "Nothing tells whether it was made of this file: its form fields are taken to be the file's."
                    .to_owned(),
            ],
        })
    }

    /// What is known, or asked for, of an account's id.
    async fn id_of(&self, account: &Account) -> Result<Option<AccountId>, NotAdopted> {
        let known = self
            .records
            .resource(ResourceKind::Account, account.third_id())?;
        match known.and_then(|thing| thing.remote_id) {
            Some(id) => Ok(Some(AccountId(id))),
            None => Ok(self.context.account_of(account.third_id()).await?),
        }
    }

    /// A flow that was made elsewhere becomes the one of a row: its document, and each declared signer that it shows.
    pub async fn item(&self, flow: &str, item: &Item, id: &str) -> Result<Adoption, NotAdopted> {
        let address = Address::item(flow, &item.key);
        let known = self.records.item(flow, &item.key)?;
        let subject = match &known {
            Some(known) => known.id,
            None => self.records.next_subject(),
        };
        let steps = ItemJournal::new(subject, self.records.steps(subject)?);
        let recorded = sent_flow(&steps);
        refuse_recorded(&address, known.as_ref(), recorded.as_ref(), id)?;
        self.refuse_shared(&address, id)?;
        let flow_ref = FlowRef {
            id: FlowId(id.to_owned()),
            several: item.documents.len() > 1,
        };
        let state = self.state(&flow_ref).await?;
        let docs = documents(item, &state)?;
        let mut adoption = Adoption::default();
        let (ids, accounts) = self.accounts(item).await?;
        adoption.writes.extend(accounts);
        adoption.writes.push(Write::ItemBegun {
            id: subject,
            flow: flow.to_owned(),
            key: item.key.clone(),
            fingerprint: item.fingerprint,
            content: item.content,
            at: self.context.now(),
            // No run has made it.
            run: 0,
            afresh: recorded.is_none(),
        });
        let is_known = |step: &str| recorded.is_some() && steps.is_done(step);
        let made = made(subject, item, &docs, &flow_ref);
        adopt_new(&mut adoption, made, &is_known);
        let signers: Vec<(String, Op, Option<SignerIdentity>)> = item
            .signers
            .iter()
            .map(|signer| {
                let op = signer.kind.operation(flow_ref.several);
                (step_of(signer), op, who(&signer.kind, &ids))
            })
            .collect();
        let (found, left, others) = assigned(&signers, &state)?;
        if found.is_empty() && !state.tasks.is_empty() {
            return Err(no(
                format!("nobody who signs {address} is in the flow {id}"),
                "it is the flow of somebody else; look at its signers on the service's own pages",
            ));
        }
        for (step, op, who, task) in found.into_iter().filter(|(step, ..)| !is_known(step)) {
            adoption.writes.extend([
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
                    receipt: Arc::new(sign_receipt(op, id, &who, task)),
                },
            ]);
        }
        let (status, failure) = stands(item, &state, &left);
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
            adopt_new(&mut adoption, waiting.collect(), &is_known);
        }
        if status == ItemStatus::Open {
            adoption.told.push(format!(
                "The flow does not have {} yet: the next apply adds what is missing.",
                left.join(", ")
            ));
        }
        for account in others {
            adoption.told.push(format!(
                "The flow also has a task of the account {account}, which the row does not declare."
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

    /// How far a flow is that must be there.
    async fn state(&self, flow: &FlowRef) -> Result<FlowState, NotAdopted> {
        match self.context.state(flow).await {
            Err(StepError::Failed(failure)) if failure.code == Some(ErrorCode::NO_FLOW.0) => {
                Err(no(
                    format!(
                        "the service does not tell of the flow {}: {}",
                        flow.id, failure.message
                    ),
                    "try again; if it stays, the id is wrong: it is the one that the service's own pages show, and that callbacks carry",
                ))
            }
            state => Ok(state?),
        }
    }

    /// A flow belongs to one item.
    fn refuse_shared(&self, address: &Address, id: &str) -> Result<(), NotAdopted> {
        let mut other = None;
        self.records.each_item((PROCESS, "flowId"), &mut |known| {
            let own = Address::item(&known.flow, &known.key);
            if known.answered.as_deref() == Some(id) && own != *address {
                other = Some(own);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match other {
            Some(other) => Err(no(
                format!("the flow {id} is that of {other}"),
                "a flow belongs to one item",
            )),
            None => Ok(()),
        }
    }

    /// The ids of all accounts that sign, by name, and what is to be recorded of those that were asked for.
    pub(crate) async fn accounts(
        &self,
        item: &Item,
    ) -> Result<(BTreeMap<String, AccountId>, Vec<Write>), NotAdopted> {
        let mut ids = BTreeMap::new();
        let mut writes = Vec::new();
        for signer in &item.signers {
            let (account, organization) = signer.kind.accounts();
            for name in account.into_iter().chain(organization) {
                let own = item.accounts.get(name);
                let Some(account) = own.or_else(|| self.standing.accounts.get(name)) else {
                    continue;
                };
                if ids.contains_key(name) {
                    continue;
                }
                let Some(id) = self.id_of(account).await? else {
                    continue;
                };
                let known = self
                    .records
                    .resource(ResourceKind::Account, account.third_id())?;
                if known.is_none_or(|thing| thing.remote_id.is_none()) {
                    writes.push(self.account_write(account, &id)?);
                }
                ids.insert(name.clone(), id);
            }
        }
        Ok((ids, writes))
    }
}

/// What is recorded with another flow is that one's; what was sent with this one needs nothing.
fn refuse_recorded(
    address: &Address,
    known: Option<&ItemRecord>,
    recorded: Option<&FlowRef>,
    id: &str,
) -> Result<(), NotAdopted> {
    let (Some(known), Some(flow)) = (known, recorded) else {
        return Ok(());
    };
    if flow.id.as_str() != id {
        return Err(no(
            format!("{address} is recorded with the flow {}", flow.id),
            format!("treaty state forget '{address}' first, if that one does not count"),
        ));
    }
    if known.status.is_sent() {
        return Err(no(
            format!("{address} is recorded with the flow {id} already"),
            format!("treaty state show '{address}' shows all that is known of it"),
        ));
    }
    Ok(())
}

/// What is not recorded yet is.
fn adopt_new(
    adoption: &mut Adoption,
    writes: Vec<(String, Write)>,
    is_known: &dyn Fn(&str) -> bool,
) {
    let new = writes.into_iter().filter(|(step, _)| !is_known(step));
    adoption.writes.extend(new.map(|(_, write)| write));
}

/// The steps that have made the documents and the flow, as if they had been answered.
fn made(subject: i64, item: &Item, docs: &[DocId], flow: &FlowRef) -> Vec<(String, Write)> {
    let receipt = |step: String, op: Op, receipt: Value| {
        let write = Write::Receipt {
            subject,
            step: step.clone(),
            op,
            receipt: Arc::new(receipt),
        };
        (step, write)
    };
    let documents = docs.iter().zip(&item.documents).enumerate();
    let documents = documents.map(|(at, (doc, document))| {
        let op = match document.source {
            DocumentSource::Template { .. } => Op::CreateByTemplate,
            DocumentSource::File(_) => Op::CreateByFileKey,
        };
        let step = document_step(at, docs.len());
        receipt(step, op, json!({ "docId": doc }))
    });
    let op = if flow.several {
        Op::ContractsAddProcess
    } else {
        Op::AddProcess
    };
    let process = receipt(PROCESS.to_owned(), op, json!({ "flowId": flow.id }));
    documents.chain([process]).collect()
}

/// How an item stands by what the service says of its flow.
fn stands(item: &Item, state: &FlowState, left: &[String]) -> (ItemStatus, Option<Failure>) {
    let status = match (ended_status(state.status), state.status) {
        (Some(end), _) => return (end, Some(why(state, end))),
        // What is archived is still to be downloaded by sync, where that is wanted.
        (None, FlowStatus::Finished) if item.archive && item.download.is_some() => {
            ItemStatus::Waiting
        }
        (None, FlowStatus::Finished) => ItemStatus::Finished,
        _ if !left.is_empty() => ItemStatus::Open,
        _ => ItemStatus::Waiting,
    };
    (status, None)
}

fn plain(id: i64, remote_id: &str) -> Resource {
    Resource {
        id,
        remote_id: Some(remote_id.to_owned()),
        fields: BTreeMap::new(),
        grant: None,
    }
}

/// The flow's documents in the order of the row's.
fn documents(item: &Item, state: &FlowState) -> Result<Vec<DocId>, NotAdopted> {
    let single = item.documents.len() == 1;
    let found = item.documents.iter().map(|document| {
        let mut same = state
            .docs
            .iter()
            .filter(|(_, name)| single || name.as_ref() == Some(&document.name))
            .map(|(id, _)| id);
        match same.next() {
            Some(id) if same.all(|other| other == id) => Ok(id.clone()),
            _ => Err(no(
                format!("which of the flow's documents is {} is not told by it", document.name),
                "a flow of several documents can be taken over when it has each of them, by its name, and somebody to sign it",
            )),
        }
    });
    found.collect()
}
