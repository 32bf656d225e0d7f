//! Looking whether a call was carried out whose answer is not known.

use super::item_journal::Steps;
use super::probe_result::Seen;
use super::step::SETTLING;
use crate::address::AccountId;
use crate::api::operation::Op;
use crate::api::{
    AutoSignAnswer, FlowStatus, HandSignAnswer, Nothing, QuerySeals, SealAnswer, SignStatus,
    UndoTask,
};
use crate::client::{Failure, LossCause};
use crate::execute::context::Caller;
use crate::execute::error::Halt;
use crate::execute::signers::{Beside, Who, matching};
use crate::execute::{FlowRef, FoundTask};
use crate::plan::find_account;
use crate::util::failpoint::point;

impl Caller<'_> {
    /// The account of a `thirdId`; none where there is no such account.
    pub(crate) async fn account_of(&self, third_id: &str) -> Result<Option<AccountId>, Halt> {
        find_account(self.client, third_id)
            .await
            .map_err(|failure| Halt::of(Op::ExchangeId, failure))
    }

    /// A seal by its alias.
    pub(crate) async fn look_for_seal(
        &self,
        account: &AccountId,
        alias: &str,
    ) -> Result<Seen<SealAnswer>, Halt> {
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
            Some(seal) => Seen::There(SealAnswer {
                seal_id: seal.seal_id,
                account_id: Some(account.clone()),
            }),
            None if nameless => {
                Seen::Unclear("the service lists seals without their aliases".to_owned())
            }
            None => Seen::NotThere,
        })
    }

    /// A person's task. One that is there and not signed is taken back, so that it can be made again and its link known.
    pub(crate) async fn look_for_person(
        &self,
        flow: &FlowRef,
        steps: &Steps,
        name: &str,
        who: &Who,
    ) -> Result<Seen<HandSignAnswer>, Halt> {
        let undo = match self.unsigned_task(flow, steps, name, who).await? {
            Ok(undo) => undo,
            Err(seen) => return Ok(seen),
        };
        if steps.is_begun(name) {
            // An earlier run may have been about to take it back.
            self.outlive_earlier(steps.subject, name).await;
            match self.unsigned_task(flow, steps, name, who).await? {
                Ok(_) => {}
                Err(Seen::NotThere) => return Ok(Seen::TakenBack),
                Err(seen) => return Ok(seen),
            }
        }
        point("look.found");
        self.take_back(flow, &undo, |task| task.is_of(who)).await
    }

    /// What takes a person's task back that is there and not signed; else what looking tells.
    async fn unsigned_task(
        &self,
        flow: &FlowRef,
        steps: &Steps,
        name: &str,
        who: &Who,
    ) -> Result<Result<UndoTask, Seen<HandSignAnswer>>, Halt> {
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
            return Ok(Err(Seen::Unclear(
                "the same person signs this flow more than once".to_owned(),
            )));
        }
        if tasks
            .iter()
            .any(|task| matches!(task.status, SignStatus::Signed | SignStatus::Ended))
        {
            // He has acted on it: his link is of no use any more.
            return Ok(Err(Seen::There(HandSignAnswer {
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
            return Ok(Err(Seen::Unclear(
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
    async fn take_back(
        &self,
        flow: &FlowRef,
        undo: &UndoTask,
        is_his: impl Fn(&FoundTask) -> bool,
    ) -> Result<Seen<HandSignAnswer>, Halt> {
        for _ in 0..self.client.attempts() {
            let undone = self.client.call(undo).await;
            if let Err(
                failure @ (Failure::NotSent(_)
                | Failure::Outage(_)
                | Failure::LeaseLost(_)
                | Failure::Credentials(_)),
            ) = undone
            {
                return Err(Halt::of(Op::UndoTask, failure));
            }
            point("look.undone");
            if !self.state(flow).await?.tasks.iter().any(&is_his) {
                return Ok(Seen::TakenBack);
            }
            // What was answered may be shown later, and what was not be done later.
            let delay = match &undone {
                Err(Failure::Unknown {
                    cause: LossCause::TimedOut,
                    ..
                }) => self.late(),
                _ => SETTLING,
            };
            self.client.delay(delay).await;
            if !self.state(flow).await?.tasks.iter().any(&is_his) {
                return Ok(Seen::TakenBack);
            }
            if !matches!(undone, Err(Failure::Unknown { .. })) {
                break;
            }
        }
        Ok(Seen::Unclear(
            "the person's task is there, its link is lost, and it cannot be undone".to_owned(),
        ))
    }

    /// A signature without a person. The platform's account is not known before it has signed: it is a signer that
    /// nobody else explains.
    pub(crate) async fn look_for_signature(
        &self,
        flow: &FlowRef,
        steps: &Steps,
        name: &str,
        who: &Who,
    ) -> Result<Seen<AutoSignAnswer>, Halt> {
        let of_others = steps.others(name, who);
        let state = self.state(flow).await?;
        let found = matching::of(&state.tasks, steps, name, who);
        let unclear = "the same account signs this flow more than once";
        let there = |account_id| {
            Seen::There(AutoSignAnswer {
                flow_id: flow.id.clone(),
                account_id,
            })
        };
        let is_unknown = matching::known(steps, name, who).is_none();
        Ok(match found.first() {
            None if is_unknown => match matching::beside(&state.tasks, steps, name) {
                Beside::Nobody => absent(steps, name, &state.tasks),
                Beside::Account(account) => there(account),
                Beside::Somebody => Seen::Unclear(unclear.to_owned()),
            },
            None => absent(steps, name, &state.tasks),
            Some(_) if of_others > 0 => Seen::Unclear(unclear.to_owned()),
            Some(_) if matching::may_be_anothers(&state.tasks, steps, name, who) => {
                Seen::Unclear(unclear.to_owned())
            }
            Some(task) => there(who.account.clone().unwrap_or(task.account.clone())),
        })
    }

    /// Whether a flow is archived.
    pub(crate) async fn look_for_archive(&self, flow: &FlowRef) -> Result<Seen<Nothing>, Halt> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Finished => Seen::There(Nothing),
            _ => Seen::NotThere,
        })
    }

    /// Whether a flow has ended before all had signed.
    pub(crate) async fn look_for_end(&self, flow: &FlowRef) -> Result<Seen<Nothing>, Halt> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Draft | FlowStatus::Signing => Seen::NotThere,
            FlowStatus::Finished => {
                return Err(Halt::failed(
                    "all have signed what was sent before, and that cannot be revoked",
                    "put the row back as it was; a new contract needs a new key",
                ));
            }
            _ => Seen::There(Nothing),
        })
    }
}

/// What it means that somebody is not listed: nothing, when others are not who were added for sure.
fn absent<A>(steps: &Steps, name: &str, tasks: &[FoundTask]) -> Seen<A> {
    let mut added = steps.whose.iter();
    let is_listed = |other: &str, who: &Who| match matching::known(steps, other, who) {
        Some(Who {
            account: Some(account),
            ..
        }) => tasks
            .iter()
            .any(|task| task.account == account || task.organization.as_ref() == Some(&account)),
        _ => !matching::of(tasks, steps, other, who).is_empty(),
    };
    if added.all(|(other, who)| other == name || !steps.is_done(other) || is_listed(other, who)) {
        Seen::NotThere
    } else {
        Seen::Behind("the flow's details lack signers who were added".to_owned())
    }
}
