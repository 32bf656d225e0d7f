//! `seals` and `templates`.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::value::{StaticText, parsed};

/// A seal (5.8), identified by account and alias. A seal cannot be changed: use a new alias for a
/// different seal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seal {
    /// The name of the account that owns the seal.
    pub account: StaticText,
    /// The seal's name at the API.
    pub alias: StaticText,
    /// The color of the seal.
    pub color: SealColor,
    /// Width of the signature field, in pixels.
    pub width: Option<Pixels>,
    /// Height of the signature field, in pixels.
    pub height: Option<Pixels>,
    /// The source of the seal.
    #[serde(rename = "$one")]
    pub source: SealSource,
    /// The manifest's folder, where its relative paths begin. Set when the project is loaded.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The color of a seal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum SealColor {
    Red,
    Blue,
    Black,
}

impl fmt::Display for SealColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A number of pixels, from 1.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct Pixels(#[schemars(range(min = 1))] pub u32);

impl<'de> Deserialize<'de> for Pixels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(
            deserializer,
            "it is a number of pixels, such as 159",
            Self(1),
            |text| {
                let pixels = text.parse().ok().filter(|pixels| *pixels > 0);
                pixels.map(Self)
            },
        )
    }
}

/// The source of a seal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SealSource {
    /// A seal that the API draws for a person (5.8.2).
    PersonTemplate(PersonTemplate),
    /// A seal that the API draws for an organization (5.8.3).
    OrganizationTemplate(OrganizationTemplate),
    /// The path of a PNG or JPEG image, relative to this file (5.8.4, 5.8.5).
    Image(StaticText),
}

/// A seal that the API draws for a person (5.8.2).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonTemplate {
    /// The shape of the seal.
    pub template_type: PersonSealShape,
    /// The text of the seal. Default: the person's name.
    pub text: Option<StaticText>,
}

/// The shape of a person's seal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum PersonSealShape {
    Square,
    Rectangle,
    Borderless,
}

impl fmt::Display for PersonSealShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A seal that the API draws for an organization (5.8.3).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganizationTemplate {
    /// The shape of the seal.
    pub template_type: OrganizationSealShape,
    /// The horizontal text.
    pub h_text: Option<StaticText>,
    /// The text along the lower edge.
    pub q_text: Option<StaticText>,
    /// The text along the upper edge.
    pub text: Option<StaticText>,
}

/// The shape of an organization's seal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum OrganizationSealShape {
    RoundStar,
    RoundNone,
    OvalStar,
    OvalNone,
}

impl fmt::Display for OrganizationSealShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A PDF form that documents are created from (5.3): a file of the project, or a template that was
/// created outside of treaty.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("dependencies" = {
    "file": ["templateName"], "templateName": ["file"], "fields": ["templateId"]
}))]
pub struct Template {
    /// The source of the template.
    #[serde(rename = "$one")]
    pub source: TemplateSource,
    /// The template's name at the API. Requires file.
    pub template_name: Option<StaticText>,
    /// The form fields of a template that was created outside of treaty. Requires templateId.
    #[serde(default)]
    pub fields: Vec<StaticText>,
    /// The manifest's folder, where its relative paths begin. Set when the project is loaded.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The source of a template.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TemplateSource {
    /// The path of the PDF, relative to this file. A changed file becomes a new template.
    File(StaticText),
    /// The id of a template that was created outside of treaty.
    TemplateId(StaticText),
}
