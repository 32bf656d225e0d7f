//! A flow as the service shows it: its status, documents and tasks.

use super::context::StepContext;
use super::error::StepError;
use crate::address::{AccountId, DocId, FlowId};
use crate::api::contracts::SignedInfo;
use crate::api::operation::Op;
use crate::api::{
    FlowDetail, FlowStatus, SignStatus, SignTimes, SignerDetail, contract, contracts,
};
use crate::client::public;
use crate::execute::journal::ItemJournal;
use crate::execute::signers::SignerIdentity;
use crate::ledger::{Failure, ItemStatus, step_name};

/// A reference to a flow, and whether it has several documents: that decides which family of
/// operations it uses.
#[derive(Debug, Clone)]
pub(crate) struct FlowRef {
    pub(crate) id: FlowId,
    pub(crate) several: bool,
}

/// The flow of an item that was sent; none when its creation has no receipt.
pub(crate) fn sent_flow(journal: &ItemJournal) -> Option<FlowRef> {
    Some(FlowRef {
        id: journal.flow_id()?,
        // Only the documents of several are numbered.
        several: journal.is_done(&step_name::document(0, 2)),
    })
}

/// The status of a flow, with its documents and tasks.
pub(crate) struct FlowState {
    pub(crate) status: FlowStatus,
    /// The documents with their names. A document that several people sign is listed several times.
    pub(crate) docs: Vec<(DocId, Option<String>)>,
    /// The tasks that are not withdrawn.
    pub(crate) tasks: Vec<FoundTask>,
    /// The withdrawn tasks, as far as the service lists them.
    pub(crate) withdrawn: Vec<FoundTask>,
}

/// A task of a flow.
#[derive(Debug, Clone)]
pub(crate) struct FoundTask {
    pub(crate) account: AccountId,
    pub(crate) organization: Option<AccountId>,
    pub(crate) status: SignStatus,
    /// The time of the request to sign, as the API writes it. It distinguishes a task from one that
    /// was created anew.
    pub(crate) received: Option<String>,
    /// The time of the signature or refusal, as the API writes it.
    pub(crate) time: Option<String>,
    /// The explanation of the signer.
    pub(crate) explain: Option<String>,
}

impl FoundTask {
    fn new<P>(signer: SignerDetail<P>, times: impl FnOnce(P) -> SignTimes) -> Self {
        let times = times(signer.progress);
        Self {
            account: signer.account_id,
            organization: signer.authorization_org_id,
            status: signer.sign_status,
            received: times.receive_time,
            time: times.sign_time,
            explain: times.sign_explain,
        }
    }

    /// Whether it may be the task of a signer. One that signs for itself and an organization may be
    /// listed as either; one that chooses the organization while signing, under any.
    pub(crate) fn is_of(&self, identity: &SignerIdentity) -> bool {
        let chosen = self.organization.is_none() || identity.organization.is_none();
        Some(&self.account) == identity.account.as_ref()
            && (self.organization == identity.organization || (identity.both && chosen))
    }

    /// Whether it is the signature of an organization itself, listed under the person who acts for
    /// it.
    pub(crate) fn is_in_the_name_of(&self, identity: &SignerIdentity) -> bool {
        let alone = identity.organization.is_none() && !identity.both;
        alone && self.organization.is_some() && self.organization == identity.account
    }
}

impl FlowState {
    /// Whether at least one person was asked, and all have signed.
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
    /// Fetches the status of a flow (5.5.7, 5.6.7).
    pub(crate) async fn state(&self, flow: &FlowRef) -> Result<FlowState, StepError> {
        let flow_id = flow.id.clone();
        if flow.several {
            let detail = self.call(&contracts::Detail { flow_id }).await?;
            self.check_flow(Op::ContractsDetail, flow, &detail.flow_id)?;
            let status = detail.flow_status;
            let signers = signers_of(detail)?;
            let infos = signers.iter().flat_map(|task| &task.progress.sign_info);
            let docs = infos.map(|info| (info.doc_id.clone(), info.doc_name.clone()));
            let docs = docs.collect();
            let tasks = signers
                .into_iter()
                .map(|task| FoundTask::new(task, |progress| latest(progress.sign_info)));
            return Ok(FlowState::new(status, docs, tasks));
        }
        let detail = self.call(&contract::Detail { flow_id }).await?;
        self.check_flow(Op::Detail, flow, &detail.flow.flow_id)?;
        let doc = detail.doc_id.filter(|id| !id.is_empty());
        let docs = doc.map(|id| (DocId(id), detail.doc_name));
        let docs = docs.into_iter().collect();
        let status = detail.flow.flow_status;
        let signers = signers_of(detail.flow)?;
        let tasks = signers
            .into_iter()
            .map(|task| FoundTask::new(task, |times| times));
        Ok(FlowState::new(status, docs, tasks))
    }

    /// Refuses details that describe another flow. The next run fetches them again.
    fn check_flow(&self, op: Op, flow: &FlowRef, found: &FlowId) -> Result<(), StepError> {
        if *found == flow.id {
            return Ok(());
        }
        let why = t!(
            "the service answered the details of the flow %{id} with those of %{found}",
            id = flow.id,
            found = found
        );
        Err(StepError::ProbeFailed(self.response_mismatch(op, &why)))
    }
}

/// The last times at which a signer received and signed its documents, and its first comment.
fn latest(infos: Vec<SignedInfo>) -> SignTimes {
    infos
        .into_iter()
        .fold(SignTimes::default(), |total, info| SignTimes {
            receive_time: total.receive_time.max(info.times.receive_time),
            sign_time: total.sign_time.max(info.times.sign_time),
            sign_explain: total.sign_explain.or(info.times.sign_explain),
        })
}

/// The status of an item whose flow ended before all had signed; none while it goes on.
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

/// The reason why a flow ended before all had signed.
pub(crate) fn why(state: &FlowState, status: ItemStatus) -> Failure {
    // A signer who signs may leave an explanation, too: only refusals count.
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
            t!("the flow was deleted at the service")
        }
        (ItemStatus::Rejected, Some(said)) => t!("a signer refused: %{said}", said = said),
        (ItemStatus::Rejected, None) => t!("a signer refused, or signing failed"),
        (ItemStatus::Expired, _) => t!("its time ran out before all had signed"),
        _ => t!("it was revoked before all had signed"),
    };
    Failure {
        code: None,
        message: message.into_owned(),
        hint: match status {
            ItemStatus::Rejected => {
                t!("to send it again, apply with --retry rejected, or with --reissue ADDRESS")
            }
            ItemStatus::Expired => {
                t!("to send it again, apply with --retry expired, or with --reissue ADDRESS")
            }
            _ => t!("to send it again, apply with --reissue ADDRESS"),
        }
        .into_owned(),
    }
}

/// The signers that a detail lists.
///
/// A missing list is accepted for drafts and for flows that ended early, where the status is
/// enough; elsewhere it does not mean that nobody was asked.
fn signers_of<P>(detail: FlowDetail<P>) -> Result<Vec<SignerDetail<P>>, StepError> {
    let status = detail.flow_status;
    match (detail.signers(), status) {
        (Some(signers), _) => Ok(signers),
        (None, FlowStatus::Signing | FlowStatus::Finished) => Err(StepError::failed(
            t!("the flow's details do not list its signers"),
            t!("apply again: the details are fetched before anything is sent"),
        )),
        (None, _) => Ok(Vec::new()),
    }
}

/// A signed task, for tests.
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
