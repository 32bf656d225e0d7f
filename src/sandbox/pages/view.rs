//! The world in the words of its pages: Chinese, with short English beside it.

use jiff::Timestamp;
use minijinja::{Value, context};

use super::super::links;
use super::super::signing::NotPossible;
use super::super::world::{Flow, Task, Used, World};
use crate::api::{FlowStatus, Position, SignStatus, time};

/// A state in both languages, and how it is coloured; the colour never says more than the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    zh: &'static str,
    en: &'static str,
    tone: &'static str,
}

impl From<Word> for Value {
    fn from(Word { zh, en, tone }: Word) -> Self {
        context! { zh, en, tone }
    }
}

const fn word(zh: &'static str, en: &'static str, tone: &'static str) -> Word {
    Word { zh, en, tone }
}

pub(super) fn state_word(status: FlowStatus) -> Word {
    match status {
        FlowStatus::Draft => word("草稿", "draft", ""),
        FlowStatus::Signing => word("签署中", "signing", "wait"),
        FlowStatus::Finished => word("已完成", "finished", "good"),
        FlowStatus::Revoked => word("已撤销", "revoked", "bad"),
        FlowStatus::Ended => word("已终止", "ended", "bad"),
        FlowStatus::Expired => word("已过期", "expired", "bad"),
        FlowStatus::Deleted => word("已删除", "deleted", "bad"),
        FlowStatus::Rejected => word("已拒签", "refused", "bad"),
    }
}

/// How far a task is; who has not acted when the flow ended has not refused.
fn task_word_at(flow: &Flow, task: &Task, now: Timestamp) -> Word {
    match flow.task_status_at(task, now) {
        SignStatus::Ended if task.is_pending() => word("已终止", "ended", "bad"),
        status => task_word(status),
    }
}

fn task_word(status: SignStatus) -> Word {
    match status {
        SignStatus::Pending => word("待签署", "to be signed", "wait"),
        SignStatus::Signing => word("签署中", "signing", "wait"),
        SignStatus::Signed => word("已签署", "signed", "good"),
        SignStatus::Ended => word("已拒签", "refused", "bad"),
        SignStatus::Withdrawn => word("已撤回", "withdrawn", ""),
    }
}

/// What has become of a task that cannot be signed.
pub(super) fn outcome(flow: &Flow, task: &Task, now: Timestamp) -> Option<Word> {
    if !task.is_pending() {
        return Some(task_word(task.status));
    }
    match flow.status_at(now) {
        FlowStatus::Signing => None,
        FlowStatus::Revoked => Some(word("流程已撤销", "the flow was revoked", "bad")),
        FlowStatus::Expired => Some(word("流程已过期", "the flow has expired", "bad")),
        FlowStatus::Rejected => Some(word("流程已被他人拒签", "somebody else refused", "bad")),
        _ => Some(word("流程已结束", "the flow has ended", "")),
    }
}

/// What is wrong with a form that was sent, and which field it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    zh: &'static str,
    en: &'static str,
    field: &'static str,
}

impl From<Wrong> for Value {
    fn from(Wrong { zh, en, field }: Wrong) -> Self {
        context! { zh, en, field }
    }
}

pub(super) const NO_REASON: Wrong = Wrong {
    zh: "请填写拒签原因",
    en: "say why you refuse",
    field: "reason",
};
pub(super) const LONG_REASON: Wrong = Wrong {
    zh: "拒签原因不能超过 200 字",
    en: "at most 200 characters",
    field: "reason",
};
pub(super) const WRONG_PASSWORD: Wrong = Wrong {
    zh: "文档编辑密码不正确",
    en: "the password is wrong",
    field: "password",
};
pub(super) const NO_DEED: Wrong = Wrong {
    zh: "请选择签署或拒签",
    en: "sign or refuse",
    field: "",
};

pub(super) fn wrong(why: NotPossible) -> Wrong {
    let (zh, en) = match why {
        NotPossible::Unknown => ("签署任务不存在", "there is no such task"),
        NotPossible::Ended => ("签署任务已结束", "the task has ended"),
        NotPossible::FlowEnded => ("流程已结束", "the flow has ended"),
        NotPossible::Seal => ("请选择可用的签名或印章", "this seal cannot be used here"),
    };
    Wrong { zh, en, field: "" }
}

pub(super) fn moment(ms: i64) -> Option<String> {
    Timestamp::from_millisecond(ms).ok().map(time::text)
}

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
        state => state_word(flow.status_at(now)),
        begun => moment(flow.begun),
        validity => flow.sign_validity.and_then(moment),
        open,
        to_archive => open && all_signed,
        tasks,
    }
}

pub(super) fn task_value(world: &World, flow: &Flow, task: &Task, now: Timestamp) -> Value {
    let person = world.name_of(&task.account);
    let name = match &task.organization {
        Some(organization) => format!("{person}（{}）", world.name_of(organization)),
        None => person.to_owned(),
    };
    context! {
        token => &task.token,
        name,
        state => task_word_at(flow, task, now),
        pending => task.is_pending(),
        // The platform's signatures and silent ones have no page: nobody was asked.
        has_page => task.with_own_seal || task.organization.is_some(),
        places => place_lines(flow, task),
        time => task.ended.and_then(moment).unwrap_or_default(),
        explain => task.explain.clone().unwrap_or_default(),
    }
}

/// Where a task is signed, a line a place.
fn place_lines(flow: &Flow, task: &Task) -> Vec<String> {
    let mut lines = Vec::new();
    for place in &task.places {
        let doc = flow.docs.iter().find(|doc| doc.id == place.doc);
        let doc = doc.map_or("", |doc| doc.name.as_str());
        if place.positions.is_empty() {
            // People drag their seal; here it goes on the last page.
            lines.push(format!("《{doc}》: 签署人自选位置（本仿真放在末页）"));
        }
        for position in &place.positions {
            lines.push(format!("《{doc}》: {}", place_words(position)));
        }
    }
    lines
}

fn place_words(position: &Position) -> String {
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
        Used::Default(account) => (format!("{}（默认印章）", world.name_of(account)), None),
        Used::Seal(id) => {
            let alias = world.seals.get(id).map(|seal| seal.alias.clone());
            (alias.unwrap_or_default(), Some(links::seal("", id, now)))
        }
    };
    context! { value => choice_key(used), label, image }
}
