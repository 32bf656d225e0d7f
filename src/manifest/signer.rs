//! `signers`: signing methods, signing order and seal positions.

use schemars::JsonSchema;
use serde::Deserialize;

use super::collections::{FieldMap, List};
use super::value::{StaticText, Value};
use crate::api::code::SealType;
use crate::expr::Expr;

/// A signer with a signing method.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signer {
    /// The signing method.
    #[serde(rename = "$one")]
    pub kind: SignerKind,
    /// The signers that must have signed before this one is added.
    #[serde(default)]
    pub after: Vec<StaticText>,
}

/// The five signing methods (5.5.2–5.5.6).
// There is one for each declared signer: its size costs nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SignerKind {
    /// The platform signs automatically (5.5.2).
    Platform(PlatformSigner),
    /// The platform signs automatically for an account that granted silentSign (5.5.3).
    User(UserSigner),
    /// A person signs (5.5.4).
    Person(PersonSigner),
    /// A person signs for an organization (5.5.5).
    Organization(OrganizationSigner),
    /// A person signs in person and for an organization in one task (5.5.6).
    PersonAndOrganization(PersonAndOrganizationSigner),
}

/// The platform signs automatically (5.5.2).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformSigner {
    /// The seal positions, at least one.
    #[schemars(extend("minItems" = 1, "minProperties" = 1))]
    pub positions: Positions,
    /// A seal's name in the manifests. Default: the platform's default seal.
    pub seal: Option<StaticText>,
    /// The password of an encrypted document.
    pub doc_pwd: Option<Value<String>>,
}

/// The platform signs automatically for an account that granted silentSign (5.5.3).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSigner {
    /// The name of an account with silentSign.
    pub account: StaticText,
    /// The seal positions, at least one.
    #[schemars(extend("minItems" = 1, "minProperties" = 1))]
    pub positions: Positions,
    /// A seal's name in the manifests. Default: the account's default seal.
    pub seal: Option<StaticText>,
    /// The password of an encrypted document.
    pub doc_pwd: Option<Value<String>>,
    /// Whether the account owner is notified after signing.
    pub notice_sign_message: Option<Value<bool>>,
}

/// A person signs (5.5.4).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonSigner {
    /// The name of the person's account, of the row or of the project.
    pub account: StaticText,
    /// The kinds of seal that the signer may use. Default: any.
    #[serde(default)]
    pub seal_type: Vec<Value<SealType>>,
    /// The seal positions. Default: the signer chooses.
    #[serde(default)]
    pub positions: Positions,
}

/// A person signs for an organization (5.5.5).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganizationSigner {
    /// The name of the person's account.
    pub account: StaticText,
    /// The name of the organization's account.
    pub organization: StaticText,
    /// The seal positions. Default: the signer chooses.
    #[serde(default)]
    pub positions: Positions,
}

/// A person signs in person and for an organization in one task (5.5.6).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonAndOrganizationSigner {
    /// The name of the person's account.
    pub account: StaticText,
    /// The name of the organization's account.
    pub organization: Option<StaticText>,
    /// The seal positions. Default: the signer chooses.
    #[serde(default)]
    pub positions: Positions,
}

impl SignerKind {
    /// Returns the field name that declares the signing method.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Platform(_) => "platform",
            Self::User(_) => "user",
            Self::Person(_) => "person",
            Self::Organization(_) => "organization",
            Self::PersonAndOrganization(_) => "personAndOrganization",
        }
    }

    /// Returns the account that signs; none for the platform.
    pub fn account(&self) -> Option<&StaticText> {
        match self {
            Self::Platform(_) => None,
            Self::User(signer) => Some(&signer.account),
            Self::Person(signer) => Some(&signer.account),
            Self::Organization(signer) => Some(&signer.account),
            Self::PersonAndOrganization(signer) => Some(&signer.account),
        }
    }

    /// Returns the organization that the account signs for.
    pub fn organization(&self) -> Option<&StaticText> {
        match self {
            Self::Platform(_) | Self::User(_) | Self::Person(_) => None,
            Self::Organization(signer) => Some(&signer.organization),
            Self::PersonAndOrganization(signer) => signer.organization.as_ref(),
        }
    }

    /// Returns the seal of an automatic signer.
    pub fn seal(&self) -> Option<&StaticText> {
        match self {
            Self::Platform(signer) => signer.seal.as_ref(),
            Self::User(signer) => signer.seal.as_ref(),
            _ => None,
        }
    }

    /// Returns the document password of an automatic signer.
    pub fn doc_pwd(&self) -> Option<&Value<String>> {
        match self {
            Self::Platform(signer) => signer.doc_pwd.as_ref(),
            Self::User(signer) => signer.doc_pwd.as_ref(),
            _ => None,
        }
    }

    /// Returns the seal positions.
    pub fn positions(&self) -> &Positions {
        match self {
            Self::Platform(signer) => &signer.positions,
            Self::User(signer) => &signer.positions,
            Self::Person(signer) => &signer.positions,
            Self::Organization(signer) => &signer.positions,
            Self::PersonAndOrganization(signer) => &signer.positions,
        }
    }

    /// Returns whether the signer signs without being asked.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Self::Platform(_) | Self::User(_))
    }
}

/// The seal positions: a list for the only document of the flow, or a map from document names to
/// lists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$kind")]
#[schemars(rename = "Positions", untagged)]
pub enum Positions {
    /// Positions in the only document of the flow.
    #[serde(rename = "sequence")]
    Single(List<Position>),
    /// Positions by document name.
    #[serde(rename = "mapping")]
    ByDocument(FieldMap<List<Position>>),
}

impl Default for Positions {
    fn default() -> Self {
        Self::Single(List::default())
    }
}

/// A seal position: at a keyword (signType 1), at coordinates on pages (2), or across the seam of
/// pages (3).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependencies" = { "page": ["posX", "posY"] }))]
pub struct Position {
    /// The kind of position (`signType`).
    #[serde(rename = "$one")]
    pub anchor: Anchor,
    /// Horizontal coordinate on the page, or offset from the keyword. Default: 0.
    pub pos_x: Option<Value<f64>>,
    /// Vertical coordinate on the page, or offset from the keyword. Default: 0.
    pub pos_y: Option<Value<f64>>,
    /// Width of the scaled seal. Default: the seal's own width.
    pub scale: Option<Value<f64>>,
}

/// The kind of position (`signType`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Anchor {
    /// A word of the document's page text. The seal is placed beside it.
    Keyword(Value<String>),
    /// Pages: "1" or "1-3,5". Needs posX and posY.
    Page(Value<String>),
    /// The pages of a cross-page seal: "1-3".
    Seam(Value<String>),
}

impl Anchor {
    /// Returns the expression of the keyword or of the pages.
    pub fn expr(&self) -> &Expr {
        let (Self::Keyword(expr) | Self::Page(expr) | Self::Seam(expr)) = self;
        expr
    }
}
