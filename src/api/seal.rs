//! Seals (section 5.8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::liberal;
use crate::address::{AccountId, FileKey, SealId};

/// Lists the seals of an account (5.8.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuerySeals {
    /// The account.
    pub account_id: AccountId,
}

/// A seal of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealEntry {
    /// The seal.
    #[serde(deserialize_with = "liberal::id")]
    pub seal_id: SealId,
    /// The alias of the seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_alias: Option<String>,
    /// The URL of the image, valid for five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_url: Option<String>,
}

/// Creates a seal for a person from a shape (5.8.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatePersonSeal {
    /// The account.
    pub account_id: AccountId,
    /// The alias of the seal.
    pub alias: String,
    /// Width of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Height of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// The text of the seal; the account name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// SQUARE, RECTANGLE or BORDERLESS.
    pub template_type: String,
    /// RED, BLUE or BLACK.
    pub color: String,
}

/// Creates a seal for an organization from a shape (5.8.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrganizationSeal {
    /// The account.
    pub account_id: AccountId,
    /// The alias of the seal.
    pub alias: String,
    /// Width of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Height of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// The horizontal text in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h_text: Option<String>,
    /// The text along the lower edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q_text: Option<String>,
    /// The text along the upper edge; the account name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `ROUND_STAR`, `ROUND_NONE`, `OVAL_STAR` or `OVAL_NONE`.
    pub template_type: String,
    /// RED, BLUE or BLACK.
    pub color: String,
}

/// Creates a seal for a person from an uploaded image (5.8.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatePersonImageSeal {
    /// The account.
    pub account_id: AccountId,
    /// The alias of the seal.
    pub alias: String,
    /// Width of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Height of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// RED, BLUE or BLACK.
    pub color: String,
    /// The uploaded image.
    pub file_key: FileKey,
}

/// Creates a seal for an organization from an uploaded image (5.8.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CreateOrganizationImageSeal(
    /// The fields, the same as for a person.
    pub CreatePersonImageSeal,
);

/// The id of a seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealAnswer {
    /// The seal.
    #[serde(deserialize_with = "liberal::id")]
    pub seal_id: SealId,
    /// The account of the seal.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_id"
    )]
    pub account_id: Option<AccountId>,
}
