//! Compares the record of an item with the state of its flow at the service.

use crate::address::AccountId;
use crate::api::FlowStatus;
use crate::execute::{FlowState, FoundTask, ItemJournal, SignerIdentity, ended_status};
use crate::ledger::{ItemStatus, Receipt, Step, step_name};

/// The result of the comparison of an item, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The flow, or a signer's task, does not exist.
    Missing,
    /// The state differs from the record.
    Different,
    /// The item could not be compared.
    Unproven,
    /// No signer was asked.
    NotSent,
    /// The flow exists once, as recorded.
    ExactlyOnce,
}

impl Verdict {
    /// The word for the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Unproven => "unproven",
            Self::NotSent => "not_sent",
            Self::ExactlyOnce => "exactly_once",
        }
    }
}

/// The differences of an item: verdict, description and hint.
#[derive(Default)]
pub(crate) struct Differences(pub(crate) Vec<(Verdict, String, &'static str)>);

const RUN_SYNC: &str = "run treaty sync to update the record";
pub(crate) const CHECK_FLOW: &str = "check the flow on the service's own pages";

impl Differences {
    pub(crate) fn add(&mut self, verdict: Verdict, what: impl Into<String>, hint: &'static str) {
        self.0.push((verdict, what.into(), hint));
    }
}

/// A signer that was added to the flow.
pub(crate) struct AddedSigner {
    pub(crate) step: String,
    pub(crate) identity: SignerIdentity,
    /// The account of the platform, if the platform itself signs.
    platform: Option<AccountId>,
}

/// The signers with a receipt, by step name.
pub(crate) fn added_signers(journal: &ItemJournal) -> Vec<AddedSigner> {
    let receipts = journal.known().filter_map(|(name, step)| match step {
        Step::Receipt(receipt) if step_name::is_signer(name) => {
            Some((name, Receipt::from_json(receipt)))
        }
        _ => None,
    });
    let mut signers: Vec<AddedSigner> = receipts
        .map(|(name, receipt)| {
            let identity = SignerIdentity::of(&receipt);
            let own = receipt.account_id;
            AddedSigner {
                step: name.clone(),
                platform: own.filter(|_| identity.account.is_none()),
                identity,
            }
        })
        .collect();
    signers.sort_by(|one, other| one.step.cmp(&other.step));
    signers
}

fn signer_accounts(signers: &[AddedSigner]) -> Vec<&AccountId> {
    let accounts = signers
        .iter()
        .filter_map(|signer| signer.identity.account.as_ref());
    accounts.collect()
}

/// Whether an added signer has no task.
pub(crate) fn lacks_tasks(journal: &ItemJournal, state: &FlowState) -> bool {
    let mut differences = Differences::default();
    compare_tasks(journal, state, &mut differences);
    differences
        .0
        .iter()
        .any(|(verdict, ..)| *verdict == Verdict::Missing)
}

/// Checks that each signer has one task, and that there is no other task.
pub(crate) fn compare_tasks(
    journal: &ItemJournal,
    state: &FlowState,
    differences: &mut Differences,
) {
    let mut signers = added_signers(journal);
    // Match signers last that may be listed in more than one way.
    let is_listed = |identity: &SignerIdentity| state.tasks.iter().any(|task| task.is_of(identity));
    signers.sort_by_key(|signer| {
        let identity = &signer.identity;
        (
            identity.account.is_none(),
            identity.both,
            !is_listed(identity),
        )
    });
    let accounts = signer_accounts(&signers);
    let mut free: Vec<&FoundTask> = state.tasks.iter().collect();
    for signer in &signers {
        let is_own = |task: &&FoundTask| match (&signer.identity.account, &signer.platform) {
            (Some(_), _) => {
                task.is_of(&signer.identity) || task.is_in_the_name_of(&signer.identity)
            }
            (None, Some(own)) => task.account == *own,
            (None, None) => {
                let mut others = signers.iter();
                !accounts.contains(&&task.account)
                    && !others.any(|other| task.is_in_the_name_of(&other.identity))
            }
        };
        let is_ambiguous = match &signer.platform {
            Some(own) => accounts.contains(&own),
            None => {
                signer.identity.account.is_none()
                    && free.iter().filter(|task| is_own(task)).count() > 1
            }
        };
        if signer.identity.account.is_none() && is_ambiguous {
            let what = format!(
                "the platform's own account cannot be identified in {}",
                signer.step
            );
            differences.add(Verdict::Unproven, what, CHECK_FLOW);
        }
        // Prefer a task under the signer's own account: it cannot belong to another signer.
        let exact = free.iter().position(|task| task.is_of(&signer.identity));
        let Some(at) = exact.or_else(|| free.iter().position(is_own)) else {
            let what = format!("the flow has no task of {}", signer.step);
            differences.add(Verdict::Missing, what, CHECK_FLOW);
            continue;
        };
        let first = free.remove(at);
        // A signer for themselves and an organization may be listed once for each role.
        let other_role = |task: &&FoundTask| {
            signer.identity.both
                && task.is_of(&signer.identity)
                && task.organization.is_none() != first.organization.is_none()
        };
        if let Some(at) = free.iter().position(other_role) {
            free.remove(at);
        }
    }
    for task in free {
        let own = signers.iter().find(|signer| match &signer.platform {
            Some(platform) => task.account == *platform,
            None => task.is_of(&signer.identity),
        });
        let what = match own {
            Some(signer) => format!(
                "the flow has one task of {} more than recorded",
                signer.step
            ),
            None => format!(
                "the flow has an unrecorded task of the account {}",
                task.account
            ),
        };
        differences.add(Verdict::Different, what, CHECK_FLOW);
    }
}

/// Checks that the recorded status agrees with the status of the flow.
pub(crate) fn compare_status(
    recorded: ItemStatus,
    journal: &ItemJournal,
    state: &FlowState,
    differences: &mut Differences,
) {
    let ended = ended_status(state.status);
    let agree = match (recorded, ended, state.status) {
        (
            ItemStatus::Signed | ItemStatus::Waiting,
            None,
            FlowStatus::Draft | FlowStatus::Signing,
        )
        | (ItemStatus::Archived, None, FlowStatus::Finished) => true,
        // Without a deferred step, sync does not wait for the flow to finish.
        (ItemStatus::Signed | ItemStatus::Waiting, None, FlowStatus::Finished) => {
            journal.deferred().is_empty()
        }
        (recorded, Some(ended), _) => recorded == ended,
        _ => false,
    };
    if agree {
        return;
    }
    let what = format!(
        "the recorded status is {}, and the service reports {}",
        match recorded {
            ItemStatus::Signed | ItemStatus::Waiting => "in progress",
            ItemStatus::Archived => "archived",
            ItemStatus::Rejected => "refused",
            ItemStatus::Expired => "expired",
            ItemStatus::Revoked => "revoked",
            ItemStatus::Open | ItemStatus::Failed | ItemStatus::InDoubt => "not sent",
        },
        match state.status {
            FlowStatus::Draft => "a draft",
            FlowStatus::Signing => "in progress",
            FlowStatus::Finished => "finished",
            FlowStatus::Revoked => "revoked",
            FlowStatus::Ended => "ended",
            FlowStatus::Expired => "expired",
            FlowStatus::Deleted => "deleted",
            FlowStatus::Rejected => "refused",
        }
    );
    let hint = match recorded {
        ItemStatus::Waiting => RUN_SYNC,
        _ => CHECK_FLOW,
    };
    differences.add(Verdict::Different, what, hint);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::signed_task as task;

    #[test]
    fn ignores_the_order_of_tasks_and_the_roles_of_one_signer() {
        let receipt = |step: &str, receipt| (step_name::signer(step), Step::Receipt(receipt));
        let auto = serde_json::json!({ "accountId": "acme" });
        let both =
            serde_json::json!({ "accountId": "clerk", "authorizationOrgId": "acme", "both": true });
        let journal = ItemJournal::new(1, vec![receipt("auto", auto), receipt("both", both)]);
        let of_both = || task("clerk", Some("acme"));
        for (tasks, expected) in [
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
            compare_tasks(&journal, &state, &mut found);
            assert_eq!(found.0.len(), expected, "{:?} {:?}", state.tasks, found.0);
        }
    }
}
