//! The documents of an item: rendered, their files read and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::content::Site;
use super::rendering::Rendering;
use crate::api::{Chunk, MIME_PDF};
use crate::manifest::{self, ChunkSource};
use crate::pdf::{self, PdfError};

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name in the flow.
    pub label: String,
    /// Its name at the API.
    pub name: String,
    /// What it is made of.
    pub source: DocumentSource,
    /// Whether signers must give its password.
    pub encryption: Option<bool>,
}

/// What a document is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// A template, the values of its form fields, and pages that are appended.
    Template {
        /// The template's name in the manifests.
        template: String,
        /// The values, by field.
        fields: BTreeMap<String, String>,
        /// The appended pages, in their sequence.
        chunks: Vec<Chunk>,
    },
    /// A local PDF.
    File(PathBuf),
}

pub(super) fn document(
    site: &Site<'_>,
    declared: &manifest::Document,
    rendering: &mut Rendering<'_>,
) -> Option<Document> {
    rendering.note("document", &declared.name);
    let name = rendering.required("name", &declared.doc_name);
    let encryption = declared
        .encryption
        .as_ref()
        .and_then(|expr| rendering.flag("encryption", expr));
    let source = match &declared.source {
        manifest::DocumentSource::Template {
            template,
            simple_form_fields,
        } => {
            rendering.note("template", &template.text);
            let mut fields = BTreeMap::new();
            for (field, _, expr) in simple_form_fields {
                if let Some(value) = rendering
                    .text(field, expr)
                    .filter(|value| !value.is_empty())
                {
                    fields.insert(field.clone(), value);
                }
            }
            let chunks: Vec<Option<Chunk>> = declared
                .chunked_fields
                .iter()
                .enumerate()
                .map(|(at, declared)| chunk(site, at, declared, rendering))
                .collect();
            DocumentSource::Template {
                template: template.text.clone(),
                fields,
                chunks: chunks.into_iter().collect::<Option<_>>()?,
            }
        }
        manifest::DocumentSource::File(file) => {
            local_pdf(site, file, encryption == Some(true), rendering)?
        }
    };
    Some(Document {
        label: declared.name.clone(),
        name: name?,
        source,
        encryption,
    })
}

/// A local PDF, once it was seen to be one. What it holds is part of the fingerprint.
fn local_pdf(
    site: &Site<'_>,
    file: &crate::render::Expr,
    may_be_locked: bool,
    rendering: &mut Rendering<'_>,
) -> Option<DocumentSource> {
    let content = site.content("file", file, rendering)?;
    match &content.pdf {
        Ok(()) => {}
        Err(PdfError::Encrypted) if may_be_locked => {}
        Err(error) => {
            let shown = manifest::path::shown(site.root, &content.path);
            let hint = match error {
                PdfError::Encrypted => {
                    "declare encryption: true on the document, and signers are asked for its password"
                }
                PdfError::NoPdf(_) => "a document is a PDF",
            };
            rendering.error(file, format!("{shown}: {error}"), hint);
            return None;
        }
    }
    rendering.note("content", &content.hash);
    Some(DocumentSource::File(content.path.clone()))
}

fn chunk(
    site: &Site<'_>,
    at: usize,
    declared: &manifest::Chunk,
    rendering: &mut Rendering<'_>,
) -> Option<Chunk> {
    rendering.note("chunk", "");
    let (mime_type, chunked_data) = match &declared.source {
        ChunkSource::Html(page) => {
            let html = rendering.required("chunkedFields", page)?;
            ("text/html", STANDARD.encode(html))
        }
        ChunkSource::Pdf(file) => {
            let content = site.content("file", file, rendering)?;
            if let Err(error) = &content.pdf {
                let shown = manifest::path::shown(site.root, &content.path);
                rendering.error(
                    file,
                    format!("{shown}: {error}"),
                    "the mimeType says that it is a PDF",
                );
                return None;
            }
            rendering.note("content", &content.hash);
            (MIME_PDF, STANDARD.encode(&content.bytes))
        }
        ChunkSource::PdfData(data) => {
            let text = rendering.required("data", data)?;
            let text: String = text.split_whitespace().collect();
            let wrong = match STANDARD.decode(&text) {
                Err(_) => Some("data is no Base64".to_owned()),
                Ok(bytes) => pdf::check(&bytes)
                    .err()
                    .map(|error| format!("data: {error}")),
            };
            if let Some(wrong) = wrong {
                rendering.error(data, wrong, "data is the Base64 of a PDF; file names one");
                return None;
            }
            (MIME_PDF, text)
        }
    };
    Some(Chunk {
        mime_type: mime_type.to_owned(),
        chunked_data,
        sequence: i64::try_from(at).unwrap_or(i64::MAX),
        page_pos: None,
    })
}
