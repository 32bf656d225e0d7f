//! Finds the positions of a keyword in the displayed text of a PDF, form fields included.
//!
//! A PDF can draw a line of text in any pieces and in any order. So the page is interpreted, and
//! its glyphs are grouped into lines by their positions.

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, SoftMask, TransformExt, interpret_page,
};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Point, Rect, Vec2};

use super::error::PdfError;
use super::page::{settings, with_pdf};

/// The bounding box of a text match, in points from the lower left corner of the displayed page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// The page, from 1.
    pub page: u32,
    /// The left edge.
    pub x: f64,
    /// The lower edge.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
}

impl Spot {
    /// Returns the page and the coordinates of the center.
    pub fn center(&self) -> (u32, f64, f64) {
        let (x, y) = (self.x + self.width / 2.0, self.y + self.height / 2.0);
        (self.page, x, y)
    }
}

/// Finds all visible occurrences of a keyword, in page order and from top to bottom.
///
/// Whitespace is ignored in the keyword and in the text. Text that continues on the next line does
/// not match, and an empty keyword matches nothing.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or require a password.
pub fn find(bytes: &[u8], keyword: &str) -> Result<Vec<Spot>, PdfError> {
    let keyword: Vec<char> = keyword.chars().filter(|c| !c.is_whitespace()).collect();
    with_pdf(bytes, |pdf| {
        let cache = InterpreterCache::new();
        let mut spots = Vec::new();
        for (page, number) in pdf.pages().iter().zip(1..) {
            for line in lines(letters(page, &cache)) {
                spots.extend(matches(&line, &keyword).map(|bounds| Spot {
                    page: number,
                    x: bounds.x0,
                    y: bounds.y0,
                    width: bounds.width(),
                    height: bounds.height(),
                }));
            }
        }
        spots
    })
}

/// A visible character.
#[derive(Debug, Clone, Copy)]
struct Letter {
    character: char,
    bounds: Rect,
    /// The start of its baseline.
    origin: Point,
    /// The reading direction of its line, in steps of five degrees.
    direction: i32,
    /// The line height in points.
    size: f64,
}

/// The maximum number of characters read from a page; a damaged page can have more.
const MAX_LETTERS: usize = 1 << 20;

/// Returns the visible characters of a page in drawing order.
fn letters<'a>(page: &Page<'a>, cache: &InterpreterCache<'a>) -> Vec<Letter> {
    let (width, height) = page.render_dimensions();
    let mut context = Context::new(
        page.initial_transform(false).to_kurbo(),
        Rect::new(0.0, 0.0, f64::from(width), f64::from(height)),
        cache,
        page.xref(),
        settings(),
    );
    let mut reader = LetterCollector(Vec::new());
    interpret_page(page, &mut context, &mut reader);
    reader.0
}

/// Groups letters into lines, from top to bottom; the letters of a line are in reading order.
fn lines(letters: Vec<Letter>) -> Vec<Vec<Letter>> {
    let mut leveled: Vec<(Vec2, Letter)> = letters
        .into_iter()
        .map(|letter| {
            let level = Affine::rotate(f64::from(-5 * letter.direction).to_radians());
            ((level * letter.origin).to_vec2(), letter)
        })
        .filter(|(at, _)| at.is_finite())
        .collect();
    leveled.sort_by(|(a, one), (b, other)| {
        (one.direction.cmp(&other.direction)).then(b.y.total_cmp(&a.y))
    });
    let mut lines: Vec<Vec<(Vec2, Letter)>> = Vec::new();
    for (at, letter) in leveled {
        match lines.last_mut() {
            Some(line)
                if line[0].1.direction == letter.direction
                    && (line[0].0.y - at.y).abs() < 0.3 * letter.size.min(line[0].1.size) =>
            {
                line.push((at, letter));
            }
            _ => lines.push(vec![(at, letter)]),
        }
    }
    for line in &mut lines {
        line.sort_by(|(a, _), (b, _)| a.x.total_cmp(&b.x));
        // Some programs draw a letter twice with a small offset to make it bold.
        line.dedup_by(|(b, again), (a, letter)| {
            again.character == letter.character && (b.x - a.x).abs() < 0.15 * letter.size
        });
    }
    let without_positions =
        |line: Vec<(Vec2, Letter)>| line.into_iter().map(|(_, letter)| letter).collect();
    lines.into_iter().map(without_positions).collect()
}

/// Returns the bounding boxes of the non-overlapping occurrences of the keyword in a line.
fn matches(line: &[Letter], keyword: &[char]) -> impl Iterator<Item = Rect> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while !keyword.is_empty() && at + keyword.len() <= line.len() {
            let window = &line[at..at + keyword.len()];
            if window.iter().map(|letter| &letter.character).eq(keyword) {
                at += keyword.len();
                return window
                    .iter()
                    .map(|letter| letter.bounds)
                    .reduce(|all, bounds| all.union(bounds));
            }
            at += 1;
        }
        None
    })
}

/// Collects the visible letters while a page is interpreted.
struct LetterCollector(Vec<Letter>);

