//! The form of a PDF: the room that text fields have for their values, and the other fields.

use lopdf::{Document, Object};

use super::error::PdfError;
use super::fields::{Field, FieldKind, all_fields, load, text_fields};
use super::fill::{LEADING, MULTILINE, PADDING, SMALLEST_AUTO_SIZE, font_size};
use super::font::{text_width, wrap};

/// Bit of the field flags for a field that is divided into equal cells (PDF 32000, table 228).
const COMB: i64 = 1 << 24;

/// The part of a width by which fonts differ, so that only clear cases are reported.
const TOLERANCE: f64 = 1.1;

/// The room that a text field has for its value.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldShape {
    /// The maximum number of characters (`MaxLen`).
    max_len: Option<usize>,
    /// Whether each character has a cell of its own.
    is_comb: bool,
    is_multiline: bool,
    /// Width and height of the smallest box, in points.
    boxed: Option<(f64, f64)>,
    /// The font size in points.
    size: f64,
}

/// The reason why a value does not fit into its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// The value has more characters than the field accepts.
    TooLong {
        /// The number of characters of the value.
        characters: usize,
        /// The maximum number.
        limit: usize,
    },
    /// The value is wider than the box.
    TooWide,
    /// The value has more lines than the box.
    TooHigh,
}

impl FieldShape {
    pub(super) fn read(document: &Document, field: &Field) -> Self {
        let widget = field.widgets.first().unwrap_or(&field.holder);
        let entry = |key: &[u8]| {
            let of = |id| document.get_dictionary(id).ok()?.get(key).ok();
            let found = of(*widget).or_else(|| of(field.holder))?;
            document.dereference(found).ok().map(|(_, object)| object)
        };
        let integer = |key: &[u8]| entry(key).and_then(|object| object.as_i64().ok());
        let flags = integer(b"Ff").unwrap_or(0);
        let sizes = field.widgets.iter().filter_map(|id| {
            let rect = document.get_dictionary(*id).ok()?.get(b"Rect").ok()?;
            let (_, Object::Array(rect)) = document.dereference(rect).ok()? else {
                return None;
            };
            let side = |at: usize| rect.get(at)?.as_float().ok().map(f64::from);
            Some(((side(2)? - side(0)?).abs(), (side(3)? - side(1)?).abs()))
        });
        let boxed = sizes.min_by(|one, other| one.0.total_cmp(&other.0));
        let asked = entry(b"DA").and_then(|object| object.as_str().ok());
        let asked = asked.map_or(0.0, font_size);
        Self {
            max_len: integer(b"MaxLen").and_then(|limit| usize::try_from(limit).ok()),
            is_comb: flags & COMB != 0,
            is_multiline: flags & MULTILINE != 0,
            boxed,
            size: if asked > 0.0 {
                asked
            } else {
                SMALLEST_AUTO_SIZE
            },
        }
    }

    /// Returns the maximum number of characters (`MaxLen`).
    pub fn max_len(&self) -> Option<usize> {
        self.max_len
    }

    /// Returns the part of the field that a value takes: 1 fills it. `None` if the field has no
    /// limit. The width is that of the shipped font.
    pub fn share(&self, value: &str) -> Option<f64> {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let limit = self.max_len.filter(|limit| *limit > 0);
        let by_length = limit.map(|limit| count(value.chars().count()) / count(limit));
        let by_size = self.measurable().map(|(width, height)| {
            let width = width - 2.0 * PADDING;
            if self.is_multiline {
                count(wrap(value, width / self.size).len()) * self.size * LEADING / height
            } else {
                text_width(value) * self.size / width
            }
        });
        by_length.into_iter().chain(by_size).reduce(f64::max)
    }

    /// Returns width and height of the box, unless the field is hidden or has a cell for each
    /// character.
    fn measurable(&self) -> Option<(f64, f64)> {
        let is_measurable = |(width, height): &(f64, f64)| {
            !self.is_comb && *width > self.size && *width > 2.0 * PADDING && *height > 0.0
        };
        self.boxed.filter(is_measurable)
    }

