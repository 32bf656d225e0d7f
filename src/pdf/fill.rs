//! Fills form fields and writes an appearance stream for each, because viewers show no value
//! without one.
//!
//! The text uses the shipped font; only the needed glyphs are embedded.

use std::collections::BTreeMap;
use std::fmt::Write;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};

use super::error::PdfError;
use super::fields::{load, save, text_fields};
use super::font::{FontSubset, real, text_width, wrap};

/// Bits of the field flags (PDF 32000, tables 221 and 228).
const READ_ONLY: i64 = 1;
pub(super) const MULTILINE: i64 = 1 << 12;

/// The maximum font size, in points, of a field without a font size of its own.
const LARGEST_AUTO_SIZE: f64 = 12.0;

/// The font size in points to which the text of such a field is reduced at most.
pub(super) const SMALLEST_AUTO_SIZE: f64 = 6.0;

/// The line spacing as a multiple of the font size.
pub(super) const LEADING: f64 = 1.25;

/// The distance between the text of a field and the sides of its box, in points.
pub(super) const PADDING: f64 = 2.0;

/// Sets form fields to values, by full field name, and makes them read-only. Returns the new PDF.
///
/// Names without a field are ignored; fields without a value stay as they are.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or are encrypted.
pub fn fill(bytes: &[u8], values: &BTreeMap<String, String>) -> Result<Vec<u8>, PdfError> {
    let mut document = load(bytes)?;
    let (mut font_subset, font) = (FontSubset::default(), document.new_object_id());
    for field in text_fields(&document) {
        let Some(value) = values.get(&field.name) else {
            continue;
        };
        let inherited = document
            .get_dictionary(field.holder)
            .cloned()
            .unwrap_or_default();
        for widget in field.widgets {
            set_appearance(
                &mut document,
                widget,
                &inherited,
                value,
                (&mut font_subset, font),
            );
        }
        if let Ok(holder) = document.get_dictionary_mut(field.holder) {
            let flags = holder.get(b"Ff").and_then(Object::as_i64).unwrap_or(0);
            holder.set("V", lopdf::text_string(value));
            holder.set("Ff", flags | READ_ONLY);
        }
    }
    font_subset.embed(&mut document, font)?;
    save(document)
}

/// Writes the appearance stream of a widget that shows `value`.
fn set_appearance(
    document: &mut Document,
    widget: ObjectId,
    inherited: &Dictionary,
    value: &str,
    (font_subset, font): (&mut FontSubset, ObjectId),
) {
    let Ok(dictionary) = document.get_dictionary(widget) else {
        return;
    };
    let own = |key: &[u8]| dictionary.get(key).or_else(|_| inherited.get(key));
    let number = |object: &Object| object.as_float().map_or(0.0, f64::from);
    let rect: Vec<f64> = match dictionary
        .get(b"Rect")
        .and_then(|rect| document.dereference(rect))
    {
        Ok((_, Object::Array(rect))) if rect.len() == 4 => rect.iter().map(number).collect(),
        _ => return,
    };
    let (width, height) = ((rect[2] - rect[0]).abs(), (rect[3] - rect[1]).abs());
    let multiline = own(b"Ff").and_then(Object::as_i64).unwrap_or(0) & MULTILINE != 0;
    let alignment = own(b"Q").and_then(Object::as_i64).unwrap_or(0);
    let asked = own(b"DA").and_then(Object::as_str).map_or(0.0, font_size);
    let size = match asked {
        asked if asked > 0.0 => asked,
        _ if multiline => {
            let height_of = |size: f64| {
                let lines = wrap(value, (width - 2.0 * PADDING) / size).len();
                f64::from(u32::try_from(lines).unwrap_or(u32::MAX)) * size * LEADING
            };
            let mut size = LARGEST_AUTO_SIZE;
            while size > SMALLEST_AUTO_SIZE && height_of(size) > height {
                size -= 0.5;
            }
            size
        }
        _ => {
            let largest = (height * 0.7).min(LARGEST_AUTO_SIZE);
            let fitting = (width - 2.0 * PADDING) / text_width(value).max(1.0);
            largest.min(fitting.max(SMALLEST_AUTO_SIZE))
        }
    };
    let lines = if multiline {
        wrap(value, (width - 2.0 * PADDING) / size)
    } else {
        vec![value.to_owned()]
    };
    let first = if multiline {
        height - size * 1.1
    } else {
        (height - size) / 2.0 + size * 0.2
    };
    let mut content = format!(
        "/Tx BMC q 1 1 {:.2} {:.2} re W n BT /TreatySans {size:.2} Tf 0 g\n",
        width - 2.0,
        height - 2.0
    );
    for (at, line) in lines.iter().enumerate() {
        let free = width - 2.0 * PADDING - text_width(line) * size;
        let indent = match alignment {
            1 => free / 2.0,
            2 => free,
            _ => 0.0,
        };
        let down = size * LEADING * f64::from(u32::try_from(at).unwrap_or(u32::MAX));
        // Infallible for strings.
        let _ = writeln!(
            content,
            "1 0 0 1 {:.2} {:.2} Tm {} Tj",
            PADDING + indent.max(0.0),
            first - down,
            font_subset.encode(line)
        );
    }
    content += "ET Q EMC";
    let appearance = document.add_object(Stream::new(
        dictionary! {
            "Type" => "XObject",
            "Subtype" => "Form",
            "BBox" => vec![0.into(), 0.into(), real(width), real(height)],
            "Resources" => dictionary! { "Font" => dictionary! { "TreatySans" => font } },
        },
        content.into_bytes(),
    ));
    if let Ok(dictionary) = document.get_dictionary_mut(widget) {
        dictionary.set("AP", dictionary! { "N" => appearance });
    }
}

/// Parses the font size of a default appearance such as `/Helv 11 Tf 0 g`; 0 means automatic.
pub(super) fn font_size(appearance: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(appearance);
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "Tf").unwrap_or(0);
    at.checked_sub(1)
        .and_then(|at| words[at].parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAN: &[u8] = include_bytes!("../../examples/loans/templates/loan.pdf");

    /// Fills the first field of the loan with a font size of its own, or without one, and returns
    /// whether the whole value is shown.
    fn is_shown(appearance: &str, value: &str) -> bool {
        let mut document = load(LOAN).unwrap();
        let field = text_fields(&document).into_iter().next().unwrap();
        let widget = field.widgets[0];
        let dictionary = document.get_dictionary_mut(widget).unwrap();
        dictionary.set("DA", Object::string_literal(appearance));
        let rect: Vec<Object> = [210, 686, 310, 706].map(Object::Integer).to_vec();
        dictionary.set("Rect", rect);
        let form = save(document).unwrap();
        let filled = fill(&form, &BTreeMap::from([(field.name, value.to_owned())])).unwrap();
        let spots = super::super::find(&filled, value).unwrap();
        spots[0].x + spots[0].width <= 310.0
    }

    #[test]
    fn reduces_the_text_of_a_field_without_a_font_size() {
        let long = "天谷小额贷款有限公司杭州分公司";
        assert!(is_shown("/Helv 0 Tf 0 g", long));
        assert!(!is_shown("/Helv 11 Tf 0 g", long));
        assert!(is_shown("/Helv 11 Tf 0 g", "天谷"));
    }

    #[test]
    fn parses_the_font_size_of_a_default_appearance() {
        assert!((font_size(b"/Helv 11 Tf 0 g") - 11.0).abs() < f64::EPSILON);
        assert!(font_size(b"0 g").abs() < f64::EPSILON);
    }
}
