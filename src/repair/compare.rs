//! What is recorded of an item, held against what the service says of its flow.

use crate::address::AccountId;
use crate::api::FlowStatus;
use crate::execute::{FlowState, FoundTask, ItemJournal, SIGNER, SignerIdentity, ended_status};
use crate::ledger::{ItemStatus, Step};

/// What is found of an item, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Its flow, or somebody's task, is not there.
    Missing,
    /// Something is otherwise than it is recorded.
    Different,
    /// It cannot be told.
    Unproven,
    /// It is there as it is recorded, once.
    ExactlyOnce,
}

impl Verdict {
    /// The word in the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Unproven => "unproven",
            Self::ExactlyOnce => "exactly_once",
        }
    }
}

/// What differs, by how bad it is.
#[derive(Default)]
pub(crate) struct Differences(pub(crate) Vec<(Verdict, String, &'static str)>);

const SYNC: &str = "run treaty sync: it brings what is recorded up to date";
pub(crate) const PAGES: &str = "look at the flow on the service's own pages";

impl Differences {
    pub(crate) fn note(&mut self, verdict: Verdict, what: impl Into<String>, hint: &'static str) {
        self.0.push((verdict, what.into(), hint));
    }
}

/// A signer that was added.
pub(crate) struct AddedSigner {
    pub(crate) step: String,
    pub(crate) who: SignerIdentity,
    /// The account that the platform signed with.
    platform: Option<AccountId>,
}

pub(crate) fn added_signers(steps: &ItemJournal) -> Vec<AddedSigner> {
    let receipts = steps.known().filter_map(|(name, step)| match step {
        Step::Receipt(receipt) if name.starts_with(SIGNER) => Some((name, receipt)),
        _ => None,
    });
    let mut signers: Vec<AddedSigner> = receipts
        .map(|(name, receipt)| {
            let who = SignerIdentity::of(receipt);
            let own = receipt.get("accountId").and_then(|id| id.as_str());
            AddedSigner {
                step: name.clone(),
                platform: own.filter(|_| who.account.is_none()).map(AccountId::from),
                who,
            }
        })
        .collect();
    signers.sort_by(|one, other| one.step.cmp(&other.step));
    signers
}

fn steps_people(signers: &[AddedSigner]) -> Vec<&AccountId> {
    let people = signers
        .iter()
        .filter_map(|signer| signer.who.account.as_ref());
    people.collect()
}

/// Whether a signer has no task.
pub(crate) fn lacks_tasks(steps: &ItemJournal, state: &FlowState) -> bool {
    let mut differs = Differences::default();
    compare_tasks(steps, state, &mut differs);
    differs
        .0
        .iter()
        .any(|(verdict, ..)| *verdict == Verdict::Missing)
}

/// Each signer has one task, and there is no other.
pub(crate) fn compare_tasks(steps: &ItemJournal, state: &FlowState, differs: &mut Differences) {
    let mut signers = added_signers(steps);
    // Who may be listed in two ways takes what is left.
    let is_listed = |who: &SignerIdentity| state.tasks.iter().any(|task| task.is_of(who));
    signers.sort_by_key(|signer| {
        let who = &signer.who;
        (who.account.is_none(), who.both, !is_listed(who))
    });
    let people = steps_people(&signers);
    let mut free: Vec<&FoundTask> = state.tasks.iter().collect();
    for signer in &signers {
        let is_his = |task: &&FoundTask| match (&signer.who.account, &signer.platform) {
            (Some(_), _) => task.is_of(&signer.who) || task.is_in_the_name_of(&signer.who),
            (None, Some(own)) => task.account == *own,
            (None, None) => {
                let mut others = signers.iter();
                !people.contains(&&task.account)
                    && !others.any(|other| task.is_in_the_name_of(&other.who))
            }
        };
        let blurred = match &signer.platform {
            Some(own) => people.contains(&own),
            None => {
                signer.who.account.is_none() && free.iter().filter(|task| is_his(task)).count() > 1
            }
        };
        if signer.who.account.is_none() && blurred {
            let what = format!(
                "the platform's own account cannot be told apart from others in {}",
                signer.step
            );
            differs.note(Verdict::Unproven, what, PAGES);
        }
        // What stands under an account of its own is nobody else's.
        let exact = free.iter().position(|task| task.is_of(&signer.who));
        let Some(at) = exact.or_else(|| free.iter().position(is_his)) else {
            let what = format!("the flow has no task of {}", signer.step);
            differs.note(Verdict::Missing, what, PAGES);
            continue;
        };
        let first = free.remove(at);
        // Who signs for himself and an organization may be listed once for each.
        let other_role = |task: &&FoundTask| {
            signer.who.both
                && task.is_of(&signer.who)
                && task.organization.is_none() != first.organization.is_none()
        };
        if let Some(at) = free.iter().position(other_role) {
            free.remove(at);
        }
    }
    for task in free {
        let own = signers.iter().find(|signer| match &signer.platform {
            Some(platform) => task.account == *platform,
            None => task.is_of(&signer.who),
        });
        let what = match own {
            Some(signer) => format!(
                "the flow has one task of {} more than is recorded",
                signer.step
            ),
            None => format!(
                "no recorded step explains a task of the account {}",
                task.account
            ),
        };
        differs.note(Verdict::Different, what, PAGES);
    }
}

/// What is recorded of the flow, and what the service says, agree.
pub(crate) fn compare_status(
    recorded: ItemStatus,
    steps: &ItemJournal,
    state: &FlowState,
    differs: &mut Differences,
) {
    let there = ended_status(state.status);
    let agree = match (recorded, there, state.status) {
        (ItemStatus::Done | ItemStatus::Waiting, None, FlowStatus::Draft | FlowStatus::Signing)
        | (ItemStatus::Finished, None, FlowStatus::Finished) => true,
        // Nobody has asked to be told when all have signed.
        (ItemStatus::Done | ItemStatus::Waiting, None, FlowStatus::Finished) => {
            steps.deferred().is_empty()
        }
        (recorded, Some(there), _) => recorded == there,
        _ => false,
    };
    if agree {
        return;
    }
    let what = format!(
        "it is recorded as {}, and the service says {}",
        match recorded {
            ItemStatus::Done | ItemStatus::Waiting => "under way",
            ItemStatus::Finished => "finished",
            ItemStatus::Rejected => "refused",
            ItemStatus::Expired => "expired",
            ItemStatus::Revoked => "revoked",
            ItemStatus::Open | ItemStatus::Failed | ItemStatus::InDoubt => "not sent",
        },
        match state.status {
            FlowStatus::Draft => "that it is a draft",
            FlowStatus::Signing => "that people are signing",
            FlowStatus::Finished => "that it is finished",
            FlowStatus::Revoked => "that it was revoked",
            FlowStatus::Ended => "that it has ended",
            FlowStatus::Expired => "that it has expired",
            FlowStatus::Deleted => "that it was deleted",
            FlowStatus::Rejected => "that somebody refused",
        }
    );
    let hint = match recorded {
        ItemStatus::Waiting => SYNC,
        _ => PAGES,
    };
    differs.note(Verdict::Different, what, hint);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::signed_task as task;

    #[test]
    fn the_order_of_tasks_and_the_roles_of_one_signer_make_no_difference() {
        let receipt = |step: &str, receipt| (format!("{SIGNER}{step}"), Step::Receipt(receipt));
        let auto = serde_json::json!({ "accountId": "acme" });
        let both =
            serde_json::json!({ "accountId": "clerk", "authorizationOrgId": "acme", "both": true });
        let steps = ItemJournal::new(1, vec![receipt("auto", auto), receipt("both", both)]);
        let of_both = || task("clerk", Some("acme"));
        for (tasks, differs) in [
            (vec![of_both(), task("acme", None)], 0),
            (vec![task("acme", None), task("clerk", None), of_both()], 0),
            (vec![of_both(), task("acme", None), of_both()], 1),
            (vec![task("acme", None)], 1),
        ] {
            let state = FlowState {
                status: FlowStatus::Finished,
                docs: Vec::new(),
                tasks,
                withdrawn: Vec::new(),
            };
            let mut found = Differences::default();
            compare_tasks(&steps, &state, &mut found);
            assert_eq!(found.0.len(), differs, "{:?} {:?}", state.tasks, found.0);
        }
    }
}
