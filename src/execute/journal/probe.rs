//! Probes: lookups that find out whether a request whose response was lost has taken effect.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::SETTLE_DELAY;
use super::item_journal::ItemJournal;
use super::probe_result::ProbeResult;
use crate::address::AccountId;
use crate::api::operation::Op;
use crate::api::{
    AutoSignAnswer, FlowStatus, HandSignAnswer, Nothing, QuerySeals, SealAnswer, SignStatus,
    UndoTask,
};
use crate::client::{CallFailure, LossCause};
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::signers::{PlatformTask, SignerIdentity, matching};
use crate::execute::{FlowRef, FoundTask};
use crate::plan::find_account;
use crate::util::failpoint::failpoint;

impl StepContext<'_> {
    /// Looks up the account of a `thirdId`; none where there is no such account.
    pub(crate) async fn account_of(&self, third_id: &str) -> Result<Option<AccountId>, StepError> {
        find_account(self.client, third_id)
            .await
            .map_err(|failure| StepError::of(Op::ExchangeId, failure))
    }

    /// Probes the creation of a seal, by its alias.
    pub(crate) async fn probe_seal(
        &self,
        account: &AccountId,
        alias: &str,
    ) -> Result<ProbeResult<SealAnswer>, StepError> {
        let query = QuerySeals {
            account_id: account.clone(),
        };
        let seals = self.call(&query).await?;
        // A service need not return aliases (5.8.1): a seal without one may be this one.
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
            None if nameless => ProbeResult::Unclear(
                t!("the service lists seals without their aliases").into_owned(),
            ),
            None => ProbeResult::Absent,
        })
    }

    /// Probes the task of a person. An unsigned task is withdrawn, so that it can be created again
    /// with a known link.
    pub(crate) async fn probe_person_task(
        &self,
        flow: &FlowRef,
        journal: &ItemJournal,
        name: &str,
        identity: &SignerIdentity,
    ) -> Result<ProbeResult<HandSignAnswer>, StepError> {
        let undo = match self.unsigned_task(flow, journal, name, identity).await? {
            Ok(undo) => undo,
            Err(seen) => return Ok(seen),
        };
        if journal.is_begun(name) {
            // An earlier run may have been about to withdraw it.
            self.wait_for_earlier_run(journal.subject, name).await;
            match self.unsigned_task(flow, journal, name, identity).await? {
                Ok(_) => {}
                Err(ProbeResult::Absent) => return Ok(ProbeResult::Undone),
                Err(seen) => return Ok(seen),
            }
        }
        failpoint("probe.found");
        self.undo_task(flow, &undo, |task| task.is_of(identity))
            .await
    }

    /// The request that withdraws an unsigned task of a person, or the result of the probe if there
    /// is none.
    async fn unsigned_task(
        &self,
        flow: &FlowRef,
        journal: &ItemJournal,
        name: &str,
        identity: &SignerIdentity,
    ) -> Result<Result<UndoTask, ProbeResult<HandSignAnswer>>, StepError> {
        let all = self.state(flow).await?.tasks;
        let tasks = matching::tasks_of(&all, journal, name, identity);
        if tasks.is_empty() {
            return Ok(Err(absent(journal, name, &all)));
        }
        if matching::are_shared(&tasks, &all, journal, name)
            || journal.count_rivals(name, identity) > 0
            || matching::may_be_others(&all, journal, name, identity)
        {
            return Ok(Err(ProbeResult::Unclear(
                t!("the same person signs this flow more than once").into_owned(),
            )));
        }
        if tasks
            .iter()
            .any(|task| matches!(task.status, SignStatus::Signed | SignStatus::Ended))
        {
            // The person has acted: the link is of no more use.
            return Ok(Err(ProbeResult::Found(HandSignAnswer {
                sign_url: String::new(),
                sign_short_url: None,
                third_order_no: None,
            })));
        }
        let account_id = tasks[0].account.clone();
        // Withdrawing takes all tasks of a person, including those whose links are known and were
        // passed on.
        let takes_others = all.iter().any(|task| {
            task.account == account_id && !task.is_of(identity) && task.status != SignStatus::Signed
        });
        if takes_others {
            return Ok(Err(ProbeResult::Unclear(
                t!("its link is lost, and taking it back would take back another task of the same person").into_owned(),
            )));
        }
        Ok(Ok(UndoTask {
            flow_id: flow.id.clone(),
            account_id,
        }))
    }

    /// Withdraws the unsigned task of a person. It is tried again only once the earlier request
    /// cannot be under way any more: a late one would withdraw the task that is created next.
    async fn undo_task(
        &self,
        flow: &FlowRef,
        undo: &UndoTask,
        is_target: impl Fn(&FoundTask) -> bool,
    ) -> Result<ProbeResult<HandSignAnswer>, StepError> {
        let began = Instant::now();
        let identity = self.client.identify(undo);
        let mut attempts = 1..self.client.attempts();
        loop {
            let undone = self.client.call(undo).await;
            if let Err(
                failure @ (CallFailure::NotSent(_)
                | CallFailure::Outage(_)
                | CallFailure::LeaseLost(_)
                | CallFailure::Stopped
                | CallFailure::Credentials(_)),
            ) = undone
            {
                return Err(StepError::of(Op::UndoTask, failure));
            }
            failpoint("probe.undone");
            if !self.state(flow).await?.tasks.iter().any(&is_target) {
                return Ok(ProbeResult::Undone);
            }
            // A detail may show an answered request later, and an unanswered one may be carried out
            // later.
            let delay = match &undone {
                Err(CallFailure::Unknown {
                    cause: LossCause::TimedOut,
                    ..
                }) => self.late(),
                _ => SETTLE_DELAY,
            };
            self.client.delay(delay).await;
            if let Err(CallFailure::Throttled { retry_after }) = &undone {
                let rest = retry_after.map(|requested| requested.saturating_sub(delay));
                let waited = self
                    .client
                    .wait_as_requested(&identity, Duration::ZERO, rest);
                let waited = waited.await;
                waited.map_err(|stopped| StepError::of(Op::UndoTask, stopped))?;
            }
            if !self.state(flow).await?.tasks.iter().any(&is_target) {
                return Ok(ProbeResult::Undone);
            }
            let is_repeated = match &undone {
                Err(CallFailure::Throttled { .. }) if self.client.is_throttled_alone(&identity) => {
                    attempts.next().is_some()
                }
                // Attempts are not counted while the service throttles others, too.
                Err(CallFailure::Throttled { .. }) => {
                    began.elapsed() < self.client.throttle_patience()
                }
                Err(CallFailure::Unknown { .. }) => attempts.next().is_some(),
                _ => false,
            };
            if !is_repeated {
                break;
            }
        }
        Ok(ProbeResult::Unclear(
            t!("the person's task is there, its link is lost, and it cannot be undone")
                .into_owned(),
        ))
    }

    /// Probes a signature without a person. The account of the platform is not known before it has
    /// signed: its task is the one that no other signer explains.
    pub(crate) async fn probe_signature(
        &self,
        flow: &FlowRef,
        journal: &ItemJournal,
        name: &str,
        identity: &SignerIdentity,
    ) -> Result<ProbeResult<AutoSignAnswer>, StepError> {
        let of_others = journal.count_rivals(name, identity);
        let state = self.state(flow).await?;
        let found = matching::tasks_of(&state.tasks, journal, name, identity);
        let unclear = t!("the same account signs this flow more than once");
        let there = |account_id| {
            ProbeResult::Found(AutoSignAnswer {
                flow_id: flow.id.clone(),
                account_id,
            })
        };
        let is_unknown = matching::known_identity(journal, name, identity).is_none();
        Ok(match found.first() {
            None if is_unknown => match matching::platform_task(&state.tasks, journal, name) {
                PlatformTask::Absent => absent(journal, name, &state.tasks),
                PlatformTask::Account(account) => there(account),
                PlatformTask::Ambiguous => ProbeResult::Unclear(unclear.into_owned()),
            },
            None => absent(journal, name, &state.tasks),
            Some(_) if of_others > 0 => ProbeResult::Unclear(unclear.into_owned()),
            Some(_) if matching::may_be_others(&state.tasks, journal, name, identity) => {
                ProbeResult::Unclear(unclear.into_owned())
            }
            Some(task) => there(identity.account.clone().unwrap_or(task.account.clone())),
        })
    }

    /// Probes whether a flow is archived.
    pub(crate) async fn probe_archive(
        &self,
        flow: &FlowRef,
    ) -> Result<ProbeResult<Nothing>, StepError> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Finished => ProbeResult::Found(Nothing),
            _ => ProbeResult::Absent,
        })
    }

    /// Probes whether a flow has ended before all had signed.
    pub(crate) async fn probe_revocation(
        &self,
        flow: &FlowRef,
    ) -> Result<ProbeResult<Nothing>, StepError> {
        Ok(match self.state(flow).await?.status {
            FlowStatus::Draft | FlowStatus::Signing => ProbeResult::Absent,
            FlowStatus::Finished => {
                return Err(StepError::failed(
                    t!("all have signed what was sent before, and that cannot be revoked"),
                    t!("put the row back as it was; a new contract needs a new key"),
                ));
            }
            _ => ProbeResult::Found(Nothing),
        })
    }
}

/// The result for a signer that is not listed: absent, unless signers with receipts are not listed
/// either.
fn absent<A>(journal: &ItemJournal, name: &str, tasks: &[FoundTask]) -> ProbeResult<A> {
    let mut added = journal.signers.iter();
    let is_listed = |other: &str, identity: &SignerIdentity| match matching::known_identity(
        journal, other, identity,
    ) {
        Some(SignerIdentity {
            account: Some(account),
            ..
        }) => tasks
            .iter()
            .any(|task| task.account == account || task.organization.as_ref() == Some(&account)),
        _ => !matching::tasks_of(tasks, journal, other, identity).is_empty(),
    };
    if added.all(|(other, identity)| {
        other == name || !journal.is_done(other) || is_listed(other, identity)
    }) {
        ProbeResult::Absent
    } else {
        ProbeResult::Stale(t!("the flow's details lack signers who were added").into_owned())
    }
}
