//! A signer's task is taken back and made again: his mobile was wrong, say.
//!
//! What is to be sent is written down before his task is touched, as that of a step that was begun: should the process die
//! anywhere, sync looks for the task, takes it back while nobody has signed, and makes it again, once.

use std::sync::Arc;

use tracing::{Instrument, info_span};

use super::revoke::{Revocation, Withdrawn, ended};
use crate::address::{AccountId, Address, DocId};
use crate::api::SignStatus;
use crate::api::operation::Op;
use crate::desired::{Item, Signer, SignerKind};
use crate::execute::{
    DOCUMENT, FlowRef, FoundTask, ItemJournal, ItemOutcome, SIGNER, SignerIdentity, SignerRequest,
    SigningMethod, StepContext, StepError, ended_status, sent_flow, signers, why,
};
use crate::ledger::{
    AccountRecord, Deferral, ItemStatus, KnownItem, RecordedAccount, ResourceKind, Write,
};
use crate::plan::Fatal;

/// An item, its row as it is now, and the signer who is asked anew.
#[derive(Debug, Clone)]
pub struct TaskReissue {
    /// What is recorded.
    pub known: KnownItem,
    /// The contract of its row.
    pub item: Box<Item>,
    /// The signer's name in the flow.
    pub signer: String,
}

impl Revocation<'_> {
    /// Takes a task of each item back (5.7.3) and makes it again.
    pub async fn ask_anew(&self, items: Vec<TaskReissue>) -> Result<Withdrawn, Fatal> {
        let context = StepContext::new(self.records, self.client, self.root);
        (self.listener)(crate::execute::Event::Items(items.len() as u64));
        let work = async |one: TaskReissue| context.ask_anew(&one).await;
        self.through(items, work).await
    }
}

impl StepContext<'_> {
    async fn ask_anew(&self, one: &TaskReissue) -> Result<(Address, ItemOutcome), StepError> {
        let known = &one.known;
        let span = info_span!("item", address = %Address::item(&known.flow, &known.key));
        ended(known, self.asked_anew(one).instrument(span).await)
    }

    async fn asked_anew(&self, one: &TaskReissue) -> Result<ItemOutcome, StepError> {
        let (record, item) = (&one.known.record, &one.item);
        same_content(one)?;
        let mut steps = ItemJournal::new(record.id, self.ledger.steps(record.id)?);
        steps.signers = signers(&steps);
        let name = format!("{SIGNER}{}", one.signer);
        let (Some(flow), Some(signer)) = (sent_flow(&steps), signer(item, &one.signer)) else {
            return Err(StepError::failed(
                format!("the flow has no signer {}", one.signer),
                "signers are named in the manifest",
            ));
        };
        if steps.answered(&name, "signUrl").is_none() {
            return Err(StepError::failed(
                format!(
                    "{} was not asked to sign yet, or signs by itself",
                    one.signer
                ),
                "who waits for others is asked by treaty sync",
            ));
        }
        let state = self.state(&flow).await?;
        if let Some(status) = ended_status(state.status) {
            let why = why(&state, status);
            self.record_status(record.id, status, Some(why.clone()), true)
                .await?;
            return Ok(ItemOutcome::EndedEarly(status, why));
        }
        let who = steps.signers.iter().find(|(step, _)| *step == name);
        let Some(who) = who.map(|(_, who)| who.clone()) else {
            return Err(StepError::failed("who signs is not recorded", ""));
        };
        can_be_taken_back(&steps, &name, &who, &state.tasks)?;
        self.correct(&steps, item).await?;
        let (op, request) = SignerRequest {
            flow: &flow,
            third_order_no: format!("{}-{}-{}", self.order_prefix, record.id, signer.name),
            signs: signs(&signer.kind, who.clone())?,
            places: &signer.placements,
            docs: &docs(&steps, &flow),
        }
        .request();
        self.write_down(one, &name, op, request).await?;
        self.record_own_intent(record.id, &name);
        let visited = self.poll(record).await;
        if let Err(StepError::InDoubt(_) | StepError::ProbeFailed(_)) = &visited {
            let now = self.state(&flow).await?;
            if is_untouched(&who, &state.tasks, &now.tasks) {
                return self.restore(&steps, &name, op).await;
            }
        }
        let (status, failure) = visited?;
        let asked = ItemJournal::new(record.id, self.ledger.steps(record.id)?);
        match failure {
            Some(why) if status.has_ended() => Ok(ItemOutcome::EndedEarly(status, why)),
            Some(failure) => Ok(ItemOutcome::Failed(failure)),
            None if asked.answered(&name, "signUrl").as_deref() == Some("") => {
                Err(StepError::failed(
                    "he signed or refused while his task was to be taken back",
                    "treaty sync brings what is recorded up to date",
                ))
            }
            None => Ok(ItemOutcome::Done(status)),
        }
    }

    /// Writes the call that makes his task anew down as one that was begun and not answered.
    async fn write_down(
        &self,
        one: &TaskReissue,
        step: &str,
        op: Op,
        request: serde_json::Value,
    ) -> Result<(), StepError> {
        let (record, item) = (&one.known.record, &one.item);
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
                flow: one.known.flow.clone(),
                key: one.known.key.clone(),
                fingerprint: item.fingerprint,
                content: item.content,
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

    /// His task could not be taken back: it stands, and so does the link that he has.
    async fn restore(
        &self,
        steps: &ItemJournal,
        step: &str,
        op: Op,
    ) -> Result<ItemOutcome, StepError> {
        if let Some(receipt) = steps.receipt_json(step) {
            let writes = vec![
                Write::Receipt {
                    subject: steps.subject,
                    step: step.to_owned(),
                    op,
                    receipt: Arc::new(receipt.clone()),
                },
                Write::ItemEnded {
                    id: steps.subject,
                    status: ItemStatus::Waiting,
                    failure: None,
                    at: self.now(),
                },
            ];
            self.ledger.write(writes).await?;
        }
        Err(StepError::failed(
            "his task could not be taken back: it stands, and so does his link",
            "try again later; what the row says of him is set already",
        ))
    }

    /// Sets what was wrong with the people of the row, as it has them now. They must be those who were asked.
    async fn correct(&self, steps: &ItemJournal, item: &Item) -> Result<(), StepError> {
        let asked: Vec<&AccountId> = steps
            .signers
            .iter()
            .flat_map(|(_, who)| who.account.iter().chain(&who.organization))
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
            let known = self
                .ledger
                .resource(ResourceKind::Account, account.third_id())?;
            let record = known.clone().map(AccountRecord::from);
            let recorded = record.and_then(|record| record.account);
            let is_same = |recorded: &RecordedAccount| {
                !signing.contains(&name) || asked.contains(&&recorded.account_id)
            };
            let Some(recorded) = recorded.filter(is_same) else {
                return Err(StepError::failed(
                    format!("the row has another thirdId for {name} than what was sent"),
                    "put the thirdId back; another person needs a new key",
                ));
            };
            self.update_changed_fields(account, &recorded, known.as_ref())
                .await?;
        }
        Ok(())
    }
}

