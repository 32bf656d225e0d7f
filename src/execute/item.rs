//! Executes the planned action of one item: accounts, documents, flow and signers, in this order.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::after_signing::completion_steps;
use super::error::StepError;
use super::event::ItemOutcome;
use super::executor::Executor;
use super::flow::{FlowRef, ended_status, sent_flow, why};
use crate::address::{AccountId, DocId};
use crate::api::operation::Op;
use crate::api::{
    ErrorCode, OrganizationSigner, PersonAndOrganizationSigner, PersonSigner, PlatformSigner,
    SigningMethod, UserSigner,
};
use crate::desired::{Item, Signer, SignerKind};
use crate::execute::journal::ItemJournal;
use crate::execute::signers::{SignStates, SignerIdentity, SignerRequest};
use crate::ledger::step_name::{self, REVOKE};
use crate::ledger::{Deferral, EntityId, Failure, ItemRecord, ItemStatus, Write};
use crate::plan::{Fatal, ItemAction, PAST_SIGN_VALIDITY_HINT, past_sign_validity};
use crate::util::failpoint::failpoint;

impl Executor<'_> {
    /// Sends an item or continues it, and records its status. Only fatal errors are returned as
    /// errors.
    pub(crate) async fn execute_item(
        &self,
        flow: &str,
        item: &Item,
        action: ItemAction,
    ) -> Result<ItemOutcome, Fatal> {
        let known = self.context.ledger.item(flow, &item.key)?;
        let id = known
            .as_ref()
            .map_or_else(|| self.context.ledger.next_subject(), |known| known.id);
        let was_in_doubt = known.as_ref().map(|known| known.status) == Some(ItemStatus::InDoubt);
        // The contract that was sent before keeps its record until a new one begins.
        let sent_before = known
            .as_ref()
            .filter(|known| known.status.is_sent() && action.replaces());
        let sent_before = sent_before.map(|known| (known.status, known.moved_at));
        let mut has_begun = false;
        let result = self
            .apply_action(flow, item, action, id, known, &mut has_begun)
            .await;
        let (outcome, status, failure) = match result {
            Ok((status, failure)) => {
                let outcome = match status {
                    ItemStatus::Waiting => ItemOutcome::Sent,
                    status => ItemOutcome::Done(status),
                };
                (outcome, status, failure)
            }
            Err(StepError::Failed(failure)) => {
                let outcome = ItemOutcome::Failed(failure.clone());
                (outcome, ItemStatus::Failed, Some(failure))
            }
            Err(StepError::InDoubt(failure)) => {
                let outcome = ItemOutcome::InDoubt(failure.clone());
                (outcome, ItemStatus::InDoubt, Some(failure))
            }
            Err(StepError::ProbeFailed(failure)) => {
                let (outcome, status): (fn(Failure) -> ItemOutcome, _) = if was_in_doubt {
                    (ItemOutcome::InDoubt, ItemStatus::InDoubt)
                } else {
                    (ItemOutcome::Unsettled, ItemStatus::Open)
                };
                (outcome(failure.clone()), status, Some(failure))
            }
            Err(StepError::Fatal(fatal)) => return Err(fatal),
        };
        // A revocation whose outcome is unknown may have ended it.
        let is_as_it_was = |status: ItemStatus| {
            !has_begun && (status.has_ended() || matches!(outcome, ItemOutcome::Failed(_)))
        };
        let mut writes = vec![
            match sent_before.filter(|(status, _)| is_as_it_was(*status)) {
                Some((status, moved_at)) => Write::ItemEnded {
                    id,
                    status,
                    failure: failure.map(Failure::not_sent_again),
                    at: moved_at.unwrap_or_else(|| self.context.now()),
                },
                None => Write::ItemEnded {
                    id,
                    status,
                    failure,
                    at: self.context.now(),
                },
            },
        ];
        if status.has_ended() {
            writes.push(Write::DeferralsDropped { subject: id });
        }
        failpoint("item.ending");
        self.context.ledger.write(writes).await?;
        failpoint("item.ended");
        Ok(outcome)
    }

    /// Applies the planned action to an item. Returns its new status, with a failure if its flow
    /// ended early or a signer cannot sign any more. Sets `has_begun` once the record is that of the
    /// planned contract.
    async fn apply_action(
        &self,
        flow: &str,
        item: &Item,
        action: ItemAction,
        id: EntityId,
        known: Option<ItemRecord>,
        has_begun: &mut bool,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        let check_dependencies = || {
            self.resolved()
                .failed_dependency(item)
                .map_or(Ok(()), |failure| Err(StepError::Failed(failure)))
        };
        let record_begin = |fingerprint, content, cells, afresh| {
            drop(self.context.ledger.write(vec![Write::ItemBegun {
                id,
                flow: flow.to_owned(),
                key: item.key.clone(),
                fingerprint,
                content,
                cells,
                run: self.run_id(),
                at: self.context.now(),
                afresh,
            }]));
        };
        let recorded = match &known {
            Some(_) => self.context.ledger.steps(id)?,
            None => Vec::new(),
        };
        let mut journal = ItemJournal::new(id, recorded);
        let revoked = match (action, &known) {
            (ItemAction::Reissue | ItemAction::Resend, Some(known)) => {
                if !known.status.has_ended() {
                    // Until the sent contract is revoked, the record keeps its fingerprint.
                    record_begin(known.fingerprint, None, None, false);
                }
                check_dependencies()?;
                self.end_sent_contract(flow, item, known, &journal).await?;
                true
            }
            _ => {
                if let Some((status, why)) = self.context.ended_by_operator(&journal).await? {
                    return Ok((status, Some(why)));
                }
                self.context.was_revoked(&journal).await?
            }
        };
        // Before the first signer is added, an earlier run's documents and flow are discarded: the
        // draft may have expired, or its template or values may have been wrong.
        let mut was_sent = known.as_ref().is_some_and(|known| known.sent);
        if !revoked
            && !was_sent
            && let Some(known) = &known
            && self.restore_refused_step(&journal).await?
        {
            if known.fingerprint != item.fingerprint {
                return Err(changed_after_refusal());
            }
            was_sent = true;
            journal = ItemJournal::new(id, self.context.ledger.steps(id)?);
        }
        if !revoked
            && was_sent
            && let Some(known) = &known
            && known.fingerprint != item.fingerprint
        {
            return Err(StepError::failed(
                t!("the contract that was sent can still be signed, and the row differs from it"),
                t!(
                    "put the row back as it was; or apply with --reissue to revoke the contract and send the row"
                ),
            ));
        }
        let afresh = revoked || known.is_some() && !was_sent;
        if afresh {
            journal = ItemJournal::new(id, Vec::new());
        }
        *has_begun = true;
        record_begin(item.fingerprint, item.content, item.cells, afresh);
        failpoint("item.begun");
        check_dependencies()?;
        let was_sent = !afresh && was_sent;
        if !was_sent {
            check_deadline(item, self.context.now())?;
        }
        match self.send(&mut journal, flow, item).await {
            Ok(sent) => Ok(sent),
            // A flow that ended in the meantime cannot be continued by any later run.
            Err(StepError::Failed(failure)) if was_sent => {
                match self.ended_early(&journal).await? {
                    Some((status, why)) => Ok((status, Some(why))),
                    None => Err(StepError::Failed(failure)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Revokes the contract that was sent for an item, unless it has ended. It is revoked only if a
    /// new one can be sent.
    async fn end_sent_contract(
        &self,
        flow: &str,
        item: &Item,
        known: &ItemRecord,
        journal: &ItemJournal,
    ) -> Result<(), StepError> {
        check_deadline(item, self.context.now())?;
        self.row_accounts(flow, item).await?;
        let mut signers = item.signers.iter();
        let all_added = known.was_sent_whole()
            || signers.all(|signer| journal.is_begun(&step_name::signer(&signer.name)));
        match self.context.revoke(journal, REVOKE, all_added).await {
            // The service has deleted it: nobody can sign it.
            Err(StepError::Failed(failure))
                if known.status.has_ended() && failure.code == Some(ErrorCode::NO_FLOW.0) =>
            {
                Ok(())
            }
            revoked => revoked.map(drop),
        }
    }

    /// Restores the intent of a refused step if the flow has a task although no signer is recorded:
    /// the request took effect, and the refusal was the answer to its repetition by a gateway.
    /// Returns whether it did.
    async fn restore_refused_step(&self, journal: &ItemJournal) -> Result<bool, StepError> {
        let refused = self.context.ledger.refused(journal.subject)?;
        let mut refused = refused.into_iter();
        let Some((step, op)) = refused.find(|(step, _)| step_name::is_signer(step)) else {
            return Ok(false);
        };
        let Some(flow) = sent_flow(journal) else {
            return Ok(false);
        };
        let state = match self.context.state(&flow).await {
            Ok(state) => state,
            // The draft is gone: nobody can sign it.
            Err(StepError::Failed(failure)) if failure.code == Some(ErrorCode::NO_FLOW.0) => {
                return Ok(false);
            }
            Err(StepError::Failed(failure)) => {
                return Err(StepError::ProbeFailed(Failure {
                    message: t!(
                        "an earlier request was refused, and it cannot be checked whether it took effect: %{message}",
                        message = failure.message
                    ).into_owned(),
                    ..failure
                }));
            }
            Err(error) => return Err(error),
        };
        // A flow that somebody refused had a task, even if its details list none.
        let was_refused = ended_status(state.status) == Some(ItemStatus::Rejected);
        if state.tasks.is_empty() && !was_refused {
            return Ok(false);
        }
        tracing::debug!(step, "a refused request took effect");
        let intent = Write::Intent {
            subject: journal.subject,
            step,
            op,
            legal: true,
        };
        self.context.ledger.write(vec![intent]).await?;
        Ok(true)
    }

    /// Returns the status and reason of a sent item whose flow ended before all signers had signed.
    async fn ended_early(
        &self,
        journal: &ItemJournal,
    ) -> Result<Option<(ItemStatus, Failure)>, StepError> {
        let Some(flow) = sent_flow(journal) else {
            return Ok(None);
        };
        let state = self.context.state(&flow).await?;
        Ok(ended_status(state.status).map(|status| (status, why(&state, status))))
    }

    /// Sends all steps that can run now, and records the deferred ones in the ledger. Returns the
    /// item's status, with a failure if a signer cannot sign any more.
    async fn send(
        &self,
        journal: &mut ItemJournal,
        flow_name: &str,
        item: &Item,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        let accounts = self.row_accounts(flow_name, item).await?;
        let mut docs = Vec::new();
        for (index, document) in item.documents.iter().enumerate() {
            let step = step_name::document(index, item.documents.len());
            docs.push(self.create_document(journal, &step, document).await?);
        }
        let flow = FlowRef {
            id: self.create_flow(journal, item, &accounts, &docs).await?,
            several: docs.len() > 1,
        };
        let signers: Vec<(&Signer, SigningMethod)> = item
            .signers
            .iter()
            .map(|signer| Ok((signer, self.signing_method(&accounts, &signer.kind)?)))
            .collect::<Result<_, StepError>>()?;
        journal.signers = signers
            .iter()
            .map(|(signer, method)| {
                (
                    step_name::signer(&signer.name),
                    SignerIdentity::from(method),
                )
            })
            .collect();
        for (order, (signer, method)) in (1..).zip(signers) {
            let step = step_name::signer(&signer.name);
            let signer_request = SignerRequest {
                flow: &flow,
                third_order_no: format!(
                    "{}-{}-{}",
                    self.context.order_prefix, journal.subject, signer.name
                ),
                places: &signer.placements,
                docs: &docs,
            };
            let (op, request) = signer_request.request(method);
            if signer.after.is_empty() {
                self.context
                    .perform(journal, &step, op, request, &flow)
                    .await?;
            } else {
                let after = signer.after.iter().map(|name| step_name::signer(name));
                let deferral = Deferral {
                    order,
                    operation: op.path().to_owned(),
                    after: after.collect(),
                    request,
                };
                self.defer(journal, step, op, deferral);
            }
        }
        self.defer_completion(journal, item, &flow, &docs);
        // Steps that wait only for automatic signers run immediately.
        let is_automatic = |step: &String| {
            let mut signers = item.signers.iter();
            signers.any(|signer| {
                step_name::signer(&signer.name) == *step && signer.kind.signs_at_once()
            })
        };
        let all_automatic = item
            .signers
            .iter()
            .all(|signer| signer.kind.signs_at_once());
        let mut waiting = journal.deferred().into_iter();
        let states = if all_automatic
            || waiting.any(|(_, deferral)| deferral.after.iter().all(is_automatic))
        {
            match self.context.refresh_sign_states(journal, &flow).await {
                Ok((_, states)) => states,
                // All signers are added: the next sync reads the states again.
                Err(StepError::Failed(failure)) => return Ok((ItemStatus::Waiting, Some(failure))),
                Err(error) => return Err(error),
            }
        } else {
            SignStates::default()
        };
        let (remaining, states) = self.context.advance(journal, &flow, states).await?;
        let all_signed = item
            .signers
            .iter()
            .all(|signer| states.signed(&step_name::signer(&signer.name)));
        Ok(match remaining {
            0 if item.archive => (ItemStatus::Archived, None),
            0 if all_signed => (ItemStatus::Signed, None),
            _ => (ItemStatus::Waiting, states.lost()),
        })
    }

    /// Records the steps that follow once all signers have signed: archive and download.
    fn defer_completion(
        &self,
        journal: &mut ItemJournal,
        item: &Item,
        flow: &FlowRef,
        docs: &[DocId],
    ) {
        for (step, op, deferral) in completion_steps(item, flow, docs) {
            self.defer(journal, step, op, deferral);
        }
    }

    /// Records a deferred step, unless it has begun already.
    fn defer(&self, journal: &mut ItemJournal, step: String, op: Op, deferral: Deferral) {
        if journal.is_begun(&step) {
            return;
        }
        drop(self.context.ledger.write(vec![Write::Deferred {
            subject: journal.subject,
            step: step.clone(),
            op,
            deferral: deferral.clone(),
        }]));
        failpoint("step.deferred");
        journal.defer(step, deferral);
    }

    /// Resolves the accounts and seals of a signer to their ids.
    fn signing_method(
        &self,
        accounts: &BTreeMap<&str, AccountId>,
        kind: &SignerKind,
    ) -> Result<SigningMethod, StepError> {
        let account_id = |name: &String| self.account_id(accounts, name);
        let seal_id = |name: &Option<String>| {
            name.as_ref()
                .map(|name| self.resolved().seal(name))
                .transpose()
        };
        Ok(match kind {
            SignerKind::Platform { seal } => SigningMethod::Platform(PlatformSigner {
                seal_id: seal_id(seal)?,
            }),
            SignerKind::User {
                account,
                seal,
                notice_sign_message,
            } => SigningMethod::User(UserSigner {
                account_id: account_id(account)?,
                seal_id: seal_id(seal)?,
                notice_sign_message: *notice_sign_message,
            }),
            SignerKind::Person { account, seal_type } => SigningMethod::Person(PersonSigner {
                account_id: account_id(account)?,
                seal_type: seal_type.clone(),
            }),
            SignerKind::Organization {
                account,
                organization,
            } => SigningMethod::Organization(OrganizationSigner {
                account_id: account_id(account)?,
                authorization_org_id: account_id(organization)?,
            }),
            SignerKind::PersonAndOrganization {
                account,
                organization,
            } => SigningMethod::PersonAndOrganization(PersonAndOrganizationSigner {
                account_id: account_id(account)?,
                authorization_org_id: organization.as_ref().map(account_id).transpose()?,
            }),
        })
    }

    /// Returns the id of a named account: one of the row's, or else a resource of the project.
    pub(crate) fn account_id(
        &self,
        accounts: &BTreeMap<&str, AccountId>,
        name: &str,
    ) -> Result<AccountId, StepError> {
        accounts
            .get(name)
            .cloned()
            .map_or_else(|| self.resolved().account(name), Ok)
    }
}

/// Returns the error of a row that changed after a request of an earlier run was refused and took
/// effect nevertheless.
fn changed_after_refusal() -> StepError {
    StepError::failed(
        t!(
            "a request of an earlier run took effect although it was refused, and the row has changed since"
        ),
        t!(
            "put the row back as it was and apply again; or, with onChange: reissue, apply again to revoke what \
         was sent"
        ),
    )
}

/// Fails if the signing deadline of an item is over. It may have passed since the plan was made.
fn check_deadline(item: &Item, now: Timestamp) -> Result<(), StepError> {
    let deadline = item.process.sign_validity;
    match deadline.filter(|deadline| *deadline <= now.as_millisecond()) {
        Some(deadline) => Err(StepError::failed(
            past_sign_validity(deadline),
            t!(PAST_SIGN_VALIDITY_HINT),
        )),
        None => Ok(()),
    }
}
