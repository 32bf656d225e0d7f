//! Looking whether a call was carried out whose answer is not known.

use super::alike::{self, Beside};
use super::caller::Caller;
use super::halt::Halt;
use super::item::{DOCUMENT, PROCESS};
use super::step::{SETTLING, Steps, Who};
use crate::api::operation::Op;
use crate::api::{
    AutoSignAnswer, ExchangeId, FlowStatus, HandSignAnswer, Nothing, QuerySeals, SealAnswer,
    SignStatus, UndoTask, contract, contracts, not_there,
};
use crate::client::{Failure, LossCause};
use crate::crash::point;
use crate::id::{AccountId, DocId, FlowId};

/// What looking tells.
pub(super) enum Seen<A> {
    /// It was carried out, and this is what it would have answered.
    There(A),
    /// It was not.
    NotThere,
    /// It was, and its answer was of use to nobody: it was taken back, and can be made again.
    TakenBack,
    /// That cannot be told.
    Unclear(String),
    /// That cannot be told yet: what the service shows lacks what was done before.
    Behind(String),
}

impl<A> Seen<A> {
    /// A word for logs.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::There(_) => "there",
            Self::NotThere => "not_there",
            Self::TakenBack => "taken_back",
            Self::Unclear(_) => "unclear",
            Self::Behind(_) => "behind",
        }
    }
}

impl Caller<'_> {
    /// The account of a `thirdId`; none where there is no such account.
    pub(super) async fn account_of(&self, third_id: &str) -> Result<Option<AccountId>, Halt> {
        ask_account(self.client, third_id).await
    }

    /// A seal by its alias.
    pub(super) async fn look_for_seal(
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
    pub(super) async fn look_for_person(
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
        let tasks = alike::of(&all, steps, name, who);
        if tasks.is_empty() {
            return Ok(Err(absent(steps, name, &all)));
        }
        let shared = alike::shared(&tasks, &all, steps, name);
        if shared || steps.others(name, who) > 0 || alike::may_be_anothers(&all, steps, name, who) {
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
            self.client.wait_for_probe(delay).await;
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
    pub(super) async fn look_for_signature(
        &self,
        flow: &FlowRef,
        steps: &Steps,
        name: &str,
        who: &Who,
    ) -> Result<Seen<AutoSignAnswer>, Halt> {
        let of_others = steps.others(name, who);
        let state = self.state(flow).await?;
        let found = alike::of(&state.tasks, steps, name, who);
        let unclear = "the same account signs this flow more than once";
        let there = |account_id| {
            Seen::There(AutoSignAnswer {
                flow_id: flow.id.clone(),
                account_id,
            })
        };
        let is_unknown = alike::known(steps, name, who).is_none();
        Ok(match found.first() {
            None if is_unknown => match alike::beside(&state.tasks, steps, name) {
                Beside::Nobody => absent(steps, name, &state.tasks),
                Beside::Account(account) => there(account),
                Beside::Somebody => Seen::Unclear(unclear.to_owned()),
            },
            None => absent(steps, name, &state.tasks),
            Some(_) if of_others > 0 => Seen::Unclear(unclear.to_owned()),
            Some(_) if alike::may_be_anothers(&state.tasks, steps, name, who) => {
                Seen::Unclear(unclear.to_owned())
            }
            Some(task) => there(who.account.clone().unwrap_or(task.account.clone())),
        })
    }

    /// Whether a flow is archived.
    pub(super) async fn look_for_archive(&self, flow: &FlowRef) -> Result<Seen<Nothing>, Halt> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Finished => Seen::There(Nothing),
            _ => Seen::NotThere,
        })
    }

    /// Whether a flow has ended before all had signed.
    pub(super) async fn look_for_end(&self, flow: &FlowRef) -> Result<Seen<Nothing>, Halt> {
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

    /// How far a flow is, asked for in the way of its own family.
    pub(super) async fn state(&self, flow: &FlowRef) -> Result<FlowState, Halt> {
        let flow_id = flow.id.clone();
        if flow.several {
            let detail = self.call(&contracts::Detail { flow_id }).await?;
            of_flow(flow, &detail.flow_id)?;
            let status = detail.flow_status;
            let signers = listed(detail.signers(), status)?;
            let infos = signers.iter().flat_map(|task| &task.sign_info);
            let docs = infos.map(|info| (info.doc_id.clone(), info.doc_name.clone()));
            let docs = docs.collect();
            let tasks = signers.into_iter().map(|task| FoundTask {
                account: task.account_id,
                organization: task.authorization_org_id,
                status: task.sign_status,
                received: task
                    .sign_info
                    .iter()
                    .filter_map(|info| info.receive_time.clone())
                    .max(),
                time: task
                    .sign_info
                    .iter()
                    .filter_map(|info| info.sign_time.clone())
                    .max(),
                explain: task
                    .sign_info
                    .into_iter()
                    .find_map(|info| info.sign_explain),
            });
            return Ok(FlowState::new(status, docs, tasks));
        }
        let detail = self.call(&contract::Detail { flow_id }).await?;
        of_flow(flow, &detail.flow_id)?;
        let doc = detail.doc_id.clone().filter(|id| !id.is_empty());
        let name = detail.doc_name.clone();
        let docs = doc.map(|id| (DocId(id), name)).into_iter().collect();
        let status = detail.flow_status;
        let signers = listed(detail.signers(), status)?;
        let tasks = signers.into_iter().map(|task| FoundTask {
            account: task.account_id,
            organization: task.authorization_org_id,
            status: task.sign_status,
            received: task.receive_time,
            time: task.sign_time,
            explain: task.sign_explain,
        });
        Ok(FlowState::new(status, docs, tasks))
    }
}

