//! Appends the pages of one PDF to another.

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::error::PdfError;
use super::fields::{load, save};

/// The page attributes that are inherited from the page tree (PDF 32000, table 30).
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// The maximum depth of page trees and objects; a damaged file can contain cycles.
const DEPTH: usize = 64;

/// Appends all pages of `other` to the PDF in `bytes` and returns the result.
///
/// The appended pages look as before, filled form fields included. The form, outline and name tree
/// of `other` are dropped.
///
/// # Errors
/// [`PdfError`] if either file is not a PDF, is damaged or is encrypted.
pub fn append_pdf(bytes: &[u8], other: &[u8]) -> Result<Vec<u8>, PdfError> {
    let mut document = load(bytes)?;
    let other = load(other)?;
    let root = document
        .catalog()
        .and_then(|catalog| catalog.get(b"Pages"))
        .and_then(Object::as_reference)
        .map_err(|error| PdfError::NoPdf(error.to_string()))?;
    let own: Vec<ObjectId> = document.get_pages().into_values().collect();
    // Copies attributes of the root to its own pages, so that appended pages do not inherit them.
    for page in own {
        copy_inherited(&mut document, page);
    }
    let added: Vec<ObjectId> = other.get_pages().into_values().collect();
    let count = document.get_pages().len() + added.len();
    let shift = document.max_id;
    let mut other = other;
    for page in &added {
        copy_inherited(&mut other, *page);
        if let Ok(page) = other.get_dictionary_mut(*page) {
            page.remove(b"Parent");
        }
    }
    let new_id = |id: ObjectId| (id.0.saturating_add(shift), id.1);
    for (id, mut object) in std::mem::take(&mut other.objects) {
        // The page tree and the catalog of `other` are dropped.
        let kind = object.as_dict().and_then(Dictionary::get_type).ok();
        if matches!(kind, Some(b"Catalog" | b"Pages")) {
            continue;
        }
        renumber(&mut object, &new_id, DEPTH);
        document.objects.insert(new_id(id), object);
        document.max_id = document.max_id.max(new_id(id).0);
    }
    let mut kids = document
        .get_dictionary(root)
        .and_then(|root| root.get(b"Kids"))
        .and_then(|kids| document.dereference(kids))
        .and_then(|(_, kids)| kids.as_array().cloned())
        .map_err(|error| PdfError::NoPdf(error.to_string()))?;
    for page in added.into_iter().map(new_id) {
        kids.push(Object::Reference(page));
        if let Ok(page) = document.get_dictionary_mut(page) {
            page.set("Parent", root);
        }
    }
    if let Ok(root) = document.get_dictionary_mut(root) {
        root.set("Kids", kids);
        root.set("Count", i64::try_from(count).unwrap_or(i64::MAX));
        for key in INHERITED {
            root.remove(key);
        }
    }
    save(document)
}

/// Copies the inherited attributes of a page to the page itself.
fn copy_inherited(document: &mut Document, page: ObjectId) {
    for key in INHERITED {
        if let Some(value) = inherited(document, page, key).cloned()
            && let Ok(page) = document.get_dictionary_mut(page)
        {
            page.set(key, value);
        }
    }
}

/// Returns a page attribute from the page or from its nearest ancestor that has it.
pub(super) fn inherited<'a>(
    document: &'a Document,
    page: ObjectId,
    key: &[u8],
) -> Option<&'a Object> {
    let mut node = document.get_dictionary(page).ok()?;
    for _ in 0..DEPTH {
        if let Ok(value) = node.get(key) {
            return Some(value);
        }
        let parent = node.get(b"Parent").and_then(Object::as_reference).ok()?;
        node = document.get_dictionary(parent).ok()?;
    }
    None
}

/// Maps every reference in an object to its new id; objects below `depth` levels become null.
fn renumber(object: &mut Object, new_id: &impl Fn(ObjectId) -> ObjectId, depth: usize) {
    if depth == 0 {
        *object = Object::Null;
        return;
    }
    let all = |dictionary: &mut Dictionary| {
        for (_, object) in dictionary.iter_mut() {
            renumber(object, new_id, depth - 1);
        }
    };
    match object {
        Object::Reference(id) => *id = new_id(*id),
        Object::Array(array) => {
            for object in array {
                renumber(object, new_id, depth - 1);
            }
        }
        Object::Dictionary(dictionary) => all(dictionary),
        Object::Stream(stream) => all(&mut stream.dict),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{find, page_of_html, page_sizes};
    use super::*;

    const LOAN: &[u8] = include_bytes!("../../examples/loans/templates/loan.pdf");

    /// A PDF whose pages inherit all attributes from the root of the page tree.
    fn inheriting_pdf(rotate: i64) -> Vec<u8> {
        let mut document = load(&page_of_html("<p>附件一</p>")).unwrap();
        let pages = document.catalog().unwrap().get(b"Pages").unwrap();
        let root = pages.as_reference().unwrap();
        let page = document.get_pages()[&1];
        for key in INHERITED {
            let value = inherited(&document, page, key).cloned();
            document.get_dictionary_mut(page).unwrap().remove(key);
            if let Some(value) = value {
                document.get_dictionary_mut(root).unwrap().set(key, value);
            }
        }
        let node = document.get_dictionary_mut(root).unwrap();
        node.set("Rotate", rotate);
        save(document).unwrap()
    }

    #[test]
    fn appends_pages_without_changing_their_appearance() {
        let combined = append_pdf(LOAN, &inheriting_pdf(90)).unwrap();
        let (before, sizes) = (page_sizes(LOAN).unwrap(), page_sizes(&combined).unwrap());
        assert_eq!(sizes[..before.len()], before[..]);
        assert_eq!(sizes.len(), before.len() + 1);
        assert!(sizes[before.len()].0 > sizes[before.len()].1);
        let spots = find(&combined, "附件一").unwrap();
        assert_eq!(spots.len(), 1);
        assert_eq!(spots[0].page as usize, sizes.len());
        assert!(spots[0].height > spots[0].width);

        let reversed = append_pdf(&inheriting_pdf(90), LOAN).unwrap();
        assert_eq!(page_sizes(&reversed).unwrap()[1..], before[..]);
        assert_eq!(super::super::fields(&combined), super::super::fields(LOAN));
    }
}
