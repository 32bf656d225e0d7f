//! Flows with one or more documents (section 5.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detail::{FlowDetail, SignTimes};
use super::position::Position;
use super::process::ProcessDoc;
use super::status::DocStatus;
use super::task::{
    OrganizationSigner, PersonAndOrganizationSigner, PersonSigner, PlatformSigner, SignTask,
    UserSigner,
};
use crate::address::{DocId, FlowId};
use crate::api::{liberal, strict};

/// Creates a flow with one or more documents and without signers (5.6.1).
pub type AddProcess = super::process::AddProcess<ProcessDocs>;

/// The documents of a flow (5.6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessDocs {
    /// The documents.
    pub doc_list: Vec<ProcessDoc>,
}

impl From<ProcessDocs> for Vec<ProcessDoc> {
    fn from(docs: ProcessDocs) -> Self {
        docs.doc_list
    }
}

/// The documents that are signed automatically (5.6.2, 5.6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoSignDocs {
    /// The signed documents with the positions of the seal.
    pub sign_doc_list: Vec<AutoSignDoc>,
}

/// A document that is signed automatically (5.6.2, 5.6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoSignDoc {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub doc_id: DocId,
    /// The password of an encrypted document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_pwd: Option<String>,
    /// The positions of the seal.
    pub pos_list: Vec<Position>,
}

/// The documents that a person is asked to sign (5.6.4–5.6.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandSignDocs {
    /// The documents to sign with the positions of the seal; all documents of the flow if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_doc_list: Option<Vec<HandSignDoc>>,
}

/// A document that a person is asked to sign (5.6.4–5.6.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandSignDoc {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub doc_id: DocId,
    /// The positions of the seal; the signer chooses if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
}

/// Lets the platform sign immediately (5.6.2).
pub type PlatformSignTask = SignTask<PlatformSigner, AutoSignDocs>;
/// Signs immediately for an account that granted silent signing (5.6.3).
pub type UserSignTask = SignTask<UserSigner, AutoSignDocs>;
/// Asks a person to sign (5.6.4).
pub type HandPersonSignTask = SignTask<PersonSigner, HandSignDocs>;
/// Asks a person to sign for an organization (5.6.5).
pub type HandOrgSignTask = SignTask<OrganizationSigner, HandSignDocs>;
/// Asks a person to sign for themselves and for an organization in one task (5.6.6).
pub type HandSignTask = SignTask<PersonAndOrganizationSigner, HandSignDocs>;

/// Requests the state of a flow (5.6.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
}

/// The state of a flow and its signers.
pub type DetailAnswer = FlowDetail<SignProgress>;

/// The progress of a signer (5.6.7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignProgress {
    /// The state of each document for this signer.
    #[serde(default, deserialize_with = "liberal::list")]
    pub sign_info: Vec<SignedInfo>,
}

/// The state of a document for a signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedInfo {
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// The name of the document.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub doc_name: Option<String>,
    /// The state of the document.
    pub sign_status: DocStatus,
    /// The times and the comment of the signer.
    #[serde(flatten)]
    pub times: SignTimes,
}
