//! Looking whether a call was carried out whose answer is not known.

use super::item_journal::ItemJournal;
use super::probe_result::ProbeResult;
use super::step::SETTLE_DELAY;
use crate::address::AccountId;
use crate::api::operation::Op;
use crate::api::{
    AutoSignAnswer, FlowStatus, HandSignAnswer, Nothing, QuerySeals, SealAnswer, SignStatus,
    UndoTask,
};
use crate::client::{Failure, LossCause};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::signers::{PlatformTask, SignerIdentity, matching};
use crate::execute::{FlowRef, FoundTask};
use crate::plan::find_account;
use crate::util::failpoint::failpoint;

impl StepContext<'_> {
    /// The account of a `thirdId`; none where there is no such account.
    pub(crate) async fn account_of(&self, third_id: &str) -> Result<Option<AccountId>, StepError> {
        find_account(self.client, third_id)
            .await
            .map_err(|failure| StepError::of(Op::ExchangeId, failure))
    }

    /// A seal by its alias.
    pub(crate) async fn probe_seal(
        &self,
        account: &AccountId,
        alias: &str,
    ) -> Result<ProbeResult<SealAnswer>, StepError> {
        let query = QuerySeals {
            account_id: account.clone(),
        };
        let seals = self.call(&query).await?;
        // A service need not tell aliases (5.8.1): what has none may be this one.
        let nameless = seals
            .iter()
            .any(|seal| seal.seal_alias.as_deref().unwrap_or_default().is_empty());
        let mut own = seals.into_iter();
        let own = own.find(|seal| seal.seal_alias.as_deref() == Some(alias));
        Ok(match own {
            Some(seal) => ProbeResult::Found(SealAnswer {
                seal_id: seal.seal_id,
                account_id: Some(account.clone()),
            }),
            None if nameless => {
                ProbeResult::Unclear("the service lists seals without their aliases".to_owned())
            }
            None => ProbeResult::Absent,
        })
    }

    /// A person's task. One that is there and not signed is taken back, so that it can be made again and its link known.
    pub(crate) async fn probe_person_task(
        &self,
        flow: &FlowRef,
        steps: &ItemJournal,
        name: &str,
        who: &SignerIdentity,
    ) -> Result<ProbeResult<HandSignAnswer>, StepError> {
        let undo = match self.unsigned_task(flow, steps, name, who).await? {
            Ok(undo) => undo,
            Err(seen) => return Ok(seen),
        };
        if steps.is_begun(name) {
            // An earlier run may have been about to take it back.
            self.wait_for_earlier_run(steps.subject, name).await;
            match self.unsigned_task(flow, steps, name, who).await? {
                Ok(_) => {}
                Err(ProbeResult::Absent) => return Ok(ProbeResult::Undone),
                Err(seen) => return Ok(seen),
            }
        }
        failpoint("probe.found");
        self.undo_task(flow, &undo, |task| task.is_of(who)).await
    }

    /// What takes a person's task back that is there and not signed; else what looking tells.
    async fn unsigned_task(
        &self,
        flow: &FlowRef,
        steps: &ItemJournal,
        name: &str,
        who: &SignerIdentity,
    ) -> Result<Result<UndoTask, ProbeResult<HandSignAnswer>>, StepError> {
        let all = self.state(flow).await?.tasks;
        let tasks = matching::of(&all, steps, name, who);
        if tasks.is_empty() {
            return Ok(Err(absent(steps, name, &all)));
        }
        let shared = matching::shared(&tasks, &all, steps, name);
        if shared
            || steps.others(name, who) > 0
            || matching::may_be_anothers(&all, steps, name, who)
        {
            return Ok(Err(ProbeResult::Unclear(
                "the same person signs this flow more than once".to_owned(),
            )));
        }
        if tasks
            .iter()
            .any(|task| matches!(task.status, SignStatus::Signed | SignStatus::Ended))
        {
            // He has acted on it: his link is of no use any more.
            return Ok(Err(ProbeResult::Found(HandSignAnswer {
                sign_url: String::new(),
                sign_short_url: None,
                third_order_no: None,
            })));
        }
        let account_id = tasks[0].account.clone();
        // Taking back takes all of a person's tasks: also those whose links are known and were sent on.
        let takes_others = all.iter().any(|task| {
            task.account == account_id && !task.is_of(who) && task.status != SignStatus::Signed
        });
        if takes_others {
            return Ok(Err(ProbeResult::Unclear(
                "its link is lost, and taking it back would take back another task of the same person"
                    .to_owned(),
            )));
        }
        Ok(Ok(UndoTask {
            flow_id: flow.id.clone(),
            account_id,
        }))
    }

    /// Takes a person's unsigned task back. It is done again only once it cannot be under way any more: a late one
    /// would take back the task that comes next.
    async fn undo_task(
        &self,
        flow: &FlowRef,
        undo: &UndoTask,
        is_his: impl Fn(&FoundTask) -> bool,
    ) -> Result<ProbeResult<HandSignAnswer>, StepError> {
        for _ in 0..self.client.attempts() {
            let undone = self.client.call(undo).await;
            if let Err(
                failure @ (Failure::NotSent(_)
                | Failure::Outage(_)
                | Failure::LeaseLost(_)
                | Failure::Credentials(_)),
            ) = undone
            {
                return Err(StepError::of(Op::UndoTask, failure));
            }
            failpoint("probe.undone");
            if !self.state(flow).await?.tasks.iter().any(&is_his) {
                return Ok(ProbeResult::Undone);
            }
            // What was answered may be shown later, and what was not be done later.
            let delay = match &undone {
                Err(Failure::Unknown {
                    cause: LossCause::TimedOut,
                    ..
                }) => self.late(),
                _ => SETTLE_DELAY,
            };
            self.client.delay(delay).await;
            if !self.state(flow).await?.tasks.iter().any(&is_his) {
                return Ok(ProbeResult::Undone);
            }
            if !matches!(undone, Err(Failure::Unknown { .. })) {
                break;
            }
        }
        Ok(ProbeResult::Unclear(
            "the person's task is there, its link is lost, and it cannot be undone".to_owned(),
        ))
    }

    /// A signature without a person. The platform's account is not known before it has signed: it is a signer that
    /// nobody else explains.
    pub(crate) async fn probe_signature(
        &self,
        flow: &FlowRef,
        steps: &ItemJournal,
        name: &str,
        who: &SignerIdentity,
    ) -> Result<ProbeResult<AutoSignAnswer>, StepError> {
        let of_others = steps.others(name, who);
        let state = self.state(flow).await?;
        let found = matching::of(&state.tasks, steps, name, who);
        let unclear = "the same account signs this flow more than once";
        let there = |account_id| {
            ProbeResult::Found(AutoSignAnswer {
                flow_id: flow.id.clone(),
                account_id,
            })
        };
        let is_unknown = matching::known(steps, name, who).is_none();
        Ok(match found.first() {
            None if is_unknown => match matching::beside(&state.tasks, steps, name) {
                PlatformTask::Nobody => absent(steps, name, &state.tasks),
                PlatformTask::Account(account) => there(account),
                PlatformTask::Somebody => ProbeResult::Unclear(unclear.to_owned()),
            },
            None => absent(steps, name, &state.tasks),
            Some(_) if of_others > 0 => ProbeResult::Unclear(unclear.to_owned()),
            Some(_) if matching::may_be_anothers(&state.tasks, steps, name, who) => {
                ProbeResult::Unclear(unclear.to_owned())
            }
            Some(task) => there(who.account.clone().unwrap_or(task.account.clone())),
        })
    }

    /// Whether a flow is archived.
    pub(crate) async fn probe_archive(
        &self,
        flow: &FlowRef,
    ) -> Result<ProbeResult<Nothing>, StepError> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Finished => ProbeResult::Found(Nothing),
            _ => ProbeResult::Absent,
        })
    }

    /// Whether a flow has ended before all had signed.
    pub(crate) async fn probe_revocation(
        &self,
        flow: &FlowRef,
    ) -> Result<ProbeResult<Nothing>, StepError> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Draft | FlowStatus::Signing => ProbeResult::Absent,
            FlowStatus::Finished => {
                return Err(StepError::failed(
                    "all have signed what was sent before, and that cannot be revoked",
                    "put the row back as it was; a new contract needs a new key",
                ));
            }
            _ => ProbeResult::Found(Nothing),
        })
    }
}

/// What it means that somebody is not listed: nothing, when others are not who were added for sure.
fn absent<A>(steps: &ItemJournal, name: &str, tasks: &[FoundTask]) -> ProbeResult<A> {
    let mut added = steps.whose.iter();
    let is_listed = |other: &str, who: &SignerIdentity| match matching::known(steps, other, who) {
        Some(SignerIdentity {
            account: Some(account),
            ..
        }) => tasks
            .iter()
            .any(|task| task.account == account || task.organization.as_ref() == Some(&account)),
        _ => !matching::of(tasks, steps, other, who).is_empty(),
    };
    if added.all(|(other, who)| other == name || !steps.is_done(other) || is_listed(other, who)) {
        ProbeResult::Absent
    } else {
        ProbeResult::Stale("the flow's details lack signers who were added".to_owned())
    }
}
