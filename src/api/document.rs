//! Templates and documents (sections 5.3 and 5.4).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{liberal, strict};
use crate::address::{DocId, FileKey, TemplateId};

/// Creates a template from an uploaded PDF (5.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateTemplate {
    /// The uploaded file.
    pub file_key: FileKey,
    /// The name of the template.
    pub template_name: String,
    /// The category. Reserved by the API for later use; `0` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_type_id: Option<String>,
    /// The form fields of a template that is not a PDF. For a PDF, the service reads them from the
    /// file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_form_keys: Option<Vec<String>>,
}

/// The id of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateAnswer {
    /// The template.
    #[serde(deserialize_with = "liberal::id")]
    pub template_id: TemplateId,
}

/// Creates a document from an uploaded PDF (5.4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateByFileKey {
    /// The uploaded file.
    pub file_key: FileKey,
}

/// Creates a document from a template (5.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateByTemplate {
    /// The template.
    pub template_id: TemplateId,
    /// The name of the document.
    pub name: String,
    /// The values of the form fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simple_form_fields: Option<BTreeMap<String, String>>,
    /// Appended pages, at most [`CHUNKS`](super::code::CHUNKS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunked_fields: Option<Vec<Chunk>>,
}

/// Pages appended to a document (5.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// `text/html` or `application/pdf`, in upper or lower case.
    pub mime_type: String,
    /// The content in Base64.
    pub chunked_data: String,
    /// The order among the chunks.
    pub sequence: i64,
    /// The page after which the chunk is inserted. Reserved for later use; the API appends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_pos: Option<i64>,
}

/// The id of a document. The URL is valid for one hour and is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocAnswer {
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// The download URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_url: Option<String>,
}

/// Requests the download URL of a document (5.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DownloadUrl {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub doc_id: DocId,
}

/// The download URL of a document, valid for 30 minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocUrlAnswer {
    /// The URL.
    pub doc_url: String,
}
