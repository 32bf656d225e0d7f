//! A flow as the service shows it: its status, documents and tasks.

use super::context::StepContext;
use super::error::StepError;
use super::steps::{DOCUMENT, PROCESS};
use crate::address::{AccountId, DocId, FlowId};
use crate::api::{FlowStatus, SignStatus, contract, contracts};
use crate::client::public;
use crate::execute::journal::ItemJournal;
use crate::execute::signers::SignerIdentity;
use crate::ledger::{Failure, ItemStatus};

/// A flow, and whether it is one of several documents.
#[derive(Debug, Clone)]
pub(crate) struct FlowRef {
    pub(crate) id: FlowId,
    pub(crate) several: bool,
}

/// The flow of an item that was sent.
pub(crate) fn sent_flow(steps: &ItemJournal) -> Option<FlowRef> {
    Some(FlowRef {
        id: FlowId(steps.answered(PROCESS, "flowId")?),
        several: steps.is_done(&format!("{DOCUMENT}.01")),
    })
}

/// How far a flow is.
pub(crate) struct FlowState {
    pub(crate) status: FlowStatus,
    /// The documents that it tells, with their names; one that several sign stands there several times.
    pub(crate) docs: Vec<(DocId, Option<String>)>,
    /// The tasks that were not taken back …
    pub(crate) tasks: Vec<FoundTask>,
    /// … and those that were, as far as they are told.
    pub(crate) withdrawn: Vec<FoundTask>,
}

/// A task of a flow.
#[derive(Debug, Clone)]
pub(crate) struct FoundTask {
    pub(crate) account: AccountId,
    pub(crate) organization: Option<AccountId>,
    pub(crate) status: SignStatus,
    /// When he was asked, as the API says it: it tells a task from one that was made anew.
    pub(crate) received: Option<String>,
    /// When he signed or refused, as the API says it.
    pub(crate) time: Option<String>,
    /// What the signer said to it.
    pub(crate) explain: Option<String>,
}

impl FoundTask {
    /// Whether it is somebody's: who signs for himself and an organization may be listed as either, and one who chooses his
    /// organization as he signs under any.
    pub(crate) fn is_of(&self, who: &SignerIdentity) -> bool {
        let chosen = self.organization.is_none() || who.organization.is_none();
        Some(&self.account) == who.account.as_ref()
            && (self.organization == who.organization || (who.both && chosen))
    }

    /// Whether it is an account's own signature, listed under somebody who acts for it.
    pub(crate) fn is_in_the_name_of(&self, who: &SignerIdentity) -> bool {
        let alone = who.organization.is_none() && !who.both;
        alone && self.organization.is_some() && self.organization == who.account
    }
}

impl FlowState {
    /// Whether somebody was asked, and all have signed.
    pub(crate) fn all_have_signed(&self) -> bool {
        let signed = |task: &FoundTask| task.status == SignStatus::Signed;
        self.status == FlowStatus::Finished
            || !self.tasks.is_empty() && self.tasks.iter().all(signed)
    }

    fn new(
        status: FlowStatus,
        docs: Vec<(DocId, Option<String>)>,
        tasks: impl Iterator<Item = FoundTask>,
    ) -> Self {
        let (withdrawn, tasks) = tasks.partition(|task| task.status == SignStatus::Withdrawn);
        Self {
            status,
            docs,
            tasks,
            withdrawn,
        }
    }
}

