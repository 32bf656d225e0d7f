//! The state of a flow and its signers (5.5.7, 5.6.7).

use serde::{Deserialize, Serialize};

use super::status::{FlowStatus, SignStatus};
use crate::address::{AccountId, FlowId};
use crate::api::liberal;

/// The state of a flow and its signers. `P` is the progress of a signer: once, in a flow with one
/// document, or for each document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowDetail<P> {
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
    /// The signers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_detail: Option<Vec<SignerDetail<P>>>,
    /// The signers under the other field name. Some responses have both fields, one of them null.
    #[serde(
        default,
        rename(serialize = "signDetail", deserialize = "signDetailList"),
        skip_serializing_if = "Option::is_none"
    )]
    pub sign_detail_list: Option<Vec<SignerDetail<P>>>,
}

impl<P> FlowDetail<P> {
    /// Returns the signers from either field; `None` if the response has no list.
    pub fn signers(self) -> Option<Vec<SignerDetail<P>>> {
        self.sign_detail.or(self.sign_detail_list)
    }
}

/// The state of a signer in a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerDetail<P> {
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
    /// The progress of the signer.
    #[serde(flatten)]
    pub progress: P,
}

/// The times of a signer's task, and the comment of the signer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignTimes {
    /// The time at which the signer received the task.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub receive_time: Option<String>,
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
}
