//! Finds the tasks of a signer among those that the service lists for a flow.
//!
//! A detail (5.5.7, 5.6.7) does not always tell whose task it lists: the signature of an
//! organization may be listed under any person who acts for it, a signer in two roles once or twice,
//! and the account of the platform is not known before it has signed. A maximum bipartite matching of
//! signers and tasks decides whether a signer must be among those that are listed. Counting the
//! tasks of one signer is not enough: a task may belong to another signer that has a further task of
//! its own.

use super::identity::SignerIdentity;
use crate::address::AccountId;
use crate::execute::flow::FoundTask;
use crate::execute::journal::ItemJournal;

/// The tasks that may be those of a signer. Empty when all listed tasks are needed by the others.
pub(crate) fn tasks_of<'t>(
    tasks: &'t [FoundTask],
    journal: &ItemJournal,
    name: &str,
    identity: &SignerIdentity,
) -> Vec<&'t FoundTask> {
    let others = others(journal, name);
    let Some(identity) = known_identity(journal, name, identity) else {
        let is_explained = |task: &FoundTask| others.iter().any(|other| explains(other, task));
        return tasks.iter().filter(|task| !is_explained(task)).collect();
    };
    let all: Vec<SignerIdentity> = others.iter().cloned().chain([identity.clone()]).collect();
    if matched(&all, tasks) > matched(&others, tasks) {
        let own = tasks.iter();
        own.filter(|task| may_be(task, &identity, &all, tasks))
            .collect()
    } else {
        Vec::new()
    }
}

/// Returns whether one of several tasks found for a signer may belong to another signer.
pub(crate) fn are_shared(
    found: &[&FoundTask],
    tasks: &[FoundTask],
    journal: &ItemJournal,
    name: &str,
) -> bool {
    let others = others(journal, name);
    let is_others = |task: &FoundTask| {
        let mut others_of_task = others.iter();
        others_of_task.any(|other| may_be(task, other, &others, tasks))
    };
    found.len() > 1 && found.iter().any(|task| is_others(task))
}

/// Returns whether every task found for a signer may belong to another signer, assuming that the
/// service lists a signer in two roles once for each role.
pub(crate) fn may_be_others(
    tasks: &[FoundTask],
    journal: &ItemJournal,
    name: &str,
    identity: &SignerIdentity,
) -> bool {
    let Some(identity) = known_identity(journal, name, identity) else {
        return false;
    };
    let others: Vec<SignerIdentity> = others(journal, name).iter().flat_map(roles).collect();
    let all: Vec<SignerIdentity> = others.iter().cloned().chain([identity]).collect();
    matched(&all, tasks) == matched(&others, tasks)
}

/// The task of a platform whose account is not known.
pub(crate) enum PlatformTask {
    /// There is none.
    Absent,
    /// It belongs to this account.
    Account(AccountId),
    /// There is one, and its account cannot be determined.
    Ambiguous,
}

/// Finds the platform's task: the one that is left over when each other signer has one.
pub(crate) fn platform_task(
    tasks: &[FoundTask],
    journal: &ItemJournal,
    name: &str,
) -> PlatformTask {
    let others = others(journal, name);
    let needed = matched(&others, tasks);
    if tasks.len() <= needed {
        return PlatformTask::Absent;
    }
    let in_all_roles: Vec<SignerIdentity> = others.iter().flat_map(roles).collect();
    if tasks.len() <= matched(&in_all_roles, tasks) {
        return PlatformTask::Ambiguous;
    }
    let is_left_over = |at: &usize| {
        let mut rest = tasks.to_vec();
        rest.remove(*at);
        matched(&others, &rest) == needed
    };
    let left = (0..tasks.len()).filter(is_left_over);
    let mut accounts = left.map(|at| &tasks[at].account);
    match accounts.next() {
        Some(first) if accounts.all(|other| other == first) => PlatformTask::Account(first.clone()),
        _ => PlatformTask::Ambiguous,
    }
}

/// The identity of a signer with its account, as far as that is known: the platform's is, once its
/// call was answered.
pub(crate) fn known_identity(
    journal: &ItemJournal,
    name: &str,
    identity: &SignerIdentity,
) -> Option<SignerIdentity> {
    if identity.account.is_some() {
        return Some(identity.clone());
    }
    let answered = journal.receipt(name)?.account_id;
    let account = answered.filter(|id| !id.as_str().is_empty())?;
    Some(SignerIdentity {
        account: Some(account),
        ..identity.clone()
    })
}

