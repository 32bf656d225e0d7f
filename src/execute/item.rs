//! An item: a row's contract, from its people to its last signer. Reads like the API's own handbook.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::after_signing::afterwards;
use super::error::StepError;
use super::event::Ended;
use super::executor::Apply;
use super::flow::{FlowRef, ended_status, sent_flow, why};
use super::steps::{PROCESS, REVOKE, SIGNER, document_step, step_of};
use crate::address::{AccountId, DocId, FlowId};
use crate::api::operation::Op;
use crate::api::{Attachment, CreateByFileKey, CreateByTemplate, MIME_PDF, contract, contracts};
use crate::desired::{Document, DocumentSource, Item, LocalFile, Signer, SignerKind};
use crate::execute::journal::ItemJournal;
use crate::execute::signers::{SignStates, SignerRequest, SigningMethod};
use crate::ledger::{Deferral, EntityId, Failure, ItemRecord, ItemStatus, Write};
use crate::plan::{Fatal, ItemAction, PAST_SIGN_VALIDITY_HINT, past_sign_validity};
use crate::util::failpoint::failpoint;

impl Apply<'_> {
    /// Sends an item, or goes on with it, and records how it ended.
    pub(crate) async fn item(
        &self,
        flow: &str,
        item: &Item,
        action: ItemAction,
    ) -> Result<Ended, Fatal> {
        let known = self.context.ledger.item(flow, &item.key)?;
        let id = known
            .as_ref()
            .map_or_else(|| self.context.ledger.next_subject(), |known| known.id);
        let done = |status| (Ended::Done(status), status);
        let doubted = known.as_ref().map(|known| known.status) == Some(ItemStatus::InDoubt);
        let ((ended, status), failure) = match self.carry_out(flow, item, action, id, known).await {
            Ok((status, why)) => (done(status), why),
            Err(StepError::Failed(failure)) => {
                let ended = Ended::Failed(failure.clone());
                ((ended, ItemStatus::Failed), Some(failure))
            }
            Err(StepError::InDoubt(failure)) => {
                let ended = Ended::InDoubt(failure.clone());
                ((ended, ItemStatus::InDoubt), Some(failure))
            }
            Err(StepError::ProbeFailed(failure)) => {
                let ended = Ended::InDoubt(failure.clone());
                let open = if doubted {
                    ItemStatus::InDoubt
                } else {
                    ItemStatus::Open
                };
                ((ended, open), Some(failure))
            }
            Err(StepError::Fatal(fatal)) => return Err(fatal),
        };
        let mut writes = vec![Write::ItemEnded {
            id,
            status,
            failure,
            at: self.context.now(),
        }];
        if status.has_ended() {
            writes.push(Write::Dropped { subject: id });
        }
        failpoint("item.ending");
        self.context.ledger.write(writes).await?;
        failpoint("item.ended");
        Ok(ended)
    }

    /// How the item stands then; and why, if its flow has ended before all had signed.
    async fn carry_out(
        &self,
        flow: &str,
        item: &Item,
        action: ItemAction,
        id: EntityId,
        known: Option<ItemRecord>,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        let lacks = || {
            self.lacks(item)
                .map_or(Ok(()), |failure| Err(StepError::Failed(failure)))
        };
        let begin = |fingerprint, content, afresh| {
            drop(self.context.ledger.write(vec![Write::ItemBegun {
                id,
                flow: flow.to_owned(),
                key: item.key.clone(),
                fingerprint,
                content,
                run: self.run_id(),
                at: self.context.now(),
                afresh,
            }]));
        };
        let recorded = match &known {
            Some(_) => self.context.ledger.steps(id)?,
            None => Vec::new(),
        };
        let mut steps = ItemJournal::new(id, recorded);
        let revoked = match (action, &known) {
            (ItemAction::Reissue, Some(known)) => {
                // As long as it is not revoked, it is what was sent.
                begin(known.fingerprint, None, false);
                lacks()?;
                // What was sent stands until its people can be asked anew, and in time.
                self.in_time(item)?;
                for account in item.accounts.values() {
                    self.row_account(account).await?;
                }
                let mut signers = item.signers.iter();
                let asked_all = known.was_sent_whole()
                    || signers.all(|signer| steps.is_begun(&step_of(signer)));
                self.context.revoke(&steps, REVOKE, asked_all).await?;
                true
            }
            _ => {
                if let Some((status, why)) = self.context.was_ended(&steps).await? {
                    return Ok((status, Some(why)));
                }
                self.context.was_revoked(&steps).await?
            }
        };
        // Before anybody was asked, what is left of an earlier run is worth nothing: a draft may have expired, its template
        // may have been corrected, and its values may have been what was wrong.
        let afresh = revoked || known.as_ref().is_some_and(|known| !known.sent);
        if afresh {
            steps = ItemJournal::new(id, Vec::new());
        }
        begin(item.fingerprint, item.content, afresh);
        failpoint("item.begun");
        lacks()?;
        let was_sent = !afresh && known.is_some_and(|known| known.sent);
        if !was_sent {
            self.in_time(item)?;
        }
        match self.send(&mut steps, item).await {
            Ok(sent) => Ok(sent),
            // What somebody has refused meanwhile cannot be gone on with, and would be tried in vain every night.
            Err(StepError::Failed(failure)) if was_sent => match self.ending(&steps).await? {
                Some((status, why)) => Ok((status, Some(why))),
                None => Err(StepError::Failed(failure)),
            },
            Err(halt) => Err(halt),
        }
    }

    /// Refuses a contract whose time for signing is over before it is sent: that may be so by now, though it was not when all
    /// was planned.
    fn in_time(&self, item: &Item) -> Result<(), StepError> {
        let validity = item.process.sign_validity;
        match validity.filter(|validity| *validity <= self.context.now().as_millisecond()) {
            Some(validity) => Err(StepError::failed(
                past_sign_validity(validity),
                PAST_SIGN_VALIDITY_HINT,
            )),
            None => Ok(()),
        }
    }

    /// How the flow of an item that was sent before has ended, if it has before all had signed.
    async fn ending(
        &self,
        steps: &ItemJournal,
    ) -> Result<Option<(ItemStatus, Failure)>, StepError> {
        let Some(flow) = sent_flow(steps) else {
            return Ok(None);
        };
        let state = self.context.state(&flow).await?;
        Ok(ended_status(state.status).map(|status| (status, why(&state, status))))
    }

    /// All that can be done now; what waits for others is written down. Tells of a signer, too, who can sign no more.
    async fn send(
        &self,
        steps: &mut ItemJournal,
        item: &Item,
    ) -> Result<(ItemStatus, Option<Failure>), StepError> {
        let mut accounts = BTreeMap::new();
        for (name, account) in &item.accounts {
            accounts.insert(name.as_str(), self.row_account(account).await?);
        }
        let mut docs = Vec::new();
        for (at, document) in item.documents.iter().enumerate() {
            let step = document_step(at, item.documents.len());
            docs.push(self.document(steps, &step, document).await?);
        }
        let flow = FlowRef {
            id: self.process(steps, item, &accounts, &docs).await?,
            several: docs.len() > 1,
        };
        let signers: Vec<(&Signer, SigningMethod)> = item
            .signers
            .iter()
            .map(|signer| Ok((signer, self.signs(&accounts, &signer.kind)?)))
            .collect::<Result<_, StepError>>()?;
        steps.whose = signers
            .iter()
            .map(|(signer, signs)| (step_of(signer), signs.who()))
            .collect();
        for (order, (signer, signs)) in (1..).zip(signers) {
            let step = step_of(signer);
            let ask = SignerRequest {
                flow: &flow,
                third_order_no: format!("{}-{}-{}", self.context.mark, steps.subject, signer.name),
                signs,
                places: &signer.places,
                docs: &docs,
            };
            let (op, request) = ask.request();
            if signer.after.is_empty() {
                self.context
                    .perform(steps, &step, op, request, &flow)
                    .await?;
            } else {
                let after = signer.after.iter().map(|name| format!("{SIGNER}{name}"));
                let deferral = Deferral {
                    order,
                    operation: op.path().to_owned(),
                    after: after.collect(),
                    request,
                };
                self.defer(steps, step, op, deferral);
            }
        }
        self.finish(steps, item, &flow, &docs);
        // What waits for nobody but those who sign at once is done once they have.
        let at_once = |step: &String| {
            let mut own = item.signers.iter();
            own.any(|signer| step_of(signer) == *step && signer.kind.signs_at_once())
        };
        let all_at_once = item
            .signers
            .iter()
            .all(|signer| signer.kind.signs_at_once());
        let mut waiting = steps.deferred().into_iter();
        let states = if all_at_once || waiting.any(|(_, own)| own.after.iter().all(at_once)) {
            match self.context.refresh_sign_states(steps, &flow).await {
                Ok((_, states)) => states,
                // Everybody is asked: the next visit looks again.
                Err(StepError::Failed(failure)) => return Ok((ItemStatus::Waiting, Some(failure))),
                Err(halt) => return Err(halt),
            }
        } else {
            SignStates::default()
        };
        let (left, states) = self.context.advance(steps, &flow, states).await?;
        let all_signed = item
            .signers
            .iter()
            .all(|signer| states.signed(&step_of(signer)));
        Ok(match left {
            0 if item.archive => (ItemStatus::Finished, None),
            0 if all_signed => (ItemStatus::Done, None),
            _ => (ItemStatus::Waiting, states.lost()),
        })
    }

    /// Writes down what comes once all have signed.
    fn finish(&self, steps: &mut ItemJournal, item: &Item, flow: &FlowRef, docs: &[DocId]) {
        for (step, op, deferral) in afterwards(item, flow, docs) {
            self.defer(steps, step, op, deferral);
        }
    }

    fn defer(&self, steps: &mut ItemJournal, step: String, op: Op, deferral: Deferral) {
        if steps.is_begun(&step) {
            return;
        }
        drop(self.context.ledger.write(vec![Write::Deferred {
            subject: steps.subject,
            step: step.clone(),
            op,
            deferral: deferral.clone(),
        }]));
        failpoint("step.deferred");
        steps.defer(step, deferral);
    }

    async fn document(
        &self,
        steps: &ItemJournal,
        step: &str,
        document: &Document,
    ) -> Result<DocId, StepError> {
        match &document.source {
            DocumentSource::Template {
                template,
                fields,
                chunks,
            } => {
                let request = CreateByTemplate {
                    template_id: self.template_id(template)?,
                    name: document.name.clone(),
                    simple_form_fields: (!fields.is_empty()).then(|| fields.clone()),
                    chunked_fields: (!chunks.is_empty()).then(|| chunks.clone()),
                };
                Ok(self
                    .context
                    .repeatable_step(steps, step, &request)
                    .await?
                    .doc_id)
            }
            DocumentSource::File(file) => {
                if let Some(answer) = steps.receipt::<CreateByFileKey>(step)? {
                    return Ok(answer.doc_id);
                }
                let (file_name, bytes) = read(file).await?;
                let uploaded = self
                    .context
                    .client
                    .upload(&file_name, MIME_PDF, &bytes)
                    .await;
                let request = CreateByFileKey {
                    file_key: uploaded.map_err(|failure| StepError::of(Op::UploadUrl, failure))?,
                };
                Ok(self
                    .context
                    .repeatable_step(steps, step, &request)
                    .await?
                    .doc_id)
            }
        }
    }

    async fn process(
        &self,
        steps: &ItemJournal,
        item: &Item,
        accounts: &BTreeMap<&str, AccountId>,
        docs: &[DocId],
    ) -> Result<FlowId, StepError> {
        if let Some(answer) = steps.receipt::<contract::AddProcess>(PROCESS)? {
            return Ok(answer.flow_id);
        }
        let process = &item.process;
        let account = |name: &Option<String>| {
            name.as_ref()
                .map(|name| self.id_of(accounts, name))
                .transpose()
        };
        let mut attachments = Vec::new();
        for attachment in &process.attachments {
            let (file_name, bytes) = read(&attachment.file).await?;
            let kind = content_type(&file_name);
            attachments.push(Attachment {
                file_key: self.context.shared_file(&file_name, kind, &bytes).await?,
                name: attachment.name.clone(),
            });
        }
        let attachment_list = (!attachments.is_empty()).then_some(attachments);
        let (initiator_account_id, payer) =
            (account(&process.initiator)?, account(&process.payer)?);
        if let ([doc_id], [document]) = (docs, &item.documents[..]) {
            let request = contract::AddProcess {
                business_scene: process.business_scene.clone(),
                initiator_account_id,
                sign_validity: process.sign_validity,
                payer,
                sign_platform: process.sign_platform.clone(),
                notice_type: process.notice_type.clone(),
                notice_url: process.notice_url.clone(),
                redirect_url: process.redirect_url.clone(),
                add_sign_time: process.add_sign_time,
                doc_id: doc_id.clone(),
                doc_name: Some(document.name.clone()),
                encryption: document.encryption,
                attachment_list,
            };
            return Ok(self
                .context
                .repeatable_step(steps, PROCESS, &request)
                .await?
                .flow_id);
        }
        let doc_list = docs.iter().zip(&item.documents);
        let request = contracts::AddProcess {
            business_scene: process.business_scene.clone(),
            initiator_account_id,
            sign_validity: process.sign_validity,
            payer,
            sign_platform: process.sign_platform.clone(),
            notice_type: process.notice_type.clone(),
            notice_url: process.notice_url.clone(),
            redirect_url: process.redirect_url.clone(),
            add_sign_time: process.add_sign_time,
            doc_list: doc_list
                .map(|(doc_id, document)| contracts::ProcessDoc {
                    doc_id: doc_id.clone(),
                    doc_name: Some(document.name.clone()),
                    encryption: document.encryption,
                })
                .collect(),
            attachment_list,
        };
        Ok(self
            .context
            .repeatable_step(steps, PROCESS, &request)
            .await?
            .flow_id)
    }

    /// How a signer signs, with the ids of all that he needs.
    fn signs(
        &self,
        accounts: &BTreeMap<&str, AccountId>,
        kind: &SignerKind,
    ) -> Result<SigningMethod, StepError> {
        let id = |name: &String| self.id_of(accounts, name);
        let seal = |name: &Option<String>| name.as_ref().map(|name| self.seal_id(name)).transpose();
        Ok(match kind {
            SignerKind::Platform { seal: own } => SigningMethod::Platform { seal: seal(own)? },
            SignerKind::User {
                account,
                seal: own,
                notice_sign_message,
            } => SigningMethod::User {
                account: id(account)?,
                seal: seal(own)?,
                notice_sign_message: *notice_sign_message,
            },
            SignerKind::Person { account, seal_type } => SigningMethod::Person {
                account: id(account)?,
                seal_type: seal_type.clone(),
            },
            SignerKind::Organization {
                account,
                organization,
            } => SigningMethod::Organization {
                account: id(account)?,
                organization: id(organization)?,
            },
            SignerKind::PersonAndOrganization {
                account,
                organization,
            } => SigningMethod::PersonAndOrganization {
                account: id(account)?,
                organization: organization.as_ref().map(id).transpose()?,
            },
        })
    }

    /// The id behind a name: the row's own account, or the project's.
    fn id_of(
        &self,
        accounts: &BTreeMap<&str, AccountId>,
        name: &str,
    ) -> Result<AccountId, StepError> {
        accounts
            .get(name)
            .cloned()
            .map_or_else(|| self.resource_id(name), Ok)
    }
}

async fn read(file: &LocalFile) -> Result<(String, Bytes), StepError> {
    let file_name = file.path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = tokio::fs::read(&file.path).await.map_err(|error| {
        StepError::failed(
            format!("{file_name} cannot be read: {error}"),
            "the file was there when the plan was made",
        )
    })?;
    if blake3::hash(&bytes).to_hex().as_str() != &*file.hash {
        return Err(StepError::failed(
            format!("{file_name} has changed since the plan was made"),
            "apply again",
        ));
    }
    Ok((file_name.into_owned(), bytes.into()))
}

/// What kind of file an attachment is, by its ending.
fn content_type(file_name: &str) -> &'static str {
    let ending = file_name.rsplit('.').next().unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "pdf" => MIME_PDF,
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "txt" => "text/plain",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}
