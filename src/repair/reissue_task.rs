//! Withdraws a signer's task and creates it again, for example after a wrong mobile number.
//!
//! The new request is journaled as an intent before the task is withdrawn. If the process crashes,
//! sync looks for the task, withdraws it unless it is signed, and creates it again once.

use std::sync::Arc;

use tracing::{Instrument, info_span};

use super::revoke::{Revocation, RevocationStats, item_outcome};
use crate::address::{AccountId, Address, DocId};
use crate::api::operation::Op;
use crate::api::{
    OrganizationSigner, PersonAndOrganizationSigner, PersonSigner, SignStatus, SigningMethod,
};
use crate::desired::{Item, Signer, SignerKind};
use crate::execute::{
    FlowRef, FoundTask, ItemJournal, ItemOutcome, SignerIdentity, SignerRequest, StepContext,
    StepError, ended_status, sent_flow, signers, why,
};
use crate::ledger::{
    AccountRecord, Deferral, ItemStatus, KnownItem, RecordedAccount, ResourceKind, Write, step_name,
};
use crate::plan::Fatal;

/// An item, its current row, and the signer whose task is reissued.
#[derive(Debug, Clone)]
pub struct TaskReissue {
    /// The recorded item.
    pub known: KnownItem,
    /// The item of its current row.
    pub item: Box<Item>,
    /// The signer's name in the flow.
    pub signer: String,
}

impl Revocation<'_> {
    /// Withdraws a task of each item (API 5.7.3) and creates it again.
    pub async fn reissue_tasks(&self, items: Vec<TaskReissue>) -> Result<RevocationStats, Fatal> {
        let context = StepContext::new(self.records, self.client, self.root);
        (self.listener)(crate::execute::Event::Items(items.len() as u64));
        let work = async |reissue: TaskReissue| context.reissue_with_outcome(&reissue).await;
        self.run(items, work).await
    }
}

