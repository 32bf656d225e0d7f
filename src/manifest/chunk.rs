//! Decodes `chunkedFields`: pages that are appended to a template's document (5.4.2).

use std::sync::Arc;

use super::decode::Decoder;
use super::path::PathBase;
use super::yaml::Node;
use crate::api::MIME_PDF;
use crate::api::code::{CHUNK_TYPES, CHUNKS};
use crate::diagnostic::{SourceFile, Span};
use crate::expr::Expr;

/// Appended pages of a document (5.4.2).
#[derive(Debug)]
pub struct Chunk {
    /// The location of the declaration.
    pub span: Span,
    /// The source of the pages.
    pub source: ChunkSource,
}

/// The source of appended pages.
#[derive(Debug)]
pub enum ChunkSource {
    /// HTML with expressions, from a file or from the manifest.
    Html(Expr),
    /// The path of a PDF in the project.
    Pdf(Expr),
    /// A Base64-encoded PDF.
    PdfData(Expr),
}

impl ChunkSource {
    /// Returns the expression of the HTML, path or data.
    pub fn expr(&self) -> &Expr {
        let (Self::Html(expr) | Self::Pdf(expr) | Self::PdfData(expr)) = self;
        expr
    }
}

/// Decodes the chunks of a document.
pub(super) fn chunks(decoder: &mut Decoder<'_>, base: &PathBase<'_>, node: &Node) -> Vec<Chunk> {
    let nodes = decoder.list(node, "chunkedFields");
    if let Some(first) = nodes.get(CHUNKS) {
        decoder.error(
            &first.span,
            format!("a document has at most {CHUNKS} chunks"),
            "combine several chunks into one file",
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
    // The API ignores case (5.4.2).
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
                "the chunk has no source or two sources",
                "set exactly one of file and data",
            );
            None
        }
    };
    Some(Chunk {
        span: node.span.clone(),
        source: source?,
    })
}

/// Compiles an HTML file with expressions.
fn page(decoder: &mut Decoder<'_>, base: &PathBase<'_>, node: &Node) -> Option<Expr> {
    let file = decoder.settled(node, "the path of an HTML file")?;
    let path = match super::path::inside(base.root, base.folder, &file.text) {
        Ok(path) => path,
        Err(why) => {
            decoder.error(&file.span, why, "use a file inside the project's folder");
            return None;
        }
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            decoder.error(
                &file.span,
                format!("cannot read {}: {error}", file.text),
                "check the path and that the file is UTF-8",
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

/// Compiles inline HTML with expressions.
fn inline(decoder: &mut Decoder<'_>, node: &Node) -> Option<Expr> {
    let plain = decoder.expr(node, "data")?;
    let compiled = decoder.compiler.compile_page(plain.source(), plain.span());
    compiled
        .map_err(|diagnostic| decoder.findings.push(diagnostic))
        .ok()
}
