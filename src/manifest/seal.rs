//! Decodes `seals` and `templates`.

use std::num::NonZeroU32;

use super::decode::{Decoder, StaticText};
use super::yaml::Node;
use crate::api::code::{ORGANIZATION_SEAL_TEMPLATES, PERSON_SEAL_TEMPLATES, SEAL_COLORS};
use crate::diagnostic::Span;

/// A declared seal (5.8).
#[derive(Debug)]
pub struct Seal {
    /// The seal's name in the manifests.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The account that the seal belongs to.
    pub account: StaticText,
    /// The seal's name at the API.
    pub alias: StaticText,
    /// The color: RED, BLUE or BLACK.
    pub color: StaticText,
    /// Width of the signature field, in pixels.
    pub width: Option<i64>,
    /// Height of the signature field, in pixels.
    pub height: Option<i64>,
    /// The source of the seal.
    pub source: SealSource,
}

/// The source of a seal.
#[derive(Debug)]
pub enum SealSource {
    /// A seal that the API draws for a person (5.8.2).
    Person {
        /// SQUARE, RECTANGLE or BORDERLESS.
        template_type: StaticText,
        /// The text of the seal.
        text: Option<StaticText>,
    },
    /// A seal that the API draws for an organization (5.8.3).
    Organization {
        /// `ROUND_STAR`, `ROUND_NONE`, `OVAL_STAR` or `OVAL_NONE`.
        template_type: StaticText,
        /// The horizontal text.
        h_text: Option<StaticText>,
        /// The text along the lower edge.
        q_text: Option<StaticText>,
        /// The text along the upper edge.
        text: Option<StaticText>,
    },
    /// The path of an image (5.8.4, 5.8.5).
    Image(StaticText),
}

/// A declared template (5.3).
#[derive(Debug)]
pub struct Template {
    /// The template's name in the manifests.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The source of the template.
    pub source: TemplateSource,
}

/// The source of a template.
#[derive(Debug)]
pub enum TemplateSource {
    /// A PDF in the project.
    File {
        /// The path of the PDF.
        file: StaticText,
        /// The template's name at the API.
        template_name: StaticText,
    },
    /// A template that was created outside of treaty.
    Adopted {
        /// The template's id at the API.
        template_id: StaticText,
        /// The names of its form fields. Empty when they are unknown.
        fields: Vec<String>,
    },
}

/// Decodes a seal.
pub(super) fn seal(
    decoder: &mut Decoder<'_>,
    name: &str,
    span: &Span,
    node: &Node,
) -> Option<Seal> {
    let mut fields = decoder.fields(node, "a seal")?;
    let account = fields.settled(decoder, "account");
    let alias = fields.settled(decoder, "alias");
    let color = fields
        .settled(decoder, "color")
        .filter(|color| one_of(decoder, color, "color", SEAL_COLORS));
    let mut size = |name: &'static str| {
        let node = fields.optional(name)?;
        let pixels: NonZeroU32 = decoder.parsed(node, name, "as a number of pixels: 159")?;
        Some(i64::from(pixels.get()))
    };
    let (width, height) = (size("width"), size("height"));
    let person = fields.optional("personTemplate");
    let organization = fields.optional("organizationTemplate");
    let image = fields.optional("image");
    let source = match (person, organization, image) {
        (Some(node), None, None) => person_template(decoder, node),
        (None, Some(node), None) => organization_template(decoder, node),
        (None, None, Some(node)) => decoder.settled(node, "image").map(SealSource::Image),
        _ => {
            decoder.error(
                span,
                format!("the seal {name} has no kind or several kinds"),
                "set exactly one of personTemplate, organizationTemplate and image",
            );
            None
        }
    };
    fields.finish(decoder);
    Some(Seal {
        name: name.to_owned(),
        span: span.clone(),
        account: account?,
        alias: alias?,
        color: color?,
        width,
        height,
        source: source?,
    })
}

fn person_template(decoder: &mut Decoder<'_>, node: &Node) -> Option<SealSource> {
    let mut fields = decoder.fields(node, "personTemplate")?;
    let template_type = fields.settled(decoder, "templateType");
    let text = fields.optional_settled(decoder, "text");
    fields.finish(decoder);
    let template_type = template_type
        .filter(|shape| one_of(decoder, shape, "templateType", PERSON_SEAL_TEMPLATES))?;
    Some(SealSource::Person {
        template_type,
        text,
    })
}

fn organization_template(decoder: &mut Decoder<'_>, node: &Node) -> Option<SealSource> {
    let mut fields = decoder.fields(node, "organizationTemplate")?;
    let template_type = fields.settled(decoder, "templateType");
    let h_text = fields.optional_settled(decoder, "hText");
    let q_text = fields.optional_settled(decoder, "qText");
    let text = fields.optional_settled(decoder, "text");
    fields.finish(decoder);
    let template_type = template_type
        .filter(|shape| one_of(decoder, shape, "templateType", ORGANIZATION_SEAL_TEMPLATES))?;
    Some(SealSource::Organization {
        template_type,
        h_text,
        q_text,
        text,
    })
}

/// Reports an error and returns false when the value is not one of `choices`.
fn one_of(decoder: &mut Decoder<'_>, given: &StaticText, what: &str, choices: &[&str]) -> bool {
    let known = choices.contains(&given.text.as_str());
    if !known {
        decoder.error(
            &given.span,
            format!("{what} cannot be {}", given.text),
            format!("it is one of {}", choices.join(", ")),
        );
    }
    known
}

/// Decodes a template.
pub(super) fn template(
    decoder: &mut Decoder<'_>,
    name: &str,
    span: &Span,
    node: &Node,
) -> Option<Template> {
    let mut fields = decoder.fields(node, "a template")?;
    let source = if let Some(id) = fields.optional("templateId") {
        let known = fields.optional("fields");
        let list = known.map_or(&[][..], |node| decoder.list(node, "fields"));
        let known = list
            .iter()
            .filter_map(|node| decoder.settled(node, "a field"))
            .map(|field| field.text);
        let known = known.collect();
        decoder
            .settled(id, "templateId")
            .map(|template_id| TemplateSource::Adopted {
                template_id,
                fields: known,
            })
    } else {
        let file = fields.settled(decoder, "file");
        let template_name = fields.settled(decoder, "templateName");
        file.zip(template_name)
            .map(|(file, template_name)| TemplateSource::File {
                file,
                template_name,
            })
    };
    fields.finish(decoder);
    Some(Template {
        name: name.to_owned(),
        span: span.clone(),
        source: source?,
    })
}
