//! The form fields of a PDF.

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

/// Why a PDF cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// Not a PDF, or one that is damaged.
    #[error("this is no PDF that can be read: {0}")]
    NoPdf(String),
    /// It asks for a password.
    #[error("the PDF is encrypted")]
    Encrypted,
}

/// A field that can be filled with text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its whole name: the names of its parents and its own, joined by dots.
    pub name: String,
    /// The places on pages where it shows.
    pub(super) widgets: Vec<ObjectId>,
    /// Where its value stands.
    pub(super) holder: ObjectId,
}

/// Fields within fields are followed no deeper than this: a damaged file may make them endless.
const DEPTH: usize = 32;

/// The text fields of a PDF's form, in the form's order; none where it has no form.
pub fn fields(bytes: &[u8]) -> Result<Vec<Field>, PdfError> {
    Ok(of(&load(bytes)?))
}

/// Whether the bytes are a PDF that can be signed.
pub fn check(bytes: &[u8]) -> Result<(), PdfError> {
    load(bytes).map(drop)
}

/// Whether a password opens a PDF; one that is not encrypted is opened by any.
pub fn opens(bytes: &[u8], password: &str) -> bool {
    match load(bytes) {
        Ok(_) => true,
        // One that asks for a password to be read at all looks damaged without it.
        Err(_) => opened(bytes, password),
    }
}

fn opened(bytes: &[u8], password: &str) -> bool {
    Document::load_mem_with_options(bytes, LoadOptions::with_password(password))
        .is_ok_and(|document| !document.get_pages().is_empty())
}

pub(super) fn load(bytes: &[u8]) -> Result<Document, PdfError> {
    if !bytes.starts_with(b"%PDF-") {
        return Err(PdfError::NoPdf("it does not begin with %PDF-".to_owned()));
    }
    let document = Document::load_mem(bytes).map_err(|error| PdfError::NoPdf(error.to_string()))?;
    // One with an empty password is opened by the library, and would still be refused by the service.
    if document.is_encrypted() || document.was_encrypted() {
        return Err(PdfError::Encrypted);
    }
    if document.get_pages().is_empty() {
        return Err(PdfError::NoPdf("it has no page".to_owned()));
    }
    Ok(document)
}

pub(super) fn save(mut document: Document) -> Result<Vec<u8>, PdfError> {
    let mut bytes = Vec::new();
    document
        .save_to(&mut bytes)
        .map_err(|error| PdfError::NoPdf(error.to_string()))?;
    Ok(bytes)
}

pub(super) fn of(document: &Document) -> Vec<Field> {
    let mut found = Vec::new();
    if let Some(form) = form(document) {
        for id in references(document, form, b"Fields") {
            walk(document, id, "", false, DEPTH, &mut found);
        }
    }
    found
}

fn form(document: &Document) -> Option<&Dictionary> {
    let form = document.catalog().ok()?.get(b"AcroForm").ok()?;
    document.dereference(form).ok()?.1.as_dict().ok()
}

fn references(document: &Document, of: &Dictionary, key: &[u8]) -> Vec<ObjectId> {
    let Ok(array) = of.get(key).and_then(|object| document.dereference(object)) else {
        return Vec::new();
    };
    let array = array.1.as_array().map_or(&[][..], Vec::as_slice);
    array
        .iter()
        .filter_map(|object| object.as_reference().ok())
        .collect()
}

fn walk(
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
            walk(document, field, &name, is_text, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pdf_is_said_so() {
        for bytes in [&b""[..], b"<html></html>", b"%PDF-1.7\nnothing"] {
            assert!(matches!(fields(bytes), Err(PdfError::NoPdf(_))));
        }
    }
}
