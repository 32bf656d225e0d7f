//! Renders declared seals and reads their images.

use std::borrow::Cow;

use bytes::Bytes;

use super::seal_image::{self, ImageError};
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{Fingerprint, Fingerprinter, Salt};
use crate::manifest::{self, Named, Project, StaticText};
use crate::util::input_file;

/// The desired state of a seal. Account and alias identify it; the API cannot change its other
/// fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    /// The name of its account in the manifests.
    pub account: String,
    /// The seal's name at the API.
    pub alias: String,
    /// The color: RED, BLUE or BLACK.
    pub color: String,
    /// Width of the signature field, in pixels.
    pub width: Option<i64>,
    /// Height of the signature field, in pixels.
    pub height: Option<i64>,
    /// The source of the seal.
    pub source: SealSource,
    /// The fingerprint of all fields except account and alias.
    pub fingerprint: Fingerprint,
    /// The location of the declaration.
    pub span: Span,
}

/// The source of a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealSource {
    /// A seal that the API draws for a person (5.8.2).
    Person {
        /// The shape (`templateType`).
        template_type: String,
        /// The text of the seal.
        text: Option<String>,
    },
    /// A seal that the API draws for an organization (5.8.3).
    Organization {
        /// The shape (`templateType`).
        template_type: String,
        /// The horizontal text.
        h_text: Option<String>,
        /// The text along the lower edge.
        q_text: Option<String>,
        /// The text along the upper edge.
        text: Option<String>,
    },
    /// An image file (5.8.4, 5.8.5).
    Image {
        /// The file name, without folders.
        file_name: String,
        /// The MIME type of the image.
        content_type: &'static str,
        /// The bytes of the file.
        bytes: Bytes,
        /// Whether the account of the seal is a person.
        is_person: bool,
    },
}

/// Renders a declared seal and reads its image. Adds errors to `findings` and returns `None` when
/// the image is invalid.
pub(super) fn seal(
    project: &Project,
    seal: &Named<manifest::Seal>,
    salt: &Salt,
    findings: &mut Findings,
) -> Option<Seal> {
    if seal.account.is_placeholder || seal.alias.is_placeholder {
        return None;
    }
    let text = |text: &Option<StaticText>| text.as_ref().map(|text| text.text.clone());
    let source = match &seal.source {
        manifest::SealSource::PersonTemplate(template) => SealSource::Person {
            template_type: template.template_type.to_string(),
            text: text(&template.text),
        },
        manifest::SealSource::OrganizationTemplate(template) => SealSource::Organization {
            template_type: template.template_type.to_string(),
            h_text: text(&template.h_text),
            q_text: text(&template.q_text),
            text: text(&template.text),
        },
        manifest::SealSource::Image(file) if file.is_placeholder => return None,
        manifest::SealSource::Image(file) => image(project, seal, file, findings)?,
    };
    let mut fingerprint = Fingerprinter::new(salt);
    let (color, width, height) = (seal.color.to_string(), seal.width, seal.height);
    let pixels = |size: Option<manifest::Pixels>| size.map(|size| i64::from(size.0));
    let (width, height) = (pixels(width), pixels(height));
    fingerprint.field("color", &color);
    let mut optional = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fingerprint.field(name, &value);
        }
    };
    optional("width", width.map(|number| number.to_string()));
    optional("height", height.map(|number| number.to_string()));
    match source.clone() {
        SealSource::Person {
            template_type,
            text,
        } => {
            optional("templateType", Some(template_type));
            optional("text", text);
        }
        SealSource::Organization {
            template_type,
            h_text,
            q_text,
            text,
        } => {
            optional("templateType", Some(template_type));
            optional("hText", h_text);
            optional("qText", q_text);
            optional("text", text);
        }
        SealSource::Image { bytes, .. } => {
            optional("image", Some(blake3::hash(&bytes).to_hex().to_string()));
        }
    }
    Some(Seal {
        account: seal.account.text.clone(),
        alias: seal.alias.text.clone(),
        color,
        width,
        height,
        source,
        fingerprint: fingerprint.finish(),
        span: seal.span.clone(),
    })
}

/// Reads an image and detects its type by the first bytes.
fn image(
    project: &Project,
    seal: &Named<manifest::Seal>,
    file: &StaticText,
    findings: &mut Findings,
) -> Option<SealSource> {
    let mut error = |message: String, hint: Cow<'static, str>| {
        findings.push(Diagnostic::error(message).at(&file.span).hint(hint));
    };
    let path = match manifest::path::inside(&project.root, &seal.folder, &file.text) {
        Ok(path) => path,
        Err(why) => {
            error(why, t!("use a file inside the project's folder"));
            return None;
        }
    };
    let bytes = match input_file::read(&path, input_file::MAX_DOCUMENT) {
        Ok(bytes) => Bytes::from(bytes),
        Err(cause) => {
            error(
                t!(
                    "cannot read %{file}: %{error}",
                    file = file.text,
                    error = cause
                )
                .into_owned(),
                cause.hint(t!("check the path and the file's permissions")),
            );
            return None;
        }
    };
    let content_type = match seal_image::content_type(&bytes) {
        Ok(content_type) => content_type,
        Err(ImageError::Unknown) => {
            error(
                t!("%{file} is neither PNG nor JPEG", file = file.text).into_owned(),
                t!("save it as PNG with a transparent background"),
            );
            return None;
        }
        Err(ImageError::CutOff) => {
            error(
                t!(
                    "%{file} is cut off: the end of the image is missing",
                    file = file.text
                )
                .into_owned(),
                t!("copy or export the image again, and wait until it is complete"),
            );
            return None;
        }
    };
    let is_person = matches!(
        project
            .accounts
            .get(&seal.account.text)
            .map(|account| &account.kind),
        Some(manifest::AccountKind::Person(_))
    );
    Some(SealSource::Image {
        file_name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        content_type,
        bytes,
        is_person,
    })
}
