//! One visit to an item that is under way: its flow is asked for, its signers' states are written down, and what waited
//! and has its turn is done. Needs the ledger alone.

use tokio::time::sleep;

use super::alike;
use super::ask::whose;
use super::caller::Caller;
use super::halt::Halt;
use super::item::{ARCHIVE, DOWNLOAD, END, REVOKE, SIGNER};
use super::look::{FlowRef, FlowState, sent_flow};
use super::step::{SETTLING, Steps, Who};
use crate::api::operation::Op;
use crate::api::{FlowStatus, Nothing, Revoke, SignStatus};
use crate::client::public;
use crate::ledger::{Failure, ItemRecord, SignState, Step, SubjectId, Write};
use crate::plan::ItemStatus;

/// The states of signers, by the names of their steps.
#[derive(Debug, Default)]
pub(super) struct SignStates {
    known: Vec<(String, SignState)>,
    /// Whether the details lack somebody who was asked: they may be behind.
    lacking: bool,
    /// Who was to sign at once, and is not listed beside those who are.
    unseen: Vec<String>,
}

impl Caller<'_> {
    /// How an item stands now; and why, if its flow has ended, or if something keeps it from going on.
    pub(super) async fn visit(
        &self,
        item: &ItemRecord,
    ) -> Result<(ItemStatus, Option<Failure>), Halt> {
        let mut steps = Steps::new(item.id, self.ledger.steps(item.id)?);
        let Some(flow) = sent_flow(&steps) else {
            return Err(Halt::failed(
                "its flow is not known",
                "treaty state show tells what is recorded of it",
            ));
        };
        steps.whose = signers(&steps);
        let (state, states) = self.looked(&steps, &flow).await?;
        if let Some(status) = dead(state.status) {
            let why = why(&state, status);
            // Whoever wanted it ended was cut off: it has ended, by that or otherwise.
            if steps.is_begun(END) && !steps.is_done(END) {
                if status == ItemStatus::Revoked {
                    self.note_receipt::<Revoke>(&steps, END, &Nothing, None);
                } else {
                    self.forget(&steps, END).await?;
                }
            }
            self.end(item.id, status, Some(why.clone()), true).await?;
            if status == ItemStatus::Revoked && steps.is_begun(REVOKE) {
                // Its row may still be sent anew.
                let withdrawn = Write::Withdrawn { id: item.id };
                self.ledger.write(vec![withdrawn]).await?;
            }
            return Ok((status, Some(why)));
        }
        // Whoever wanted it ended was cut off; should it end after all, the next visit sees it. What is finished can be
        // revoked no more.
        let finished = state.status == FlowStatus::Finished;
        for name in [Some(END), finished.then_some(REVOKE)]
            .into_iter()
            .flatten()
        {
            if steps.is_begun(name) {
                self.forget(&steps, name).await?;
                steps.void(name);
            }
        }
        if let Some(step) = undecided(&steps) {
            return Err(Halt::InDoubt(Failure {
                code: None,
                message: format!("whether {step} was carried out is not known"),
                hint: "look at the flow on the service's own pages".to_owned(),
            }));
        }
        let failed = matches!(item.status, ItemStatus::Open | ItemStatus::Failed);
        if failed && !item.was_sent_whole() {
            // Apply was not through with it, and needs its row to go on.
            return Ok((item.status, item.failure.clone()));
        }
        let gone_on = self.go_on(&steps, &flow, &state, states).await;
        if steps.took_any() && !matches!(gone_on, Err(Halt::Fatal(_))) {
            // The next visit reads what this one has written: a receipt that is not there yet would be a call in doubt.
            self.ledger.write(Vec::new()).await?;
        }
        let (stands, failure) = match gone_on {
            Ok(gone_on) => gone_on,
            Err(Halt::Failed(failure)) => {
                // All that apply can do is done: going on is tried again by the next visit.
                let waiting = ItemStatus::Waiting;
                self.end(item.id, waiting, Some(failure.clone()), false)
                    .await?;
                return Err(Halt::Failed(failure));
            }
            Err(Halt::InDoubt(failure)) => {
                let doubt = ItemStatus::InDoubt;
                self.end(item.id, doubt, Some(failure.clone()), false)
                    .await?;
                return Err(Halt::InDoubt(failure));
            }
            Err(halt) => return Err(halt),
        };
        if steps.began_any() || (stands, &failure) != (item.status, &item.failure) {
            let finished = stands == ItemStatus::Finished;
            self.end(item.id, stands, failure.clone(), finished).await?;
        }
        match failure {
            Some(failure) => Err(Halt::Failed(failure)),
            None => Ok((stands, None)),
        }
    }

    /// Asks how far a flow and its signers are, and writes that down.
    pub(super) async fn looked(
        &self,
        steps: &Steps,
        flow: &FlowRef,
    ) -> Result<(FlowState, SignStates), Halt> {
        let mut state = self.state(flow).await?;
        let mut states = SignStates::of(steps, &state);
        if states.lacking && dead(state.status).is_none() && self.lacks_first(steps.subject) {
            // Who was just asked is not listed at once by every service.
            sleep(SETTLING).await;
            state = self.state(flow).await?;
            states = SignStates::of(steps, &state);
        }
        drop(self.ledger.write(vec![Write::Looked {
            id: steps.subject,
            at: self.now(),
            signers: states.known.clone(),
        }]));
        Ok((state, states))
    }

    async fn go_on(
        &self,
        steps: &Steps,
        flow: &FlowRef,
        state: &FlowState,
        states: SignStates,
    ) -> Result<(ItemStatus, Option<Failure>), Halt> {
        if state.status == FlowStatus::Finished {
            let never_asked = self.wind_up(steps, flow).await?;
            return Ok((ItemStatus::Finished, never_asked));
        }
        let (left, states) = self.advance(steps, flow, states).await?;
        // Who was just added has not signed.
        let all_signed = steps.whose.iter().all(|(step, _)| states.signed(step));
        Ok(match left {
            0 if steps.is_done(ARCHIVE) => (ItemStatus::Finished, None),
            0 if all_signed => (ItemStatus::Done, None),
            _ => (ItemStatus::Waiting, states.lost()),
        })
    }

    /// What is left to do of a flow that is archived already: by an earlier visit, by the service, or by somebody else.
    /// Tells of signers who never were asked.
    async fn wind_up(&self, steps: &Steps, flow: &FlowRef) -> Result<Option<Failure>, Halt> {
        let mut never_asked = Vec::new();
        for (step, deferral) in steps.deferred() {
            // An archive that was cut off before its answer came is what has made it so, as far as anybody can tell.
            let archived = step == ARCHIVE && steps.is_begun(ARCHIVE);
            if archived || step == DOWNLOAD {
                self.take(steps, &step, deferral, flow).await?;
            } else if let Some(name) = step.strip_prefix(SIGNER) {
                never_asked.push(name.to_owned());
            }
        }
        let names = never_asked.join(", ");
        Ok((!never_asked.is_empty()).then(|| Failure {
            code: None,
            message: format!("the flow was archived before these signers were asked: {names}"),
            hint: "give the row a new key to send it anew".to_owned(),
        }))
    }

    pub(super) async fn end(
        &self,
        id: SubjectId,
        status: ItemStatus,
        failure: Option<Failure>,
        drop_waiting: bool,
    ) -> Result<(), Halt> {
        let mut writes = vec![Write::ItemEnded {
            id,
            status,
            failure,
            at: self.now(),
        }];
        if drop_waiting {
            writes.push(Write::Dropped { subject: id });
        }
        Ok(self.ledger.write(writes).await?)
    }
}

