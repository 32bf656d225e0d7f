//! Flows of one document, and what can be done with a flow (sections 5.5 and 5.7).

use serde::{Deserialize, Serialize};

use super::liberal;
use crate::id::{AccountId, DocId, FlowId, SealId};

/// Creates a flow of one document, without signers yet (5.5.1).
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
    /// The document.
    #[serde(deserialize_with = "liberal::id")]
    pub doc_id: DocId,
    /// Its name in this flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_name: Option<String>,
}

/// A flow's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
}

/// Where a seal goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// 1 keyword, 2 page and coordinates, 3 across the seam of pages.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_integer"
    )]
    pub sign_type: Option<i64>,
    /// Pages: `1`, or `1-3,5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_page: Option<String>,
    /// Horizontal place, or offset from the keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_x: Option<f64>,
    /// Vertical place, or offset from the keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_y: Option<f64>,
    /// The keyword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Width that the seal is scaled to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// Lets the platform sign at once (5.5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformSignTask {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The seal; the platform's default seal when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
    /// Where the seal goes.
    pub pos_list: Vec<Position>,
}

/// The answer to a signature without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoSignAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// The account that signed.
    pub account_id: AccountId,
}

/// Asks a person to sign (5.5.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandPersonSignTask {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// The caller's own number, given back by callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// Who signs.
    pub account_id: AccountId,
    /// Kinds of seal allowed: numbers, separated by commas; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_type: Option<String>,
    /// Where the seal goes; the person chooses when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
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

/// Asks how far a flow is (5.5.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
}

/// How far a flow is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailAnswer {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// Its state, as section 5.5.7 numbers them.
    pub flow_status: FlowStatus,
    /// When it was made, as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// Its document.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_text"
    )]
    pub doc_id: Option<String>,
    /// The document's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_name: Option<String>,
    /// Its signers. Some answers call the list `signDetailList`.
    #[serde(default, alias = "signDetailList")]
    pub sign_detail: Vec<SignerDetail>,
}

/// One signer of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerDetail {
    /// Who signs.
    pub account_id: AccountId,
    /// The organization that he signs for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_org_id: Option<AccountId>,
    /// How far he is.
    pub sign_status: SignStatus,
    /// When he signed or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_time: Option<String>,
    /// What he said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_explain: Option<String>,
    /// When he received it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_time: Option<String>,
}

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The number on the wire.
            pub const fn number(self) -> i64 {
                match self { $(Self::$variant => $number,)* }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.number())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match liberal::integer(deserializer)? {
                    $($number => Ok(Self::$variant),)*
                    other => Err(serde::de::Error::custom(format!("{other} is no {}", stringify!($name)))),
                }
            }
        }
    };
}

statuses! {
    /// The state of a flow (5.5.7).
    FlowStatus {
        /// No signer was added yet.
        Draft = 0,
        /// People are signing.
        Signing = 1,
        /// All have signed.
        Finished = 2,
        /// The caller ended it.
        Revoked = 3,
        /// It ended for another reason.
        Ended = 4,
        /// Its time ran out.
        Expired = 5,
        /// It was deleted.
        Deleted = 6,
        /// Somebody refused.
        Rejected = 7,
    }
}

statuses! {
    /// The state of a signer in a flow (5.5.7).
    SignStatus {
        /// Has not signed.
        Pending = 0,
        /// Is signing.
        Signing = 1,
        /// Has signed.
        Signed = 2,
        /// It ended.
        Ended = 3,
        /// The task was taken back.
        Withdrawn = 4,
    }
}

/// Asks where the signed documents can be downloaded (5.7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
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

/// Takes back one signer's task, as long as he has not signed (5.7.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoTask {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
    /// Whose task.
    pub account_id: AccountId,
}

/// Ends a flow before all have signed (5.7.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoke {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
}

/// Ends a flow that all have signed (5.7.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// The flow.
    #[serde(deserialize_with = "liberal::id")]
    pub flow_id: FlowId,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of section 5.5.7, and the other spellings that were seen.
    #[test]
    fn details_are_read_liberally() {
        for body in [
            r#"{"flowId":"100","flowStatus":1,"startTime":"2018-06-05 11:57:03","signStatus":1,"docId":"138","docName":"测试文档",
                "signDetail":[{"accountId":"8b33","authorizationOrgId":"7ee3","signStatus":0}]}"#,
            r#"{"flowId":100,"flowStatus":"1","docId":138,"signDetailList":[{"accountId":"8b33","signStatus":"0"}]}"#,
        ] {
            let detail: DetailAnswer = serde_json::from_str(body).expect("a detail");
            assert_eq!(detail.flow_id.as_str(), "100");
            assert_eq!(detail.flow_status, FlowStatus::Signing);
            assert_eq!(detail.sign_detail[0].sign_status, SignStatus::Pending);
        }
    }
}