impl StepContext<'_> {
    /// How far a flow is, asked for in the way of its own family.
    pub(crate) async fn state(&self, flow: &FlowRef) -> Result<FlowState, StepError> {
        let flow_id = flow.id.clone();
        if flow.several {
            let detail = self.call(&contracts::Detail { flow_id }).await?;
            of_flow(flow, &detail.flow_id)?;
            let status = detail.flow_status;
            let signers = listed(detail.signers(), status)?;
            let infos = signers.iter().flat_map(|task| &task.sign_info);
            let docs = infos.map(|info| (info.doc_id.clone(), info.doc_name.clone()));
            let docs = docs.collect();
            let tasks = signers.into_iter().map(|task| FoundTask {
                account: task.account_id,
                organization: task.authorization_org_id,
                status: task.sign_status,
                received: task
                    .sign_info
                    .iter()
                    .filter_map(|info| info.receive_time.clone())
                    .max(),
                time: task
                    .sign_info
                    .iter()
                    .filter_map(|info| info.sign_time.clone())
                    .max(),
                explain: task
                    .sign_info
                    .into_iter()
                    .find_map(|info| info.sign_explain),
            });
            return Ok(FlowState::new(status, docs, tasks));
        }
        let detail = self.call(&contract::Detail { flow_id }).await?;
        of_flow(flow, &detail.flow_id)?;
        let doc = detail.doc_id.clone().filter(|id| !id.is_empty());
        let name = detail.doc_name.clone();
        let docs = doc.map(|id| (DocId(id), name)).into_iter().collect();
        let status = detail.flow_status;
        let signers = listed(detail.signers(), status)?;
        let tasks = signers.into_iter().map(|task| FoundTask {
            account: task.account_id,
            organization: task.authorization_org_id,
            status: task.sign_status,
            received: task.receive_time,
            time: task.sign_time,
            explain: task.sign_explain,
        });
        Ok(FlowState::new(status, docs, tasks))
    }
}

/// How an item stands whose flow has ended before all had signed.
pub(crate) fn ended_status(status: FlowStatus) -> Option<ItemStatus> {
    match status {
        FlowStatus::Rejected | FlowStatus::Ended | FlowStatus::Deleted => {
            Some(ItemStatus::Rejected)
        }
        FlowStatus::Expired => Some(ItemStatus::Expired),
        FlowStatus::Revoked => Some(ItemStatus::Revoked),
        FlowStatus::Draft | FlowStatus::Signing | FlowStatus::Finished => None,
    }
}

/// Why a flow has ended before all had signed.
pub(crate) fn why(state: &FlowState, status: ItemStatus) -> Failure {
    // Who signs may say something, too.
    let refused = state
        .tasks
        .iter()
        .filter(|task| task.status == SignStatus::Ended);
    let words = refused.filter_map(|task| task.explain.clone());
    let said = words
        .map(|text| public(&text))
        .find(|text| !text.is_empty());
    let message = match (status, said) {
        (ItemStatus::Rejected, _) if state.status == FlowStatus::Deleted => {
            "the flow was deleted at the service".to_owned()
        }
        (ItemStatus::Rejected, Some(said)) => format!("a signer refused: {said}"),
        (ItemStatus::Rejected, None) => "a signer refused, or signing failed".to_owned(),
        (ItemStatus::Expired, _) => "its time ran out before all had signed".to_owned(),
        _ => "it was revoked before all had signed".to_owned(),
    };
    Failure {
        code: None,
        message,
        hint: "give the row a new key to send it anew".to_owned(),
    }
}

/// Refuses what is said of another flow.
fn of_flow(flow: &FlowRef, told: &FlowId) -> Result<(), StepError> {
    if *told == flow.id {
        return Ok(());
    }
    Err(StepError::failed(
        format!(
            "the details of the flow {} were answered with those of {told}",
            flow.id
        ),
        "apply again: they are asked for before anything is sent",
    ))
}

/// The signers that a detail lists. Of a draft it may say nothing, and of a flow that has ended before all had signed,
/// where its state is enough: elsewhere that does not mean that nobody was asked.
fn listed<T>(signers: Option<Vec<T>>, status: FlowStatus) -> Result<Vec<T>, StepError> {
    match (signers, status) {
        (Some(signers), _) => Ok(signers),
        (None, FlowStatus::Signing | FlowStatus::Finished) => Err(StepError::failed(
            "the flow's details do not list its signers",
            "apply again: they are asked for before anything is sent",
        )),
        (None, _) => Ok(Vec::new()),
    }
}

/// A task that was signed, for tests.
#[cfg(test)]
pub(crate) fn signed_task(account: &str, organization: Option<&str>) -> FoundTask {
    FoundTask {
        account: account.into(),
        organization: organization.map(AccountId::from),
        status: SignStatus::Signed,
        received: None,
        time: None,
        explain: None,
    }
}
