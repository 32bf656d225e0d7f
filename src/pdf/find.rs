//! Words on pages: where a keyword stands in what a page shows, form fields and all.
//!
//! Glyphs are gathered as a viewer would draw them and put back into lines by where they stand, since a line of text
//! may have been drawn in any pieces and any order.

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, SoftMask, TransformExt, interpret_page,
};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Point, Rect, Vec2};

use super::fields::PdfError;
use super::page::{look, settings};

/// Where a word stands. Lengths are points, and places are counted from the lower left of the page as it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// The page, from 1.
    pub page: u32,
    /// The left edge.
    pub x: f64,
    /// The lower edge.
    pub y: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
}

/// Every place where a keyword shows, page by page, from the top; whitespace is ignored on both sides.
///
/// A word that goes on in another line is not found; neither is an empty keyword.
pub fn find(bytes: &[u8], keyword: &str) -> Result<Vec<Spot>, PdfError> {
    let keyword: Vec<char> = keyword.chars().filter(|c| !c.is_whitespace()).collect();
    look(bytes, |pdf| {
        let cache = InterpreterCache::new();
        let mut spots = Vec::new();
        for (page, number) in pdf.pages().iter().zip(1..) {
            for line in lines(letters(page, &cache)) {
                spots.extend(matches(&line, &keyword).map(|place| Spot {
                    page: number,
                    x: place.x0,
                    y: place.y0,
                    width: place.width(),
                    height: place.height(),
                }));
            }
        }
        spots
    })
}

/// A character that shows.
#[derive(Debug, Clone, Copy)]
struct Letter {
    character: char,
    place: Rect,
    /// Where its baseline begins.
    origin: Point,
    /// The direction in which its line is read, in steps of five degrees.
    turn: i32,
    /// How high its line is.
    size: f64,
}

/// A page has no more characters than this; what a damaged one has beyond is not looked at.
const MOST: usize = 1 << 20;

fn letters<'a>(page: &Page<'a>, cache: &InterpreterCache<'a>) -> Vec<Letter> {
    let (width, height) = page.render_dimensions();
    let mut context = Context::new(
        page.initial_transform(false).to_kurbo(),
        Rect::new(0.0, 0.0, f64::from(width), f64::from(height)),
        cache,
        page.xref(),
        settings(),
    );
    let mut reader = Reader(Vec::new());
    interpret_page(page, &mut context, &mut reader);
    reader.0
}

/// Puts letters into lines, from the top of the page, each in its reading order.
fn lines(letters: Vec<Letter>) -> Vec<Vec<Letter>> {
    let mut placed: Vec<(Vec2, Letter)> = letters
        .into_iter()
        .map(|letter| {
            let level = Affine::rotate(f64::from(-5 * letter.turn).to_radians());
            ((level * letter.origin).to_vec2(), letter)
        })
        .filter(|(at, _)| at.is_finite())
        .collect();
    placed.sort_by(|(a, one), (b, other)| (one.turn.cmp(&other.turn)).then(b.y.total_cmp(&a.y)));
    let mut lines: Vec<Vec<(Vec2, Letter)>> = Vec::new();
    for (at, letter) in placed {
        match lines.last_mut() {
            Some(line)
                if line[0].1.turn == letter.turn
                    && (line[0].0.y - at.y).abs() < 0.3 * letter.size.min(line[0].1.size) =>
            {
                line.push((at, letter));
            }
            _ => lines.push(vec![(at, letter)]),
        }
    }
    for line in &mut lines {
        line.sort_by(|(a, _), (b, _)| a.x.total_cmp(&b.x));
        // Drawing a letter twice a hair apart is an old way to make it bold.
        line.dedup_by(|(b, again), (a, letter)| {
            again.character == letter.character && (b.x - a.x).abs() < 0.15 * letter.size
        });
    }
    let bare = |line: Vec<(Vec2, Letter)>| line.into_iter().map(|(_, letter)| letter).collect();
    lines.into_iter().map(bare).collect()
}

/// The places in a line where the keyword stands; those found do not overlap.
fn matches(line: &[Letter], keyword: &[char]) -> impl Iterator<Item = Rect> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while !keyword.is_empty() && at + keyword.len() <= line.len() {
            let window = &line[at..at + keyword.len()];
            if window.iter().map(|letter| &letter.character).eq(keyword) {
                at += keyword.len();
                return window
                    .iter()
                    .map(|letter| letter.place)
                    .reduce(|all, place| all.union(place));
            }
            at += 1;
        }
        None
    })
}

/// Gathers the letters that are drawn.
struct Reader(Vec<Letter>);

impl Reader {
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
        // A ligature's letters share its width evenly; no glyph stands for many letters.
        let count = text.chars().count();
        let share =
            f64::from(advance.unwrap_or(500.0)) / f64::from(u32::try_from(count).unwrap_or(1));
        let across = transform * Point::new(1000.0, 0.0) - transform * Point::ORIGIN;
        let up = transform * Point::new(0.0, 1000.0) - transform * Point::ORIGIN;
        for (character, nth) in text.chars().zip(0_u32..) {
            if character.is_whitespace() || character.is_control() || self.0.len() >= MOST {
                continue;
            }
            let left = share * f64::from(nth);
            // The usual heights of ascenders and descenders, in thousandths of an em.
            let place = transform.transform_rect_bbox(Rect::new(left, -150.0, left + share, 850.0));
            // An angle of so many steps is small.
            #[allow(clippy::cast_possible_truncation)]
            let turn = (across.atan2().to_degrees() / 5.0).round() as i32;
            self.0.push(Letter {
                character,
                place,
                origin: transform * Point::new(left, 0.0),
                turn: turn.rem_euclid(72),
                size: up.hypot(),
            });
        }
    }
}

impl<'a> Device<'a> for Reader {
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
    fn words_stand_where_they_were_put() {
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
    fn what_was_filled_is_found_in_its_field() {
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
    fn damaged_files_are_refused_or_hold_nothing() {
        assert!(find(b"%PDF-1.7", "甲").is_err());
        for cut in (0..LOAN.len()).step_by(LOAN.len() / 20 + 1) {
            let _ = find(&LOAN[..cut], "甲");
        }
    }

    #[test]
    fn words_in_pieces_and_in_fonts_that_are_not_embedded() {
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
             4 0 obj\n<</Length {}>>stream\n{text}\nendstream\nendobj\ntrailer<</Root 1 0 R>>\n",
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
