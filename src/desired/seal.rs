//! Seals as they should be.

use bytes::Bytes;

use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{Fingerprint, Fingerprinter, Salt};
use crate::manifest::{self, Project};

/// A seal as it should be. Its account and alias are what it is known by; nothing else of it can be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    /// The name of its account in the manifests.
    pub account: String,
    /// Its name at the API.
    pub alias: String,
    /// RED, BLUE or BLACK.
    pub color: String,
    /// Width of the signature field.
    pub width: Option<i64>,
    /// Height of the signature field.
    pub height: Option<i64>,
    /// How it is made.
    pub source: SealSource,
    /// Everything but account and alias.
    pub fingerprint: Fingerprint,
    /// Where it is declared.
    pub span: Span,
}

/// How a seal is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealSource {
    /// Drawn for a person (5.8.2).
    Person {
        /// Its shape.
        template_type: String,
        /// The text on it.
        text: Option<String>,
    },
    /// Drawn for an organization (5.8.3).
    Organization {
        /// Its shape.
        template_type: String,
        /// The line across.
        h_text: Option<String>,
        /// The line along the lower edge.
        q_text: Option<String>,
        /// The text along the upper edge.
        text: Option<String>,
    },
    /// An image (5.8.4, 5.8.5).
    Image {
        /// The name of the file.
        file_name: String,
        /// Its type.
        content_type: &'static str,
        /// Its bytes.
        bytes: Bytes,
        /// Whether it is a person's.
        of_person: bool,
    },
}

/// A declared seal; its image is read.
pub(super) fn seal(
    project: &Project,
    seal: &manifest::Seal,
    salt: &Salt,
    findings: &mut Findings,
) -> Option<Seal> {
    let text = |text: &Option<manifest::StaticText>| text.as_ref().map(|text| text.text.clone());
    let source = match &seal.source {
        manifest::SealSource::Person {
            template_type,
            text: own,
        } => SealSource::Person {
            template_type: template_type.text.clone(),
            text: text(own),
        },
        manifest::SealSource::Organization {
            template_type,
            h_text,
            q_text,
            text: own,
        } => SealSource::Organization {
            template_type: template_type.text.clone(),
            h_text: text(h_text),
            q_text: text(q_text),
            text: text(own),
        },
        manifest::SealSource::Image(file) => image(project, seal, file, findings)?,
    };
    let mut print = Fingerprinter::new(salt);
    print.field("color", &seal.color.text);
    let mut optional = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            print.field(name, &value);
        }
    };
    optional("width", seal.width.map(|number| number.to_string()));
    optional("height", seal.height.map(|number| number.to_string()));
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
        color: seal.color.text.clone(),
        width: seal.width,
        height: seal.height,
        source,
        fingerprint: print.finish(),
        span: seal.span.clone(),
    })
}

/// Reads an image, and sees what it is by its first bytes.
fn image(
    project: &Project,
    seal: &manifest::Seal,
    file: &manifest::StaticText,
    findings: &mut Findings,
) -> Option<SealSource> {
    let mut wrong = |message: String, hint: &str| {
        findings.push(Diagnostic::error(message).at(&file.span).hint(hint));
    };
    let folder = project
        .seal_folders
        .get(&seal.name)
        .unwrap_or(&project.root);
    let path = match manifest::path::inside(&project.root, folder, &file.text) {
        Ok(path) => path,
        Err(why) => {
            wrong(why, "images lie inside the project");
            return None;
        }
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) => {
            wrong(
                format!("{} cannot be read: {error}", file.text),
                "check the path",
            );
            return None;
        }
    };
    let content_type = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        "image/jpeg"
    } else {
        wrong(
            format!("{} is neither PNG nor JPEG", file.text),
            "save it as PNG, with a transparent background",
        );
        return None;
    };
    let of_person = matches!(
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
        of_person,
    })
}
