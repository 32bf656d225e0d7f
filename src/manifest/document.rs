//! Decodes `documents`: the documents to sign, created from a template or a local PDF.

use super::chunk::{Chunk, chunks};
use super::decode::{Decoder, StaticText};
use super::path::PathBase;
use super::yaml::Node;
use crate::diagnostic::Span;
use crate::expr::Expr;

/// A document of a flow.
#[derive(Debug)]
pub struct Document {
    /// The document's name in the flow.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The document's name at the API (`docName`).
    pub doc_name: Expr,
    /// The template or file that the document is created from.
    pub source: DocumentSource,
    /// Appended pages, in order.
    pub chunked_fields: Vec<Chunk>,
    /// Whether signers must enter the document's password.
    pub encryption: Option<Expr>,
}

/// The source of a document.
#[derive(Debug)]
pub enum DocumentSource {
    /// A template and the values of its form fields.
    Template {
        /// The template's name in the manifests.
        template: StaticText,
        /// The values by form field, with the location of the field name.
        simple_form_fields: Vec<(String, Span, Expr)>,
    },
    /// The path of a local PDF.
    File(Expr),
}

/// Decodes the documents of a flow.
pub(super) fn documents(
    decoder: &mut Decoder<'_>,
    base: &PathBase<'_>,
    node: &Node,
) -> Vec<Document> {
    let named = decoder.named(node, "documents");
    if named.is_empty() {
        decoder.error(
            &node.span,
            "a flow needs a document",
            "documents: { contract: { template: …, name: … } }",
        );
    }
    named
        .into_iter()
        .filter_map(|(name, span, node)| document(decoder, base, name, span, node))
        .collect()
}

fn document(
    decoder: &mut Decoder<'_>,
    base: &PathBase<'_>,
    name: &str,
    span: &Span,
    node: &Node,
) -> Option<Document> {
    let mut fields = decoder.fields(node, "a document")?;
    let doc_name = fields.expr(decoder, "name");
    let template = fields.optional_settled(decoder, "template");
    let file = fields.optional_expr(decoder, "file");
    let values = fields.optional("simpleFormFields");
    let values: Vec<(String, Span, Expr)> = values
        .map(|node| decoder.entries_of_texts(node, "simpleFormFields"))
        .unwrap_or_default();
    let chunked_fields = fields.optional("chunkedFields");
    let chunked_fields = chunked_fields.map_or_else(Vec::new, |node| chunks(decoder, base, node));
    let encryption = fields.optional_expr(decoder, "encryption");
    fields.finish(decoder);
    let source = match (template, file) {
        (Some(template), None) => DocumentSource::Template {
            template,
            simple_form_fields: values,
        },
        (None, Some(file)) => {
            if let Some((_, span, _)) = values.first() {
                decoder.error(
                    span,
                    "a local PDF cannot have simpleFormFields",
                    "remove simpleFormFields, or use a template",
                );
            }
            if let Some(chunk) = chunked_fields.first() {
                decoder.error(
                    &chunk.span,
                    "a local PDF cannot have chunkedFields",
                    "add the pages to the PDF, or use a template",
                );
            }
            DocumentSource::File(file)
        }
        _ => {
            decoder.error(
                span,
                format!("the document {name} has no source or two sources"),
                "set exactly one of template and file",
            );
            return None;
        }
    };
    Some(Document {
        name: name.to_owned(),
        span: span.clone(),
        doc_name: doc_name?,
        source,
        chunked_fields,
        encryption,
    })
}

impl Decoder<'_> {
    /// Decodes a mapping from form field names to texts.
    fn entries_of_texts(&mut self, node: &Node, what: &str) -> Vec<(String, Span, Expr)> {
        let Some(fields) = self.fields(node, what) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (name, span, node) in fields.into_entries() {
            if let Some(expr) = self.expr(node, name) {
                texts.push((name.to_owned(), span.clone(), expr));
            }
        }
        texts
    }
}