    /// Returns the reason why a value does not fit. The width is that of the shipped font.
    pub fn misfit(&self, value: &str) -> Option<Misfit> {
        let characters = value.chars().count();
        if let Some(limit) = self.max_len.filter(|limit| characters > *limit) {
            return Some(Misfit::TooLong { characters, limit });
        }
        let (width, height) = self.measurable()?;
        if self.is_multiline {
            let lines = wrap(value, (width - 2.0 * PADDING) / self.size * TOLERANCE).len();
            let room = height * TOLERANCE / self.size;
            let lines = f64::from(u32::try_from(lines).unwrap_or(u32::MAX));
            return (lines > room.max(1.0)).then_some(Misfit::TooHigh);
        }
        (text_width(value) * self.size > width * TOLERANCE).then_some(Misfit::TooWide)
    }
}

/// The form of a PDF.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// The names of the text fields and the room for their values.
    pub text: Vec<(String, FieldShape)>,
    /// The names and kinds of the other fields.
    pub other: Vec<(String, FieldKind)>,
}

/// Returns the form of a PDF; without fields if it has none.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or are encrypted.
pub fn form(bytes: &[u8]) -> Result<Form, PdfError> {
    let document = load(bytes)?;
    let text = text_fields(&document).into_iter().map(|field| {
        let shape = FieldShape::read(&document, &field);
        (field.name, shape)
    });
    let text = text.collect();
    let other = all_fields(&document).into_iter();
    let other = other.filter(|(_, kind)| *kind != FieldKind::Text);
    let other = other.map(|(field, kind)| (field.name, kind)).collect();
    Ok(Form { text, other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_limits_and_the_kinds_of_other_fields() {
        let loan = include_bytes!("../../examples/loans/templates/loan.pdf");
        let mut document = load(loan).unwrap();
        let fields = text_fields(&document);
        let mut set = |at: usize, key: &str, value: Object| {
            let field = document.get_dictionary_mut(fields[at].holder).unwrap();
            field.set(key, value);
        };
        set(0, "FT", Object::Name(b"Btn".to_vec()));
        set(1, "FT", Object::Name(b"Ch".to_vec()));
        set(2, "MaxLen", Object::Integer(4));
        let form = form(&super::super::fields::save(document).unwrap()).unwrap();
        let other = [
            (fields[0].name.clone(), FieldKind::CheckBox),
            (fields[1].name.clone(), FieldKind::List),
        ];
        assert_eq!(form.other, other);
        let (name, shape) = &form.text[0];
        assert_eq!(*name, fields[2].name);
        let too_long = Misfit::TooLong {
            characters: 5,
            limit: 4,
        };
        assert_eq!(shape.misfit("12345"), Some(too_long));
        assert_eq!(shape.misfit("1234"), None);
    }

    #[test]
    fn finds_values_that_do_not_fit() {
        let line = FieldShape {
            max_len: None,
            is_comb: false,
            is_multiline: false,
            boxed: Some((100.0, 15.0)),
            size: 10.0,
        };
        assert_eq!(line.misfit("一二三四五六七八九十"), None);
        assert_eq!(
            line.misfit("一二三四五六七八九十一二"),
            Some(Misfit::TooWide)
        );
        assert_eq!(line.share("一二三四五六七八"), Some(80.0 / 96.0));
        let limited = FieldShape {
            max_len: Some(4),
            is_comb: true,
            ..line.clone()
        };
        assert_eq!(limited.misfit("2026"), None);
        assert_eq!(limited.share("202"), Some(0.75));
        let too_long = Misfit::TooLong {
            characters: 5,
            limit: 4,
        };
        assert_eq!(limited.misfit("20261"), Some(too_long));
        let lines = FieldShape {
            is_multiline: true,
            boxed: Some((100.0, 25.0)),
            ..line
        };
        assert_eq!(lines.misfit("一二三四五六七八九十一二"), None);
        assert_eq!(lines.misfit("一\n二\n三"), Some(Misfit::TooHigh));
    }
}