/// Refuses what apply is not through with, and a row that differs from what was sent in more than its people.
fn same_content(one: &TaskReissue) -> Result<(), StepError> {
    let (record, item) = (&one.known.record, &one.item);
    let same = record.fingerprint == item.fingerprint;
    if !same && (record.content.is_none() || record.content != item.content) {
        return Err(StepError::failed(
            "its row differs from what was sent in more than its people",
            "put the row back but for his mobile, name or email; or end it with treaty revoke, and give the row a new key",
        ));
    }
    if record.status != ItemStatus::Waiting {
        return Err(StepError::failed(
            "apply is not through with it",
            "apply again, or settle what is in doubt, before a signer is asked anew",
        ));
    }
    Ok(())
}

fn signer<'i>(item: &'i Item, name: &str) -> Option<&'i Signer> {
    item.signers.iter().find(|signer| signer.name == name)
}

/// How he signs, with the ids that were used before.
fn signs(kind: &SignerKind, who: SignerIdentity) -> Result<SigningMethod, StepError> {
    let Some(account) = who.account else {
        return Err(StepError::failed("who signs is not recorded", ""));
    };
    Ok(match (kind, who.organization) {
        (SignerKind::Person { seal_type, .. }, _) => SigningMethod::Person {
            account,
            seal_type: seal_type.clone(),
        },
        (SignerKind::Organization { .. }, Some(organization)) => SigningMethod::Organization {
            account,
            organization,
        },
        (_, organization) => SigningMethod::PersonAndOrganization {
            account,
            organization,
        },
    })
}

/// Whether his tasks are the very ones that were there before, and nobody has acted on them.
fn is_untouched(who: &SignerIdentity, before: &[FoundTask], now: &[FoundTask]) -> bool {
    let his = |tasks: &[FoundTask]| -> Option<Vec<String>> {
        let own = tasks.iter().filter(|task| task.is_of(who));
        own.map(|task| {
            let acted = matches!(task.status, SignStatus::Signed | SignStatus::Ended);
            task.received.clone().filter(|_| !acted)
        })
        .collect()
    };
    let (before, now) = (his(before), his(now));
    before.as_ref().is_some_and(|tasks| !tasks.is_empty()) && before == now
}

/// The documents of the flow, in their order.
fn docs(steps: &ItemJournal, flow: &FlowRef) -> Vec<DocId> {
    let own = |name: &String| match name.strip_prefix(DOCUMENT) {
        Some("") => !flow.several,
        Some(rest) => rest.starts_with('.'),
        None => false,
    };
    let mut names: Vec<&String> = steps.known().map(|(name, _)| name).collect();
    names.retain(|name| own(name));
    names.sort();
    let ids = names
        .iter()
        .filter_map(|name| steps.answered(name, "docId"));
    ids.map(DocId).collect()
}

/// Refuses what would take back more than his unsigned task.
fn can_be_taken_back(
    steps: &ItemJournal,
    name: &str,
    who: &SignerIdentity,
    tasks: &[FoundTask],
) -> Result<(), StepError> {
    let pages = "look at the flow on the service's own pages";
    let is_his = |task: &&FoundTask| task.is_of(who);
    let acted = |task: &FoundTask| matches!(task.status, SignStatus::Signed | SignStatus::Ended);
    if tasks.iter().filter(is_his).any(acted) {
        return Err(StepError::failed("he has signed or refused already", pages));
    }
    let takes_others = tasks.iter().any(|task| {
        Some(&task.account) == who.account.as_ref() && !task.is_of(who) && !acted(task)
    });
    if takes_others || steps.others(name, who) > 0 {
        return Err(StepError::failed(
            "the same person has another task in this flow, which would be taken back, too",
            pages,
        ));
    }
    Ok(())
}
