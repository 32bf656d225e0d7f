//! Loads and saves PDFs and reads their form fields.

use std::borrow::Cow;

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use super::error::PdfError;
use super::integrity::check_ends;

/// The kind of a form field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A text field.
    Text,
    /// A check box.
    CheckBox,
    /// A group of radio buttons.
    RadioButtons,
    /// A button.
    Button,
    /// A list from which a value is chosen.
    List,
    /// A field for a digital signature.
    Signature,
}

impl FieldKind {
    /// Returns the name with an article.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Text => t!("a text field"),
            Self::CheckBox => t!("a check box"),
            Self::RadioButtons => t!("a group of radio buttons"),
            Self::Button => t!("a button"),
            Self::List => t!("a drop-down list"),
            Self::Signature => t!("a signature field"),
        }
    }

    fn of(field: &Dictionary) -> Option<Self> {
        let flags = field.get(b"Ff").and_then(Object::as_i64).unwrap_or(0);
        Some(match field.get(b"FT").and_then(Object::as_name).ok()? {
            b"Tx" => Self::Text,
            b"Btn" if flags & (1 << 15) != 0 => Self::RadioButtons,
            b"Btn" if flags & (1 << 16) != 0 => Self::Button,
            b"Btn" => Self::CheckBox,
            b"Ch" => Self::List,
            b"Sig" => Self::Signature,
            _ => return None,
        })
    }
}

/// A form field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The full name: the names of its ancestors and its own name, joined by dots.
    pub name: String,
    /// The widget annotations that show the field.
    pub(super) widgets: Vec<ObjectId>,
    /// The object that holds the value.
    pub(super) holder: ObjectId,
}

/// The maximum nesting of fields; a damaged file can contain cycles.
const DEPTH: usize = 32;

/// Returns the text fields of a PDF in form order; empty if it has no form.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or are encrypted.
pub fn fields(bytes: &[u8]) -> Result<Vec<Field>, PdfError> {
    Ok(text_fields(&load(bytes)?))
}

/// Checks that the bytes are a PDF that can be signed: readable, unencrypted, at least one page.
///
/// # Errors
/// [`PdfError`] otherwise.
pub fn check(bytes: &[u8]) -> Result<(), PdfError> {
    load(bytes).map(drop)
}

/// Returns whether the password opens the PDF. Any password opens an unencrypted PDF.
pub fn opens(bytes: &[u8], password: &str) -> bool {
    match load(bytes) {
        Ok(_) => true,
        // A PDF that requires a password to be read looks damaged without it.
        Err(_) => opens_encrypted(bytes, password),
    }
}

fn opens_encrypted(bytes: &[u8], password: &str) -> bool {
    Document::load_mem_with_options(bytes, LoadOptions::with_password(password))
        .is_ok_and(|document| !document.get_pages().is_empty())
}

/// Loads a PDF for editing.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged, are encrypted or have no page.
pub(super) fn load(bytes: &[u8]) -> Result<Document, PdfError> {
    check_ends(bytes)?;
    let document = Document::load_mem(bytes).map_err(|error| PdfError::NoPdf(error.to_string()))?;
    // The library opens a PDF with an empty password, but the service rejects it.
    if document.is_encrypted() || document.was_encrypted() {
        return Err(PdfError::Encrypted);
    }
    if document.get_pages().is_empty() {
        return Err(PdfError::NoPdf(t!("it has no page").into_owned()));
    }
    Ok(document)
}

/// Serializes a document.
pub(super) fn save(mut document: Document) -> Result<Vec<u8>, PdfError> {
    let mut bytes = Vec::new();
    document
        .save_to(&mut bytes)
        .map_err(|error| PdfError::NoPdf(error.to_string()))?;
    Ok(bytes)
}

/// Returns the text fields of a document in form order.
pub(super) fn text_fields(document: &Document) -> Vec<Field> {
    let fields = all_fields(document).into_iter();
    let text = fields.filter(|(_, kind)| *kind == FieldKind::Text);
    text.map(|(field, _)| field).collect()
}

/// Returns the fields of a document with their kinds, in form order.
pub(super) fn all_fields(document: &Document) -> Vec<(Field, FieldKind)> {
    let mut found = Vec::new();
    if let Some(form) = form(document) {
        for id in references(document, form, b"Fields") {
            collect_fields(document, id, "", None, DEPTH, &mut found);
        }
    }
    found
}

/// Returns the interactive form dictionary.
fn form(document: &Document) -> Option<&Dictionary> {
    let form = document.catalog().ok()?.get(b"AcroForm").ok()?;
    document.dereference(form).ok()?.1.as_dict().ok()
}

/// Returns the references in an array entry of a dictionary; empty if there are none.
fn references(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Vec<ObjectId> {
    let Ok(array) = dictionary
        .get(key)
        .and_then(|object| document.dereference(object))
    else {
        return Vec::new();
    };
    let array = array.1.as_array().map_or(&[][..], Vec::as_slice);
    array
        .iter()
        .filter_map(|object| object.as_reference().ok())
        .collect()
}

/// Appends the fields at or below a form field to `found`.
fn collect_fields(
    document: &Document,
    id: ObjectId,
    parent: &str,
    parent_kind: Option<FieldKind>,
    depth: usize,
    found: &mut Vec<(Field, FieldKind)>,
) {
    let Ok(dictionary) = document.get_dictionary(id) else {
        return;
    };
    let own = dictionary
        .get(b"T")
        .ok()
        .and_then(|name| lopdf::decode_text_string(name).ok());
    let name = match (&own, parent) {
        (Some(own), "") => own.clone(),
        (Some(own), parent) => format!("{parent}.{own}"),
        (None, parent) => parent.to_owned(),
    };
    let kind = FieldKind::of(dictionary).or(parent_kind.filter(|_| !dictionary.has(b"FT")));
    let kids = references(document, dictionary, b"Kids");
    let (fields, widgets): (Vec<_>, Vec<_>) = kids
        .into_iter()
        .partition(|kid| document.get_dictionary(*kid).is_ok_and(|kid| kid.has(b"T")));
    if fields.is_empty() {
        if let Some(kind) = kind.filter(|_| !name.is_empty()) {
            let field = Field {
                name,
                widgets: if widgets.is_empty() {
                    vec![id]
                } else {
                    widgets
                },
                holder: id,
            };
            found.push((field, kind));
        }
    } else if depth > 0 {
        for field in fields {
            collect_fields(document, field, &name, kind, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_files_that_are_not_pdfs() {
        for bytes in [&b""[..], b"<html></html>", b"%PDF-1.7\nnothing\n%%EOF"] {
            assert!(matches!(fields(bytes), Err(PdfError::NoPdf(_))));
        }
    }
}
