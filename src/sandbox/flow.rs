//! Flows of the emulated service (sections 5.5 and 5.7).

use super::document::{ASKED_LIFE, url};
use super::serve::{Session, filled, filled_if_there};
use super::world::{Change, Flow, Task, World};
use crate::api::code::{Codes, NOTICE_TYPE, SEAL_TYPE, SIGN_PLATFORM};
use crate::api::operation::Refusal;
use crate::api::time;
use crate::api::{
    AddProcess, Archive, AutoSignAnswer, Detail, DetailAnswer, Download, ErrorCode, FlowAnswer,
    FlowStatus, HandPersonSignTask, HandSignAnswer, Nothing, PlatformSignTask, Position, Revoke,
    SignStatus, SignedDoc, SignerDetail, UndoTask,
};
use crate::id::{AccountId, FlowId};

pub(super) fn add_process(
    session: &mut Session<'_>,
    request: AddProcess,
) -> Result<FlowAnswer, Refusal> {
    filled("businessScene", &request.business_scene)?;
    filled_if_there("docName", request.doc_name.as_ref())?;
    numbers(&SIGN_PLATFORM, request.sign_platform.as_ref())?;
    numbers(&NOTICE_TYPE, request.notice_type.as_ref())?;
    let doc = session
        .world
        .docs
        .get(&request.doc_id)
        .ok_or_else(|| Refusal::from(ErrorCode::BAD_DOCUMENT))?;
    let doc_name = request.doc_name.unwrap_or_else(|| doc.name.clone());
    for account in [&request.initiator_account_id, &request.payer]
        .into_iter()
        .flatten()
    {
        session
            .world
            .account(account, ErrorCode::NO_SIGNER_ACCOUNT)?;
    }
    if request
        .sign_validity
        .is_some_and(|end| end <= session.now.as_millisecond())
    {
        return Err(Refusal::new(
            ErrorCode::NO_FLOW_MADE,
            "signValidity is past",
        ));
    }
    let number = session.world.number();
    let id = FlowId(format!("{}", 1_000_000 + number));
    session.world.put(Change::Flow(Flow {
        id: id.clone(),
        doc: request.doc_id,
        doc_name,
        status: FlowStatus::Draft.number(),
        begun: session.now.as_millisecond(),
        sign_validity: request.sign_validity,
        tasks: Vec::new(),
    }));
    Ok(FlowAnswer { flow_id: id })
}

/// Numbers of a list, separated by commas; an empty text is what the document's own example sends.
fn numbers(codes: &Codes, given: Option<&String>) -> Result<(), Refusal> {
    for number in given
        .iter()
        .flat_map(|text| text.split(','))
        .filter(|text| !text.is_empty())
    {
        if number.parse::<i64>().is_err() || codes.number(number).is_none() {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                format_args!("{} cannot be {number}", codes.what),
            ));
        }
    }
    Ok(())
}

pub(super) fn platform_sign_task(
    session: &mut Session<'_>,
    request: PlatformSignTask,
) -> Result<AutoSignAnswer, Refusal> {
    let mut flow = open_flow(session, &request.flow_id)?;
    if request.pos_list.is_empty() {
        return Err(Refusal::new(ErrorCode::PARAMETER, "posList is empty"));
    }
    positions(&request.pos_list)?;
    if request
        .seal_id
        .as_ref()
        .is_some_and(|seal| !session.world.seals.contains_key(seal))
    {
        return Err(ErrorCode::NO_SEAL.into());
    }
    let now = session.now.as_millisecond();
    let account = World::platform();
    flow.tasks.push(Task {
        account: account.clone(),
        status: SignStatus::Signed.number(),
        third_order_no: request.third_order_no,
        received: now,
        signed: Some(now),
    });
    flow.status = FlowStatus::Signing.number();
    session.world.put(Change::Flow(flow));
    Ok(AutoSignAnswer {
        flow_id: request.flow_id,
        account_id: account,
    })
}

pub(super) fn hand_person_sign_task(
    session: &mut Session<'_>,
    request: HandPersonSignTask,
) -> Result<HandSignAnswer, Refusal> {
    let mut flow = open_flow(session, &request.flow_id)?;
    let account = session
        .world
        .account(&request.account_id, ErrorCode::NO_SIGNER_ACCOUNT)?;
    if !account.is_person {
        return Err(Refusal::new(
            ErrorCode::NO_SIGNER_ACCOUNT,
            "the account is no person",
        ));
    }
    numbers(&SEAL_TYPE, request.seal_type.as_ref())?;
    positions(request.pos_list.as_deref().unwrap_or_default())?;
    flow.tasks.push(Task {
        account: request.account_id,
        status: SignStatus::Pending.number(),
        third_order_no: request.third_order_no.clone(),
        received: session.now.as_millisecond(),
        signed: None,
    });
    flow.status = FlowStatus::Signing.number();
    session.world.put(Change::Flow(flow));
    let token = session.world.hex_id("task");
    Ok(HandSignAnswer {
        sign_url: format!("{}/sign/{}?task={token}", session.base, request.flow_id),
        sign_short_url: Some(format!("{}/s/{}", session.base, &token[..8])),
        third_order_no: request.third_order_no,
    })
}