/// A step of which it is not known whether it was carried out, and that is not written down well enough to go on.
pub(super) fn undecided(steps: &Steps) -> Option<&String> {
    steps
        .known()
        .find(|(_, step)| matches!(step, Step::Intent(None)))
        .map(|(name, _)| name)
}

/// Who signs in which step, as the ledger knows it.
pub(super) fn signers(steps: &Steps) -> Vec<(String, Who)> {
    let signers = steps.known().filter(|(name, _)| name.starts_with(SIGNER));
    signers
        .filter_map(|(name, step)| {
            let who = match step {
                Step::Deferred(deferral) | Step::Intent(Some(deferral)) => {
                    whose(Op::at(&deferral.operation)?, &deferral.request)?
                }
                Step::Intent(None) => return None,
                Step::Receipt(receipt) => Who::of(receipt),
            };
            Some((name.clone(), who))
        })
        .collect()
}

impl SignStates {
    /// How far each signer is who was added.
    pub(super) fn of(steps: &Steps, state: &FlowState) -> Self {
        let mut states = Self::default();
        for (name, who) in steps.whose.iter().filter(|(name, _)| steps.is_done(name)) {
            let Some((sign, is_listed)) = sign_state(steps, state, name, who) else {
                continue;
            };
            match sign.status {
                SignStatus::Withdrawn => states.lacking |= !is_listed,
                // Where his account is listed for somebody else, details that list him, too, are still to come.
                SignStatus::Signing if !is_listed && lists_account(steps, state, name, who) => {
                    states.lacking = true;
                }
                SignStatus::Signing if !is_listed && !state.tasks.is_empty() => {
                    states.unseen.push(name.clone());
                }
                _ => {}
            }
            states.known.push((name.clone(), sign));
        }
        states
    }

