//! The documents of an item: rendered, their files read and checked.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::content::{LocalFile, Site};
use super::rendering::Rendering;
use crate::api::code::CHUNKS;
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
    File(LocalFile),
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
            let chunks = chunks(site, declared, rendering);
            DocumentSource::Template {
                template: template.text.clone(),
                fields,
                chunks: chunks?,
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
    file: &crate::expr::Expr,
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
    Some(DocumentSource::File(content.file()))
}

/// The pages that are appended: no more than the service takes (5.4.2), as far as that can be told before.
fn chunks(
    site: &Site<'_>,
    declared: &manifest::Document,
    rendering: &mut Rendering<'_>,
) -> Option<Vec<Chunk>> {
    let declared = &declared.chunked_fields;
    let chunks = declared.iter().enumerate();
    // Each says what is wrong with it.
    let chunks: Vec<_> = chunks
        .map(|(at, declared)| chunk(site, at, declared, rendering))
        .collect();
    let chunks: Vec<(Chunk, usize)> = chunks.into_iter().collect::<Option<_>>()?;
    let pages = chunks.iter().map(|(_, pages)| pages).sum();
    few_enough(declared, pages, rendering)?;
    Some(chunks.into_iter().map(|(chunk, _)| chunk).collect())
}

/// Says so where so many pages are too many.
pub(super) fn few_enough(
    declared: &[manifest::Chunk],
    pages: usize,
    rendering: &mut Rendering<'_>,
) -> Option<()> {
    // Of too many chunks it was said already.
    let too_many = pages > CHUNKS && declared.len() <= CHUNKS;
    let last = declared.last().filter(|_| too_many);
    if let Some(last) = last {
        rendering.error(
            last.source.expr(),
            format!("chunkedFields add {pages} pages, and {CHUNKS} may be added"),
            "give the longest as a document of its own, or as an attachment",
        );
    }
    last.is_none().then_some(())
}

/// One of them, and its pages: of HTML at least one.
fn chunk(
    site: &Site<'_>,
    at: usize,
    declared: &manifest::Chunk,
    rendering: &mut Rendering<'_>,
) -> Option<(Chunk, usize)> {
    rendering.note("chunk", "");
    let (mime_type, chunked_data, pages) = match &declared.source {
        ChunkSource::Html(page) => {
            let html = rendering.required("chunkedFields", page)?;
            ("text/html", STANDARD.encode(html), 1)
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
            (MIME_PDF, STANDARD.encode(&content.bytes), content.pages())
        }
        ChunkSource::PdfData(data) => {
            let text = rendering.required("data", data)?;
            let text: String = text.split_whitespace().collect();
            let bytes = STANDARD
                .decode(&text)
                .map_err(|_| "data is no Base64".to_owned());
            let checked = bytes.and_then(|bytes| match pdf::check(&bytes) {
                Ok(()) => Ok(pdf::page_sizes(&bytes).map_or(1, |sizes| sizes.len())),
                Err(error) => Err(format!("data: {error}")),
            });
            match checked {
                Ok(pages) => (MIME_PDF, text, pages),
                Err(wrong) => {
                    rendering.error(data, wrong, "data is the Base64 of a PDF; file names one");
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
