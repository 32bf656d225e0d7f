//! Creation of flows (API 5.5.1, 5.6.1).

use super::session::{Session, require_text, require_text_if_present};
use crate::api::code::{Codes, NOTICE_TYPE, SIGN_PLATFORM};
use crate::api::operation::Refusal;
use crate::api::{AddProcess, ErrorCode, FlowAnswer, FlowStatus, ProcessDoc};
use crate::sandbox::world::{Change, Flow, FlowDoc, UploadedKind};

/// Creates a flow.
pub(super) fn add<D>(session: &mut Session<'_>, new: AddProcess<D>) -> Result<FlowAnswer, Refusal>
where
    Vec<ProcessDoc>: From<D>,
{
    require_text("businessScene", &new.business_scene)?;
    require_codes(&SIGN_PLATFORM, new.sign_platform.as_ref())?;
    require_codes(&NOTICE_TYPE, new.notice_type.as_ref())?;
    let new_docs = Vec::from(new.docs);
    if new_docs.is_empty() {
        return Err(Refusal::new(ErrorCode::BAD_DOCUMENT, "docList is empty"));
    }
    let mut docs: Vec<FlowDoc> = Vec::new();
    for doc in new_docs {
        let doc = flow_doc(session, doc)?;
        if docs.iter().any(|other| other.id == doc.id) {
            return Err(Refusal::new(
                ErrorCode::BAD_DOCUMENT,
                format_args!("the document {} is listed twice", doc.id),
            ));
        }
        docs.push(doc);
    }
    if let Some(initiator) = &new.initiator_account_id {
        session.account(initiator, ErrorCode::NO_SIGNER_ACCOUNT)?;
    }
    if let Some(payer) = &new.payer {
        session.account(payer, ErrorCode::NO_PAYER)?;
    }
    let attachments = new.attachment_list.unwrap_or_default();
    for attachment in &attachments {
        require_text("attachmentName", &attachment.name)?;
        super::file::uploaded(session, &attachment.file_key)?;
    }
    if new
        .sign_validity
        .is_some_and(|end| end <= session.now.as_millisecond())
    {
        return Err(Refusal::new(
            ErrorCode::NO_FLOW_MADE,
            "signValidity is in the past",
        ));
    }
    let id = session.world.flow_id(session.id_form);
    // The examples of the API document send empty texts for absent ones.
    let non_empty = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    session.world.put(Change::Flow(Flow {
        id: id.clone(),
        app: session.app.clone(),
        initiator: new.initiator_account_id,
        payer: new.payer,
        business_scene: new.business_scene,
        docs,
        attachments: attachments
            .into_iter()
            .map(|attachment| attachment.name)
            .collect(),
        notice_url: non_empty(new.notice_url),
        redirect_url: non_empty(new.redirect_url),
        add_sign_time: new.add_sign_time.unwrap_or(false),
        status: FlowStatus::Draft,
        created_at: session.now.as_millisecond(),
        sign_validity: new.sign_validity,
        tasks: Vec::new(),
    }));
    Ok(FlowAnswer { flow_id: id })
}

fn flow_doc(session: &Session<'_>, new: ProcessDoc) -> Result<FlowDoc, Refusal> {
    require_text_if_present("docName", new.doc_name.as_ref())?;
    let doc = session
        .doc(&new.doc_id)
        .ok_or_else(|| Refusal::from(ErrorCode::BAD_DOCUMENT))?;
    let file = session.world.files.get(&doc.file);
    let is_encrypted = file.is_some_and(|file| file.uploaded == Some(UploadedKind::EncryptedPdf));
    let encryption = new.encryption.unwrap_or(false);
    if is_encrypted && !encryption {
        return Err(Refusal::new(
            ErrorCode::BAD_DOCUMENT,
            "the document is encrypted, but encryption is not set",
        ));
    }
    Ok(FlowDoc {
        id: new.doc_id,
        name: new.doc_name.unwrap_or_else(|| doc.name.clone()),
        encryption,
    })
}

/// Refuses a text that is not a list of different numbers of `codes`, separated by commas. An empty
/// text is allowed: an example of the API document sends it.
pub(super) fn require_codes(codes: &Codes, text: Option<&String>) -> Result<(), Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let is_known = |text: &str| {
        let mut numbers = codes.list.iter().map(|(number, _)| number.to_string());
        numbers.any(|number| number == text)
    };
    let mut seen = Vec::new();
    for number in text.split(',') {
        if !is_known(number) || seen.contains(&number) {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                format_args!("{} cannot be {text}", codes.field),
            ));
        }
        seen.push(number);
    }
    Ok(())
}
