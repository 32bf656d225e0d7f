//! Templates and documents (sections 5.3 and 5.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{liberal, strict};
use crate::address::{DocId, FileKey, TemplateId};

/// Makes a template of an uploaded PDF (5.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTemplate {
    /// The uploaded file.
    pub file_key: FileKey,
    /// The template's name.
    pub template_name: String,
    /// The category it is filed under; kept for later use by the API, `0` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_type_id: Option<String>,
    /// The form fields of a template that is no PDF; of a PDF they are read from the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_form_keys: Option<Vec<String>>,
}

/// A template's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateAnswer {
    /// The template.
    #[serde(deserialize_with = "liberal::id")]
    pub template_id: TemplateId,
}

/// Makes a document of an uploaded PDF (5.4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateByFileKey {
    /// The uploaded file.
    pub file_key: FileKey,
}

/// Makes a document of a template (5.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateByTemplate {
    /// The template.
    pub template_id: TemplateId,
    /// The document's name.
    pub name: String,
    /// Values of the template's form fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simple_form_fields: Option<BTreeMap<String, String>>,
    /// Pages that are appended, at most [`CHUNKS`](super::code::CHUNKS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunked_fields: Option<Vec<Chunk>>,
}

/// Pages that are appended to a document (5.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// `text/html` or `application/pdf`, in capitals or not.
    pub mime_type: String,
    /// Base64 of the bytes.
    pub chunked_data: String,
    /// Its place among the chunks.
    pub sequence: i64,
    /// The page to insert it after; kept for later use by the API, which appends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_pos: Option<i64>,
}

/// A document's id. The URL lives for an hour and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocAnswer {
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// Where it can be downloaded now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_url: Option<String>,
}

/// Asks where a document can be downloaded (5.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DownloadUrl {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    pub doc_id: DocId,
}

/// Where a document can be downloaded for the next 30 minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocUrlAnswer {
    /// The URL.
    pub doc_url: String,
}
