//! Seals as they should be.

use crate::diagnostic::Span;
use crate::manifest;
use crate::render::{Fingerprint, Fingerprinter, Salt};

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
}

/// A declared seal; none for a kind that cannot be made yet, which the manifest's check has refused.
pub(super) fn seal(seal: &manifest::Seal, salt: &Salt) -> Option<Seal> {
    let text = |text: &Option<manifest::Settled>| text.as_ref().map(|text| text.text.clone());
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
        manifest::SealSource::Image(_) => return None,
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
