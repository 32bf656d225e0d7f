//! How far each signer of a flow is.

use tokio::time::sleep;

use super::identity::SignerIdentity;
use super::matching;
use super::request::signer_identity;
use crate::api::operation::Op;
use crate::api::{FlowStatus, SignStatus};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::flow::{FlowRef, FlowState, ended_status};
use crate::execute::journal::{ItemJournal, SETTLE_DELAY};
use crate::execute::steps::SIGNER;
use crate::ledger::{Failure, SignState, Step, Write};

/// The states of signers, by the names of their steps.
#[derive(Debug, Default)]
pub(crate) struct SignStates {
    known: Vec<(String, SignState)>,
    /// Whether the details lack somebody who was asked: they may be behind.
    lacking: bool,
    /// Who was to sign at once, and is not listed beside those who are.
    unseen: Vec<String>,
}

impl SignStates {
    /// How far each signer is who was added.
    pub(crate) fn of(steps: &ItemJournal, state: &FlowState) -> Self {
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
    pub(crate) fn signed(&self, step: &str) -> bool {
        let mut own = self.known.iter().filter(|(name, _)| name == step);
        own.any(|(_, sign)| sign.status == SignStatus::Signed)
    }

    /// Whether a signer may have signed: he signs at once, and the details list others alone.
    pub(crate) fn may_have_signed(&self, step: &str) -> bool {
        self.unseen.iter().any(|name| name == step)
    }

    /// A signer who can sign no more, in a flow that goes on.
    pub(crate) fn lost(&self) -> Option<Failure> {
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

impl StepContext<'_> {
    /// Asks how far a flow and its signers are, and writes that down.
    pub(crate) async fn refresh_sign_states(
        &self,
        steps: &ItemJournal,
        flow: &FlowRef,
    ) -> Result<(FlowState, SignStates), StepError> {
        let mut state = self.state(flow).await?;
        let mut states = SignStates::of(steps, &state);
        if states.lacking
            && ended_status(state.status).is_none()
            && self.is_first_lack(steps.subject)
        {
            // Who was just asked is not listed at once by every service.
            sleep(SETTLE_DELAY).await;
            state = self.state(flow).await?;
            states = SignStates::of(steps, &state);
        }
        drop(self.ledger.write(vec![Write::Polled {
            id: steps.subject,
            at: self.now(),
            signers: states.known.clone(),
        }]));
        Ok((state, states))
    }
}

/// How far a signer is, as the details tell it. That somebody was to sign at once does not mean that he has: the service
/// signs when it can (5.9.1). Whose task is not there was taken back by somebody. Tells, too, whether he is listed at all.
fn sign_state(
    steps: &ItemJournal,
    state: &FlowState,
    name: &str,
    who: &SignerIdentity,
) -> Option<(SignState, bool)> {
    use SignStatus::{Ended, Pending, Signed, Signing, Withdrawn};
    let own = matching::of(&state.tasks, steps, name, who);
    let any = |status: SignStatus| own.iter().any(|task| task.status == status);
    let (status, is_listed) = if !own.is_empty() {
        let first = [Ended, Signing, Pending].into_iter().find(|one| any(*one));
        (first.unwrap_or(Signed), true)
    } else if state.status == FlowStatus::Draft {
        return None;
    } else if !matching::of(&state.withdrawn, steps, name, who).is_empty() {
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

fn lists_account(steps: &ItemJournal, state: &FlowState, name: &str, who: &SignerIdentity) -> bool {
    let account = matching::known(steps, name, who).and_then(|who| who.account);
    account.is_some_and(|account| state.tasks.iter().any(|task| task.account == account))
}

/// Who signs in which step, as the ledger knows it.
pub(crate) fn signers(steps: &ItemJournal) -> Vec<(String, SignerIdentity)> {
    let signers = steps.known().filter(|(name, _)| name.starts_with(SIGNER));
    signers
        .filter_map(|(name, step)| {
            let who = match step {
                Step::Deferred(deferral) | Step::Intent(Some(deferral)) => {
                    signer_identity(Op::at(&deferral.operation)?, &deferral.request)?
                }
                Step::Intent(None) => return None,
                Step::Receipt(receipt) => SignerIdentity::of(receipt),
            };
            Some((name.clone(), who))
        })
        .collect()
}