impl StepContext<'_> {
    async fn reissue_with_outcome(
        &self,
        reissue: &TaskReissue,
    ) -> Result<(Address, ItemOutcome), Fatal> {
        self.check_mismatches()?;
        let known = &reissue.known;
        let span = info_span!("item", address = %Address::item(&known.flow, &known.key));
        item_outcome(known, self.reissue_task(reissue).instrument(span).await)
    }

    async fn reissue_task(&self, reissue: &TaskReissue) -> Result<ItemOutcome, StepError> {
        let (record, item) = (&reissue.known.record, &reissue.item);
        check_row(reissue)?;
        let mut journal = ItemJournal::new(record.id, self.ledger.steps(record.id)?);
        journal.signers = signers(&journal);
        let name = step_name::signer(&reissue.signer);
        let (Some(flow), Some(signer)) = (sent_flow(&journal), signer(item, &reissue.signer))
        else {
            return Err(StepError::failed(
                t!("the flow has no signer %{signer}", signer = reissue.signer),
                t!("check the names of the signers in the manifest"),
            ));
        };
        if journal.sign_url(&name).is_none() {
            return Err(StepError::failed(
                t!(
                    "%{signer} was not asked to sign yet, or is an automatic signer",
                    signer = reissue.signer
                ),
                t!("treaty sync adds deferred signers"),
            ));
        }
        let state = self.state(&flow).await?;
        if let Some(status) = ended_status(state.status) {
            let why = why(&state, status);
            self.record_status(record.id, status, Some(why.clone()), true)
                .await?;
            return Ok(ItemOutcome::EndedEarly(status, why));
        }
        let identity = journal.signers.iter().find(|(step, _)| *step == name);
        let Some(identity) = identity.map(|(_, identity)| identity.clone()) else {
            return Err(StepError::failed(
                t!("the identity of the signer is not recorded"),
                "",
            ));
        };
        check_withdrawable(&journal, &name, &identity, &state.tasks)?;
        self.update_accounts(&journal, item).await?;
        let (op, request) = SignerRequest {
            flow: &flow,
            third_order_no: format!("{}-{}-{}", self.order_prefix, record.id, signer.name),
            places: &signer.placements,
            docs: &document_ids(&journal, &flow),
        }
        .request(signing_method(&signer.kind, identity.clone())?);
        self.record_intent(reissue, &name, op, request).await?;
        self.record_own_intent(record.id, &name);
        let polled = self.poll(record).await;
        if let Err(StepError::InDoubt(_) | StepError::ProbeFailed(_)) = &polled {
            let now = self.state(&flow).await?;
            if is_unchanged(&identity, &state.tasks, &now.tasks) {
                return self.restore_receipt(&journal, &name, op).await;
            }
        }
        let (status, failure) = polled?;
        let asked = ItemJournal::new(record.id, self.ledger.steps(record.id)?);
        match failure {
            Some(why) if status.has_ended() => Ok(ItemOutcome::EndedEarly(status, why)),
            Some(failure) => Ok(ItemOutcome::Failed(failure)),
            None if asked.sign_url(&name).as_deref() == Some("") => Err(StepError::failed(
                t!("the signer signed or refused while the task was being withdrawn"),
                t!("run treaty sync to update the record"),
            )),
            None => Ok(ItemOutcome::Done(status)),
        }
    }

    /// Journals the intent to create the task again, with its request.
    async fn record_intent(
        &self,
        reissue: &TaskReissue,
        step: &str,
        op: Op,
        request: serde_json::Value,
    ) -> Result<(), StepError> {
        let (record, item) = (&reissue.known.record, &reissue.item);
        let (subject, step) = (record.id, step.to_owned());
        let deferral = Deferral {
            order: 0,
            operation: op.path().to_owned(),
            after: Vec::new(),
            request,
        };
        let writes = vec![
            Write::ItemBegun {
                id: subject,
                flow: reissue.known.flow.clone(),
                key: reissue.known.key.clone(),
                fingerprint: item.fingerprint,
                content: item.content,
                cells: item.cells,
                run: record.run,
                at: self.now(),
                afresh: false,
            },
            Write::Intent {
                subject,
                step: step.clone(),
                op,
                legal: true,
            },
            Write::Deferred {
                subject,
                step,
                op,
                deferral,
            },
        ];
        Ok(self.ledger.write(writes).await?)
    }

    /// Restores the receipt of a task that could not be withdrawn: the task and its link remain
    /// valid.
    async fn restore_receipt(
        &self,
        journal: &ItemJournal,
        step: &str,
        op: Op,
    ) -> Result<ItemOutcome, StepError> {
        if let Some(receipt) = journal.receipt_json(step) {
            let writes = vec![
                Write::Receipt {
                    subject: journal.subject,
                    step: step.to_owned(),
                    op,
                    receipt: Arc::new(receipt),
                },
                Write::ItemEnded {
                    id: journal.subject,
                    status: ItemStatus::Waiting,
                    failure: None,
                    at: self.now(),
                },
            ];
            self.ledger.write(writes).await?;
        }
        Err(StepError::failed(
            t!("the task could not be withdrawn: the task and its signing link are still valid"),
            t!("try again later; the account is already updated from the row"),
        ))
    }

    /// Updates the accounts of the row. They must be the accounts that were asked to sign.
    async fn update_accounts(&self, journal: &ItemJournal, item: &Item) -> Result<(), StepError> {
        let asked: Vec<&AccountId> = journal
            .signers
            .iter()
            .flat_map(|(_, identity)| identity.account.iter().chain(&identity.organization))
            .collect();
        let signing: Vec<&String> = item
            .signers
            .iter()
            .flat_map(|signer| {
                let (account, organization) = signer.kind.accounts();
                account.into_iter().chain(organization)
            })
            .collect();
        for (name, account) in &item.accounts {
            let resource = self
                .ledger
                .resource(ResourceKind::Account, account.third_id())?;
            let record = resource.clone().map(AccountRecord::from);
            let recorded = record.and_then(|record| record.account);
            let is_same = |recorded: &RecordedAccount| {
                !signing.contains(&name) || asked.contains(&&recorded.account_id)
            };
            let Some(recorded) = recorded.filter(is_same) else {
                return Err(StepError::failed(
                    t!(
                        "the thirdId of %{name} in the row differs from the one that was sent",
                        name = name
                    ),
                    t!("restore the thirdId; for another person, give the row a new key"),
                ));
            };
            self.update_changed_fields(account, &recorded, resource.as_ref())
                .await?;
        }
        Ok(())
    }
}

