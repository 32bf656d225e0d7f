//! Creating flows of the emulated service (sections 5.5.1 and 5.6.1).

use super::serve::{Session, filled, filled_if_there};
use super::world::{Arrived, Change, Flow, FlowDoc};
use crate::address::{AccountId, DocId, FlowId};
use crate::api::code::{Codes, NOTICE_TYPE, SIGN_PLATFORM};
use crate::api::operation::Refusal;
use crate::api::{Attachment, ErrorCode, FlowAnswer, FlowStatus, contract, contracts};

/// What both kinds of flows are made of.
pub(super) struct Process {
    business_scene: String,
    initiator: Option<AccountId>,
    payer: Option<AccountId>,
    sign_validity: Option<i64>,
    sign_platform: Option<String>,
    notice_type: Option<String>,
    notice_url: Option<String>,
    redirect_url: Option<String>,
    add_sign_time: bool,
    docs: Vec<NamedDoc>,
    attachments: Vec<Attachment>,
}

struct NamedDoc {
    id: DocId,
    name: Option<String>,
    encryption: bool,
}

impl From<contract::AddProcess> for Process {
    fn from(request: contract::AddProcess) -> Self {
        Self {
            business_scene: request.business_scene,
            initiator: request.initiator_account_id,
            payer: request.payer,
            sign_validity: request.sign_validity,
            sign_platform: request.sign_platform,
            notice_type: request.notice_type,
            notice_url: request.notice_url,
            redirect_url: request.redirect_url,
            add_sign_time: request.add_sign_time.unwrap_or(false),
            docs: vec![NamedDoc {
                id: request.doc_id,
                name: request.doc_name,
                encryption: request.encryption.unwrap_or(false),
            }],
            attachments: request.attachment_list.unwrap_or_default(),
        }
    }
}

impl From<contracts::AddProcess> for Process {
    fn from(request: contracts::AddProcess) -> Self {
        let docs = request.doc_list.into_iter().map(|doc| NamedDoc {
            id: doc.doc_id,
            name: doc.doc_name,
            encryption: doc.encryption.unwrap_or(false),
        });
        Self {
            business_scene: request.business_scene,
            initiator: request.initiator_account_id,
            payer: request.payer,
            sign_validity: request.sign_validity,
            sign_platform: request.sign_platform,
            notice_type: request.notice_type,
            notice_url: request.notice_url,
            redirect_url: request.redirect_url,
            add_sign_time: request.add_sign_time.unwrap_or(false),
            docs: docs.collect(),
            attachments: request.attachment_list.unwrap_or_default(),
        }
    }
}

pub(super) fn add(session: &mut Session<'_>, process: Process) -> Result<FlowAnswer, Refusal> {
    filled("businessScene", &process.business_scene)?;
    numbers(&SIGN_PLATFORM, process.sign_platform.as_ref())?;
    numbers(&NOTICE_TYPE, process.notice_type.as_ref())?;
    if process.docs.is_empty() {
        return Err(Refusal::new(ErrorCode::BAD_DOCUMENT, "docList is empty"));
    }
    let mut docs: Vec<FlowDoc> = Vec::new();
    for named in process.docs {
        let doc = doc(session, named)?;
        if docs.iter().any(|other| other.id == doc.id) {
            return Err(Refusal::new(
                ErrorCode::BAD_DOCUMENT,
                format_args!("the document {} is listed twice", doc.id),
            ));
        }
        docs.push(doc);
    }
    if let Some(initiator) = &process.initiator {
        session.account(initiator, ErrorCode::NO_SIGNER_ACCOUNT)?;
    }
    if let Some(payer) = &process.payer {
        session.account(payer, ErrorCode::NO_PAYER)?;
    }
    for attachment in &process.attachments {
        filled("attachmentName", &attachment.name)?;
        super::file::arrived(session, &attachment.file_key)?;
    }
    if process
        .sign_validity
        .is_some_and(|end| end <= session.now.as_millisecond())
    {
        return Err(Refusal::new(
            ErrorCode::NO_FLOW_MADE,
            "signValidity is past",
        ));
    }
    let number = session.world.number();
    let id = FlowId(format!("{}", 1_000_000 + number));
    // Empty texts are what the document's own examples send.
    let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    session.world.put(Change::Flow(Flow {
        id: id.clone(),
        app: session.app.clone(),
        initiator: process.initiator,
        payer: process.payer,
        business_scene: process.business_scene,
        docs,
        attachments: process
            .attachments
            .into_iter()
            .map(|attachment| attachment.name)
            .collect(),
        notice_url: said(process.notice_url),
        redirect_url: said(process.redirect_url),
        add_sign_time: process.add_sign_time,
        status: FlowStatus::Draft,
        begun: session.now.as_millisecond(),
        sign_validity: process.sign_validity,
        tasks: Vec::new(),
    }));
    Ok(FlowAnswer { flow_id: id })
}

fn doc(session: &Session<'_>, named: NamedDoc) -> Result<FlowDoc, Refusal> {
    filled_if_there("docName", named.name.as_ref())?;
    let doc = session
        .doc(&named.id)
        .ok_or_else(|| Refusal::from(ErrorCode::BAD_DOCUMENT))?;
    let file = session.world.files.get(&doc.file);
    let locked = file.is_some_and(|file| file.arrived == Some(Arrived::LockedPdf));
    if locked && !named.encryption {
        return Err(Refusal::new(
            ErrorCode::BAD_DOCUMENT,
            "the document is encrypted, and encryption is not set",
        ));
    }
    Ok(FlowDoc {
        id: named.id,
        name: named.name.unwrap_or_else(|| doc.name.clone()),
        encryption: named.encryption,
    })
}

/// Numbers of a list, each once, separated by commas and nothing else; an empty text is what the document's own example
/// sends.
pub(super) fn numbers(codes: &Codes, given: Option<&String>) -> Result<(), Refusal> {
    let Some(text) = given.filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let is_known = |given: &str| {
        let mut numbers = codes.list.iter().map(|(number, _)| number.to_string());
        numbers.any(|number| number == given)
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