/// The other signers that may have been added and whose accounts are known.
fn others(journal: &ItemJournal, name: &str) -> Vec<SignerIdentity> {
    let others = journal.signers.iter();
    let others = others.filter(|(other, _)| other != name && journal.may_have_taken_effect(other));
    others
        .filter_map(|(other, identity)| known_identity(journal, other, identity))
        .collect()
}

fn explains(signer: &SignerIdentity, task: &FoundTask) -> bool {
    signer.account.as_ref() == Some(&task.account)
        || task.is_of(signer)
        || task.is_in_the_name_of(signer)
}

/// A signer as the identities under which it may be listed.
fn roles(signer: &SignerIdentity) -> Vec<SignerIdentity> {
    let role = |organization: Option<AccountId>| SignerIdentity {
        organization,
        both: false,
        ..signer.clone()
    };
    match (&signer.organization, signer.both) {
        (Some(_), true) => vec![role(None), role(signer.organization.clone())],
        _ => vec![signer.clone()],
    }
}

/// Whether a task may be that of a signer. The signature of an organization may be listed under a
/// person who acts for it, unless each of `signers` with its identity has a task of its own.
fn may_be(
    task: &FoundTask,
    signer: &SignerIdentity,
    signers: &[SignerIdentity],
    tasks: &[FoundTask],
) -> bool {
    let has_own_tasks = || {
        let own = tasks.iter().filter(|task| task.is_of(signer)).count();
        let same = signers.iter().filter(|other| *other == signer).count();
        // The signer itself need not be among them.
        own >= same.max(1)
    };
    task.is_of(signer) || task.is_in_the_name_of(signer) && !has_own_tasks()
}

/// The largest number of signers that can have a task each (Kuhn's algorithm).
fn matched(signers: &[SignerIdentity], tasks: &[FoundTask]) -> usize {
    let mut signer_of: Vec<Option<usize>> = vec![None; tasks.len()];
    let assigned = (0..signers.len()).filter(|signer| {
        let mut visited = vec![false; tasks.len()];
        assign(*signer, signers, tasks, &mut signer_of, &mut visited)
    });
    assigned.count()
}

