//! Templates and documents of the emulated service (sections 5.3 and 5.4).

use std::collections::BTreeMap;

use base64::Engine;

use super::file::arrived;
use super::links;
use super::serve::{Session, filled};
use super::world::{Arrived, Change, Doc, StoredChunk, Template};
use crate::address::{DocId, FileKey, TemplateId};
use crate::api::code::CHUNKS;
use crate::api::operation::Refusal;
use crate::api::{
    Chunk, CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    ErrorCode, MIME_PDF, TemplateAnswer,
};

pub(super) fn create_template(
    session: &mut Session<'_>,
    request: CreateTemplate,
) -> Result<TemplateAnswer, Refusal> {
    filled("templateName", &request.template_name)?;
    if let Some(kind) = &request.template_type_id {
        filled("templateTypeId", kind)?;
    }
    if announced(session, &request.file_key)? != MIME_PDF {
        return Err(ErrorCode::FILE_TYPE.into());
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
        (_, kind @ (Arrived::Pdf | Arrived::LockedPdf)) => Ok(kind),
        _ => Err(ErrorCode::FILE_TYPE.into()),
    }
}

/// What a file was announced as, without its parameters.
fn announced(session: &Session<'_>, key: &FileKey) -> Result<String, Refusal> {
    let (file, _) = arrived(session, key)?;
    let kind = file.content_type.split(';').next().unwrap_or_default();
    Ok(kind.trim().to_ascii_lowercase())
}

/// Bytes of which nothing is said.
const MIME_BYTES: &str = "application/octet-stream";

pub(super) fn create_by_file_key(
    session: &mut Session<'_>,
    request: CreateByFileKey,
) -> Result<DocAnswer, Refusal> {
    // Only PDF can be uploaded yet (3.2): what is said to be something else is not taken for one.
    if ![MIME_PDF, MIME_BYTES].contains(&announced(session, &request.file_key)?.as_str()) {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    pdf(session, &request.file_key)?;
    let name = session.file(&request.file_key);
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
    let template = session.template(&request.template_id);
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
    for chunk in &chunks {
        filled("chunkedData", &chunk.chunked_data)?;
    }
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
    let mut pages = 0;
    let mut count = |bytes: &[u8]| {
        pages += crate::pdf::page_sizes(bytes).map_or(1, |sizes| sizes.len());
        if pages > CHUNKS {
            return Err(wrong(format!("chunkedFields add more than {CHUNKS} pages")));
        }
        Ok(())
    };
    chunks
        .into_iter()
        .map(|chunk| {
            // The document's own example wraps the Base64 and begins the type with a blank.
            let data: String = chunk.chunked_data.split_whitespace().collect();
            let bytes = base64
                .decode(&data)
                .map_err(|_| wrong("chunkedData is no Base64".to_owned()))?;
            match chunk.mime_type.trim().to_ascii_lowercase().as_str() {
                "text/html" => {
                    let html = String::from_utf8(bytes)
                        .map_err(|_| wrong("the HTML of a chunk is no UTF-8".to_owned()))?;
                    count(&crate::pdf::page_of_html(&html))?;
                    Ok(StoredChunk::Html(html))
                }
                MIME_PDF => {
                    crate::pdf::check(&bytes)
                        .map_err(|error| Refusal::new(ErrorCode::NO_DOCUMENT_MADE, error))?;
                    count(&bytes)?;
                    Ok(StoredChunk::Pdf(data))
                }
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
    if session.doc(&request.doc_id).is_none() {
        return Err(ErrorCode::NO_DOCUMENT_URL.into());
    }
    Ok(DocUrlAnswer {
        doc_url: links::document(session.base, &request.doc_id, session.now, links::ASKED),
    })
}
