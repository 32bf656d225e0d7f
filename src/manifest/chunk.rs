//! `chunkedFields`: pages that are appended to a template's document (5.4.2).

use std::sync::Arc;

use super::decode::Decoder;
use super::path::PathBase;
use super::yaml::Node;
use crate::api::MIME_PDF;
use crate::api::code::{CHUNK_TYPES, CHUNKS};
use crate::diagnostic::{SourceFile, Span};
use crate::expr::Expr;

/// Pages that are appended to a document (5.4.2).
#[derive(Debug)]
pub struct Chunk {
    /// Where it stands.
    pub span: Span,
    /// What it is made of.
    pub source: ChunkSource,
}

/// What appended pages are made of.
#[derive(Debug)]
pub enum ChunkSource {
    /// HTML: the text of a file that is a template, or written in the manifest.
    Html(Expr),
    /// A PDF of the project.
    Pdf(Expr),
    /// A PDF, as Base64.
    PdfData(Expr),
}

impl ChunkSource {
    /// The expression that it is made of.
    pub fn expr(&self) -> &Expr {
        let (Self::Html(expr) | Self::Pdf(expr) | Self::PdfData(expr)) = self;
        expr
    }
}

pub(super) fn chunks(decoder: &mut Decoder<'_>, base: &PathBase<'_>, node: &Node) -> Vec<Chunk> {
    let nodes = decoder.list(node, "chunkedFields");
    if let Some(first) = nodes.get(CHUNKS) {
        decoder.error(
            &first.span,
            format!("a document has at most {CHUNKS} chunks"),
            "put several into one file",
        );
    }
    nodes
        .iter()
        .filter_map(|node| chunk(decoder, base, node))
        .collect()
}

fn chunk(decoder: &mut Decoder<'_>, base: &PathBase<'_>, node: &Node) -> Option<Chunk> {
    let mut fields = decoder.fields(node, "a chunk")?;
    let mime_type = fields.settled(decoder, "mimeType");
    let file = fields.optional("file");
    let data = fields.optional("data");
    fields.finish(decoder);
    let mime_type = mime_type?;
    // Capitals do not matter (5.4.2).
    let kind = mime_type.text.to_ascii_lowercase();
    if !CHUNK_TYPES.contains(&kind.as_str()) {
        decoder.error(
            &mime_type.span,
            format!("mimeType cannot be {}", mime_type.text),
            format!("it is one of {}", CHUNK_TYPES.join(", ")),
        );
        return None;
    }
    let source = match (file, data, kind == MIME_PDF) {
        (Some(file), None, true) => decoder.expr(file, "file").map(ChunkSource::Pdf),
        (None, Some(data), true) => decoder.expr(data, "data").map(ChunkSource::PdfData),
        (Some(file), None, false) => page(decoder, base, file).map(ChunkSource::Html),
        (None, Some(data), false) => inline(decoder, data).map(ChunkSource::Html),
        _ => {
            decoder.error(
                &node.span,
                "the chunk comes from nowhere, or from two places",
                "it has one of file and data",
            );
            None
        }
    };
    Some(Chunk {
        span: node.span.clone(),
        source: source?,
    })
}

/// A file of HTML whose text is a template.
fn page(decoder: &mut Decoder<'_>, base: &PathBase<'_>, node: &Node) -> Option<Expr> {
    let file = decoder.settled(node, "the file of a page of HTML")?;
    let path = match super::path::inside(base.root, base.folder, &file.text) {
        Ok(path) => path,
        Err(why) => {
            decoder.error(&file.span, why, "pages lie inside the project");
            return None;
        }
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            decoder.error(
                &file.span,
                format!("{} cannot be read: {error}", file.text),
                "check the path; the file is UTF-8",
            );
            return None;
        }
    };
    let first_line = text.lines().next().map_or(0, str::len);
    let span = Span {
        file: Arc::new(SourceFile {
            path: super::path::shown(base.root, &path),
            text: text.clone(),
        }),
        line: 1,
        column: 1,
        bytes: 0..first_line,
    };
    let compiled = decoder.compiler.compile_page(&text, &span);
    compiled
        .map_err(|diagnostic| {
            decoder
                .findings
                .push(diagnostic.related(&file.span, "named here"));
        })
        .ok()
}

fn inline(decoder: &mut Decoder<'_>, node: &Node) -> Option<Expr> {
    let plain = decoder.expr(node, "data")?;
    let compiled = decoder.compiler.compile_page(plain.source(), plain.span());
    compiled
        .map_err(|diagnostic| decoder.findings.push(diagnostic))
        .ok()
}
