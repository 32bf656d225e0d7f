//! The calls that create the documents and the flow of an item. Before the first signer is added, a
//! repeated call costs at most an unused object.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::StepError;
use super::executor::Executor;
use crate::address::{AccountId, DocId, FlowId};
use crate::api::contracts::ProcessDocs;
use crate::api::operation::Op;
use crate::api::{
    AddProcess, Attachment, CreateByFileKey, CreateByTemplate, MIME_PDF, ProcessDoc, contract,
    contracts,
};
use crate::desired::{Document, DocumentSource, Item, LocalFile, Process};
use crate::execute::journal::ItemJournal;
use crate::ledger::step_name::PROCESS;
use crate::util::input_file;

impl Executor<'_> {
    /// Creates one document of an item: fills a template, or uploads a local file.
    pub(crate) async fn create_document(
        &self,
        journal: &ItemJournal,
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
                    template_id: self.resolved().template(template)?,
                    name: document.name.clone(),
                    simple_form_fields: (!fields.is_empty()).then(|| fields.clone()),
                    chunked_fields: (!chunks.is_empty()).then(|| chunks.clone()),
                };
                Ok(self
                    .context
                    .repeatable_step(journal, step, &request)
                    .await?
                    .doc_id)
            }
            DocumentSource::File(file) => {
                if let Some(answer) = journal.answer::<CreateByFileKey>(step)? {
                    return Ok(answer.doc_id);
                }
                let (file_name, bytes) = read_unchanged(file).await?;
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
                    .repeatable_step(journal, step, &request)
                    .await?
                    .doc_id)
            }
        }
    }

    /// Creates the flow of an item, with its attachments, from documents that exist already.
    pub(crate) async fn create_flow(
        &self,
        journal: &ItemJournal,
        item: &Item,
        accounts: &BTreeMap<&str, AccountId>,
        docs: &[DocId],
    ) -> Result<FlowId, StepError> {
        if let Some(answer) = journal.answer::<contract::AddProcess>(PROCESS)? {
            return Ok(answer.flow_id);
        }
        let process = &item.process;
        let account_id = |name: &Option<String>| {
            name.as_ref()
                .map(|name| self.account_id(accounts, name))
                .transpose()
        };
        let mut attachments = Vec::new();
        for attachment in &process.attachments {
            let (file_name, bytes) = read_unchanged(&attachment.file).await?;
            let content_type = content_type(&file_name);
            attachments.push(Attachment {
                file_key: self
                    .context
                    .shared_file(&file_name, content_type, &bytes)
                    .await?,
                name: attachment.name.clone(),
            });
        }
        let attachment_list = (!attachments.is_empty()).then_some(attachments);
        let initiator = account_id(&process.initiator)?;
        let payer = account_id(&process.payer)?;
        let docs = docs.iter().zip(&item.documents);
        let docs: Vec<ProcessDoc> = docs
            .map(|(doc_id, document)| ProcessDoc {
                doc_id: doc_id.clone(),
                doc_name: Some(document.name.clone()),
                encryption: document.encryption,
            })
            .collect();
        let answer = match <[ProcessDoc; 1]>::try_from(docs) {
            Ok([doc]) => {
                let request: contract::AddProcess =
                    add_process(process, initiator, payer, attachment_list, doc);
                self.context
                    .repeatable_step(journal, PROCESS, &request)
                    .await?
            }
            Err(doc_list) => {
                let docs = ProcessDocs { doc_list };
                let request: contracts::AddProcess =
                    add_process(process, initiator, payer, attachment_list, docs);
                self.context
                    .repeatable_step(journal, PROCESS, &request)
                    .await?
            }
        };
        Ok(answer.flow_id)
    }
}

fn add_process<D>(
    process: &Process,
    initiator_account_id: Option<AccountId>,
    payer: Option<AccountId>,
    attachment_list: Option<Vec<Attachment>>,
    docs: D,
) -> AddProcess<D> {
    AddProcess {
        business_scene: process.business_scene.clone(),
        initiator_account_id,
        sign_validity: process.sign_validity,
        payer,
        sign_platform: process.sign_platform.clone(),
        notice_type: process.notice_type.clone(),
        notice_url: process.notice_url.clone(),
        redirect_url: process.redirect_url.clone(),
        add_sign_time: process.add_sign_time,
        docs,
        attachment_list,
    }
}

/// Reads a local file, and returns its name and content. Fails if its hash differs from the plan's.
async fn read_unchanged(file: &LocalFile) -> Result<(String, Bytes), StepError> {
    let file_name = file.path.file_name().unwrap_or_default().to_string_lossy();
    let path = file.path.clone();
    let read =
        tokio::task::spawn_blocking(move || input_file::read(&path, input_file::MAX_DOCUMENT));
    let read = read
        .await
        .unwrap_or_else(|failed| Err(std::io::Error::other(failed).into()));
    let bytes = read.map_err(|error| {
        StepError::failed(
            t!(
                "cannot read %{file_name}: %{error}",
                file_name = file_name,
                error = error
            ),
            t!("the file was readable when the plan was made; restore it, then apply again"),
        )
    })?;
    if blake3::hash(&bytes).to_hex().as_str() != &*file.hash {
        return Err(StepError::failed(
            t!(
                "%{file_name} has changed since the plan was made",
                file_name = file_name
            ),
            t!("apply again"),
        ));
    }
    Ok((file_name.into_owned(), bytes.into()))
}

/// Returns the content type of an attachment by its file extension.
fn content_type(file_name: &str) -> &'static str {
    let extension = file_name.rsplit('.').next().unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
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
