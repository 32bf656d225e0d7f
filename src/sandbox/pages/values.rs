//! The values in the templates, with labels in Chinese and English.

use jiff::Timestamp;
use minijinja::{Value, context};

use crate::api::{FlowStatus, Position, SignStatus, time};
use crate::sandbox::links::Links;
use crate::sandbox::world::{ActionError, Flow, SealChoice, Task, World};

/// The name of a status in both languages, and its CSS class for the color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    zh: &'static str,
    en: &'static str,
    css_class: &'static str,
}

impl Label {
    /// Returns the English name.
    pub(super) fn en(self) -> &'static str {
        self.en
    }
}

impl From<Label> for Value {
    fn from(Label { zh, en, css_class }: Label) -> Self {
        context! { zh, en, css_class }
    }
}

const fn label(zh: &'static str, en: &'static str, css_class: &'static str) -> Label {
    Label { zh, en, css_class }
}

/// Returns the label of a flow.
pub(super) fn flow_label(status: FlowStatus) -> Label {
    match status {
        FlowStatus::Draft => label("草稿", "draft", ""),
        FlowStatus::Signing => label("签署中", "signing", "wait"),
        FlowStatus::Finished => label("已完成", "finished", "good"),
        FlowStatus::Revoked => label("已撤销", "revoked", "bad"),
        FlowStatus::Ended => label("已终止", "ended", "bad"),
        FlowStatus::Expired => label("已过期", "expired", "bad"),
        FlowStatus::Deleted => label("已删除", "deleted", "bad"),
        FlowStatus::Rejected => label("已拒签", "refused", "bad"),
    }
}

/// Returns the label of a task at `now`. A pending task of an ended flow is ended, not refused.
fn task_label_at(flow: &Flow, task: &Task, now: Timestamp) -> Label {
    match flow.task_status_at(task, now) {
        SignStatus::Ended if task.is_pending() => label("已终止", "ended", "bad"),
        status => task_label(status),
    }
}

fn task_label(status: SignStatus) -> Label {
    match status {
        SignStatus::Pending => label("待签署", "pending", "wait"),
        SignStatus::Signing => label("签署中", "signing", "wait"),
        SignStatus::Signed => label("已签署", "signed", "good"),
        SignStatus::Ended => label("已拒签", "refused", "bad"),
        SignStatus::Withdrawn => label("已撤回", "withdrawn", ""),
    }
}

/// Returns the label of a task that cannot be signed. `None` if it can be signed.
pub(super) fn outcome(flow: &Flow, task: &Task, now: Timestamp) -> Option<Label> {
    if !task.is_pending() {
        return Some(task_label(task.status));
    }
    match flow.status_at(now) {
        FlowStatus::Signing => None,
        FlowStatus::Revoked => Some(label("流程已撤销", "the flow is revoked", "bad")),
        FlowStatus::Expired => Some(label("流程已过期", "the flow has expired", "bad")),
        FlowStatus::Rejected => Some(label("流程已被他人拒签", "another signer refused", "bad")),
        _ => Some(label("流程已结束", "the flow has ended", "")),
    }
}

/// An error in a form, and the field that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FormError {
    zh: &'static str,
    en: &'static str,
    field: &'static str,
}

impl From<FormError> for Value {
    fn from(FormError { zh, en, field }: FormError) -> Self {
        context! { zh, en, field }
    }
}

pub(super) const MISSING_REASON: FormError = FormError {
    zh: "请填写拒签原因",
    en: "enter a reason",
    field: "reason",
};
pub(super) const REASON_TOO_LONG: FormError = FormError {
    zh: "拒签原因不能超过 200 字",
    en: "the reason is longer than 200 characters",
    field: "reason",
};
pub(super) const WRONG_PASSWORD: FormError = FormError {
    zh: "文档编辑密码不正确",
    en: "the password is wrong",
    field: "password",
};
pub(super) const MISSING_ACTION: FormError = FormError {
    zh: "请选择签署或拒签",
    en: "choose to sign or to refuse",
    field: "",
};

/// Converts the refusal of an action.
pub(super) fn action_error(error: ActionError) -> FormError {
    let (zh, en) = match error {
        ActionError::UnknownTask => ("签署任务不存在", "the task does not exist"),
        ActionError::TaskEnded => ("签署任务已结束", "the task has ended"),
        ActionError::FlowEnded => ("流程已结束", "the flow has ended"),
        ActionError::SealNotAllowed => (
            "请选择可用的签名或印章",
            "choose an available signature or seal",
        ),
    };
    FormError { zh, en, field: "" }
}

