//! Pages of one PDF at the end of another.

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::fields::{PdfError, load, save};

/// What a page takes from the nodes above it where it has none of its own (PDF 32000, table 30).
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// Page trees and objects are followed no deeper than this: a damaged file may make them endless.
const DEPTH: usize = 64;

/// The PDF with all pages of another at its end, which look as they did.
///
/// Filled form fields of the other stay visible; its form, outline and names are left behind.
pub fn append_pdf(bytes: &[u8], other: &[u8]) -> Result<Vec<u8>, PdfError> {
    let mut document = load(bytes)?;
    let other = load(other)?;
    let root = document
        .catalog()
        .and_then(|catalog| catalog.get(b"Pages"))
        .and_then(Object::as_reference)
        .map_err(|error| PdfError::NoPdf(error.to_string()))?;
    let own: Vec<ObjectId> = document.get_pages().into_values().collect();
    // What was given to all pages by the root stays with those that were there: it is not for the others.
    for page in own {
        settle(&mut document, page);
    }
    let added: Vec<ObjectId> = other.get_pages().into_values().collect();
    let count = document.get_pages().len() + added.len();
    let shift = document.max_id;
    let mut other = other;
    for page in &added {
        settle(&mut other, *page);
        if let Ok(page) = other.get_dictionary_mut(*page) {
            page.remove(b"Parent");
        }
    }
    let moved = |id: ObjectId| (id.0.saturating_add(shift), id.1);
    for (id, mut object) in std::mem::take(&mut other.objects) {
        // The other's tree and catalog lead nowhere any more.
        let kind = object.as_dict().and_then(Dictionary::get_type).ok();
        if matches!(kind, Some(b"Catalog" | b"Pages")) {
            continue;
        }
        renumber(&mut object, &moved, DEPTH);
        document.objects.insert(moved(id), object);
        document.max_id = document.max_id.max(moved(id).0);
    }
    let mut kids = document
        .get_dictionary(root)
        .and_then(|root| root.get(b"Kids"))
        .and_then(|kids| document.dereference(kids))
        .and_then(|(_, kids)| kids.as_array().cloned())
        .map_err(|error| PdfError::NoPdf(error.to_string()))?;
    for page in added.into_iter().map(moved) {
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

/// Gives a page as its own what it takes from the nodes above it.
fn settle(document: &mut Document, page: ObjectId) {
    for key in INHERITED {
        if let Some(value) = inherited(document, page, key).cloned()
            && let Ok(page) = document.get_dictionary_mut(page)
        {
            page.set(key, value);
        }
    }
}

/// What a page says under a key, or the nearest node above it that says so.
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

/// Points every reference in an object elsewhere.
fn renumber(object: &mut Object, moved: &impl Fn(ObjectId) -> ObjectId, depth: usize) {
    if depth == 0 {
        *object = Object::Null;
        return;
    }
    let all = |dictionary: &mut Dictionary| {
        for (_, object) in dictionary.iter_mut() {
            renumber(object, moved, depth - 1);
        }
    };
    match object {
        Object::Reference(id) => *id = moved(*id),
        Object::Array(array) => {
            for object in array {
                renumber(object, moved, depth - 1);
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

    /// A PDF whose pages take everything from the root of their tree.
    fn heir(rotate: i64) -> Vec<u8> {
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
    fn pages_come_after_and_keep_their_looks() {
        let whole = append_pdf(LOAN, &heir(90)).unwrap();
        let (before, sizes) = (page_sizes(LOAN).unwrap(), page_sizes(&whole).unwrap());
        assert_eq!(sizes[..before.len()], before[..]);
        assert_eq!(sizes.len(), before.len() + 1);
        assert!(sizes[before.len()].0 > sizes[before.len()].1);
        let spots = find(&whole, "附件一").unwrap();
        assert_eq!(spots.len(), 1);
        assert_eq!(spots[0].page as usize, sizes.len());
        assert!(spots[0].height > spots[0].width);

        let turned = append_pdf(&heir(90), LOAN).unwrap();
        assert_eq!(page_sizes(&turned).unwrap()[1..], before[..]);
        assert_eq!(super::super::fields(&whole), super::super::fields(LOAN));
    }
}
