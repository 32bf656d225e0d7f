//! Commands for test suites: they sign, refuse and expire flows, and empty the world. They are no
//! part of the API.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::response::{HttpResponse, JSON, response};
use super::served::ServedCall;
use super::service::Sandbox;
use super::state::ServiceState;
use crate::address::{AccountId, FlowId};
use crate::api::FlowStatus;
use crate::sandbox::links::Links;
use crate::sandbox::world::{ActionError, Flow, MAX_REASON_LENGTH, Task, UserAction};

/// The reason of a refusal without one.
const REASON: &str = "内容有误";

/// Selects a flow, or the tasks of one signer in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    flow_id: FlowId,
    account_id: Option<AccountId>,
    third_id: Option<String>,
    /// The reason of a refusal.
    reason: Option<String>,
}

/// A command that is refused: its status and the reason.
struct CommandError(StatusCode, String);

type CommandResult = Result<Value, CommandError>;

impl Sandbox {
    /// Serves a command below `_sandbox/`.
    pub(super) fn drive(
        &self,
        command: &str,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> HttpResponse {
        let mut state = self.state.lock();
        let selection = || {
            serde_json::from_slice::<Selection>(request.body())
                .map_err(|error| CommandError(StatusCode::BAD_REQUEST, error.to_string()))
        };
        let result = match (request.method(), command) {
            (&Method::GET, "flows") => {
                let (base_url, key) = (self.base_url_of(request), state.link_key);
                let links = Links {
                    base_url: &base_url,
                    key: &key,
                    now,
                };
                Ok(flows(&state, links))
            }
            (&Method::POST, "reset") => self.reset(&mut state),
            (&Method::POST, "sign") => selection().and_then(|it| act(&mut state, &it, false, now)),
            (&Method::POST, "refuse") => selection().and_then(|it| act(&mut state, &it, true, now)),
            (&Method::POST, "expire") => selection().and_then(|it| expire(&mut state, &it, now)),
            _ => Err(CommandError(
                StatusCode::NOT_FOUND,
                "the commands are GET flows, and POST reset, sign, refuse and expire".to_owned(),
            )),
        };
        if request.method() == Method::POST {
            self.observe_command(command, request, &result);
        }
        match result {
            Ok(value) => state.persist(response(StatusCode::OK, JSON, value.to_string())),
            // A command may fail after it has signed for some.
            Err(CommandError(status, error)) => state.persist(response(
                status,
                JSON,
                json!({ "error": error }).to_string(),
            )),
        }
    }

    fn observe_command(&self, command: &str, request: &Request<Bytes>, result: &CommandResult) {
        let Some(observer) = &self.call_observer else {
            return;
        };
        let (status, refusal) = match result {
            Ok(_) => (StatusCode::OK, None),
            Err(CommandError(status, reason)) => (*status, Some(reason.as_str())),
        };
        let selection: Option<Value> = serde_json::from_slice(request.body()).ok();
        observer(&ServedCall {
            operation: &format!("_sandbox/{command}"),
            app: None,
            status: status.as_u16(),
            code: None,
            refusal,
            coercions: &[],
            request: selection.as_ref(),
            data: result.as_ref().ok(),
        });
    }

    /// Empties the world, and adds the fixtures again.
    fn reset(&self, state: &mut ServiceState) -> CommandResult {
        if !state.clear() {
            return Err(conflict("reset needs a sandbox with --memory"));
        }
        if let Some(fixtures) = &self.fixtures {
            let declared = state.declare(fixtures);
            declared.map_err(|error| conflict(error.to_string()))?;
        }
        Ok(json!({}))
    }
}

fn conflict(message: impl Into<String>) -> CommandError {
    CommandError(StatusCode::CONFLICT, message.into())
}

/// Returns all flows in the order of their creation.
fn flows(state: &ServiceState, links: Links<'_>) -> Value {
    let signer = |flow: &Flow, task: &Task| {
        let account = state.world.accounts.get(&task.account);
        json!({
            "accountId": task.account,
            "thirdId": account.and_then(|account| account.third_id.as_deref()),
            "authorizationOrgId": task.organization,
            "thirdOrderNo": task.third_order_no,
            "signStatus": flow.task_status_at(task, links.now),
            "signUrl": links.sign(&task.token),
            "reason": task.explain,
        })
    };
    let describe = |flow: &Flow| {
        let docs = flow.docs.iter();
        let docs = docs.map(|doc| json!({ "docId": doc.id, "docName": doc.name }));
        json!({
            "flowId": flow.id,
            "appId": flow.app,
            "flowStatus": flow.status_at(links.now),
            "businessScene": flow.business_scene,
            "docs": docs.collect::<Vec<_>>(),
            "signers": flow.tasks.iter().map(|task| signer(flow, task)).collect::<Vec<_>>(),
        })
    };
    let mut all: Vec<&Flow> = state.world.flows.values().collect();
    all.sort_by_key(|flow| flow.created_at);
    json!({ "flows": all.into_iter().map(describe).collect::<Vec<_>>() })
}

fn selected_flow<'s>(
    state: &'s ServiceState,
    selection: &Selection,
) -> Result<&'s Flow, CommandError> {
    let flow = state.world.flows.get(&selection.flow_id);
    flow.ok_or_else(|| {
        let message = format!("the flow {} does not exist", selection.flow_id);
        CommandError(StatusCode::NOT_FOUND, message)
    })
}

