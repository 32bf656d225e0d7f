//! Which tasks of a flow are a signer's, where those of several look alike.

use super::identity::SignerIdentity;
use crate::address::AccountId;
use crate::execute::flow::FoundTask;
use crate::execute::journal::ItemJournal;

/// The tasks of a signer among those of a flow. An organization that signs at once may be listed under the person who acts
/// for it; the platform, whose account its call has answered, is until then a signer whom nobody else explains.
pub(crate) fn of<'t>(
    tasks: &'t [FoundTask],
    steps: &ItemJournal,
    name: &str,
    who: &SignerIdentity,
) -> Vec<&'t FoundTask> {
    let others = others(steps, name);
    let all = |is_his: &dyn Fn(&FoundTask) -> bool| -> Vec<&'t FoundTask> {
        tasks.iter().filter(|task| is_his(task)).collect()
    };
    let Some(who) = known(steps, name, who) else {
        let is_another = |task: &FoundTask, other: &SignerIdentity| {
            other.account.as_ref() == Some(&task.account)
                || task.is_of(other)
                || task.is_in_the_name_of(other)
        };
        return all(&|task| !others.iter().any(|other| is_another(task, other)));
    };
    // Which of those that look alike is whose cannot be told, but whether there is one for him beside all others.
    let both: Vec<SignerIdentity> = others.iter().cloned().chain([who.clone()]).collect();
    if most_listed(&both, tasks) > most_listed(&others, tasks) {
        all(&|task| may_be(task, &who, &both, tasks))
    } else {
        Vec::new()
    }
}

/// Whether somebody else may be whose task one of several that look alike is.
pub(crate) fn shared(
    alike: &[&FoundTask],
    all: &[FoundTask],
    steps: &ItemJournal,
    name: &str,
) -> bool {
    let others = others(steps, name);
    let is_others = |task: &FoundTask| others.iter().any(|other| may_be(task, other, &others, all));
    alike.len() > 1 && alike.iter().any(|task| is_others(task))
}

/// Whether what is found of a signer may all be others': who signs for himself and an organization may be listed once, or
/// once for each.
pub(crate) fn may_be_anothers(
    tasks: &[FoundTask],
    steps: &ItemJournal,
    name: &str,
    who: &SignerIdentity,
) -> bool {
    let Some(who) = known(steps, name, who) else {
        return false;
    };
    let others: Vec<SignerIdentity> = others(steps, name).iter().flat_map(roles).collect();
    let both: Vec<SignerIdentity> = others.iter().cloned().chain([who]).collect();
    most_listed(&both, tasks) == most_listed(&others, tasks)
}

/// Who the platform is, where its call was not answered and it looks like others: there is one task more than there are others.
pub(crate) enum PlatformTask {
    /// There is none.
    Nobody,
    /// It is this account's, whichever of those that look alike it is.
    Account(AccountId),
    /// There is one, and it cannot be told whose.
    Somebody,
}

/// Looks for the platform beside all others.
pub(crate) fn beside(tasks: &[FoundTask], steps: &ItemJournal, name: &str) -> PlatformTask {
    let others = others(steps, name);
    let listed = most_listed(&others, tasks);
    if tasks.len() <= listed {
        return PlatformTask::Nobody;
    }
    let twice: Vec<SignerIdentity> = others.iter().flat_map(roles).collect();
    if tasks.len() <= most_listed(&twice, tasks) {
        return PlatformTask::Somebody;
    }
    let is_left = |at: &usize| {
        let rest: Vec<FoundTask> = tasks
            .iter()
            .enumerate()
            .filter(|(other, _)| other != at)
            .map(|(_, task)| task.clone())
            .collect();
        most_listed(&others, &rest) == listed
    };
    let mut left = (0..tasks.len())
        .filter(is_left)
        .map(|at| &tasks[at].account);
    match left.next() {
        Some(first) if left.all(|other| other == first) => PlatformTask::Account(first.clone()),
        _ => PlatformTask::Somebody,
    }
}

/// Whose account a signer's is, as far as that is known: the platform's is, once its call was answered.
pub(crate) fn known(
    steps: &ItemJournal,
    name: &str,
    who: &SignerIdentity,
) -> Option<SignerIdentity> {
    if who.account.is_some() {
        return Some(who.clone());
    }
    let own = steps
        .answered(name, "accountId")
        .filter(|id| !id.is_empty())?;
    Some(SignerIdentity {
        account: Some(AccountId(own)),
        ..who.clone()
    })
}

/// The other signers who may be there and whose accounts are known.
fn others(steps: &ItemJournal, name: &str) -> Vec<SignerIdentity> {
    let others = steps.whose.iter();
    let others = others.filter(|(other, _)| other != name && steps.may_be_there(other));
    others
        .filter_map(|(other, who)| known(steps, other, who))
        .collect()
}

/// A signer as whoever may be listed for him.
fn roles(who: &SignerIdentity) -> Vec<SignerIdentity> {
    let one = |organization: Option<AccountId>| SignerIdentity {
        organization,
        both: false,
        ..who.clone()
    };
    match (&who.organization, who.both) {
        (Some(_), true) => vec![one(None), one(who.organization.clone())],
        _ => vec![who.clone()],
    }
}

/// Whether a task may be a signer's: an organization's own signature may stand under the person who acts for it, unless
/// there is one under its own account for each of `signers` who is the same.
fn may_be(
    task: &FoundTask,
    who: &SignerIdentity,
    signers: &[SignerIdentity],
    tasks: &[FoundTask],
) -> bool {
    let own = || tasks.iter().filter(|task| task.is_of(who)).count();
    // He himself need not be among them.
    let same = || {
        signers
            .iter()
            .filter(|signer| *signer == who)
            .count()
            .max(1)
    };
    task.is_of(who) || task.is_in_the_name_of(who) && own() < same()
}

