//! Operations on templates and documents (API 5.3, 5.4).

use std::collections::BTreeMap;

use base64::Engine;

use super::file::uploaded;
use super::session::{Session, require_text};
use crate::address::{FileKey, TemplateId};
use crate::api::code::CHUNKS;
use crate::api::operation::Refusal;
use crate::api::{
    Chunk, CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    ErrorCode, MIME_PDF, TemplateAnswer,
};
use crate::sandbox::links;
use crate::sandbox::world::{Change, Doc, StoredChunk, Template, UploadedKind};

pub(super) fn create_template(
    session: &mut Session<'_>,
    request: CreateTemplate,
) -> Result<TemplateAnswer, Refusal> {
    require_text("templateName", &request.template_name)?;
    if let Some(kind) = &request.template_type_id {
        require_text("templateTypeId", kind)?;
    }
    if declared_type(session, &request.file_key)? != MIME_PDF {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    if require_pdf(session, &request.file_key)? == UploadedKind::EncryptedPdf {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    let id = TemplateId(session.world.hex_id("template"));
    session.world.put(Change::Template(Template {
        id: id.clone(),
        file: request.file_key,
    }));
    Ok(TemplateAnswer { template_id: id })
}

/// Refuses an uploaded file that is not a PDF. Returns whether it is encrypted.
fn require_pdf(session: &Session<'_>, key: &FileKey) -> Result<UploadedKind, Refusal> {
    match uploaded(session, key)? {
        (_, kind @ (UploadedKind::Pdf | UploadedKind::EncryptedPdf)) => Ok(kind),
        _ => Err(ErrorCode::FILE_TYPE.into()),
    }
}

/// Returns the declared content type of an uploaded file, in lower case and without parameters.
fn declared_type(session: &Session<'_>, key: &FileKey) -> Result<String, Refusal> {
    let (file, _) = uploaded(session, key)?;
    let kind = file.content_type.split(';').next().unwrap_or_default();
    Ok(kind.trim().to_ascii_lowercase())
}

/// The content type of unspecified binary data.
const MIME_OCTET_STREAM: &str = "application/octet-stream";

pub(super) fn create_by_file_key(
    session: &mut Session<'_>,
    request: CreateByFileKey,
) -> Result<DocAnswer, Refusal> {
    // The service accepts only PDF (API 3.2), also by its declared content type.
    if ![MIME_PDF, MIME_OCTET_STREAM].contains(&declared_type(session, &request.file_key)?.as_str())
    {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    require_pdf(session, &request.file_key)?;
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
    require_text("name", &request.name)?;
    let template = session.template(&request.template_id);
    let file = template
        .map(|template| template.file.clone())
        .ok_or_else(|| Refusal::new(ErrorCode::NO_DOCUMENT_MADE, "the template does not exist"))?;
    let chunks = decode_chunks(request.chunked_fields.unwrap_or_default())?;
    Ok(create(
        session,
        request.name,
        file,
        request.simple_form_fields.unwrap_or_default(),
        chunks,
    ))
}

/// Checks and decodes the pages to append. Returns them in the order of their `sequence`.
fn decode_chunks(mut chunks: Vec<Chunk>) -> Result<Vec<StoredChunk>, Refusal> {
    let invalid = |message: String| Refusal::new(ErrorCode::PARAMETER, message);
    for chunk in &chunks {
        require_text("chunkedData", &chunk.chunked_data)?;
    }
    if chunks.len() > CHUNKS {
        return Err(invalid(format!("more than {CHUNKS} chunkedFields")));
    }
    chunks.sort_by_key(|chunk| chunk.sequence);
    if chunks
        .windows(2)
        .any(|pair| pair[0].sequence == pair[1].sequence)
    {
        return Err(invalid("two chunks have the same sequence".to_owned()));
    }
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut pages = 0;
    let mut count_pages = |bytes: &[u8]| {
        pages += crate::pdf::page_sizes(bytes).map_or(1, |sizes| sizes.len());
        if pages > CHUNKS {
            return Err(invalid(format!(
                "chunkedFields add more than {CHUNKS} pages"
            )));
        }
        Ok(())
    };
    chunks
        .into_iter()
        .map(|chunk| {
            // The API document's example wraps the Base64 text and starts the type with a space.
            let data: String = chunk.chunked_data.split_whitespace().collect();
            let bytes = base64
                .decode(&data)
                .map_err(|_| invalid("chunkedData is not Base64".to_owned()))?;
            match chunk.mime_type.trim().to_ascii_lowercase().as_str() {
                "text/html" => {
                    let html = String::from_utf8(bytes)
                        .map_err(|_| invalid("the HTML of a chunk is not UTF-8".to_owned()))?;
                    count_pages(&crate::pdf::page_of_html(&html))?;
                    Ok(StoredChunk::Html(html))
                }
                MIME_PDF => {
                    crate::pdf::check(&bytes)
                        .map_err(|error| Refusal::new(ErrorCode::NO_DOCUMENT_MADE, error))?;
                    count_pages(&bytes)?;
                    Ok(StoredChunk::Pdf(data))
                }
                _ => Err(Refusal::new(
                    ErrorCode::FILE_TYPE,
                    format_args!("mimeType {} is not supported", chunk.mime_type),
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
    let id = session.world.doc_id(session.id_form);
    let doc_url = session.links.document(&id, &name, links::CREATED_LIFETIME);
    session.world.put(Change::Doc(Doc {
        id: id.clone(),
        name,
        file,
        fields,
        chunks,
    }));
    DocAnswer {
        doc_url: Some(doc_url),
        doc_id: id,
    }
}

pub(super) fn download_url(
    session: &mut Session<'_>,
    request: &DownloadUrl,
) -> Result<DocUrlAnswer, Refusal> {
    let doc = session.doc(&request.doc_id);
    let doc = doc.ok_or_else(|| Refusal::from(ErrorCode::NO_DOCUMENT_URL))?;
    Ok(DocUrlAnswer {
        doc_url: session
            .links
            .document(&doc.id, &doc.name, links::REQUESTED_LIFETIME),
    })
}
