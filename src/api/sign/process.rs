//! Types shared by flows with one and with several documents: attachments and answers.

use serde::{Deserialize, Serialize};

use crate::address::{AccountId, FileKey, FlowId};
use crate::api::liberal;

/// An attachment of a flow (5.5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