    /// Whether a signer has signed.
    pub(super) fn signed(&self, step: &str) -> bool {
        let mut own = self.known.iter().filter(|(name, _)| name == step);
        own.any(|(_, sign)| sign.status == SignStatus::Signed)
    }

    /// Whether a signer may have signed: he signs at once, and the details list others alone.
    pub(super) fn may_have_signed(&self, step: &str) -> bool {
        self.unseen.iter().any(|name| name == step)
    }

    /// A signer who can sign no more, in a flow that goes on.
    pub(super) fn lost(&self) -> Option<Failure> {
        use SignStatus::{Ended, Withdrawn};
        let lost = |(_, sign): &&(String, SignState)| matches!(sign.status, Ended | Withdrawn);
        let (step, sign) = self.known.iter().find(lost)?;
        let name = step.strip_prefix(SIGNER).unwrap_or(step);
        let (message, hint) = match sign.status {
            Withdrawn => (
                format!("the task of {name} was taken back by somebody else, or the flow's details leave it out"),
                format!("treaty revoke --signer {name} makes it again, if it is a person's"),
            ),
            _ => (
                format!("{name} has refused, or the signature has failed"),
                "look at the flow on the service's own pages; onChange: reissue sends a changed row anew"
                    .to_owned(),
            ),
        };
        Some(Failure {
            code: None,
            message,
            hint,
        })
    }
}

/// How far a signer is, as the details tell it. That somebody was to sign at once does not mean that he has: the service
/// signs when it can (5.9.1). Whose task is not there was taken back by somebody. Tells, too, whether he is listed at all.
fn sign_state(
    steps: &Steps,
    state: &FlowState,
    name: &str,
    who: &Who,
) -> Option<(SignState, bool)> {
    use SignStatus::{Ended, Pending, Signed, Signing, Withdrawn};
    let own = alike::of(&state.tasks, steps, name, who);
    let any = |status: SignStatus| own.iter().any(|task| task.status == status);
    let (status, is_listed) = if !own.is_empty() {
        let first = [Ended, Signing, Pending].into_iter().find(|one| any(*one));
        (first.unwrap_or(Signed), true)
    } else if state.status == FlowStatus::Draft {
        return None;
    } else if !alike::of(&state.withdrawn, steps, name, who).is_empty() {
        (Withdrawn, true)
    } else if steps.answered(name, "signUrl").is_some() {
        (Withdrawn, false)
    } else if state.status == FlowStatus::Finished {
        (Signed, false)
    } else {
        // The service has taken it, and does not list it yet.
        (Signing, false)
    };
    let time = own.iter().filter_map(|task| task.time.clone()).max();
    Some((SignState { status, time }, is_listed))
}

fn lists_account(steps: &Steps, state: &FlowState, name: &str, who: &Who) -> bool {
    let account = alike::known(steps, name, who).and_then(|who| who.account);
    account.is_some_and(|account| state.tasks.iter().any(|task| task.account == account))
}

/// How an item stands whose flow has ended before all had signed.
pub(super) fn dead(status: FlowStatus) -> Option<ItemStatus> {
    match status {
        FlowStatus::Rejected | FlowStatus::Ended | FlowStatus::Deleted => {
            Some(ItemStatus::Rejected)
        }
        FlowStatus::Expired => Some(ItemStatus::Expired),
        FlowStatus::Revoked => Some(ItemStatus::Revoked),
        FlowStatus::Draft | FlowStatus::Signing | FlowStatus::Finished => None,
    }
}

/// Why a flow has ended before all had signed.
pub(super) fn why(state: &FlowState, status: ItemStatus) -> Failure {
    // Who signs may say something, too.
    let refused = state
        .tasks
        .iter()
        .filter(|task| task.status == SignStatus::Ended);
    let words = refused.filter_map(|task| task.explain.clone());
    let said = words
        .map(|text| public(&text))
        .find(|text| !text.is_empty());
    let message = match (status, said) {
        (ItemStatus::Rejected, _) if state.status == FlowStatus::Deleted => {
            "the flow was deleted at the service".to_owned()
        }
        (ItemStatus::Rejected, Some(said)) => format!("a signer refused: {said}"),
        (ItemStatus::Rejected, None) => "a signer refused, or signing failed".to_owned(),
        (ItemStatus::Expired, _) => "its time ran out before all had signed".to_owned(),
        _ => "it was revoked before all had signed".to_owned(),
    };
    Failure {
        code: None,
        message,
        hint: "give the row a new key to send it anew".to_owned(),
    }
}
