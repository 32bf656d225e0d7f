//! Flows of one or more documents (section 5.6).

use serde::{Deserialize, Serialize};

use super::position::Position;
use super::process::Attachment;
use super::status::{DocStatus, FlowStatus, SignStatus};
use crate::address::{AccountId, DocId, FlowId, SealId};
use crate::api::{liberal, strict};

/// Creates a flow of one or more documents, without signers yet (5.6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddProcess {
    /// What it is about.
    pub business_scene: String,
    /// Who starts it; the platform when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator_account_id: Option<AccountId>,
    /// The last moment for signing, in milliseconds since 1970. Sent as a number; read as text too.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_integer"
    )]
    pub sign_validity: Option<i64>,
    /// Who pays; the platform when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// Where people may sign: numbers, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_platform: Option<String>,
    /// How people are told: numbers, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_type: Option<String>,
    /// Where callbacks go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_url: Option<String>,
    /// Where a person's browser goes after signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// Whether the time is put beside each signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_sign_time: Option<bool>,
    /// The documents.
    pub doc_list: Vec<ProcessDoc>,
    /// Files that go along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_list: Option<Vec<Attachment>>,
}

/// A document of a flow (5.6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessDoc {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    pub doc_id: DocId,
    /// Its name in this flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_name: Option<String>,
    /// Whether signers must give its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<bool>,
}

/// A document that is signed without a person (5.6.2, 5.6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoSignDoc {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    pub doc_id: DocId,
    /// Its password, when it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_pwd: Option<String>,
    /// Where the seal goes.
    pub pos_list: Vec<Position>,
}

/// A document that a person is asked to sign (5.6.4–5.6.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandSignDoc {
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    pub doc_id: DocId,
    /// Where the seal goes; the person chooses when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
}

/// Lets the platform sign at once (5.6.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The seal; the platform's default seal when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
    /// The documents that are signed, and where the seal goes.
    pub sign_doc_list: Vec<AutoSignDoc>,
}

/// Signs for an account that granted it, at once (5.6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// Who signs: a person or an organization.
    pub account_id: AccountId,
    /// The seal; the account's default seal when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
    /// Whether the account is told once it has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_sign_message: Option<bool>,
    /// The documents that are signed, and where the seal goes.
    pub sign_doc_list: Vec<AutoSignDoc>,
}

/// Asks a person to sign (5.6.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandPersonSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// Who signs.
    pub account_id: AccountId,
    /// Kinds of seal allowed: numbers, separated by commas; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_type: Option<String>,
    /// The documents to be signed, and where; all of the flow when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_doc_list: Option<Vec<HandSignDoc>>,
}

/// Asks a person to sign for an organization (5.6.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandOrgSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The person who acts for it.
    pub account_id: AccountId,
    /// The organization that he signs for.
    pub authorization_org_id: AccountId,
    /// The documents to be signed, and where; all of the flow when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_doc_list: Option<Vec<HandSignDoc>>,
}

/// Asks a person to sign for himself and, at once, for organizations (5.6.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// Who signs.
    pub account_id: AccountId,
    /// The organization that he signs for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_org_id: Option<AccountId>,
    /// The documents to be signed, and where; all of the flow when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_doc_list: Option<Vec<HandSignDoc>>,
}

/// Asks how far a flow is (5.6.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
}

/// How far a flow is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// Its state, as section 5.6.7 numbers them.
    pub flow_status: FlowStatus,
    /// When it was made, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub start_time: Option<String>,
    /// Its signers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_detail: Option<Vec<SignerDetail>>,
    /// What some answers call them; some have both names, and one of them null.
    #[serde(
        default,
        rename(serialize = "signDetail", deserialize = "signDetailList"),
        skip_serializing_if = "Option::is_none"
    )]
    pub sign_detail_list: Option<Vec<SignerDetail>>,
}

impl DetailAnswer {
    /// Its signers, however the list is called. A list that is not there says nothing of them.
    pub fn signers(self) -> Option<Vec<SignerDetail>> {
        self.sign_detail.or(self.sign_detail_list)
    }
}

/// One signer of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerDetail {
    /// Who signs.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
    /// The organization that he signs for.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_id"
    )]
    pub authorization_org_id: Option<AccountId>,
    /// How far he is.
    pub sign_status: SignStatus,
    /// How far he is with each document.
    #[serde(default, deserialize_with = "liberal::list")]
    pub sign_info: Vec<SignedInfo>,
}

/// How far a signer is with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedInfo {
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// Its name.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub doc_name: Option<String>,
    /// When he received it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub receive_time: Option<String>,
    /// When he signed or refused it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub sign_time: Option<String>,
    /// How it stands.
    pub sign_status: DocStatus,
    /// What he said to it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub sign_explain: Option<String>,
}