fn time_text(ms: i64) -> Option<String> {
    Timestamp::from_millisecond(ms).ok().map(time::text)
}

/// Returns the template value of a flow.
pub(super) fn flow_value(world: &World, flow: &Flow, now: Timestamp) -> Value {
    let docs: Vec<&str> = flow.docs.iter().map(|doc| doc.name.as_str()).collect();
    let live = || {
        let withdrawn = |task: &&Task| task.status != SignStatus::Withdrawn;
        flow.tasks.iter().filter(withdrawn)
    };
    let open = flow.status_at(now) == FlowStatus::Signing;
    let all_signed = live().count() > 0 && live().all(|task| task.status == SignStatus::Signed);
    let tasks: Vec<Value> = flow
        .tasks
        .iter()
        .map(|task| task_value(world, flow, task, now))
        .collect();
    context! {
        id => &flow.id.0,
        scene => &flow.business_scene,
        docs => docs.join("、"),
        attachments => flow.attachments.join("、"),
        state => flow_label(flow.status_at(now)),
        created => time_text(flow.created_at),
        validity => flow.sign_validity.and_then(time_text),
        open,
        to_archive => open && all_signed,
        tasks,
    }
}

/// Returns the template value of a task.
pub(super) fn task_value(world: &World, flow: &Flow, task: &Task, now: Timestamp) -> Value {
    context! {
        token => &task.token,
        name => signer_name(world, task),
        state => task_label_at(flow, task, now),
        pending => task.is_pending(),
        // Automatic signatures have no sign page.
        has_page => task.with_own_seal || task.organization.is_some(),
        places => position_lines(flow, task),
        time => task.ended_at.and_then(time_text).unwrap_or_default(),
        explain => task.explain.clone().unwrap_or_default(),
    }
}

/// Returns the name of the person who signs, with that of the organization.
pub(super) fn signer_name(world: &World, task: &Task) -> String {
    let person = world.account_name(&task.account);
    match &task.organization {
        Some(organization) => format!("{person}（{}）", world.account_name(organization)),
        None => person.to_owned(),
    }
}

/// Describes the positions of a task, one line for each.
fn position_lines(flow: &Flow, task: &Task) -> Vec<String> {
    let mut lines = Vec::new();
    for place in &task.places {
        let doc = flow.docs.iter().find(|doc| doc.id == place.doc);
        let doc = doc.map_or("", |doc| doc.name.as_str());
        if place.positions.is_empty() {
            // Signers of the real service drag their seal; the sandbox uses the last page.
            lines.push(format!("《{doc}》：签署人自选位置（本仿真放在末页）"));
        }
        for position in &place.positions {
            lines.push(format!("《{doc}》：{}", position_text(position)));
        }
    }
    lines
}

fn position_text(position: &Position) -> String {
    let pages = position.pos_page.as_deref();
    match position.sign_type {
        Some(1) => {
            let key = position.key.as_deref().unwrap_or_default();
            let on = pages.map(|pages| format!("（第 {pages} 页）"));
            format!("关键字“{key}”{}", on.unwrap_or_default())
        }
        Some(3) => match pages {
            Some(pages) => format!("骑缝章，第 {pages} 页"),
            None => "骑缝章，全部页".to_owned(),
        },
        _ => format!("第 {} 页", pages.unwrap_or_default()),
    }
}

/// Returns the value of a choice in the form.
pub(super) fn choice_key(seal: &SealChoice) -> String {
    match seal {
        SealChoice::Handwritten => "hand".to_owned(),
        SealChoice::Default(account) => format!("default-{account}"),
        SealChoice::Seal(id) => id.to_string(),
    }
}

/// Returns the template value of a choice.
pub(super) fn choice_value(world: &World, seal: &SealChoice, links: Links<'_>) -> Value {
    let value = choice_key(seal);
    match seal {
        SealChoice::Handwritten => context! { value, label => "手绘签名" },
        SealChoice::Default(account) => {
            context! { value, label => format!("{}（默认印章）", world.account_name(account)) }
        }
        SealChoice::Seal(id) => {
            let seal = world.seals.get(id);
            context! {
                value,
                label => seal.map_or("", |seal| &seal.alias),
                image => links.seal(id),
                width => seal.map(|seal| seal.width),
                height => seal.map(|seal| seal.height),
            }
        }
    }
}
