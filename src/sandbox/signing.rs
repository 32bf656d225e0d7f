//! What people do with the tasks of the emulated service: sign, refuse, or let the time run out; and what the
//! service tells about it (sections 5.9.3 and 5.9.4).

use jiff::{SignedDuration, Timestamp};

use super::world::{Account, Change, Flow, Notice, Task, Used, World};
use crate::address::{AccountId, FlowId};
use crate::api::callback::{Callback, FlowFinish, SignerUpdate};
use crate::api::{DocStatus, FlowStatus, SignStatus, time};

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAction {
    /// Signs, with what he has chosen.
    Sign(Vec<Used>),
    /// Refuses, and says why.
    Refuse {
        /// Why.
        reason: String,
    },
}

/// Why a person cannot do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPossible {
    /// There is no such task.
    #[error("there is no such task")]
    Unknown,
    /// It was signed, refused or taken back before.
    #[error("the task has ended")]
    Ended,
    /// The flow has ended.
    #[error("the flow has ended")]
    FlowEnded,
    /// The seal is nobody's who signs here, or not allowed.
    #[error("this seal cannot be used here")]
    Seal,
}

/// Everybody signs by himself, as tests and demonstrations want it.
#[derive(Debug, Clone, Copy)]
pub struct AutoSign {
    /// So long after he was asked.
    pub after: SignedDuration,
    /// The share of people who refuse instead, from 0 to 1.
    pub refuse: f64,
    /// Who refuses.
    pub seed: u64,
}

impl AutoSign {
    /// The same seed, the same person and the same contract give the same answer.
    // A share needs no more bits than a float has.
    #[allow(clippy::cast_precision_loss)]
    fn refuses(&self, what: &str) -> bool {
        let hash = blake3::hash(format!("{} {what}", self.seed).as_bytes());
        let mut eight = [0; 8];
        eight.copy_from_slice(&hash.as_bytes()[..8]);
        (u64::from_be_bytes(eight) as f64) / (u64::MAX as f64) < self.refuse
    }
}

impl World {
    /// A task by its token, or by the beginning of it.
    pub(super) fn task(&self, token: &str) -> Option<(&Flow, &Task)> {
        let id = self.tokens.get(super::links::short(token))?;
        let flow = self.flows.get(id)?;
        let task = flow
            .tasks
            .iter()
            .find(|task| task.token.starts_with(token) && !token.is_empty())?;
        Some((flow, task))
    }

    /// A person acts on his task.
    pub fn act(
        &mut self,
        token: &str,
        deed: &UserAction,
        now: Timestamp,
    ) -> Result<(), NotPossible> {
        let (flow, task) = self.task(token).ok_or(NotPossible::Unknown)?;
        if !task.is_pending() {
            return Err(NotPossible::Ended);
        }
        if flow.status_at(now) != FlowStatus::Signing {
            return Err(NotPossible::FlowEnded);
        }
        if let UserAction::Sign(used) = deed
            && (used.is_empty() || !used.iter().all(|used| self.may_use(task, used)))
        {
            return Err(NotPossible::Seal);
        }
        let mut flow = flow.clone();
        let token = task.token.clone();
        let mut reason = None;
        for task in flow.tasks.iter_mut().filter(|task| task.token == token) {
            task.ended = Some(now.as_millisecond());
            match deed {
                UserAction::Sign(used) => {
                    task.status = SignStatus::Signed;
                    task.used.clone_from(used);
                }
                UserAction::Refuse { reason: why } => {
                    task.status = SignStatus::Ended;
                    task.explain = Some(why.clone());
                    reason = Some(why.clone());
                }
            }
        }
        for task in flow.tasks.iter().filter(|task| task.token == token) {
            note_update(self, &flow, task, now);
        }
        if let Some(reason) = reason {
            flow.status = FlowStatus::Rejected;
            note_finish(self, &flow, now, Some(&reason));
        }
        self.put(Change::Flow(flow));
        Ok(())
    }

    /// Whether a task may be signed with it.
    fn may_use(&self, task: &Task, used: &Used) -> bool {
        self.choices(task).iter().flatten().any(|own| own == used)
    }

    /// What a task may be signed with: first for the person himself, then for the organization.
    pub fn choices(&self, task: &Task) -> [Vec<Used>; 2] {
        let allowed = |kind: &str| {
            task.seal_type
                .as_deref()
                .is_none_or(|kinds| kinds.split(',').any(|allowed| allowed == kind))
        };
        let of = |account: &AccountId| match &self.seals_of(account)[..] {
            [] => vec![Used::Default(account.clone())],
            seals => seals
                .iter()
                .map(|seal| Used::Seal(seal.id.clone()))
                .collect(),
        };
        let mut own = Vec::new();
        if task.with_own_seal && allowed("0") {
            own.push(Used::Hand);
        }
        if task.with_own_seal && allowed("1") {
            own.extend(of(&task.account));
        }
        let is_his = |account: &&Account| {
            account.creator.as_ref() == Some(&task.account) && !account.deleted
        };
        let organization = match &task.organization {
            Some(organization) => of(organization),
            // He chooses on the page whom he signs for (5.5.6).
            None if task.for_any_organization => {
                let own = self.accounts.values().filter(is_his);
                own.flat_map(|account| of(&account.id)).collect()
            }
            None => Vec::new(),
        };
        [own, organization]
    }

