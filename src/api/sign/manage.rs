//! Operations on flows with one or more documents (section 5.7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, DocId, FlowId};
use crate::api::{liberal, strict};

/// Requests the download URLs of the signed documents (5.7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
}

/// A signed document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedDoc {
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// The download URL, valid for 30 minutes.
    pub doc_url: String,
}

/// Requests the URL at which an account can view a flow (5.7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViewUrl {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
    /// The account that views the flow: a person or an organization.
    pub account_id: AccountId,
}

/// The URL at which an account can view a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewUrlAnswer {
    /// The URL, valid for 30 days.
    pub view_url: String,
}

/// Withdraws the task of a signer who has not signed yet (5.7.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndoTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
    /// The account of the signer.
    pub account_id: AccountId,
}

/// Revokes a flow before all signers have signed (5.7.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revoke {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
}

/// Archives a flow that all signers have signed (5.7.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
}
