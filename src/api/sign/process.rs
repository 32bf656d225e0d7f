//! What both kinds of flows share: attachments, and what their calls answer.

use serde::{Deserialize, Serialize};

use crate::address::{AccountId, FileKey, FlowId};
use crate::api::liberal;

/// A file that goes along with a flow (5.5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The uploaded file.
    #[serde(rename = "attachmentFilekey")]
    pub file_key: FileKey,
    /// Its name.
    #[serde(rename = "attachmentName")]
    pub name: String,
}

/// A flow's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
}

/// The answer to a signature without a person.
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

/// Where a person signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandSignAnswer {
    /// The page, valid for good.
    pub sign_url: String,
    /// A short form of it, valid for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_short_url: Option<String>,
    /// The number that the request carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
}
