//! Templates as they should be: their files read, their form fields known.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;

use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{Fingerprint, Fingerprinter, Salt};
use crate::manifest::{self, path};
use crate::pdf;

/// A template as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Where it comes from.
    pub source: TemplateSource,
    /// The names of its form fields; none when they are not known.
    pub fields: Option<BTreeSet<String>>,
    /// Where it is declared.
    pub span: Span,
}

/// Where a template comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateSource {
    /// A PDF. A changed file is a new template.
    File {
        /// The name of the file.
        file_name: String,
        /// Its bytes.
        bytes: Bytes,
        /// The name that it has at the API.
        template_name: String,
        /// File and name.
        fingerprint: Fingerprint,
    },
    /// Made elsewhere.
    Adopted(String),
}

/// Reads a declared template.
pub(super) fn template(
    root: &Path,
    folder: &Path,
    template: &manifest::Template,
    salt: &Salt,
    findings: &mut Findings,
) -> Option<Template> {
    match &template.source {
        manifest::TemplateSource::Adopted {
            template_id,
            fields,
        } => Some(Template {
            source: TemplateSource::Adopted(template_id.text.clone()),
            fields: (!fields.is_empty()).then(|| fields.iter().cloned().collect()),
            span: template.span.clone(),
        }),
        manifest::TemplateSource::File {
            file,
            template_name,
        } => {
            let wrong =
                |message: String, hint: &str| Diagnostic::error(message).at(&file.span).hint(hint);
            let read = path::inside(root, folder, &file.text)
                .map_err(|why| wrong(why, "the template lies inside the project"))
                .and_then(|path| {
                    let bytes = std::fs::read(&path);
                    bytes.map_err(|error| {
                        wrong(
                            format!("{} cannot be read: {error}", file.text),
                            "check the path",
                        )
                    })
                })
                .and_then(|bytes| match pdf::fields(&bytes) {
                    Ok(fields) => Ok((bytes, fields)),
                    Err(error) => Err(wrong(
                        format!("{}: {error}", file.text),
                        "a template is a PDF, made in a PDF editor or exported",
                    )),
                });
            let (bytes, fields) = read.map_err(|diagnostic| findings.push(diagnostic)).ok()?;
            let mut print = Fingerprinter::new(salt);
            print.field("file", &blake3::hash(&bytes).to_hex());
            print.field("templateName", &template_name.text);
            let file_name = Path::new(&file.text).file_name().unwrap_or_default();
            Some(Template {
                source: TemplateSource::File {
                    file_name: file_name.to_string_lossy().into_owned(),
                    bytes: bytes.into(),
                    template_name: template_name.text.clone(),
                    fingerprint: print.finish(),
                },
                fields: Some(fields.into_iter().map(|field| field.name).collect()),
                span: template.span.clone(),
            })
        }
    }
}

impl TemplateSource {
    /// The fingerprint under which the ledger records the template; none for one that was made elsewhere.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::File { fingerprint, .. } => Some(*fingerprint),
            Self::Adopted(_) => None,
        }
    }
}
