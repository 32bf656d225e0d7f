//! `documents`: the documents to sign, created from a template or a local PDF.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::collections::{FieldMap, List};
use super::value::{Spanned, StaticText, Value, parsed};
use crate::api::MIME_PDF;
use crate::api::code::CHUNK_TYPES;
use crate::expr::Expr;

/// A document, created from a filled template or from a local PDF.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependencies" = { "simpleFormFields": ["template"] }))]
pub struct Document {
    /// The document's name at the API (docName).
    #[serde(rename = "name")]
    pub doc_name: Value<String>,
    /// The source of the document.
    #[serde(rename = "$one")]
    pub source: DocumentSource,
    /// The values of the template's form fields, by field name. A field with an empty value stays
    /// blank.
    #[serde(default)]
    pub simple_form_fields: FieldMap<Value<String>>,
    /// Pages appended to the template's document, at most 10 (5.4.2).
    #[serde(default)]
    pub chunked_fields: List<Chunk>,
    /// Whether the document is encrypted, so that signers must enter its password (5.5.1).
    /// Default: false.
    pub encryption: Option<Value<bool>>,
}

/// The source of a document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DocumentSource {
    /// A template's name in the manifests.
    Template(StaticText),
    /// The path of a local PDF instead of a template, relative to this file.
    File(Value<String>),
}

/// Pages appended to a document (5.4.2).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chunk {
    /// The type of the content: text/html or application/pdf.
    pub mime_type: Spanned<ChunkType>,
    /// The content.
    #[serde(rename = "$one")]
    pub content: ChunkContent,
    /// The compiled HTML page, set when the project is loaded.
    #[serde(skip)]
    pub(super) page: Option<Expr>,
}

/// The content of appended pages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChunkContent {
    /// The path of the file, relative to this file. An HTML file may contain expressions.
    File(Value<String>),
    /// The content instead of a file: HTML, or a Base64-encoded PDF.
    Data(Value<String>),
}

/// The type of appended pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub enum ChunkType {
    #[schemars(rename = "text/html")]
    Html,
    #[schemars(rename = "application/pdf")]
    Pdf,
}

impl<'de> Deserialize<'de> for ChunkType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = format!("it is one of {}", CHUNK_TYPES.join(", "));
        parsed(deserializer, &hint, Self::Html, |text| {
            // The API ignores case (5.4.2).
            match text.to_ascii_lowercase().as_str() {
                "text/html" => Some(Self::Html),
                MIME_PDF => Some(Self::Pdf),
                _ => None,
            }
        })
    }
}

/// The source of appended pages.
#[derive(Debug)]
pub enum ChunkSource<'a> {
    /// HTML with expressions, from a file or from the manifest.
    Html(&'a Expr),
    /// The path of a PDF in the project.
    Pdf(&'a Expr),
    /// A Base64-encoded PDF.
    PdfData(&'a Expr),
}

impl Chunk {
    /// Returns the source of the pages.
    pub fn source(&self) -> ChunkSource<'_> {
        match (&self.page, &self.content) {
            (Some(page), _) => ChunkSource::Html(page),
            (None, ChunkContent::File(file)) => ChunkSource::Pdf(file),
            (None, ChunkContent::Data(data)) => ChunkSource::PdfData(data),
        }
    }

    /// Returns the expression of the HTML, path or data.
    pub fn expr(&self) -> &Expr {
        let (ChunkSource::Html(expr) | ChunkSource::Pdf(expr) | ChunkSource::PdfData(expr)) =
            self.source();
        expr
    }
}
