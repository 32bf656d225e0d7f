//! The status of each signer of a flow.

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
use crate::ledger::{Failure, Receipt, SignState, Step, Write, step_name};

/// The states of signers, by the names of their steps.
#[derive(Debug, Default)]
pub(crate) struct SignStates {
    known: Vec<(String, SignState)>,
    /// Whether the detail lacks a signer that was added: it may be stale.
    lacking: bool,
    /// Automatic signers that are not listed although others are.
    unseen: Vec<String>,
}

impl SignStates {
    /// The state of each signer that was added.
    pub(crate) fn of(journal: &ItemJournal, state: &FlowState) -> Self {
        let mut states = Self::default();
        for (name, identity) in journal
            .signers
            .iter()
            .filter(|(name, _)| journal.is_done(name))
        {
            let Some((sign, is_listed)) = sign_state(journal, state, name, identity) else {
                continue;
            };
            match sign.status {
                SignStatus::Withdrawn => states.lacking |= !is_listed,
                // The account is listed for another signer: a later detail lists this one, too.
                SignStatus::Signing
                    if !is_listed && lists_account(journal, state, name, identity) =>
                {
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

    /// Whether an automatic signer may have signed although the detail lists only others.
    pub(crate) fn may_have_signed(&self, step: &str) -> bool {
        self.unseen.iter().any(|name| name == step)
    }

    /// A signer that can no longer sign, in a flow that goes on.
    pub(crate) fn lost(&self) -> Option<Failure> {
        use SignStatus::{Ended, Withdrawn};
        let lost = |(_, sign): &&(String, SignState)| matches!(sign.status, Ended | Withdrawn);
        let (step, sign) = self.known.iter().find(lost)?;
        let name = step_name::signer_name(step).unwrap_or(step);
        let (message, hint) = match sign.status {
            Withdrawn => (
                t!("the task of %{name} was withdrawn elsewhere, or the details of the flow omit it", name = name).into_owned(),
                t!("treaty revoke --signer %{name} creates it again, if a person signs", name = name).into_owned(),
            ),
            _ => (
                t!("%{name} has refused, or the signature has failed", name = name).into_owned(),
                t!("check the flow on the service's own pages; with onChange: reissue, a changed row is sent again").into_owned(),
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
    /// Fetches the status of a flow and its signers, and records it.
    pub(crate) async fn refresh_sign_states(
        &self,
        journal: &ItemJournal,
        flow: &FlowRef,
    ) -> Result<(FlowState, SignStates), StepError> {
        let mut state = self.state(flow).await?;
        let mut states = SignStates::of(journal, &state);
        if states.lacking
            && ended_status(state.status).is_none()
            && self.is_first_lack(journal.subject)
        {
            // Some services list a new signer only after a moment.
            sleep(SETTLE_DELAY).await;
            state = self.state(flow).await?;
            states = SignStates::of(journal, &state);
        }
        drop(self.ledger.write(vec![Write::Polled {
            id: journal.subject,
            at: self.now(),
            signers: states.known.clone(),
        }]));
        Ok((state, states))
    }
}

/// The state of a signer as the detail shows it, and whether the signer is listed at all. An
/// accepted automatic signature is not yet a signature: the service signs when it can (5.9.1). A
/// missing task of a person was withdrawn.
fn sign_state(
    journal: &ItemJournal,
    state: &FlowState,
    name: &str,
    identity: &SignerIdentity,
) -> Option<(SignState, bool)> {
    use SignStatus::{Ended, Pending, Signed, Signing, Withdrawn};
    let own = matching::tasks_of(&state.tasks, journal, name, identity);
    let any = |status: SignStatus| own.iter().any(|task| task.status == status);
    let (status, is_listed) = if !own.is_empty() {
        let first = [Ended, Signing, Pending].into_iter().find(|one| any(*one));
        (first.unwrap_or(Signed), true)
    } else if state.status == FlowStatus::Draft {
        return None;
    } else if !matching::tasks_of(&state.withdrawn, journal, name, identity).is_empty() {
        (Withdrawn, true)
    } else if journal.sign_url(name).is_some() {
        (Withdrawn, false)
    } else if state.status == FlowStatus::Finished {
        (Signed, false)
    } else {
        // The service has accepted it, and does not list it yet.
        (Signing, false)
    };
    let time = own.iter().filter_map(|task| task.time.clone()).max();
    Some((SignState { status, time }, is_listed))
}

fn lists_account(
    journal: &ItemJournal,
    state: &FlowState,
    name: &str,
    identity: &SignerIdentity,
) -> bool {
    let account = matching::known_identity(journal, name, identity).and_then(|known| known.account);
    account.is_some_and(|account| state.tasks.iter().any(|task| task.account == account))
}

/// The signers of an item and their steps, as the ledger records them.
pub(crate) fn signers(journal: &ItemJournal) -> Vec<(String, SignerIdentity)> {
    let signers = journal
        .known()
        .filter(|(name, _)| step_name::is_signer(name));
    signers
        .filter_map(|(name, step)| {
            let identity = match step {
                Step::Deferred(deferral) | Step::Intent(Some(deferral)) => {
                    signer_identity(Op::at(&deferral.operation)?, &deferral.request)?
                }
                Step::Intent(None) => return None,
                Step::Receipt(receipt) => SignerIdentity::of(&Receipt::from_json(receipt)),
            };
            Some((name.clone(), identity))
        })
        .collect()
}