/// Refuses an item whose apply is incomplete, and a row that differs in more than its accounts.
fn check_row(reissue: &TaskReissue) -> Result<(), StepError> {
    let (record, item) = (&reissue.known.record, &reissue.item);
    let same = record.fingerprint == item.fingerprint;
    if !same && (record.content.is_none() || record.content != item.content) {
        return Err(StepError::failed(
            t!("the row differs from what was sent in more than its accounts"),
            t!(
                "change only the mobile, name or email; or run treaty revoke, and give the row a new key"
            ),
        ));
    }
    if record.status != ItemStatus::Waiting {
        return Err(StepError::failed(
            t!("apply is not complete for the item"),
            t!("apply again or resolve the item in doubt, then reissue the task"),
        ));
    }
    Ok(())
}

fn signer<'i>(item: &'i Item, name: &str) -> Option<&'i Signer> {
    item.signers.iter().find(|signer| signer.name == name)
}

/// The signing method of a signer, with the account ids that were used before.
fn signing_method(kind: &SignerKind, identity: SignerIdentity) -> Result<SigningMethod, StepError> {
    let Some(account_id) = identity.account else {
        return Err(StepError::failed(
            "the identity of the signer is not recorded",
            "",
        ));
    };
    Ok(match (kind, identity.organization) {
        (SignerKind::Person { seal_type, .. }, _) => SigningMethod::Person(PersonSigner {
            account_id,
            seal_type: seal_type.clone(),
        }),
        (SignerKind::Organization { .. }, Some(authorization_org_id)) => {
            SigningMethod::Organization(OrganizationSigner {
                account_id,
                authorization_org_id,
            })
        }
        (_, authorization_org_id) => {
            SigningMethod::PersonAndOrganization(PersonAndOrganizationSigner {
                account_id,
                authorization_org_id,
            })
        }
    })
}

/// Whether the signer has the same tasks as before, and has not signed or refused any.
fn is_unchanged(identity: &SignerIdentity, before: &[FoundTask], now: &[FoundTask]) -> bool {
    let received_times = |tasks: &[FoundTask]| -> Option<Vec<String>> {
        let own = tasks.iter().filter(|task| task.is_of(identity));
        own.map(|task| {
            let is_completed = matches!(task.status, SignStatus::Signed | SignStatus::Ended);
            task.received.clone().filter(|_| !is_completed)
        })
        .collect()
    };
    let (before, now) = (received_times(before), received_times(now));
    before.as_ref().is_some_and(|tasks| !tasks.is_empty()) && before == now
}

/// The ids of the flow's documents, in order.
fn document_ids(journal: &ItemJournal, flow: &FlowRef) -> Vec<DocId> {
    let mut names: Vec<&String> = journal.known().map(|(name, _)| name).collect();
    names.retain(|name| step_name::is_document(name));
    if flow.several {
        names.retain(|name| **name != step_name::document(0, 1));
    }
    names.sort();
    let ids = names
        .iter()
        .filter_map(|name| journal.receipt(name)?.doc_id);
    ids.collect()
}

/// Refuses to withdraw a task that is completed, or that the API would withdraw together with
/// others.
fn check_withdrawable(
    journal: &ItemJournal,
    name: &str,
    identity: &SignerIdentity,
    tasks: &[FoundTask],
) -> Result<(), StepError> {
    let hint = t!("check the flow on the service's own pages");
    let is_own = |task: &&FoundTask| task.is_of(identity);
    let is_completed =
        |task: &FoundTask| matches!(task.status, SignStatus::Signed | SignStatus::Ended);
    if tasks.iter().filter(is_own).any(is_completed) {
        return Err(StepError::failed(
            t!("the signer has already signed or refused"),
            hint,
        ));
    }
    let takes_others = tasks.iter().any(|task| {
        Some(&task.account) == identity.account.as_ref()
            && !task.is_of(identity)
            && !is_completed(task)
    });
    if takes_others || journal.count_rivals(name, identity) > 0 {
        return Err(StepError::failed(
            t!("the same account has another task in this flow, which would be withdrawn, too"),
            hint,
        ));
    }
    Ok(())
}