/// Assigns a task to a signer, and another one to the signer that had it, where that is possible.
fn assign(
    signer: usize,
    signers: &[SignerIdentity],
    tasks: &[FoundTask],
    signer_of: &mut [Option<usize>],
    visited: &mut [bool],
) -> bool {
    for (at, task) in tasks.iter().enumerate() {
        if visited[at] || !may_be(task, &signers[signer], signers, tasks) {
            continue;
        }
        visited[at] = true;
        let is_free = match signer_of[at] {
            None => true,
            Some(other) => assign(other, signers, tasks, signer_of, visited),
        };
        if is_free {
            signer_of[at] = Some(signer);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::flow::signed_task as task;
    use crate::ledger::Step;

    fn identity(account: &str, organization: Option<&str>) -> SignerIdentity {
        SignerIdentity {
            account: Some(account.into()),
            organization: organization.map(AccountId::from),
            both: false,
        }
    }

    /// The journal of a flow: name, identity, and the account that was answered. `Some("")`: the
    /// step was not started.
    fn journal(signers: &[(&str, SignerIdentity, Option<&str>)]) -> ItemJournal {
        let known = signers.iter().filter_map(|(name, _, answered)| {
            let step = match *answered {
                Some("") => return None,
                Some(account) => Step::Receipt(serde_json::json!({ "accountId": account })),
                None => Step::Intent(None),
            };
            Some(((*name).to_owned(), step))
        });
        let mut journal = ItemJournal::new(1, known.collect());
        let signers = signers.iter();
        journal.signers = signers
            .map(|(name, identity, _)| ((*name).to_owned(), identity.clone()))
            .collect();
        journal
    }

    fn platform() -> SignerIdentity {
        SignerIdentity {
            account: None,
            organization: None,
            both: false,
        }
    }

    #[test]
    fn each_signer_finds_its_own_task() {
        let (auto, boss) = (identity("acme", None), identity("boss", Some("beta")));
        let signers = journal(&[("auto", auto.clone(), None), ("boss", boss.clone(), None)]);
        // The signature of acme is listed under the person who acts for it.
        let tasks = [task("boss", Some("beta")), task("agent", Some("acme"))];
        assert_eq!(tasks_of(&tasks, &signers, "auto", &auto).len(), 1);
        assert_eq!(tasks_of(&tasks, &signers, "boss", &boss).len(), 1);
        assert!(tasks_of(&tasks[..1], &signers, "auto", &auto).is_empty());
    }

    #[test]
    fn the_platform_is_counted_beside_a_signer_with_its_account() {
        let auto = identity("acme", None);
        let one = [task("acme", None)];
        let two = [task("acme", None), task("acme", None)];
        // The platform has signed, and the response to the account's own signature is lost.
        let signed = journal(&[
            ("p", platform(), Some("acme")),
            ("auto", auto.clone(), None),
        ]);
        assert!(tasks_of(&one, &signed, "auto", &auto).is_empty());
        assert!(!tasks_of(&two, &signed, "auto", &auto).is_empty());
        // The platform's response is lost, before and after the account has signed.
        let first = journal(&[("p", platform(), None), ("auto", auto.clone(), Some(""))]);
        assert_eq!(tasks_of(&one, &first, "p", &platform()).len(), 1);
        let after = journal(&[("p", platform(), None), ("auto", auto, Some("acme"))]);
        assert!(tasks_of(&two, &after, "p", &platform()).is_empty());
        assert!(matches!(
            platform_task(&one, &after, "p"),
            PlatformTask::Absent
        ));
        let found = platform_task(&two, &after, "p");
        assert!(matches!(found, PlatformTask::Account(account) if account == "acme".into()));
    }

    #[test]
    fn a_signer_beside_the_signature_of_its_organization_is_found() {
        let (auto, boss) = (identity("acme", None), identity("boss", Some("acme")));
        let signers = journal(&[
            ("auto", auto.clone(), Some("acme")),
            ("boss", boss.clone(), None),
        ]);
        let found = |tasks: &[FoundTask]| {
            let count = |name, identity| tasks_of(tasks, &signers, name, identity).len();
            (count("auto", &auto), count("boss", &boss))
        };
        let (of_boss, of_clerk) = (task("boss", Some("acme")), task("clerk", Some("acme")));
        assert_eq!(found(&[]), (0, 0));
        // The signature of acme is listed under the clerk, under acme itself, and under the boss.
        assert_eq!(found(&[of_clerk, of_boss.clone()]), (2, 1));
        assert_eq!(found(&[task("acme", None), of_boss.clone()]), (1, 1));
        assert_eq!(found(&[of_boss.clone(), of_boss.clone()]), (2, 2));
        assert_eq!(
            found(std::slice::from_ref(&of_boss)),
            (0, 0),
            "it may be either"
        );
        // One of two equal tasks may be that of acme, so its status says nothing of the boss.
        let tasks = [of_boss.clone(), of_boss];
        let own = tasks_of(&tasks, &signers, "boss", &boss);
        assert!(are_shared(&own, &tasks, &signers, "boss"));
    }

    #[test]
    fn a_signer_in_two_roles_may_be_listed_twice() {
        let auto = identity("acme", None);
        let clerk = SignerIdentity {
            both: true,
            ..identity("clerk", Some("acme"))
        };
        let signers = journal(&[
            ("clerk", clerk.clone(), Some("clerk")),
            ("auto", auto.clone(), None),
            ("p", platform(), None),
        ]);
        let roles = [task("clerk", None), task("clerk", Some("acme"))];
        assert!(may_be_others(&roles, &signers, "auto", &auto));
        let own = [task("clerk", Some("acme")), task("acme", None)];
        assert!(!may_be_others(&own, &signers, "auto", &auto));
        assert!(!tasks_of(&own, &signers, "auto", &auto).is_empty());
        // With a third task, each of the three may be the platform's.
        let three = [
            roles[0].clone(),
            roles[1].clone(),
            task("dave", Some("acme")),
        ];
        let found = platform_task(&three, &signers, "p");
        assert!(matches!(found, PlatformTask::Ambiguous));
    }
}
