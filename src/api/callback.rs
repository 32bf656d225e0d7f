//! What the service tells by itself (section 5.9): the payloads of its two callbacks, and the headers that sign them.
//!
//! They are written out as the document has them. Who receives one reads it by [`Verifier`], which asks for less.

mod verify;

use serde::{Deserialize, Serialize};

use super::liberal;
use super::sign::{DocStatus, FlowStatus};
use crate::address::{AccountId, FlowId};

pub use verify::{Refused, VerifiedCallback, Verifier};

/// Carries the moment of sending, in milliseconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-tsign-open-timestamp";
/// Names how the callback is signed: `hmac-sha256`.
pub const ALGORITHM_HEADER: &str = "x-tsign-open-signature-algorithm";
/// Carries the signature: HMAC-SHA256 with the app's secret over timestamp, query values and body, in hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-tsign-open-signature";
/// The one algorithm there is.
pub const ALGORITHM: &str = "hmac-sha256";

/// A callback, told apart by its `action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action")]
pub enum Callback {
    /// A signer signed, refused or failed (5.9.3).
    #[serde(rename = "SIGN_FLOW_UPDATE")]
    Update(SignerUpdate),
    /// A flow ended (5.9.4).
    #[serde(rename = "SIGN_FLOW_FINISH")]
    Finish(FlowFinish),
}

/// A signer signed, refused or failed (5.9.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerUpdate {
    /// The caller's own number; several of one signer come joined by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// Who.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// When, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    pub sign_time: String,
    /// 2 signed, 3 failed, 4 refused.
    pub sign_result: DocStatus,
    /// Why he refused, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_description: Option<String>,
}

/// A flow ended (5.9.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowFinish {
    /// What it was about. The document spells it so; the word without the second `c` is read too.
    #[serde(
        default,
        rename = "businessScence",
        alias = "businessScene",
        skip_serializing_if = "Option::is_none"
    )]
    pub business_scene: Option<String>,
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// 2 finished, 3 revoked, 4 ended because somebody refused or signing failed, 5 expired.
    pub flow_status: FlowStatus,
    /// Why it ended before all had signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_description: Option<String>,
    /// When it began, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    pub create_time: String,
    /// When it ended, in the same form.
    pub end_time: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_payloads_are_read_as_the_document_writes_them() {
        let update = r#"{"action":"SIGN_FLOW_UPDATE","thirdOrderNo":"a,b","accountId":"8b33","flowId":"100",
            "signTime":"2018-06-05 11:57:03","signResult":4,"resultDescription":"金额不对"}"#;
        let finish = r#"{"action":"SIGN_FLOW_FINISH","businessScence":"买房子","flowId":100,"flowStatus":"2",
            "createTime":"2018-06-05 11:57:03","endTime":"2018-06-06 08:00:00","extra":true}"#;
        let Ok(Callback::Update(update)) = serde_json::from_str(update) else {
            panic!("an update");
        };
        assert_eq!(update.sign_result, DocStatus::Rejected);
        let Ok(Callback::Finish(finish)) = serde_json::from_str(finish) else {
            panic!("a finish");
        };
        assert_eq!(finish.flow_status, FlowStatus::Finished);
        let said = serde_json::to_value(Callback::Finish(finish)).expect("plain data");
        assert_eq!(said["action"], "SIGN_FLOW_FINISH");
        assert_eq!(said["businessScence"], "买房子");
    }
}
