//! Reads the files and form fields of declared templates.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;

use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::{Fingerprint, Fingerprinter, Salt};
use crate::manifest::{self, Named, path};
use crate::pdf::{self, FieldKind, FieldShape};
use crate::util::input_file;

/// The desired state of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The source of the template.
    pub source: TemplateSource,
    /// The names of the form fields, or `None` when they are unknown.
    pub fields: Option<BTreeSet<String>>,
    /// The room that the text fields have for their values, by name.
    pub shapes: BTreeMap<String, FieldShape>,
    /// The form fields that are not text fields, by name.
    pub other_fields: BTreeMap<String, FieldKind>,
    /// The location of the declaration.
    pub span: Span,
}

/// The source of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateSource {
    /// A PDF of the project. A changed file becomes a new template.
    File {
        /// The file name, without folders.
        file_name: String,
        /// The bytes of the file.
        bytes: Bytes,
        /// The template's name at the API.
        template_name: String,
        /// The fingerprint of file and name.
        fingerprint: Fingerprint,
    },
    /// The id of a template that was created outside of treaty.
    Adopted(String),
}

/// Reads a declared template. Adds an error to `findings` and returns `None` when its file is
/// invalid.
pub(super) fn template(
    root: &Path,
    template: &Named<manifest::Template>,
    salt: &Salt,
    findings: &mut Findings,
) -> Option<Template> {
    match &template.source {
        manifest::TemplateSource::TemplateId(template_id) => {
            let fields = template.fields.iter().map(|field| field.text.clone());
            Some(Template {
                source: TemplateSource::Adopted(template_id.text.clone()),
                fields: (!template.fields.is_empty()).then(|| fields.collect()),
                shapes: BTreeMap::new(),
                other_fields: BTreeMap::new(),
                span: template.span.clone(),
            })
        }
        manifest::TemplateSource::File(file) if file.is_placeholder => None,
        manifest::TemplateSource::File(file) => {
            // Loading the manifest reports a missing name.
            let template_name = template.template_name.as_ref()?;
            let error = |message: String, hint: Cow<'static, str>| {
                Diagnostic::error(message).at(&file.span).hint(hint)
            };
            let read = path::inside(root, &template.folder, &file.text)
                .map_err(|why| error(why, t!("use a file inside the project's folder")))
                .and_then(|path| {
                    let bytes = input_file::read(&path, input_file::MAX_DOCUMENT);
                    bytes.map_err(|cause| {
                        error(
                            t!(
                                "cannot read %{file}: %{error}",
                                file = file.text,
                                error = cause
                            )
                            .into_owned(),
                            cause.hint(t!("check the path and the file's permissions")),
                        )
                    })
                })
                .and_then(|bytes| match pdf::form(&bytes) {
                    Ok(form) => Ok((bytes, form)),
                    Err(cause) => Err(error(
                        format!("{}: {cause}", file.text),
                        cause
                            .hint()
                            .unwrap_or_else(|| t!("use a PDF file with form fields")),
                    )),
                });
            let (bytes, form) = read.map_err(|diagnostic| findings.push(diagnostic)).ok()?;
            let mut fingerprint = Fingerprinter::new(salt);
            fingerprint.field("file", &blake3::hash(&bytes).to_hex());
            fingerprint.field("templateName", &template_name.text);
            let file_name = Path::new(&file.text).file_name().unwrap_or_default();
            Some(Template {
                source: TemplateSource::File {
                    file_name: file_name.to_string_lossy().into_owned(),
                    bytes: bytes.into(),
                    template_name: template_name.text.clone(),
                    fingerprint: fingerprint.finish(),
                },
                fields: Some(form.text.iter().map(|(name, _)| name.clone()).collect()),
                shapes: form.text.into_iter().collect(),
                other_fields: form.other.into_iter().collect(),
                span: template.span.clone(),
            })
        }
    }
}

impl TemplateSource {
    /// Returns the fingerprint that identifies the template in the ledger, or `None` for a template
    /// that was created outside of treaty.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::File { fingerprint, .. } => Some(*fingerprint),
            Self::Adopted(_) => None,
        }
    }
}
