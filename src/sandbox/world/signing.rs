//! Actions on tasks: sign, refuse, automatic signatures, expiry.

use jiff::{SignedDuration, Timestamp};

use super::World;
use super::callbacks::{queue_flow_finish, queue_signer_update};
use super::change::Change;
use super::flow::{Flow, SealChoice, Task, short_token};
use super::records::Account;
use crate::address::{AccountId, FlowId};
use crate::api::{FlowStatus, SignStatus};

/// The maximum number of characters of the reason of a refusal. The page's input field has the same
/// limit.
pub(in crate::sandbox) const MAX_REASON_LENGTH: usize = 200;

/// An action of a signer on a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAction {
    /// Signs with the chosen seals.
    Sign(Vec<SealChoice>),
    /// Refuses to sign.
    Refuse {
        /// The reason, as the signer entered it.
        reason: String,
    },
}

/// The reason why an action on a task is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The task does not exist.
    #[error("the task does not exist")]
    UnknownTask,
    /// The task was signed, refused or withdrawn before.
    #[error("the task has ended")]
    TaskEnded,
    /// The flow has ended.
    #[error("the flow has ended")]
    FlowEnded,
    /// A chosen seal belongs to another account or is of a kind that is not allowed.
    #[error("the seal cannot be used for this task")]
    SealNotAllowed,
}

/// Settings for tasks that sign themselves, for tests and demonstrations.
#[derive(Debug, Clone, Copy)]
pub struct AutoSign {
    /// The delay after the task was added.
    pub after: SignedDuration,
    /// The share of tasks that are refused, from 0 to 1.
    pub refuse: f64,
    /// The seed that selects the refused tasks.
    pub seed: u64,
}

impl AutoSign {
    /// Returns whether the task with this key is refused: a function of the key and the seed.
    // The share needs no more bits than a float has.
    #[allow(clippy::cast_precision_loss)]
    fn refuses(&self, key: &str) -> bool {
        let hash = blake3::hash(format!("{} {key}", self.seed).as_bytes());
        let mut eight = [0; 8];
        eight.copy_from_slice(&hash.as_bytes()[..8]);
        (u64::from_be_bytes(eight) as f64) / (u64::MAX as f64) < self.refuse
    }
}

impl World {
    /// Returns a task and its flow by the token of the task or a prefix of it.
    pub(crate) fn task(&self, token: &str) -> Option<(&Flow, &Task)> {
        let id = self.flow_by_token.get(short_token(token))?;
        let flow = self.flows.get(id)?;
        let task = flow
            .tasks
            .iter()
            .find(|task| task.token.starts_with(token) && !token.is_empty())?;
        Some((flow, task))
    }

    /// Carries out a signer's action on a task.
    pub fn act(
        &mut self,
        token: &str,
        action: &UserAction,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        let (flow, task) = self.task(token).ok_or(ActionError::UnknownTask)?;
        if !task.is_pending() {
            return Err(ActionError::TaskEnded);
        }
        if flow.status_at(now) != FlowStatus::Signing {
            return Err(ActionError::FlowEnded);
        }
        if let UserAction::Sign(seals) = action
            && (seals.is_empty() || !seals.iter().all(|seal| self.may_use(task, seal)))
        {
            return Err(ActionError::SealNotAllowed);
        }
        let mut flow = flow.clone();
        let token = task.token.clone();
        let mut refusal = None;
        for task in flow.tasks.iter_mut().filter(|task| task.token == token) {
            task.ended_at = Some(now.as_millisecond());
            match action {
                UserAction::Sign(seals) => {
                    task.status = SignStatus::Signed;
                    task.seals.clone_from(seals);
                }
                UserAction::Refuse { reason } => {
                    task.status = SignStatus::Ended;
                    task.explain = Some(reason.clone());
                    refusal = Some(reason.clone());
                }
            }
        }
        for task in flow.tasks.iter().filter(|task| task.token == token) {
            queue_signer_update(self, &flow, task, now);
        }
        if let Some(reason) = refusal {
            flow.status = FlowStatus::Rejected;
            queue_flow_finish(self, &flow, now, Some(&reason));
        }
        self.put(Change::Flow(flow));
        Ok(())
    }

    fn may_use(&self, task: &Task, seal: &SealChoice) -> bool {
        self.choices(task).iter().flatten().any(|own| own == seal)
    }

