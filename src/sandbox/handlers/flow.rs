//! Operations on existing flows (API 5.5.7, 5.6.7, 5.7).

use super::session::Session;
use crate::address::FlowId;
use crate::api::operation::Refusal;
use crate::api::{
    Archive, DocStatus, Download, ErrorCode, FlowDetail, FlowStatus, Nothing, Revoke, SignStatus,
    SignTimes, SignedDoc, SignerDetail, UndoTask, ViewUrl, ViewUrlAnswer, contract, contracts,
    time,
};
use crate::sandbox::world::{Change, Flow, Task, queue_flow_finish};

/// Returns a flow, or a refusal if it does not exist.
pub(super) fn find<'a>(session: &'a Session<'_>, id: &FlowId) -> Result<&'a Flow, Refusal> {
    session.flow(id).ok_or_else(|| ErrorCode::NO_FLOW.into())
}

/// Returns a copy of a flow, or a refusal if it does not exist or has ended.
pub(super) fn open_flow(session: &Session<'_>, id: &FlowId) -> Result<Flow, Refusal> {
    let flow = find(session, id)?;
    match flow.status_at(session.now) {
        FlowStatus::Draft | FlowStatus::Signing => Ok(flow.clone()),
        _ => Err(Refusal::new(ErrorCode::FLOW_CHECK, "the flow has ended")),
    }
}

fn time_text(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms).ok().map(time::text)
}

pub(super) fn detail(
    session: &Session<'_>,
    request: &contract::Detail,
) -> Result<contract::DetailAnswer, Refusal> {
    let flow = find(session, &request.flow_id)?;
    let first = flow.docs.first();
    Ok(contract::DetailAnswer {
        flow: flow_detail(flow, session.now, sign_times),
        doc_id: first.map(|doc| doc.id.0.clone()),
        doc_name: first.map(|doc| doc.name.clone()),
    })
}

pub(super) fn contracts_detail(
    session: &Session<'_>,
    request: &contracts::Detail,
) -> Result<contracts::DetailAnswer, Refusal> {
    let flow = find(session, &request.flow_id)?;
    let progress = |task: &Task| contracts::SignProgress {
        sign_info: document_details(flow, task, session.now),
    };
    Ok(flow_detail(flow, session.now, progress))
}

/// Returns the state of a flow and its signers. `progress` returns the progress of a task.
fn flow_detail<P>(
    flow: &Flow,
    now: jiff::Timestamp,
    progress: impl Fn(&Task) -> P,
) -> FlowDetail<P> {
    let signer = |task: &Task| SignerDetail {
        account_id: task.account.clone(),
        authorization_org_id: task.organization.clone(),
        sign_status: flow.task_status_at(task, now),
        progress: progress(task),
    };
    FlowDetail {
        flow_id: flow.id.clone(),
        flow_status: flow.status_at(now),
        start_time: time_text(flow.created_at),
        sign_detail: Some(flow.tasks.iter().map(signer).collect()),
        sign_detail_list: None,
    }
}

fn sign_times(task: &Task) -> SignTimes {
    SignTimes {
        receive_time: time_text(task.received_at),
        sign_time: task.ended_at.and_then(time_text),
        sign_explain: task.explain.clone(),
    }
}

/// Returns the details of each document of a task.
fn document_details(flow: &Flow, task: &Task, now: jiff::Timestamp) -> Vec<contracts::SignedInfo> {
    let status = match (task.status, flow.task_status_at(task, now)) {
        // Documents have no status for a task that never started when its flow ended (API 5.6.7).
        (SignStatus::Pending | SignStatus::Withdrawn, _) => DocStatus::Pending,
        (SignStatus::Signing, SignStatus::Ended) => DocStatus::Failed,
        (SignStatus::Signing, _) => DocStatus::Signing,
        (SignStatus::Signed, _) => DocStatus::Signed,
        (SignStatus::Ended, _) => DocStatus::Rejected,
    };
    let docs = task.places.iter().map(|place| contracts::SignedInfo {
        doc_id: place.doc.clone(),
        doc_name: flow
            .docs
            .iter()
            .find(|doc| doc.id == place.doc)
            .map(|doc| doc.name.clone()),
        sign_status: status,
        times: sign_times(task),
    });
    docs.collect()
}

pub(super) fn download(
    session: &Session<'_>,
    request: &Download,
) -> Result<Vec<SignedDoc>, Refusal> {
    let flow = find(session, &request.flow_id)?;
    if flow.status != FlowStatus::Finished {
        return Err(Refusal::new(
            ErrorCode::NO_SIGNED_DOCUMENT,
            "the flow is not finished",
        ));
    }
    let docs = flow.docs.iter().map(|doc| SignedDoc {
        doc_id: doc.id.clone(),
        doc_url: session.links.signed_document(&flow.id, &doc.id, &doc.name),
    });
    Ok(docs.collect())
}

pub(super) fn view_url(session: &Session<'_>, request: &ViewUrl) -> Result<ViewUrlAnswer, Refusal> {
    let flow = find(session, &request.flow_id)?;
    // A participant whose account was deleted keeps access (API 5.2.8).
    if !flow.has_participant(&request.account_id) {
        session.account(&request.account_id, ErrorCode::NO_ACCOUNT)?;
        return Err(Refusal::new(
            ErrorCode::NO_SIGNER_ACCOUNT,
            "the account is not a participant of the flow",
        ));
    }
    Ok(ViewUrlAnswer {
        view_url: session.links.view(&flow.id),
    })
}

pub(super) fn undo_task(session: &mut Session<'_>, request: &UndoTask) -> Result<Nothing, Refusal> {
    let mut flow = open_flow(session, &request.flow_id)?;
    let pending: Vec<&mut Task> = flow
        .tasks
        .iter_mut()
        .filter(|task| task.account == request.account_id && task.is_pending())
        .collect();
    if pending.is_empty() {
        return Err(Refusal::new(
            ErrorCode::FLOW_CHECK,
            "the account has no pending task",
        ));
    }
    for task in pending {
        task.status = SignStatus::Withdrawn;
    }
    session.world.put(Change::Flow(flow));
    Ok(Nothing)
}

pub(super) fn revoke(session: &mut Session<'_>, request: &Revoke) -> Result<Nothing, Refusal> {
    let mut flow =
        open_flow(session, &request.flow_id).map_err(|_| Refusal::from(ErrorCode::NOT_REVOKED))?;
    flow.status = FlowStatus::Revoked;
    queue_flow_finish(
        session.world,
        &flow,
        session.now,
        Some("发起方撤销签署任务"),
    );
    session.world.put(Change::Flow(flow));
    Ok(Nothing)
}

pub(super) fn archive(session: &mut Session<'_>, request: &Archive) -> Result<Nothing, Refusal> {
    let mut flow = open_flow(session, &request.flow_id)?;
    let is_live = |task: &&Task| task.status != SignStatus::Withdrawn;
    let mut tasks = flow.tasks.iter().filter(is_live).peekable();
    if tasks.peek().is_none() {
        return Err(ErrorCode::NO_SIGNER.into());
    }
    if !tasks.all(|task| task.status == SignStatus::Signed) {
        return Err(Refusal::new(
            ErrorCode::FLOW_CHECK,
            "not all tasks are signed",
        ));
    }
    flow.status = FlowStatus::Finished;
    queue_flow_finish(session.world, &flow, session.now, None);
    session.world.put(Change::Flow(flow));
    Ok(Nothing)
}
