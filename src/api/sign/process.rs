//! The creation of flows (5.5.1, 5.6.1), and the answers of the signing operations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, DocId, FileKey, FlowId};
use crate::api::{liberal, strict};

/// Creates a flow without signers. `D` is its document or the list of its documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddProcess<D> {
    /// The subject of the flow.
    pub business_scene: String,
    /// The account that starts the flow; the platform if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator_account_id: Option<AccountId>,
    /// The deadline for signing, in milliseconds since 1970. Sent as a number; also read from text.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_integer"
    )]
    #[schemars(schema_with = "strict::integer_or_text_schema")]
    pub sign_validity: Option<i64>,
    /// The account that pays; the platform if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// The platforms on which people can sign: numbers, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_platform: Option<String>,
    /// The channels for notifications: numbers, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_type: Option<String>,
    /// The URL for callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_url: Option<String>,
    /// The URL to which the browser is redirected after signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// Whether the time is shown next to each signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_sign_time: Option<bool>,
    /// The documents.
    #[serde(flatten)]
    pub docs: D,
    /// Attachments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_list: Option<Vec<Attachment>>,
}

/// A document of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessDoc {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub doc_id: DocId,
    /// The name of the document in this flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_name: Option<String>,
    /// Whether signers must enter the password of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<bool>,
}

impl From<ProcessDoc> for Vec<ProcessDoc> {
    fn from(doc: ProcessDoc) -> Self {
        vec![doc]
    }
}

/// An attachment of a flow (5.5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The uploaded file.
    #[serde(rename = "attachmentFilekey")]
    pub file_key: FileKey,
    /// The name of the attachment.
    #[serde(rename = "attachmentName")]
    pub name: String,
}

/// The id of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
}

/// The answer to an automatic signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoSignAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// The account that signed.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
}

/// The page on which a person signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandSignAnswer {
    /// The URL, without expiry.
    pub sign_url: String,
    /// The short URL, valid for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_short_url: Option<String>,
    /// The order number of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
}