/// How many of these signers can have a task each, at most.
fn most_listed(signers: &[SignerIdentity], tasks: &[FoundTask]) -> usize {
    let mut whose: Vec<Option<usize>> = vec![None; tasks.len()];
    let found = |signer: usize| {
        give(
            signer,
            signers,
            tasks,
            &mut whose,
            &mut vec![false; tasks.len()],
        )
    };
    (0..signers.len()).map(found).filter(|found| *found).count()
}

/// Gives a signer a task, and whoever had it another one, where that can be.
fn give(
    signer: usize,
    signers: &[SignerIdentity],
    tasks: &[FoundTask],
    whose: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (at, task) in tasks.iter().enumerate() {
        if tried[at] || !may_be(task, &signers[signer], signers, tasks) {
            continue;
        }
        tried[at] = true;
        let free = match whose[at] {
            None => true,
            Some(other) => give(other, signers, tasks, whose, tried),
        };
        if free {
            whose[at] = Some(signer);
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

    fn who(account: &str, organization: Option<&str>) -> SignerIdentity {
        SignerIdentity {
            account: Some(account.into()),
            organization: organization.map(AccountId::from),
            both: false,
        }
    }

    #[test]
    fn each_signer_has_a_task_of_his_own() {
        let auto = who("anju", None);
        let org = who("agent", Some("anju"));
        let boss = who("boss", Some("anju"));
        let all = [auto.clone(), org.clone(), boss.clone()];
        // The organization's own signature stands under its agent, who signs for it, too.
        let mut tasks = vec![
            task("agent", Some("anju")),
            task("agent", Some("anju")),
            task("boss", Some("anju")),
        ];
        assert_eq!(most_listed(&all, &tasks), 3);
        assert_eq!(most_listed(&[auto.clone(), org.clone()], &tasks), 2);
        tasks.remove(0);
        assert_eq!(most_listed(&all, &tasks), 2, "one of them is not there");
        assert_eq!(most_listed(&[org, boss], &tasks), 2);
        // Under its own account it is nobody else's.
        tasks.push(task("anju", None));
        assert_eq!(most_listed(&all, &tasks), 3);
        assert!(!may_be(&tasks[0], &auto, &all, &tasks));
    }

    /// Steps of a flow: name, whose, and whether it was answered; those that were not begun are left out.
    fn steps(all: &[(&str, SignerIdentity, Option<&str>)]) -> ItemJournal {
        let known = all.iter().filter_map(|(name, _, answered)| {
            let step = match *answered {
                Some("") => return None,
                Some(account) => Step::Receipt(serde_json::json!({ "accountId": account })),
                None => Step::Intent(None),
            };
            Some(((*name).to_owned(), step))
        });
        let mut steps = ItemJournal::new(1, known.collect());
        let whose = all
            .iter()
            .map(|(name, who, _)| ((*name).to_owned(), who.clone()));
        steps.whose = whose.collect();
        steps
    }

    fn platform() -> SignerIdentity {
        SignerIdentity {
            account: None,
            organization: None,
            both: false,
        }
    }

    #[test]
    fn the_platform_may_sign_under_an_account_that_signs_itself() {
        let auto = who("acme", None);
        let (one, two) = (
            vec![task("acme", None)],
            vec![task("acme", None), task("acme", None)],
        );
        // The platform has signed, and whether the account did is not known.
        let open = steps(&[
            ("p", platform(), Some("acme")),
            ("auto", auto.clone(), None),
        ]);
        assert!(of(&one, &open, "auto", &auto).is_empty());
        assert!(!of(&two, &open, "auto", &auto).is_empty());
        // The other way round, before the account was asked, and after it had signed.
        let first = steps(&[("p", platform(), None), ("auto", auto.clone(), Some(""))]);
        assert_eq!(of(&one, &first, "p", &platform()).len(), 1);
        let after = steps(&[
            ("p", platform(), None),
            ("auto", auto.clone(), Some("acme")),
        ]);
        assert!(of(&two, &after, "p", &platform()).is_empty());
        assert!(matches!(beside(&one, &after, "p"), PlatformTask::Nobody));
        let there = beside(&two, &after, "p");
        assert!(matches!(there, PlatformTask::Account(account) if account == "acme".into()));
        // Of two that look alike and are both sure to be asked, one that is listed may be either's.
        let both = steps(&[
            ("p", platform(), Some("acme")),
            ("last", platform(), Some("acme")),
        ]);
        assert!(of(&one, &both, "last", &platform()).is_empty());
        assert_eq!(of(&two, &both, "last", &platform()).len(), 2);
    }

    #[test]
    fn who_signs_twice_may_be_listed_twice() {
        let auto = who("acme", None);
        let clerk = SignerIdentity {
            both: true,
            ..who("clerk", Some("acme"))
        };
        let tasks = [task("acme", None), task("clerk", Some("acme"))];
        let signed = [
            ("p", platform(), Some("acme")),
            ("auto", auto.clone(), Some("acme")),
            ("clerk", clerk.clone(), None),
        ];
        assert!(
            of(&tasks, &steps(&signed), "clerk", &clerk).is_empty(),
            "the second is auto's"
        );
        let open = steps(&[
            ("clerk", clerk, Some("clerk")),
            ("auto", auto.clone(), None),
        ]);
        let roles = [task("clerk", None), task("clerk", Some("acme"))];
        assert!(may_be_anothers(&roles, &open, "auto", &auto));
        let own = [task("clerk", Some("acme")), task("acme", None)];
        assert!(!may_be_anothers(&own, &open, "auto", &auto));
        assert!(!of(&own, &open, "auto", &auto).is_empty());
    }
}
