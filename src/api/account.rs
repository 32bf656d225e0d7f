//! Accounts (section 5.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::liberal;
use crate::address::AccountId;

/// Creates a person's account (5.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatePerson {
    /// The id of the person in the caller's system; unique, at most 50 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_id: Option<String>,
    /// Name.
    pub name: String,
    /// Number of the identity document.
    pub id_no: String,
    /// Type of the identity document: [`ID_TYPE`](super::code::ID_TYPE).
    pub id_type: i64,
    /// Mobile number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Creates an organization's account (5.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrganization {
    /// The id of the organization in the caller's system; unique, at most 50 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_id: Option<String>,
    /// The account of the person who acts for the organization. Also read as `agentAccountId`, as
    /// in the example of the API document.
    #[serde(alias = "agentAccountId")]
    pub creator_id: AccountId,
    /// Name.
    pub name: String,
    /// Number of the organization document.
    pub organ_code: String,
    /// Type of the organization document: [`ORGAN_TYPE`](super::code::ORGAN_TYPE).
    pub organ_type: i64,
    /// Name of the legal representative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    /// Identity document number of the legal representative; requires `legal_id_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_id_no: Option<String>,
    /// Type of the identity document of the legal representative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_id_type: Option<i64>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Updates a person's account (5.2.3). Absent fields keep their value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdatePerson {
    /// The account.
    pub account_id: AccountId,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mobile number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Updates an organization's account (5.2.4). Absent fields keep their value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateOrganization {
    /// The account.
    pub account_id: AccountId,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Name of the legal representative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
}

/// Permits the platform to sign for an account without asking: silent signing (5.2.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantSilentSign {
    /// The account that grants the permission.
    pub grant_account_id: AccountId,
    /// End of the grant, in milliseconds since 1970; no end if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
}

/// Withdraws the permission for silent signing (5.2.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokeSilentSign {
    /// The account that withdraws the permission.
    pub grant_account_id: AccountId,
}

/// Looks up the account of a `thirdId` (5.2.7). Code 1435204 means that it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeId {
    /// The id in the caller's system.
    pub third_id: String,
}

/// Deletes an account (5.2.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteAccount {
    /// The account.
    pub account_id: AccountId,
}

/// The id of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAnswer {
    /// The account.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
}
