//! Finds the tasks of a signer among those that the service lists for a flow.
//!
//! Flows in which an account signs in several roles are refused by `treaty validate`, since a
//! detail (5.5.7, 5.6.7) does not tell such tasks apart. The platform is the exception: its account
//! is not known before it has signed, and may be that of another signer. It is recognised by
//! counting.

use super::identity::SignerIdentity;
use crate::address::AccountId;
use crate::execute::flow::FoundTask;
use crate::execute::journal::ItemJournal;

/// The tasks that may be those of a signer. Empty when there are only as many as other signers
/// need.
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
    let signers: Vec<SignerIdentity> = others.iter().cloned().chain([identity.clone()]).collect();
    let own = candidates(tasks, &identity, &signers);
    let rivals = rivals(&own, tasks, &others, &signers);
    if own.len() > rivals.len() {
        own
    } else {
        Vec::new()
    }
}

/// Whether all tasks that were found for a signer may be those of others: a signer that signs for
/// itself and an organization may be listed once, or once for each.
pub(crate) fn may_be_others(
    found: &[&FoundTask],
    tasks: &[FoundTask],
    journal: &ItemJournal,
    name: &str,
    identity: &SignerIdentity,
) -> bool {
    let others = others(journal, name);
    let own = known_identity(journal, name, identity);
    let signers: Vec<SignerIdentity> = others.iter().cloned().chain(own).collect();
    let rivals = rivals(found, tasks, &others, &signers).into_iter();
    let needed: usize = rivals.map(|rival| if rival.both { 2 } else { 1 }).sum();
    found.len() <= needed
}

/// The tasks under an identity. Where there are fewer than signers with it, also those under the
/// persons who act for it: the signature of an organization may be listed so.
fn candidates<'t>(
    tasks: &'t [FoundTask],
    identity: &SignerIdentity,
    signers: &[SignerIdentity],
) -> Vec<&'t FoundTask> {
    let wanted = signers.iter().filter(|signer| *signer == identity).count();
    let own = tasks.iter().filter(|task| task.is_of(identity));
    let mut candidates: Vec<&FoundTask> = own.collect();
    if candidates.len() < wanted {
        let acting = tasks.iter();
        candidates.extend(acting.filter(|task| task.is_in_the_name_of(identity)));
    }
    candidates
}

/// The other signers that may have one of these tasks.
fn rivals<'o>(
    found: &[&FoundTask],
    tasks: &[FoundTask],
    others: &'o [SignerIdentity],
    signers: &[SignerIdentity],
) -> Vec<&'o SignerIdentity> {
    let is_rival = |other: &&SignerIdentity| {
        let listed = candidates(tasks, other, signers);
        let is_listed = |task: &&FoundTask| listed.iter().any(|own| std::ptr::eq(*own, *task));
        found.iter().any(is_listed)
    };
    others.iter().filter(is_rival).collect()
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

/// Finds the platform's task by counting: it is the one that is left once each other signer has
/// one.
pub(crate) fn platform_task(
    tasks: &[FoundTask],
    journal: &ItemJournal,
    name: &str,
) -> PlatformTask {
    let others = others(journal, name);
    let mut left: Vec<&FoundTask> = tasks.iter().collect();
    for other in &others {
        let own = left.iter().position(|task| task.is_of(other));
        let listed = own.or_else(|| left.iter().position(|task| task.is_in_the_name_of(other)));
        if let Some(at) = listed {
            left.remove(at);
        }
    }
    let Some(first) = left.first() else {
        return PlatformTask::Absent;
    };
    // A signer in two roles may be listed once for each.
    let has_two_roles =
        |task: &&FoundTask| others.iter().any(|other| other.both && task.is_of(other));
    let is_one_account = left.iter().all(|task| task.account == first.account);
    if is_one_account && !left.iter().any(has_two_roles) {
        PlatformTask::Account(first.account.clone())
    } else {
        PlatformTask::Ambiguous
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
    let answered = journal.answered(name, "accountId");
    let account = answered.filter(|id| !id.is_empty())?;
    Some(SignerIdentity {
        account: Some(AccountId(account)),
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
    /// step was not begun.
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
    fn an_agent_and_the_signature_of_its_organization_are_counted() {
        let (auto, agent) = (identity("acme", None), identity("clerk", Some("acme")));
        let signers = journal(&[
            ("auto", auto.clone(), Some("acme")),
            ("agent", agent.clone(), None),
        ]);
        let found = |tasks: &[FoundTask]| {
            let count = |name, identity| tasks_of(tasks, &signers, name, identity).len();
            (count("auto", &auto), count("agent", &agent))
        };
        let of_agent = task("clerk", Some("acme"));
        assert_eq!(found(&[]), (0, 0));
        assert_eq!(
            found(std::slice::from_ref(&of_agent)),
            (0, 0),
            "it may be either"
        );
        assert_eq!(found(&[of_agent.clone(), of_agent.clone()]), (2, 2));
        assert_eq!(found(&[of_agent, task("acme", None)]), (1, 1));
        assert_eq!(found(&[task("acme", None)]), (1, 0));
    }

    #[test]
    fn a_signer_in_two_roles_may_be_listed_twice() {
        let auto = identity("acme", None);
        let clerk = SignerIdentity {
            both: true,
            ..identity("clerk", Some("acme"))
        };
        let signers = journal(&[
            ("clerk", clerk, Some("clerk")),
            ("auto", auto.clone(), None),
        ]);
        let is_ambiguous = |tasks: &[FoundTask]| {
            let found = tasks_of(tasks, &signers, "auto", &auto);
            !found.is_empty() && may_be_others(&found, tasks, &signers, "auto", &auto)
        };
        let role = task("clerk", Some("acme"));
        assert!(is_ambiguous(&[role.clone(), role.clone()]));
        assert!(!is_ambiguous(&[role, task("acme", None)]));
    }
}
