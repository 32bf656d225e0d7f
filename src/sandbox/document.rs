//! Templates and documents of the emulated service (sections 5.3 and 5.4).

use std::collections::BTreeMap;

use base64::Engine;

use super::file::arrived;
use super::links;
use super::serve::{Session, filled};
use super::world::{Arrived, Change, Doc, StoredChunk, Template};
use crate::api::code::CHUNKS;
use crate::api::operation::Refusal;
use crate::api::{
    Chunk, CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    ErrorCode, MIME_PDF, TemplateAnswer,
};
use crate::id::{DocId, FileKey, TemplateId};

pub(super) fn create_template(
    session: &mut Session<'_>,
    request: CreateTemplate,
) -> Result<TemplateAnswer, Refusal> {
    filled("templateName", &request.template_name)?;
    if let Some(kind) = &request.template_type_id {
        filled("templateTypeId", kind)?;
    }
    if pdf(session, &request.file_key)? == Arrived::LockedPdf {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    let id = TemplateId(session.world.hex_id("template"));
    session.world.put(Change::Template(Template {
        id: id.clone(),
        file: request.file_key,
    }));
    Ok(TemplateAnswer { template_id: id })
}

fn pdf(session: &Session<'_>, key: &FileKey) -> Result<Arrived, Refusal> {
    match arrived(session, key)? {
        (file, kind @ (Arrived::Pdf | Arrived::LockedPdf)) if file.content_type == MIME_PDF => {
            Ok(kind)
        }
        _ => Err(ErrorCode::FILE_TYPE.into()),
    }
}

pub(super) fn create_by_file_key(
    session: &mut Session<'_>,
    request: CreateByFileKey,
) -> Result<DocAnswer, Refusal> {
    pdf(session, &request.file_key)?;
    let name = session.world.files.get(&request.file_key);
    let name = name.map_or(String::new(), |file| file.name.clone());
    Ok(create(
        session,
        name,
        request.file_key,
        BTreeMap::new(),
        Vec::new(),
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
    let chunks = chunks(request.chunked_fields.unwrap_or_default())?;
    Ok(create(
        session,
        request.name,
        file,
        request.simple_form_fields.unwrap_or_default(),
        chunks,
    ))
}

/// The appended pages in their sequence, decoded.
fn chunks(mut chunks: Vec<Chunk>) -> Result<Vec<StoredChunk>, Refusal> {
    let wrong = |what: String| Refusal::new(ErrorCode::PARAMETER, what);
    if chunks.len() > CHUNKS {
        return Err(wrong(format!("more than {CHUNKS} chunkedFields")));
    }
    chunks.sort_by_key(|chunk| chunk.sequence);
    if chunks
        .windows(2)
        .any(|pair| pair[0].sequence == pair[1].sequence)
    {
        return Err(wrong("two chunks have the same sequence".to_owned()));
    }
    let base64 = base64::engine::general_purpose::STANDARD;
    chunks
        .into_iter()
        .map(|chunk| {
            // The document's own example wraps the Base64 and begins the type with a blank.
            let data: String = chunk.chunked_data.split_whitespace().collect();
            let bytes = base64
                .decode(&data)
                .map_err(|_| wrong("chunkedData is no Base64".to_owned()))?;
            match chunk.mime_type.trim().to_ascii_lowercase().as_str() {
                "text/html" => String::from_utf8(bytes)
                    .map(StoredChunk::Html)
                    .map_err(|_| wrong("the HTML of a chunk is no UTF-8".to_owned())),
                MIME_PDF => match crate::pdf::check(&bytes) {
                    Ok(()) => Ok(StoredChunk::Pdf(data)),
                    Err(error) => Err(Refusal::new(ErrorCode::NO_DOCUMENT_MADE, error)),
                },
                _ => Err(Refusal::new(
                    ErrorCode::FILE_TYPE,
                    format_args!("mimeType {}", chunk.mime_type),
                )),
            }
        })
        .collect()
}

fn create(
    session: &mut Session<'_>,
    name: String,
    file: FileKey,
    fields: BTreeMap<String, String>,
    chunks: Vec<StoredChunk>,
) -> DocAnswer {
    let number = session.world.number();
    let id = DocId(format!("20180418{number:011}"));
    session.world.put(Change::Doc(Doc {
        id: id.clone(),
        name,
        file,
        fields,
        chunks,
    }));
    DocAnswer {
        doc_url: Some(links::document(session.base, &id, session.now, links::MADE)),
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
        doc_url: links::document(session.base, &request.doc_id, session.now, links::ASKED),
    })
}
