//! Templates and documents of the emulated service (sections 5.3 and 5.4).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::file::arrived;
use super::serve::{Session, filled};
use super::world::{Arrived, Change, Doc, Template, World};
use crate::api::operation::Refusal;
use crate::api::{
    CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    ErrorCode, MIME_PDF, TemplateAnswer,
};
use crate::id::{DocId, FileKey, TemplateId};

/// A document's address lives one hour when it is made of a template (5.4.2) …
const MADE_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// … and 30 minutes when it is asked for (5.4.3, 5.7.1).
pub(super) const ASKED_LIFE: SignedDuration = SignedDuration::from_mins(30);

pub(super) fn create_template(
    session: &mut Session<'_>,
    request: CreateTemplate,
) -> Result<TemplateAnswer, Refusal> {
    filled("templateName", &request.template_name)?;
    pdf(session, &request.file_key)?;
    let id = TemplateId(session.world.hex_id("template"));
    session.world.put(Change::Template(Template {
        id: id.clone(),
        file: request.file_key,
    }));
    Ok(TemplateAnswer { template_id: id })
}

fn pdf(session: &Session<'_>, key: &FileKey) -> Result<(), Refusal> {
    match arrived(session, key)? {
        (file, Arrived::Pdf) if file.content_type == MIME_PDF => Ok(()),
        _ => Err(ErrorCode::FILE_TYPE.into()),
    }
}

pub(super) fn create_by_file_key(
    session: &mut Session<'_>,
    request: CreateByFileKey,
) -> Result<DocAnswer, Refusal> {
    pdf(session, &request.file_key)?;
    Ok(create(
        session,
        String::new(),
        request.file_key,
        BTreeMap::new(),
    ))
}

pub(super) fn create_by_template(
    session: &mut Session<'_>,
    request: CreateByTemplate,
) -> Result<DocAnswer, Refusal> {
    filled("name", &request.name)?;
    let template = session.world.templates.get(&request.template_id);
    let file = template
        .map(|template| template.file.clone())
        .ok_or_else(|| Refusal::new(ErrorCode::NO_DOCUMENT_MADE, "there is no such template"))?;
    Ok(create(
        session,
        request.name,
        file,
        request.simple_form_fields.unwrap_or_default(),
    ))
}

fn create(
    session: &mut Session<'_>,
    name: String,
    file: FileKey,
    fields: BTreeMap<String, String>,
) -> DocAnswer {
    let number = session.world.number();
    let id = DocId(format!("20180418{number:011}"));
    session.world.put(Change::Doc(Doc {
        id: id.clone(),
        name,
        file,
        fields,
    }));
    DocAnswer {
        doc_url: Some(url(session, &id, MADE_LIFE)),
        doc_id: id,
    }
}

pub(super) fn download_url(
    session: &mut Session<'_>,
    request: &DownloadUrl,
) -> Result<DocUrlAnswer, Refusal> {
    if !session.world.docs.contains_key(&request.doc_id) {
        return Err(ErrorCode::NO_DOCUMENT_URL.into());
    }
    Ok(DocUrlAnswer {
        doc_url: url(session, &request.doc_id, ASKED_LIFE),
    })
}

/// An address of a document that lives for a while.
pub(super) fn url(session: &Session<'_>, id: &DocId, life: SignedDuration) -> String {
    let expires = session
        .now
        .checked_add(life)
        .unwrap_or(session.now)
        .as_second();
    format!(
        "{}/download/{id}.pdf?Expires={expires}&Signature={}",
        session.base,
        signature(id, expires)
    )
}

fn signature(id: &DocId, expires: i64) -> String {
    let hash = blake3::keyed_hash(
        b"the sandbox keeps no real secret",
        format!("{id} {expires}").as_bytes(),
    );
    hash.to_hex()[..24].to_owned()
}

/// The document that an address names, as long as the address lives.
pub(super) fn at<'a>(world: &'a World, now: Timestamp, name: &str, query: &str) -> Option<&'a Doc> {
    let id = DocId(name.strip_suffix(".pdf")?.to_owned());
    let value = |key: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    let expires: i64 = value("Expires")?.parse().ok()?;
    let alive = now.as_second() <= expires && value("Signature")? == signature(&id, expires);
    world.docs.get(&id).filter(|_| alive)
}
