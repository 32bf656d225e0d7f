//! The callbacks of the service (section 5.9): payloads and signature headers.
//!
//! The payload types follow the API document; the sandbox sends them. The receiver uses
//! [`Verifier`], which requires fewer fields.

mod verify;

use serde::{Deserialize, Serialize};

use super::liberal;
use super::sign::{DocStatus, FlowStatus};
use crate::address::{AccountId, FlowId};

pub use verify::{Refused, VerifiedCallback, Verifier};

/// The header with the time of sending, in milliseconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-tsign-open-timestamp";
/// The header with the signature algorithm: `hmac-sha256`.
pub const ALGORITHM_HEADER: &str = "x-tsign-open-signature-algorithm";
/// The header with the signature: HMAC-SHA256 over timestamp, query values and body, keyed with the
/// app secret, in hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-tsign-open-signature";
/// The only supported algorithm.
pub const ALGORITHM: &str = "hmac-sha256";

/// A callback. Its type is in the field `action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action")]
pub enum Callback {
    /// A signer signed or refused, or signing failed (5.9.3).
    #[serde(rename = "SIGN_FLOW_UPDATE")]
    Update(SignerUpdate),
    /// A flow ended (5.9.4).
    #[serde(rename = "SIGN_FLOW_FINISH")]
    Finish(FlowFinish),
}

/// A signer signed or refused, or signing failed (5.9.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerUpdate {
    /// The order number in the caller's system; several numbers of one signer are joined by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The account of the signer.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// The time, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    pub sign_time: String,
    /// The result: 2 signed, 3 failed, 4 refused.
    pub sign_result: DocStatus,
    /// The reason of the refusal or failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_description: Option<String>,
}

/// A flow ended (5.9.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowFinish {
    /// The subject of the flow. The API document spells the field `businessScence`; `businessScene`
    /// is also read.
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
    /// The state: 2 finished, 3 revoked, 4 ended because a signer refused or signing failed, 5
    /// expired.
    pub flow_status: FlowStatus,
    /// The reason why the flow ended before all signers had signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_description: Option<String>,
    /// The creation time, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    pub create_time: String,
    /// The end time, in the same format.
    pub end_time: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_payloads_of_the_api_document() {
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
        let json = serde_json::to_value(Callback::Finish(finish)).expect("plain data");
        assert_eq!(json["action"], "SIGN_FLOW_FINISH");
        assert_eq!(json["businessScence"], "买房子");
    }
}