fn positions(positions: &[Position]) -> Result<(), Refusal> {
    for position in positions {
        let Some(sign_type) = position.sign_type else {
            return Err(ErrorCode::NO_SIGN_TYPE.into());
        };
        match sign_type {
            1 if position
                .key
                .as_ref()
                .is_none_or(|key| key.trim().is_empty()) =>
            {
                return Err(ErrorCode::NO_KEYWORD.into());
            }
            1..=3 => {}
            other => {
                return Err(Refusal::new(
                    ErrorCode::PARAMETER,
                    format_args!("signType cannot be {other}"),
                ));
            }
        }
    }
    Ok(())
}

fn find<'a>(session: &'a Session<'_>, id: &FlowId) -> Result<&'a Flow, Refusal> {
    session
        .world
        .flows
        .get(id)
        .ok_or_else(|| ErrorCode::NO_FLOW.into())
}

/// A flow to which signers can be added.
fn open_flow(session: &Session<'_>, id: &FlowId) -> Result<Flow, Refusal> {
    let flow = find(session, id)?;
    let open = [FlowStatus::Draft.number(), FlowStatus::Signing.number()]
        .contains(&flow.status_at(session.now));
    if open {
        Ok(flow.clone())
    } else {
        Err(Refusal::new(ErrorCode::FLOW_CHECK, "the flow has ended"))
    }
}

pub(super) fn detail(session: &mut Session<'_>, request: &Detail) -> Result<DetailAnswer, Refusal> {
    let flow = find(session, &request.flow_id)?;
    let text = |ms: i64| jiff::Timestamp::from_millisecond(ms).ok().map(time::text);
    let status = serde_json::Value::from(flow.status_at(session.now));
    Ok(DetailAnswer {
        flow_id: flow.id.clone(),
        flow_status: serde_json::from_value(status)
            .map_err(|error| Refusal::new(ErrorCode::NO_FLOW, error))?,
        start_time: text(flow.begun),
        doc_id: Some(flow.doc.0.clone()),
        doc_name: Some(flow.doc_name.clone()),
        sign_detail: flow
            .tasks
            .iter()
            .filter_map(|task| {
                Some(SignerDetail {
                    account_id: task.account.clone(),
                    authorization_org_id: None,
                    sign_status: serde_json::from_value(task.status.into()).ok()?,
                    sign_time: task.signed.and_then(text),
                    sign_explain: None,
                    receive_time: text(task.received),
                })
            })
            .collect(),
    })
}

pub(super) fn download(
    session: &mut Session<'_>,
    request: &Download,
) -> Result<Vec<SignedDoc>, Refusal> {
    let flow = find(session, &request.flow_id)?;
    if flow.status != FlowStatus::Finished.number() {
        return Err(ErrorCode::NO_SIGNED_DOCUMENT.into());
    }
    Ok(vec![SignedDoc {
        doc_id: flow.doc.clone(),
        doc_url: url(session, &flow.doc, ASKED_LIFE),
    }])
}

pub(super) fn undo_task(session: &mut Session<'_>, request: &UndoTask) -> Result<Nothing, Refusal> {
    let mut flow = open_flow(session, &request.flow_id)?;
    let of_account = |task: &&mut Task| task.account == request.account_id;
    let pending: Vec<&mut Task> = flow
        .tasks
        .iter_mut()
        .filter(of_account)
        .filter(|task| task.is_pending())
        .collect();
    if pending.is_empty() {
        return Err(Refusal::new(
            ErrorCode::FLOW_CHECK,
            "the account has no task that can be undone",
        ));
    }
    for task in pending {
        task.status = SignStatus::Withdrawn.number();
    }
    session.world.put(Change::Flow(flow));
    Ok(Nothing)
}

pub(super) fn revoke(session: &mut Session<'_>, request: &Revoke) -> Result<Nothing, Refusal> {
    let mut flow =
        open_flow(session, &request.flow_id).map_err(|_| Refusal::from(ErrorCode::NOT_REVOKED))?;
    flow.status = FlowStatus::Revoked.number();
    session.world.put(Change::Flow(flow));
    Ok(Nothing)
}

pub(super) fn archive(session: &mut Session<'_>, request: &Archive) -> Result<Nothing, Refusal> {
    let mut flow = open_flow(session, &request.flow_id)?;
    let left = |task: &Task| task.status != SignStatus::Withdrawn.number();
    let mut tasks = flow.tasks.iter().filter(|task| left(task)).peekable();
    if tasks.peek().is_none() {
        return Err(ErrorCode::NO_SIGNER.into());
    }
    if !tasks.all(|task| task.status == SignStatus::Signed.number()) {
        return Err(Refusal::new(ErrorCode::FLOW_CHECK, "not all have signed"));
    }
    flow.status = FlowStatus::Finished.number();
    session.world.put(Change::Flow(flow));
    Ok(Nothing)
}

/// The accounts that a flow has asked or signed for, for tests of what people would have received.
impl Flow {
    /// The accounts of all tasks that were not taken back.
    pub fn live_tasks(&self) -> impl Iterator<Item = &AccountId> {
        self.tasks
            .iter()
            .filter(|task| task.status != SignStatus::Withdrawn.number())
            .map(|task| &task.account)
    }
}
