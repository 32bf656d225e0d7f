//! `accounts`: people and organizations.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::{StaticText, Value};
use crate::api::code::{IdType, OrganType};

/// A person, an organization, or an account that should not exist.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependencies" = { "absent": ["thirdId"], "thirdId": ["absent"] }))]
pub struct Account {
    /// The kind of account with its fields.
    #[serde(rename = "$one")]
    pub kind: AccountKind,
    /// The thirdId of the account to delete. Requires absent.
    pub third_id: Option<Value<String>>,
    /// Whether the platform may sign for the account without asking (5.2.5). Default: false, which
    /// withdraws a grant made by treaty.
    #[serde(default)]
    pub silent_sign: SilentSign,
    /// Whether deletion is forbidden. Default: false.
    #[serde(default)]
    pub protect: bool,
}

/// The kind of account. The variants differ in size, which does not matter for few accounts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant)]
pub enum AccountKind {
    /// A person.
    Person(Person),
    /// An organization.
    Organization(Organization),
    /// Must be true: the account with this thirdId is deleted if it exists.
    Absent(bool),
}

/// The account of a person (5.2.1). Only name, mobile and email can be changed later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Person {
    /// Your own id of the account, at most 50 bytes. It identifies the account.
    pub third_id: Value<String>,
    /// The name as in the identity document.
    pub name: Value<String>,
    /// Kind of the identity document, by name or number.
    pub id_type: Value<IdType>,
    /// Number of the identity document. Keep real numbers in environment variables:
    /// `"{{ env.CLERK_ID_NO }}"`, listed in treaty.yaml: `env: [CLERK_ID_NO]`.
    pub id_no: Value<String>,
    /// Mobile number.
    pub mobile: Option<Value<String>>,
    /// E-mail address.
    pub email: Option<Value<String>>,
}

/// The account of an organization (5.2.2). Only name, email and legalName can be changed later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependencies" = { "legalIdNo": ["legalIdType"] }))]
pub struct Organization {
    /// Your own id of the account, at most 50 bytes. It identifies the account.
    pub third_id: Value<String>,
    /// The name of the account of the person that acts for the organization.
    pub creator: StaticText,
    /// The name as in the registration document.
    pub name: Value<String>,
    /// Kind of the registration document, by name or number.
    pub organ_type: Value<OrganType>,
    /// Number of the registration document.
    pub organ_code: Value<String>,
    /// Name of the legal representative.
    pub legal_name: Option<Value<String>>,
    /// Number of the legal representative's identity document. Requires legalIdType.
    pub legal_id_no: Option<Value<String>>,
    /// Kind of the legal representative's identity document, by name or number.
    pub legal_id_type: Option<Value<IdType>>,
    /// E-mail address.
    pub email: Option<Value<String>>,
}

/// Whether the platform may sign for an account without asking (5.2.5).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$kind", rename_all = "camelCase")]
#[schemars(rename = "SilentSign", untagged)]
pub enum SilentSign {
    /// true: without a time limit.
    #[serde(rename = "scalar")]
    Granted(bool),
    /// Until a time.
    #[serde(rename = "mapping")]
    Until(SilentSignUntil),
}

impl Default for SilentSign {
    fn default() -> Self {
        Self::Granted(false)
    }
}

/// A time limit for silent signing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentSignUntil {
    /// The last day, such as 2027-12-31 (until its end, in Asia/Shanghai), or a time such as
    /// 2027-12-31 18:00:00.
    pub until: Value<String>,
}