    /// Returns the seals that a task may be signed with: the personal ones, then those of the
    /// organizations.
    pub fn choices(&self, task: &Task) -> [Vec<SealChoice>; 2] {
        let is_allowed = |kind: &str| {
            task.seal_type
                .as_deref()
                .is_none_or(|kinds| kinds.split(',').any(|allowed| allowed == kind))
        };
        let seals_of = |account: &AccountId| match &self.seals_of(account)[..] {
            [] => vec![SealChoice::Default(account.clone())],
            seals => seals
                .iter()
                .map(|seal| SealChoice::Seal(seal.id.clone()))
                .collect(),
        };
        let mut own = Vec::new();
        if task.with_own_seal && is_allowed("0") {
            own.push(SealChoice::Handwritten);
        }
        if task.with_own_seal && is_allowed("1") {
            own.extend(seals_of(&task.account));
        }
        let is_created_by_signer = |account: &&Account| {
            account.creator.as_ref() == Some(&task.account) && !account.deleted
        };
        let organization = match &task.organization {
            Some(organization) => seals_of(organization),
            // The signer chooses the organization on the page (API 5.5.6).
            None if task.for_any_organization => {
                let created = self.accounts.values().filter(is_created_by_signer);
                created.flat_map(|account| seals_of(&account.id)).collect()
            }
            None => Vec::new(),
        };
        [own, organization]
    }

    /// Returns the signature with the first choices of a task.
    pub(crate) fn default_signature(&self, task: &Task) -> UserAction {
        let choices = self.choices(task).into_iter();
        UserAction::Sign(choices.filter_map(|own| own.into_iter().next()).collect())
    }

    /// Signs or refuses every pending task that was added `auto.after` ago or earlier.
    pub(crate) fn auto_sign(&mut self, auto: &AutoSign, now: Timestamp) {
        let is_due = |flow: &Flow, task: &Task| {
            let received = Timestamp::from_millisecond(task.received_at).unwrap_or(now);
            task.is_pending()
                && flow.status_at(now) == FlowStatus::Signing
                && received.checked_add(auto.after).is_ok_and(|due| due <= now)
        };
        let tasks: Vec<String> = self
            .flows
            .values()
            .filter(|flow| flow.is_open())
            .flat_map(|flow| flow.tasks.iter().filter(|task| is_due(flow, task)))
            .map(|task| task.token.clone())
            .collect();
        for token in tasks {
            let Some((flow, task)) = self.task(&token) else {
                continue;
            };
            // The key has no time or id: the same sheet gives the same refusals in any order.
            let account = self.accounts.get(&task.account);
            let third_id = account.and_then(|account| account.third_id.as_deref());
            let doc = flow.docs.first().map(|doc| doc.name.as_str());
            let key = format!(
                "{} {}",
                third_id.unwrap_or_default(),
                doc.unwrap_or_default()
            );
            let action = if auto.refuses(&key) {
                UserAction::Refuse {
                    reason: "内容有误".to_owned(),
                }
            } else {
                self.default_signature(task)
            };
            // Fails if an earlier task of this loop has ended the flow; that is intended.
            let _ = self.act(&token, &action, now);
        }
    }

    /// Completes the automatic signatures that were started `duration` ago or earlier.
    pub(crate) fn complete_automatic_signatures(
        &mut self,
        duration: SignedDuration,
        now: Timestamp,
    ) {
        let is_due = |task: &Task| {
            let received = Timestamp::from_millisecond(task.received_at).unwrap_or(now);
            task.status == SignStatus::Signing
                && received.checked_add(duration).is_ok_and(|due| due <= now)
        };
        for id in self.signing_flows.clone() {
            let Some(mut flow) = self.flows.get(&id).cloned() else {
                continue;
            };
            if flow.status_at(now) != FlowStatus::Signing {
                self.signing_flows.remove(&id);
                continue;
            }
            if !flow.tasks.iter().any(is_due) {
                continue;
            }
            let mut signed = Vec::new();
            for task in flow.tasks.iter_mut().filter(|task| is_due(task)) {
                task.status = SignStatus::Signed;
                task.ended_at = Some(now.as_millisecond());
                signed.push(task.clone());
            }
            for task in &signed {
                queue_signer_update(self, &flow, task, now);
            }
            self.put(Change::Flow(flow));
        }
    }

    /// Sets the status of flows past their signing deadline to expired.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let expired: Vec<FlowId> = self
            .flows
            .values()
            .filter(|flow| flow.is_open() && flow.status_at(now) == FlowStatus::Expired)
            .map(|flow| flow.id.clone())
            .collect();
        for id in expired {
            let mut flow = self.flows[&id].clone();
            flow.status = FlowStatus::Expired;
            queue_flow_finish(self, &flow, now, Some("超时未签署"));
            self.put(Change::Flow(flow));
        }
    }
}
