//! What can be done with a flow of either kind (section 5.7).

use serde::{Deserialize, Serialize};

use crate::address::{AccountId, DocId, FlowId};
use crate::api::{liberal, strict};

/// Asks where the signed documents can be downloaded (5.7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
}

/// A signed document, to be downloaded within 30 minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedDoc {
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// Where it can be downloaded now.
    pub doc_url: String,
}

/// Asks where an account can look at a flow (5.7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewUrl {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// Who looks: a person or an organization.
    pub account_id: AccountId,
}

/// Where an account can look at a flow for the next 30 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewUrlAnswer {
    /// The page.
    pub view_url: String,
}

/// Takes back one signer's task, as long as he has not signed (5.7.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// Whose task.
    pub account_id: AccountId,
}

/// Ends a flow before all have signed (5.7.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoke {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
}

/// Ends a flow that all have signed (5.7.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
}
