//! Loads and saves PDFs and reads their form fields.

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

/// An error that makes a PDF unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// The file is not a PDF or is damaged.
    #[error("not a readable PDF: {0}")]
    NoPdf(String),
    /// The PDF is encrypted, even if with an empty password.
    #[error("the PDF is encrypted")]
    Encrypted,
}

/// A text form field.
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
    if !bytes.starts_with(b"%PDF-") {
        return Err(PdfError::NoPdf("it does not start with %PDF-".to_owned()));
    }
    let document = Document::load_mem(bytes).map_err(|error| PdfError::NoPdf(error.to_string()))?;
    // The library opens a PDF with an empty password, but the service rejects it.
    if document.is_encrypted() || document.was_encrypted() {
        return Err(PdfError::Encrypted);
    }
    if document.get_pages().is_empty() {
        return Err(PdfError::NoPdf("it has no page".to_owned()));
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
    let mut found = Vec::new();
    if let Some(form) = form(document) {
        for id in references(document, form, b"Fields") {
            collect_fields(document, id, "", false, DEPTH, &mut found);
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

/// Appends the text fields at or below a form field to `found`.
fn collect_fields(
    document: &Document,
    id: ObjectId,
    parent: &str,
    parent_is_text: bool,
    depth: usize,
    found: &mut Vec<Field>,
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
    let is_text = match dictionary.get(b"FT").and_then(Object::as_name) {
        Ok(kind) => kind == b"Tx",
        Err(_) => parent_is_text,
    };
    let kids = references(document, dictionary, b"Kids");
    let (fields, widgets): (Vec<_>, Vec<_>) = kids
        .into_iter()
        .partition(|kid| document.get_dictionary(*kid).is_ok_and(|kid| kid.has(b"T")));
    if fields.is_empty() {
        if is_text && !name.is_empty() {
            found.push(Field {
                name,
                widgets: if widgets.is_empty() {
                    vec![id]
                } else {
                    widgets
                },
                holder: id,
            });
        }
    } else if depth > 0 {
        for field in fields {
            collect_fields(document, field, &name, is_text, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_files_that_are_not_pdfs() {
        for bytes in [&b""[..], b"<html></html>", b"%PDF-1.7\nnothing"] {
            assert!(matches!(fields(bytes), Err(PdfError::NoPdf(_))));
        }
    }
}
