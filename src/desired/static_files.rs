//! Checks the files of a flow whose paths do not depend on the row, once for all rows.

use super::document::check_page_count;
use super::local_file::{FileReader, is_static};
use super::rendering::Rendering;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Salt, Scope};
use crate::manifest::{ChunkSource, DocumentSource, Flow};

/// Reads the files that are the same for all rows and returns the errors found.
pub(super) fn check(
    files: &FileReader<'_>,
    flow: &Flow,
    scope: &Scope,
    salt: &Salt,
) -> Vec<Diagnostic> {
    let mut rendering = Rendering::new(scope, None, salt);
    for file in file_exprs(flow).filter(|file| is_static(file)) {
        files.read("file", file, &mut rendering);
    }
    if rendering.errors.is_empty() {
        for document in &flow.documents {
            let pages = document
                .chunked_fields
                .iter()
                .map(|own| match own.source() {
                    ChunkSource::Pdf(file) if is_static(file) => files
                        .read("file", file, &mut rendering)
                        .map_or(1, |content| content.pages()),
                    // The page count depends on the row: at least one.
                    _ => 1,
                });
            let pages = pages.sum();
            check_page_count(&document.chunked_fields, pages, &mut rendering);
        }
    }
    rendering.errors
}

/// Returns the expressions of a flow that name files.
fn file_exprs(flow: &Flow) -> impl Iterator<Item = &Expr> {
    let attachments = flow.process.attachments.iter().map(|own| &*own.file);
    let documents = flow
        .documents
        .iter()
        .filter_map(|own| match &own.value.source {
            DocumentSource::File(file) => Some(&**file),
            DocumentSource::Template(_) => None,
        });
    let chunks = flow.documents.iter();
    let chunks = chunks.flat_map(|own| own.chunked_fields.iter());
    let chunks = chunks.filter_map(|chunk| match chunk.source() {
        ChunkSource::Pdf(file) => Some(file),
        ChunkSource::Html(_) | ChunkSource::PdfData(_) => None,
    });
    attachments.chain(documents).chain(chunks)
}