/// Refuses what is said of another flow.
fn of_flow(flow: &FlowRef, told: &FlowId) -> Result<(), Halt> {
    if *told == flow.id {
        return Ok(());
    }
    Err(Halt::failed(
        format!(
            "the details of the flow {} were answered with those of {told}",
            flow.id
        ),
        "apply again: they are asked for before anything is sent",
    ))
}

/// What it means that somebody is not listed: nothing, when others are not who were added for sure.
fn absent<A>(steps: &Steps, name: &str, tasks: &[FoundTask]) -> Seen<A> {
    let mut added = steps.whose.iter();
    let is_listed = |other: &str, who: &Who| match alike::known(steps, other, who) {
        Some(Who {
            account: Some(account),
            ..
        }) => tasks
            .iter()
            .any(|task| task.account == account || task.organization.as_ref() == Some(&account)),
        _ => !alike::of(tasks, steps, other, who).is_empty(),
    };
    if added.all(|(other, who)| other == name || !steps.is_done(other) || is_listed(other, who)) {
        Seen::NotThere
    } else {
        Seen::Behind("the flow's details lack signers who were added".to_owned())
    }
}

/// The signers that a detail lists. Of a draft it may say nothing, and of a flow that has ended before all had signed,
/// where its state is enough: elsewhere that does not mean that nobody was asked.
fn listed<T>(signers: Option<Vec<T>>, status: FlowStatus) -> Result<Vec<T>, Halt> {
    match (signers, status) {
        (Some(signers), _) => Ok(signers),
        (None, FlowStatus::Signing | FlowStatus::Finished) => Err(Halt::failed(
            "the flow's details do not list its signers",
            "apply again: they are asked for before anything is sent",
        )),
        (None, _) => Ok(Vec::new()),
    }
}

/// A flow, and whether it is one of several documents.
#[derive(Debug, Clone)]
pub(super) struct FlowRef {
    pub(super) id: FlowId,
    pub(super) several: bool,
}

/// The flow of an item that was sent.
pub(super) fn sent_flow(steps: &Steps) -> Option<FlowRef> {
    Some(FlowRef {
        id: FlowId(steps.answered(PROCESS, "flowId")?),
        several: steps.is_done(&format!("{DOCUMENT}.01")),
    })
}

/// How far a flow is.
pub(super) struct FlowState {
    pub(super) status: FlowStatus,
    /// The documents that it tells, with their names; one that several sign stands there several times.
    pub(super) docs: Vec<(DocId, Option<String>)>,
    /// The tasks that were not taken back …
    pub(super) tasks: Vec<FoundTask>,
    /// … and those that were, as far as they are told.
    pub(super) withdrawn: Vec<FoundTask>,
}

/// A task of a flow.
#[derive(Debug, Clone)]
pub(super) struct FoundTask {
    pub(super) account: AccountId,
    pub(super) organization: Option<AccountId>,
    pub(super) status: SignStatus,
    /// When he was asked, as the API says it: it tells a task from one that was made anew.
    pub(super) received: Option<String>,
    /// When he signed or refused, as the API says it.
    pub(super) time: Option<String>,
    /// What the signer said to it.
    pub(super) explain: Option<String>,
}

impl FoundTask {
    /// Whether it is somebody's: who signs for himself and an organization may be listed as either, and one who chooses his
    /// organization as he signs under any.
    pub(super) fn is_of(&self, who: &Who) -> bool {
        let chosen = self.organization.is_none() || who.organization.is_none();
        Some(&self.account) == who.account.as_ref()
            && (self.organization == who.organization || (who.both && chosen))
    }

    /// Whether it is an account's own signature, listed under somebody who acts for it.
    pub(super) fn is_in_the_name_of(&self, who: &Who) -> bool {
        let alone = who.organization.is_none() && !who.both;
        alone && self.organization.is_some() && self.organization == who.account
    }
}

impl FlowState {
    /// Whether somebody was asked, and all have signed.
    pub(super) fn all_have_signed(&self) -> bool {
        let signed = |task: &FoundTask| task.status == SignStatus::Signed;
        self.status == FlowStatus::Finished
            || !self.tasks.is_empty() && self.tasks.iter().all(signed)
    }

    fn new(
        status: FlowStatus,
        docs: Vec<(DocId, Option<String>)>,
        tasks: impl Iterator<Item = FoundTask>,
    ) -> Self {
        let (withdrawn, tasks) = tasks.partition(|task| task.status == SignStatus::Withdrawn);
        Self {
            status,
            docs,
            tasks,
            withdrawn,
        }
    }
}

/// Asks for the account of a `thirdId`: "no such account" is an answer.
pub(super) async fn ask_account(
    client: &crate::client::Client,
    third_id: &str,
) -> Result<Option<AccountId>, Halt> {
    let request = ExchangeId {
        third_id: third_id.to_owned(),
    };
    match client.call(&request).await {
        Ok(answer) => Ok(Some(answer.account_id)),
        Err(Failure::Refused { code, .. }) if not_there(code) => Ok(None),
        Err(failure) => Err(Halt::of(Op::ExchangeId, failure)),
    }
}

/// A task that was signed, for tests.
#[cfg(test)]
pub(super) fn signed_task(account: &str, organization: Option<&str>) -> FoundTask {
    FoundTask {
        account: account.into(),
        organization: organization.map(AccountId::from),
        status: SignStatus::Signed,
        received: None,
        time: None,
        explain: None,
    }
}