    /// Acts for everybody who was asked long enough ago.
    pub(super) fn act_for_all(&mut self, auto: &AutoSign, now: Timestamp) {
        let ripe = |flow: &Flow, task: &Task| {
            let asked = Timestamp::from_millisecond(task.received).unwrap_or(now);
            task.is_pending()
                && flow.status_at(now) == FlowStatus::Signing
                && asked.checked_add(auto.after).is_ok_and(|then| then <= now)
        };
        let tasks: Vec<String> = self
            .flows
            .values()
            .filter(|flow| flow.is_open())
            .flat_map(|flow| flow.tasks.iter().filter(|task| ripe(flow, task)))
            .map(|task| task.token.clone())
            .collect();
        for token in tasks {
            let Some((flow, task)) = self.task(&token) else {
                continue;
            };
            // Who and what, and not when: the same sheet has the same people refuse, in whatever order it was sent.
            let account = self.accounts.get(&task.account);
            let third_id = account.and_then(|account| account.third_id.as_deref());
            let doc = flow.docs.first().map(|doc| doc.name.as_str());
            let what = format!(
                "{} {}",
                third_id.unwrap_or_default(),
                doc.unwrap_or_default()
            );
            let deed = if auto.refuses(&what) {
                UserAction::Refuse {
                    reason: "内容有误".to_owned(),
                }
            } else {
                let first = self
                    .choices(task)
                    .into_iter()
                    .filter_map(|own| own.into_iter().next());
                UserAction::Sign(first.collect())
            };
            // A flow that an earlier one of them has ended takes no more: that is what would happen to people too.
            let _ = self.act(&token, &deed, now);
        }
    }

    /// Ends the signatures without a person that were to take so long.
    pub(super) fn end_signing(&mut self, takes: SignedDuration, now: Timestamp) {
        let is_due = |task: &Task| {
            let asked = Timestamp::from_millisecond(task.received).unwrap_or(now);
            task.status == SignStatus::Signing
                && asked.checked_add(takes).is_ok_and(|then| then <= now)
        };
        for id in self.signing.clone() {
            let Some(mut flow) = self.flows.get(&id).cloned() else {
                continue;
            };
            if flow.status_at(now) != FlowStatus::Signing {
                self.signing.remove(&id);
                continue;
            }
            if !flow.tasks.iter().any(is_due) {
                continue;
            }
            let mut signed = Vec::new();
            for task in flow.tasks.iter_mut().filter(|task| is_due(task)) {
                task.status = SignStatus::Signed;
                task.ended = Some(now.as_millisecond());
                signed.push(task.clone());
            }
            for task in &signed {
                note_update(self, &flow, task, now);
            }
            self.put(Change::Flow(flow));
        }
    }

    /// Ends the flows whose time has run out.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let over: Vec<FlowId> = self
            .flows
            .values()
            .filter(|flow| flow.is_open() && flow.status_at(now) == FlowStatus::Expired)
            .map(|flow| flow.id.clone())
            .collect();
        for id in over {
            let mut flow = self.flows[&id].clone();
            flow.status = FlowStatus::Expired;
            note_finish(self, &flow, now, Some("超时未签署"));
            self.put(Change::Flow(flow));
        }
    }
}

/// The caller's numbers for all that a signer has done alike in a flow, joined by commas as the service joins them.
fn order_numbers(flow: &Flow, task: &Task) -> Option<String> {
    let is_this = |other: &Task| other.token == task.token;
    let alike = |other: &&Task| {
        is_this(other) || (other.account == task.account && other.status == task.status)
    };
    // A signature that is made at once is told of before the flow has it.
    let new = Some(task).filter(|_| !flow.tasks.iter().any(is_this));
    let all = flow.tasks.iter().filter(alike).chain(new);
    let numbers: Vec<&str> = all
        .filter_map(|task| task.third_order_no.as_deref())
        .collect();
    (!numbers.is_empty()).then(|| numbers.join(","))
}

/// Tells that a signer has acted.
pub(super) fn note_update(world: &mut World, flow: &Flow, task: &Task, now: Timestamp) {
    let refused = task.status == SignStatus::Ended;
    world.tell(Notice {
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

/// Tells that a flow has ended.
pub(super) fn note_finish(world: &mut World, flow: &Flow, now: Timestamp, why: Option<&str>) {
    let begun = Timestamp::from_millisecond(flow.begun).unwrap_or(now);
    world.tell(Notice {
        app: flow.app.clone(),
        url: flow.notice_url.clone(),
        callback: Callback::Finish(FlowFinish {
            business_scene: Some(flow.business_scene.clone()),
            flow_id: flow.id.clone(),
            // Callbacks know no 7: a refused flow is an ended one (5.9.4).
            flow_status: match flow.status {
                FlowStatus::Rejected => FlowStatus::Ended,
                status => status,
            },
            status_description: why.map(str::to_owned),
            create_time: time::text(begun),
            end_time: time::text(now),
        }),
    });
}
