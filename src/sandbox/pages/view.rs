//! The world in the words of its pages.

use jiff::Timestamp;
use minijinja::{Value, context};

use super::super::links;
use super::super::world::{Flow, Task, Used, World};
use crate::api::{FlowStatus, SignStatus, time};

pub(super) fn state_word(status: FlowStatus) -> &'static str {
    match status {
        FlowStatus::Draft => "草稿",
        FlowStatus::Signing => "签署中",
        FlowStatus::Finished => "已完成",
        FlowStatus::Revoked => "已撤销",
        FlowStatus::Ended => "已终止",
        FlowStatus::Expired => "已过期",
        FlowStatus::Deleted => "已删除",
        FlowStatus::Rejected => "已拒签",
    }
}

fn task_word(status: SignStatus) -> &'static str {
    match status {
        SignStatus::Pending => "待签署",
        SignStatus::Signing => "签署中",
        SignStatus::Signed => "已签署",
        SignStatus::Ended => "已拒签",
        SignStatus::Withdrawn => "已撤回",
    }
}

/// What has become of a task that cannot be signed.
pub(super) fn outcome(flow: &Flow, task: &Task, now: Timestamp) -> String {
    if task.is_pending() {
        format!("流程{}", state_word(flow.status_at(now)))
    } else {
        task_word(task.status).to_owned()
    }
}

fn moment(ms: i64) -> Option<String> {
    Timestamp::from_millisecond(ms).ok().map(time::text)
}

pub(super) fn flow_value(world: &World, flow: &Flow, now: Timestamp) -> Value {
    let docs: Vec<&str> = flow.docs.iter().map(|doc| doc.name.as_str()).collect();
    let tasks: Vec<Value> = flow
        .tasks
        .iter()
        .map(|task| task_value(world, task))
        .collect();
    context! {
        id => &flow.id.0,
        scene => &flow.business_scene,
        docs => docs.join("、"),
        attachments => flow.attachments.join("、"),
        state => state_word(flow.status_at(now)),
        begun => moment(flow.begun),
        validity => flow.sign_validity.and_then(moment),
        tasks,
    }
}

pub(super) fn task_value(world: &World, task: &Task) -> Value {
    let person = world.name_of(&task.account);
    let name = match &task.organization {
        Some(organization) => format!("{person}({})", world.name_of(organization)),
        None => person.to_owned(),
    };
    context! {
        token => &task.token,
        name,
        state => task_word(task.status),
        pending => task.is_pending(),
        time => task.ended.and_then(moment).unwrap_or_default(),
        explain => task.explain.clone().unwrap_or_default(),
    }
}

/// Where a task is signed, a line a place.
pub(super) fn place_lines(flow: &Flow, task: &Task) -> Vec<String> {
    let mut lines = Vec::new();
    for place in &task.places {
        let doc = flow.docs.iter().find(|doc| doc.id == place.doc);
        let doc = doc.map_or("", |doc| doc.name.as_str());
        if place.positions.is_empty() {
            lines.push(format!("{doc}: 签署位置由签署人选择"));
        }
        for position in &place.positions {
            let pages = position.pos_page.as_deref().unwrap_or("");
            lines.push(match position.sign_type {
                Some(1) => format!(
                    "{doc}: 关键字“{}”",
                    position.key.as_deref().unwrap_or_default()
                ),
                Some(3) => format!("{doc}: 骑缝 {pages}"),
                _ => format!("{doc}: 第 {pages} 页"),
            });
        }
    }
    lines
}

/// What a form calls a choice.
pub(super) fn choice_key(used: &Used) -> String {
    match used {
        Used::Hand => "hand".to_owned(),
        Used::Default(account) => format!("default-{account}"),
        Used::Seal(seal) => seal.to_string(),
    }
}

pub(super) fn choice(world: &World, used: &Used, now: Timestamp) -> Value {
    let (label, image) = match used {
        Used::Hand => ("手绘签名".to_owned(), None),
        Used::Default(account) => (format!("{} (默认印章)", world.name_of(account)), None),
        Used::Seal(id) => {
            let alias = world.seals.get(id).map(|seal| seal.alias.clone());
            (alias.unwrap_or_default(), Some(links::seal("", id, now)))
        }
    };
    context! { value => choice_key(used), label, image }
}
