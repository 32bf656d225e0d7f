//! Creates the callbacks about signers and flows (API 5.9.3, 5.9.4).

use jiff::Timestamp;

use super::World;
use super::flow::{Flow, Task};
use super::records::PendingCallback;
use crate::api::callback::{Callback, FlowFinish, SignerUpdate};
use crate::api::{DocStatus, FlowStatus, SignStatus, time};

/// Queues the callback that a signer has signed or refused (API 5.9.3).
pub(crate) fn queue_signer_update(world: &mut World, flow: &Flow, task: &Task, now: Timestamp) {
    let refused = task.status == SignStatus::Ended;
    world.queue_callback(PendingCallback {
        app: flow.app.clone(),
        url: flow.notice_url.clone(),
        callback: Callback::Update(SignerUpdate {
            third_order_no: order_numbers(flow, task),
            account_id: task.account.clone(),
            flow_id: flow.id.clone(),
            sign_time: time::text(now),
            sign_result: if refused {
                DocStatus::Rejected
            } else {
                DocStatus::Signed
            },
            result_description: task.explain.clone(),
        }),
    });
}

/// Queues the callback that a flow has ended (API 5.9.4).
pub(crate) fn queue_flow_finish(
    world: &mut World,
    flow: &Flow,
    now: Timestamp,
    reason: Option<&str>,
) {
    let created_at = Timestamp::from_millisecond(flow.created_at).unwrap_or(now);
    world.queue_callback(PendingCallback {
        app: flow.app.clone(),
        url: flow.notice_url.clone(),
        callback: Callback::Finish(FlowFinish {
            business_scene: Some(flow.business_scene.clone()),
            flow_id: flow.id.clone(),
            // Callbacks have no status 7: a refused flow is reported as ended (API 5.9.4).
            flow_status: match flow.status {
                FlowStatus::Rejected => FlowStatus::Ended,
                status => status,
            },
            status_description: reason.map(str::to_owned),
            create_time: time::text(created_at),
            end_time: time::text(now),
        }),
    });
}

/// Returns the `thirdOrderNo`s of all tasks of the flow with the same account and status,
/// separated by commas as the service does it.
fn order_numbers(flow: &Flow, task: &Task) -> Option<String> {
    let is_this = |other: &Task| other.token == task.token;
    let is_included = |other: &&Task| {
        is_this(other) || (other.account == task.account && other.status == task.status)
    };
    // An immediate automatic signature is reported before its task is added to the flow.
    let new = Some(task).filter(|_| !flow.tasks.iter().any(is_this));
    let all = flow.tasks.iter().filter(is_included).chain(new);
    let numbers: Vec<&str> = all
        .filter_map(|task| task.third_order_no.as_deref())
        .collect();
    (!numbers.is_empty()).then(|| numbers.join(","))
}