/// Signs all selected tasks, or refuses the first one.
fn act(
    state: &mut ServiceState,
    selection: &Selection,
    refuses: bool,
    now: Timestamp,
) -> CommandResult {
    let flow = selected_flow(state, selection)?;
    // As on the page of the signer.
    let length = selection
        .reason
        .as_ref()
        .map(|reason| reason.chars().count());
    if length.is_some_and(|length| !(1..=MAX_REASON_LENGTH).contains(&length)) {
        let message = format!("reason: expected 1 to {MAX_REASON_LENGTH} characters");
        return Err(CommandError(StatusCode::BAD_REQUEST, message));
    }
    let is_selected = |task: &&Task| {
        let account = state.world.accounts.get(&task.account);
        let third_id = account.and_then(|account| account.third_id.as_ref());
        let wanted = selection.third_id.as_ref();
        task.is_pending()
            && selection
                .account_id
                .as_ref()
                .is_none_or(|id| *id == task.account)
            && wanted.is_none_or(|wanted| third_id == Some(wanted))
    };
    let limit = if refuses { 1 } else { usize::MAX };
    let tasks: Vec<(String, UserAction)> = flow
        .tasks
        .iter()
        .filter(is_selected)
        .take(limit)
        .map(|task| {
            let action = if refuses {
                let reason = selection.reason.as_deref().unwrap_or(REASON);
                UserAction::Refuse {
                    reason: reason.to_owned(),
                }
            } else {
                state.world.default_signature(task)
            };
            (task.token.clone(), action)
        })
        .collect();
    if tasks.is_empty() {
        return Err(conflict("the flow has no such signer who has yet to sign"));
    }
    for (token, action) in &tasks {
        let done = state.world.act(token, action, now);
        done.map_err(|error: ActionError| conflict(error.to_string()))?;
    }
    let name = if refuses { "refused" } else { "signed" };
    Ok(json!({ name: tasks.len() }))
}

/// Moves the signing deadline of a flow into the past.
fn expire(state: &mut ServiceState, selection: &Selection, now: Timestamp) -> CommandResult {
    let flow = selected_flow(state, selection)?;
    let mut late = flow.clone();
    late.sign_validity = Some(now.as_millisecond() - 1);
    if !flow.is_open() || late.status_at(now) != FlowStatus::Expired {
        return Err(conflict("the flow has ended, or all have signed"));
    }
    state
        .world
        .change_flow(&selection.flow_id, |flow| *flow = late);
    state.world.expire(now);
    Ok(json!({ "expired": 1 }))
}
