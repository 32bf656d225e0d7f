//! Which tasks of a flow are a signer's, where those of several look alike.

use super::look::FoundTask;
use super::step::{Steps, Who};
use crate::id::AccountId;

/// The tasks of a signer among those of a flow. An organization that signs at once may be listed under the person who acts
/// for it; the platform, whose account its call has answered, is until then a signer whom nobody else explains.
pub(super) fn of<'t>(
    tasks: &'t [FoundTask],
    steps: &Steps,
    name: &str,
    who: &Who,
) -> Vec<&'t FoundTask> {
    let all = |is_his: &dyn Fn(&FoundTask) -> bool| -> Vec<&'t FoundTask> {
        tasks.iter().filter(|task| is_his(task)).collect()
    };
    if who.account.is_none() {
        let people = steps.people();
        return match steps.answered(name, "accountId").map(AccountId) {
            Some(own) => all(&|task| {
                let acts = task.organization.as_ref() == Some(&own);
                acts || task.account == own && task.organization.is_none()
            }),
            None => all(&|task| !people.contains(&task.account) && !steps.explain(name, task)),
        };
    }
    // Which of those that look alike is whose cannot be told, but whether there is one for him beside all others.
    let others = others(steps, name);
    let both: Vec<&Who> = others.iter().copied().chain([who]).collect();
    if most_listed(&both, tasks) > most_listed(&others, tasks) {
        all(&|task| may_be(task, who, tasks))
    } else {
        Vec::new()
    }
}

/// Whether somebody else may be whose task one of several that look alike is.
pub(super) fn shared(alike: &[&FoundTask], all: &[FoundTask], steps: &Steps, name: &str) -> bool {
    let others = others(steps, name);
    let may_have = |task: &&FoundTask| others.iter().any(|other| may_be(task, other, all));
    alike.len() > 1 && alike.iter().any(may_have)
}

/// The other signers who may be there and are known by an account.
fn others<'s>(steps: &'s Steps, name: &str) -> Vec<&'s Who> {
    let others = steps
        .whose
        .iter()
        .filter(|(other, who)| other != name && who.account.is_some() && steps.may_be_there(other));
    others.map(|(_, who)| who).collect()
}

/// Whether a task may be a signer's: an organization's own signature may stand under the person who acts for it, unless it
/// stands under its own account.
fn may_be(task: &FoundTask, who: &Who, tasks: &[FoundTask]) -> bool {
    task.is_of(who) || task.is_in_the_name_of(who) && !tasks.iter().any(|other| other.is_of(who))
}

/// How many of these signers can have a task each, at most.
fn most_listed(signers: &[&Who], tasks: &[FoundTask]) -> usize {
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
    signers: &[&Who],
    tasks: &[FoundTask],
    whose: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (at, task) in tasks.iter().enumerate() {
        if tried[at] || !may_be(task, signers[signer], tasks) {
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
    use crate::api::SignStatus;

    fn task(account: &str, organization: Option<&str>) -> FoundTask {
        FoundTask {
            account: account.into(),
            organization: organization.map(AccountId::from),
            status: SignStatus::Signed,
            received: None,
            time: None,
            explain: None,
        }
    }

    fn who(account: &str, organization: Option<&str>) -> Who {
        Who {
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
        let all = [&auto, &org, &boss];
        // The organization's own signature stands under its agent, who signs for it, too.
        let mut tasks = vec![
            task("agent", Some("anju")),
            task("agent", Some("anju")),
            task("boss", Some("anju")),
        ];
        assert_eq!(most_listed(&all, &tasks), 3);
        assert_eq!(most_listed(&[&auto, &org], &tasks), 2);
        tasks.remove(0);
        assert_eq!(most_listed(&all, &tasks), 2, "one of them is not there");
        assert_eq!(most_listed(&[&org, &boss], &tasks), 2);
        // Under its own account it is nobody else's.
        tasks.push(task("anju", None));
        assert_eq!(most_listed(&all, &tasks), 3);
        assert!(!may_be(&tasks[0], &auto, &tasks));
    }
}
