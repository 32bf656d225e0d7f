//! Flows with one document (section 5.5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detail::{FlowDetail, SignTimes};
use super::position::Position;
use super::process::ProcessDoc;
use super::task::{
    OrganizationSigner, PersonAndOrganizationSigner, PersonSigner, PlatformSigner, SignTask,
    UserSigner,
};
use crate::address::FlowId;
use crate::api::{liberal, strict};

/// Creates a flow with one document and without signers (5.5.1).
pub type AddProcess = super::process::AddProcess<ProcessDoc>;

/// The positions of an automatic signature (5.5.2, 5.5.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoPositions {
    /// The password of an encrypted document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_pwd: Option<String>,
    /// The positions of the seal.
    pub pos_list: Vec<Position>,
}

/// The positions at which a person is asked to sign (5.5.4–5.5.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandPositions {
    /// The positions of the seal; the signer chooses if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_list: Option<Vec<Position>>,
}

/// Lets the platform sign immediately (5.5.2).
pub type PlatformSignTask = SignTask<PlatformSigner, AutoPositions>;
/// Signs immediately for an account that granted silent signing (5.5.3).
pub type UserSignTask = SignTask<UserSigner, AutoPositions>;
/// Asks a person to sign (5.5.4).
pub type HandPersonSignTask = SignTask<PersonSigner, HandPositions>;
/// Asks a person to sign for an organization (5.5.5).
pub type HandOrgSignTask = SignTask<OrganizationSigner, HandPositions>;
/// Asks a person to sign for themselves and for an organization in one task (5.5.6).
pub type HandSignTask = SignTask<PersonAndOrganizationSigner, HandPositions>;

/// Requests the state of a flow (5.5.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
}

/// The state of a flow, its document and its signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailAnswer {
    /// The flow and its signers.
    #[serde(flatten)]
    pub flow: FlowDetail<SignTimes>,
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{FlowStatus, SignStatus};

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
            assert_eq!(detail.flow.flow_id.as_str(), "100");
            assert_eq!(detail.flow.flow_status, FlowStatus::Signing);
            let signers = detail.flow.signers().expect("signers");
            assert_eq!(signers[0].sign_status, SignStatus::Pending);
        }
    }
}
