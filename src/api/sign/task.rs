//! The requests that add a signer to a flow (5.5.2–5.5.6, 5.6.2–5.6.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, FlowId, SealId};
use crate::api::strict;

/// Adds a signer to a flow. `S` is the signer, `D` the documents with the positions of the seal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignTask<S, D> {
    /// The flow.
    #[serde(deserialize_with = "strict::id")]
    #[schemars(schema_with = "strict::id_schema")]
    pub flow_id: FlowId,
    /// The order number in the caller's system; callbacks return it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_order_no: Option<String>,
    /// The signer.
    #[serde(flatten)]
    pub signer: S,
    /// The documents.
    #[serde(flatten)]
    pub docs: D,
}

/// The platform, which signs immediately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformSigner {
    /// The seal; the default seal of the platform if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
}

/// An account that granted silent signing: the platform signs for it immediately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSigner {
    /// The account that signs: a person or an organization.
    pub account_id: AccountId,
    /// The seal; the default seal of the account if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<SealId>,
    /// Whether the account owner is notified after signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_sign_message: Option<bool>,
}

/// A person who is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonSigner {
    /// The account of the signer.
    pub account_id: AccountId,
    /// The allowed types of seals: numbers, separated by commas; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_type: Option<String>,
}

/// A person who is asked to sign for an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSigner {
    /// The account of the person who signs for the organization.
    pub account_id: AccountId,
    /// The organization for which the person signs.
    pub authorization_org_id: AccountId,
}

/// A person who is asked to sign for themselves and for an organization in one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonAndOrganizationSigner {
    /// The account of the signer.
    pub account_id: AccountId,
    /// The organization for which the person signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_org_id: Option<AccountId>,
}

/// A signer of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningMethod {
    /// The platform, automatically.
    Platform(PlatformSigner),
    /// An account that granted silent signing, automatically.
    User(UserSigner),
    /// A person.
    Person(PersonSigner),
    /// A person for an organization.
    Organization(OrganizationSigner),
    /// A person for themselves and for an organization.
    PersonAndOrganization(PersonAndOrganizationSigner),
}