impl LetterCollector {
    fn read(&mut self, glyph: &Glyph<'_>, transform: Affine) {
        let text = match glyph.as_unicode() {
            Some(BfString::Char(character)) => String::from(character),
            Some(BfString::String(text)) => text,
            None => return,
        };
        let advance = match glyph {
            Glyph::Outline(glyph) => glyph.advance_width(),
            Glyph::Type3(glyph) => glyph.advance_width(),
        };
        // The letters of a ligature share its width evenly.
        let count = text.chars().count();
        let share =
            f64::from(advance.unwrap_or(500.0)) / f64::from(u32::try_from(count).unwrap_or(1));
        let across = transform * Point::new(1000.0, 0.0) - transform * Point::ORIGIN;
        let up = transform * Point::new(0.0, 1000.0) - transform * Point::ORIGIN;
        for (character, nth) in text.chars().zip(0_u32..) {
            if character.is_whitespace() || character.is_control() || self.0.len() >= MAX_LETTERS {
                continue;
            }
            let left = share * f64::from(nth);
            // Typical heights of descenders and ascenders, in thousandths of an em.
            let bounds =
                transform.transform_rect_bbox(Rect::new(left, -150.0, left + share, 850.0));
            #[allow(clippy::cast_possible_truncation)]
            let direction = (across.atan2().to_degrees() / 5.0).round() as i32;
            self.0.push(Letter {
                character,
                bounds,
                origin: transform * Point::new(left, 0.0),
                direction: direction.rem_euclid(72),
                size: up.hypot(),
            });
        }
    }
}

impl<'a> Device<'a> for LetterCollector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        if !matches!(mode, DrawMode::Invisible) {
            for glyph in run.glyphs() {
                self.read(glyph, props.transform * glyph.transform());
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{fill, page_of_html, page_sizes};
    use super::*;

    const LOAN: &[u8] = include_bytes!("../../examples/loans/templates/loan.pdf");

    #[test]
    fn finds_words_at_their_positions() {
        let pdf = page_of_html("<p>甲方 签字：</p><p>乙方签字：</p><p>盖 章 乙方签字</p>");
        let spots = find(&pdf, "乙方 签字").unwrap();
        assert_eq!(spots.len(), 2);
        assert!(spots[0].y > spots[1].y && spots[0].x < spots[1].x);
        assert!(
            spots
                .iter()
                .all(|spot| spot.page == 1 && spot.width > spot.height)
        );
        assert_eq!(find(&pdf, "甲方签字").unwrap().len(), 1);
        assert_eq!(find(&pdf, "丙方").unwrap(), []);
        assert_eq!(find(&pdf, " ").unwrap(), []);
    }

    #[test]
    fn finds_filled_values_in_their_fields() {
        let names = super::super::fields(LOAN).unwrap();
        let values: BTreeMap<_, _> = names
            .iter()
            .map(|field| (field.name.clone(), "赵敏 42".to_owned()))
            .collect();
        let filled = fill(LOAN, &values).unwrap();
        let spots = find(&filled, "赵敏42").unwrap();
        assert_eq!(spots.len(), names.len());
        let (width, height) = page_sizes(&filled).unwrap()[0];
        assert!(
            spots
                .iter()
                .all(|spot| spot.x > 0.0 && spot.x + spot.width < width)
        );
        assert!(
            spots
                .iter()
                .all(|spot| spot.y > 0.0 && spot.y + spot.height < height)
        );
    }

    #[test]
    fn rejects_damaged_files_or_finds_nothing_in_them() {
        assert!(find(b"%PDF-1.7", "甲").is_err());
        for cut in (0..LOAN.len()).step_by(LOAN.len() / 20 + 1) {
            let _ = find(&[&LOAN[..cut], b"%%EOF"].concat(), "甲");
        }
    }

    #[test]
    fn finds_split_words_and_words_in_fonts_that_are_not_embedded() {
        let song = "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light-UniGB-UTF16-H/Encoding/UniGB-UTF16-H\
            /DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light\
            /CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/DW 1000>>]>>";
        let text = "BT 3 Tr /L 20 Tf 20 60 Td (Date:) Tj ET BT 0 Tr /L 20 Tf 20 100 Td (Da) Tj ( t) Tj [(e) -200 (:)] TJ ET \
            BT /S 20 Tf 20 200 Td <65E5> Tj 40 0 Td <671F> Tj ET";
        let pdf = format!(
            "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n\
             2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 300 300]>>\nendobj\n\
             3 0 obj\n<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</S {song}\
             /L<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>\nendobj\n\
             4 0 obj\n<</Length {}>>stream\n{text}\nendstream\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
            text.len()
        );
        let png = super::super::picture(pdf.as_bytes(), 1, 300)
            .unwrap()
            .unwrap();
        let pixmap = tiny_skia::Pixmap::decode_png(&png).unwrap();
        let drawn = pixmap.pixels().iter().take(300 * 150);
        assert!(drawn.filter(|pixel| pixel.red() < 100).count() > 20);
        let latin = find(pdf.as_bytes(), "Date:").unwrap();
        assert_eq!(latin.len(), 1);
        assert!((latin[0].x - 20.0).abs() < 0.1 && (latin[0].y - 97.0).abs() < 0.1);
        let chinese = find(pdf.as_bytes(), "日期").unwrap();
        assert_eq!(chinese.len(), 1);
        assert!((chinese[0].width - 60.0).abs() < 0.1 && (chinese[0].height - 20.0).abs() < 0.1);
    }
}
