//! Seals (section 5.8).

use serde::{Deserialize, Serialize};

use super::liberal;
use crate::address::{AccountId, FileKey, SealId};

/// Lists an account's seals (5.8.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuerySeals {
    /// Whose.
    pub account_id: AccountId,
}

/// One seal of an account. The image's URL lives for five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealEntry {
    /// The seal.
    #[serde(deserialize_with = "liberal::id")]
    pub seal_id: SealId,
    /// The name it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_alias: Option<String>,
    /// Its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_url: Option<String>,
}

/// Draws a person's seal (5.8.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePersonSeal {
    /// Whose.
    pub account_id: AccountId,
    /// Its name.
    pub alias: String,
    /// Width of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Height of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// The text on it; the account's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// SQUARE, RECTANGLE or BORDERLESS.
    pub template_type: String,
    /// RED, BLUE or BLACK.
    pub color: String,
}

/// Draws an organization's seal (5.8.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrganizationSeal {
    /// Whose.
    pub account_id: AccountId,
    /// Its name.
    pub alias: String,
    /// Width of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Height of the signature field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// The line across.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h_text: Option<String>,
    /// The line along the lower edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q_text: Option<String>,
    /// The text along the upper edge; the account's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `ROUND_STAR`, `ROUND_NONE`, `OVAL_STAR` or `OVAL_NONE`.
    pub template_type: String,
    /// RED, BLUE or BLACK.
    pub color: String,
}

/// Makes a person's seal of an uploaded image (5.8.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePersonImageSeal {
    /// Whose.
    pub account_id: AccountId,
    /// Its name.
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

/// Makes an organization's seal of an uploaded image (5.8.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreateOrganizationImageSeal(
    /// The fields are those of a person's image seal.
    pub CreatePersonImageSeal,
);

/// A seal's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealAnswer {
    /// The seal.
    #[serde(deserialize_with = "liberal::id")]
    pub seal_id: SealId,
    /// Whose it is.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "liberal::optional_id"
    )]
    pub account_id: Option<AccountId>,
}
