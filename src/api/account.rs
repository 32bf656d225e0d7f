//! Accounts (section 5.2).

use serde::{Deserialize, Serialize};

use super::liberal;
use crate::address::AccountId;

/// Creates a person's account (5.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePerson {
    /// The caller's own id of the person; unique, at most 50 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_id: Option<String>,
    /// Name.
    pub name: String,
    /// Number of the identity document.
    pub id_no: String,
    /// Kind of the identity document, as the appendix numbers them.
    pub id_type: i64,
    /// Mobile number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Creates an organization's account (5.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrganization {
    /// The caller's own id of the organization; unique, at most 50 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_id: Option<String>,
    /// The account of the person who acts for it. The document's example calls it `agentAccountId`, which is read too.
    #[serde(alias = "agentAccountId")]
    pub creator_id: AccountId,
    /// Name.
    pub name: String,
    /// Number of the organization's document.
    pub organ_code: String,
    /// Kind of that document, as the appendix numbers them.
    pub organ_type: i64,
    /// Name of the legal representative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    /// The representative's identity document; needs `legal_id_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_id_no: Option<String>,
    /// Kind of the representative's identity document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_id_type: Option<i64>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Updates a person's account (5.2.3); what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdatePerson {
    /// Whose.
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

/// Updates an organization's account (5.2.4); what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateOrganization {
    /// Whose.
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

/// Lets the platform sign for an account without asking (5.2.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantSilentSign {
    /// Who grants it.
    pub grant_account_id: AccountId,
    /// Until when, in milliseconds since 1970; forever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
}

/// Withdraws a grant (5.2.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeSilentSign {
    /// Who withdraws it.
    pub grant_account_id: AccountId,
}

/// Asks for the account of a `thirdId` (5.2.7). Code 1435204 means that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeId {
    /// The caller's own id.
    pub third_id: String,
}

/// Deletes an account (5.2.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteAccount {
    /// Which.
    pub account_id: AccountId,
}

/// An account's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAnswer {
    /// The account.
    #[serde(deserialize_with = "liberal::id")]
    pub account_id: AccountId,
}
