//! Flows with one document (section 5.5).

use serde::{Deserialize, Serialize};

use super::position::Position;
use super::process::Attachment;
use super::status::{FlowStatus, SignStatus};
use crate::address::{AccountId, DocId, FlowId, SealId};
use crate::api::{liberal, strict};

/// Creates a flow with one document and without signers (5.5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddProcess {
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
    /// The document.
    #[serde(deserialize_with = "strict::id")]
    pub doc_id: DocId,
    /// The name of the document in this flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_name: Option<String>,
    /// Whether signers must enter the password of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<bool>,
    /// Attachments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_list: Option<Vec<Attachment>>,
}

/// Lets the platform sign immediately (5.5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The order number in the caller's system; callbacks return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The seal; the default seal of the platform if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
    /// The password of an encrypted document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_pwd: Option<String>,
    /// The positions of the seal.
    pub pos_list: Vec<Position>,
}

/// Signs immediately for an account that granted silent signing (5.5.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The order number in the caller's system; callbacks return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The account that signs: a person or an organization.
    pub account_id: AccountId,
    /// The seal; the default seal of the account if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
    /// Whether the account owner is notified after signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_sign_message: Option<bool>,
    /// The password of an encrypted document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_pwd: Option<String>,
    /// The positions of the seal.
    pub pos_list: Vec<Position>,
}

/// Asks a person to sign (5.5.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandPersonSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The order number in the caller's system; callbacks return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The account of the signer.
    pub account_id: AccountId,
    /// The allowed types of seals: numbers, separated by commas; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_type: Option<String>,
    /// The positions of the seal; the signer chooses if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
}

/// Asks a person to sign for an organization (5.5.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandOrgSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The order number in the caller's system; callbacks return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The account of the person who signs for the organization.
    pub account_id: AccountId,
    /// The organization for which the person signs.
    pub authorization_org_id: AccountId,
    /// The positions of the seal; the signer chooses if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
}

/// Asks a person to sign for themselves and for an organization in one task (5.5.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandSignTask {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
    /// The order number in the caller's system; callbacks return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The account of the signer.
    pub account_id: AccountId,
    /// The organization for which the person signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_org_id: Option<AccountId>,
    /// The positions of the seal; the signer chooses if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
}

/// Requests the state of a flow (5.5.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    pub flow_id: FlowId,
}

/// The state of a flow and its signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// The state of the flow.
    pub flow_status: FlowStatus,
    /// The creation time, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub start_time: Option<String>,
    /// The document.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub doc_id: Option<String>,
    /// The name of the document.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub doc_name: Option<String>,
    /// The signers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_detail: Option<Vec<SignerDetail>>,
    /// The signers under the other field name. Some responses have both fields, one of them null.
    #[serde(
        default,
        rename(serialize = "signDetail", deserialize = "signDetailList"),
        skip_serializing_if = "Option::is_none"
    )]
    pub sign_detail_list: Option<Vec<SignerDetail>>,
}

impl DetailAnswer {
    /// Returns the signers from either field; `None` if the response has no list.
    pub fn signers(self) -> Option<Vec<SignerDetail>> {
        self.sign_detail.or(self.sign_detail_list)
    }
}

/// The state of a signer in a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerDetail {
    /// The account of the signer.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
    /// The organization for which the person signs.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_id"
    )]
    pub authorization_org_id: Option<AccountId>,
    /// The state of the signer.
    pub sign_status: SignStatus,
    /// The time of signing or refusal.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub sign_time: Option<String>,
    /// The comment of the signer.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub sign_explain: Option<String>,
    /// The time at which the signer received the task.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub receive_time: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the example of section 5.5.7 and other observed spellings.
    #[test]
    fn reads_details_in_all_observed_spellings() {
        for body in [
            r#"{"flowId":"100","flowStatus":1,"startTime":"2018-06-05 11:57:03","signStatus":1,"docId":"138","docName":"测试文档",
                "signDetail":[{"accountId":"8b33","authorizationOrgId":"7ee3","signStatus":0}]}"#,
            r#"{"flowId":100,"flowStatus":"1","docId":138,"signDetailList":[{"accountId":"8b33","authorizationOrgId":"","signStatus":"0"}]}"#,
            r#"{"flowId":100,"flowStatus":1,"signDetail":null,"signDetailList":[{"accountId":"8b33","signStatus":0,"signTime":1528171023000}]}"#,
        ] {
            let detail: DetailAnswer = serde_json::from_str(body).expect("a detail");
            assert_eq!(detail.flow_id.as_str(), "100");
            assert_eq!(detail.flow_status, FlowStatus::Signing);
            let signers = detail.signers().expect("signers");
            assert_eq!(signers[0].sign_status, SignStatus::Pending);
        }
    }
}
