//! Renders the documents of an item, and reads and checks their files.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::local_file::{FileReader, LocalFile};
use super::rendering::Rendering;
use crate::api::code::CHUNKS;
use crate::api::{Chunk, MIME_PDF};
use crate::manifest::{self, ChunkSource, Named};
use crate::pdf::{self, PdfError};

/// A document to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The document's name in the flow.
    pub label: String,
    /// The document's name at the API (`docName`).
    pub name: String,
    /// The template or file that the document is created from.
    pub source: DocumentSource,
    /// Whether signers must enter the document's password.
    pub encryption: Option<bool>,
}

/// The source of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// A filled template with appended pages.
    Template {
        /// The template's name in the manifests.
        template: String,
        /// The values of the form fields, by field name.
        fields: BTreeMap<String, String>,
        /// The appended pages, in order.
        chunks: Vec<Chunk>,
    },
    /// A local PDF.
    File(LocalFile),
}

pub(super) fn document(
    files: &FileReader<'_>,
    declared: &Named<manifest::Document>,
    rendering: &mut Rendering<'_>,
) -> Option<Document> {
    rendering.add_input("document", &declared.name);
    let name = rendering.required("name", &declared.doc_name);
    let encryption = declared
        .encryption
        .as_ref()
        .and_then(|expr| rendering.flag("encryption", expr));
    let source = match &declared.source {
        manifest::DocumentSource::Template(template) => {
            rendering.add_name("template", "templates", &template.text);
            let mut fields = BTreeMap::new();
            for field in declared.simple_form_fields.iter() {
                let value = rendering.text(&field.name, &field.value);
                let value = value.filter(|value| !value.is_empty());
                fields.extend(value.map(|value| (field.name.clone(), value)));
            }
            let chunks = chunks(files, declared, rendering);
            DocumentSource::Template {
                template: template.text.clone(),
                fields,
                chunks: chunks?,
            }
        }
        manifest::DocumentSource::File(file) => {
            local_pdf(files, file, encryption == Some(true), rendering)?
        }
    };
    Some(Document {
        label: declared.name.clone(),
        name: name?,
        source,
        encryption,
    })
}

/// Reads a local PDF and checks that it can be signed. Its content is part of the fingerprint.
fn local_pdf(
    files: &FileReader<'_>,
    file: &crate::expr::Expr,
    may_be_locked: bool,
    rendering: &mut Rendering<'_>,
) -> Option<DocumentSource> {
    let content = files.read("file", file, rendering)?;
    match &content.pdf {
        Ok(()) => {}
        Err(PdfError::Encrypted) if may_be_locked => {}
        Err(error) => {
            let shown = manifest::path::shown(files.root, &content.path);
            let hint = match error {
                PdfError::Encrypted => {
                    t!(
                        "add encryption: true to the document; signers are then asked for its password"
                    )
                }
                other => other.hint().unwrap_or_else(|| t!("use a PDF file")),
            };
            rendering.error(file, format!("{shown}: {error}"), hint);
            return None;
        }
    }
    rendering.add_input("content", &content.hash);
    Some(DocumentSource::File(content.file()))
}

/// Renders the appended pages and checks their number against the API's limit (5.4.2).
fn chunks(
    files: &FileReader<'_>,
    declared: &manifest::Document,
    rendering: &mut Rendering<'_>,
) -> Option<Vec<Chunk>> {
    let declared = &declared.chunked_fields;
    let chunks = declared.iter().enumerate();
    // All chunks are rendered before returning, so that every error is reported.
    let chunks: Vec<_> = chunks
        .map(|(at, declared)| chunk(files, at, declared, rendering))
        .collect();
    let chunks: Vec<(Chunk, usize)> = chunks.into_iter().collect::<Option<_>>()?;
    let pages = chunks.iter().map(|(_, pages)| pages).sum();
    check_page_count(declared, pages, rendering)?;
    Some(chunks.into_iter().map(|(chunk, _)| chunk).collect())
}

/// Reports an error and returns `None` when the chunks have more pages than the API accepts.
pub(super) fn check_page_count(
    declared: &[manifest::Chunk],
    pages: usize,
    rendering: &mut Rendering<'_>,
) -> Option<()> {
    // Loading the manifest already reports too many chunks.
    let too_many = pages > CHUNKS && declared.len() <= CHUNKS;
    let last = declared.last().filter(|_| too_many);
    if let Some(last) = last {
        rendering.error(
            last.expr(),
            t!(
                "chunkedFields add %{pages} pages, at most %{max} are allowed",
                pages = pages,
                max = CHUNKS
            ),
            t!("add the longest file as a separate document or as an attachment"),
        );
    }
    last.is_none().then_some(())
}

/// Renders a chunk. Returns it with its number of pages; HTML counts as one page.
fn chunk(
    files: &FileReader<'_>,
    at: usize,
    declared: &manifest::Chunk,
    rendering: &mut Rendering<'_>,
) -> Option<(Chunk, usize)> {
    rendering.add_input("chunk", "");
    let (mime_type, chunked_data, pages) = match declared.source() {
        ChunkSource::Html(page) => {
            let html = rendering.required("chunkedFields", page)?;
            ("text/html", STANDARD.encode(html), 1)
        }
        ChunkSource::Pdf(file) => {
            let content = files.read("file", file, rendering)?;
            if let Err(error) = &content.pdf {
                let shown = manifest::path::shown(files.root, &content.path);
                rendering.error(
                    file,
                    format!("{shown}: {error}"),
                    error
                        .hint()
                        .unwrap_or_else(|| t!("use a PDF file, or change mimeType")),
                );
                return None;
            }
            rendering.add_input("content", &content.hash);
            (MIME_PDF, STANDARD.encode(&content.bytes), content.pages())
        }
        ChunkSource::PdfData(data) => {
            let text = rendering.required("data", data)?;
            let text: String = text.split_whitespace().collect();
            let bytes = STANDARD
                .decode(&text)
                .map_err(|_| t!("data is not valid Base64").into_owned());
            let checked = bytes.and_then(|bytes| match pdf::check(&bytes) {
                Ok(()) => Ok(pdf::page_sizes(&bytes).map_or(1, |sizes| sizes.len())),
                Err(error) => Err(format!("data: {error}")),
            });
            match checked {
                Ok(pages) => (MIME_PDF, text, pages),
                Err(message) => {
                    rendering.error(
                        data,
                        message,
                        t!("set data to a Base64-encoded PDF, or use file"),
                    );
                    return None;
                }
            }
        }
    };
    let chunk = Chunk {
        mime_type: mime_type.to_owned(),
        chunked_data,
        sequence: i64::try_from(at).unwrap_or(i64::MAX),
        page_pos: None,
    };
    Some((chunk, pages))
}
