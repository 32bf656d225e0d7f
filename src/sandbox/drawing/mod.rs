//! Drawings of seals and handwritten signatures, as PNG images with a transparent background.
//!
//! The drawings have the style of Chinese seals but copy no real ones. The same description gives
//! the same image.

mod canvas;
mod handwriting;
mod skeleton;
mod strokes;

use canvas::{Canvas, Glyph, glyphs, to_f32};
use tiny_skia::Transform;

pub(super) use canvas::Color;
pub(super) use handwriting::handwriting;

/// The shape of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A square frame around two columns of text.
    Square,
    /// A frame around one line of text.
    Rectangle,
    /// One line of text without a frame.
    Borderless,
    /// A circle with a star.
    RoundStar,
    /// A circle.
    RoundNone,
    /// An oval with a star.
    OvalStar,
    /// An oval.
    OvalNone,
}

/// The description of a seal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawing<'a> {
    pub(super) shape: Shape,
    pub(super) color: Color,
    /// In pixels of 1/96 inch.
    pub(super) width: u32,
    /// In pixels of 1/96 inch.
    pub(super) height: u32,
    /// The name: along the upper arc for an organization, in the frame for a person.
    pub(super) text: &'a str,
    /// The horizontal text of round and oval seals, below the star or in the middle.
    pub(super) h_text: Option<&'a str>,
    /// The text along the lower arc of round and oval seals.
    pub(super) q_text: Option<&'a str>,
}

/// Draws a seal as PNG with 300 pixels an inch. Limits its memory: the sides have 50 to 3000 pixels.
/// `None` if the font has no character of the text.
pub(super) fn draw(drawing: &Drawing<'_>) -> Option<Vec<u8>> {
    let size = |pixels: u32| (pixels.saturating_mul(300) / 96).clamp(50, 3000);
    let mut canvas = Canvas::new(size(drawing.width), size(drawing.height), drawing.color)?;
    let text = glyphs(drawing.text);
    if text.is_empty() {
        return None;
    }
    match drawing.shape {
        Shape::Square => square(&mut canvas, &text),
        Shape::Rectangle => {
            let frame = canvas.frame();
            canvas.line(&text, canvas.middle(), canvas.inner(frame * 2.2));
        }
        Shape::Borderless => canvas.line(&text, canvas.middle(), canvas.inner(1.0)),
        shape => {
            let star = matches!(shape, Shape::RoundStar | Shape::OvalStar);
            let round = matches!(shape, Shape::RoundStar | Shape::RoundNone);
            let lower = drawing.q_text.map(glyphs).unwrap_or_default();
            let horizontal = drawing.h_text.map(glyphs).unwrap_or_default();
            ring(&mut canvas, round, star, [&text, &horizontal, &lower]);
        }
    }
    canvas.pixmap.encode_png().ok()
}

/// Draws a personal seal: a frame around two columns, starting with the right one. Chinese names of
/// two or three characters get the customary suffix.
fn square(canvas: &mut Canvas, text: &[Glyph]) {
    canvas.frame();
    let chinese = text.iter().all(|glyph| glyph.width > 0.9);
    if !chinese {
        let area = canvas.inner(canvas.unit() * 0.15);
        canvas.line(text, canvas.middle(), area);
        return;
    }
    let mut text: Vec<&Glyph> = text.iter().collect();
    let (long_suffix, short_suffix) = (glyphs("之印"), glyphs("印"));
    match text.len() {
        2 => text.extend(&long_suffix),
        3 => text.extend(&short_suffix),
        _ => {}
    }
    let root = text.len().isqrt();
    let columns = root + usize::from(root * root < text.len());
    let rows = text.len().div_ceil(columns);
    let (area_x, area_y) = canvas.inner(canvas.unit() * 0.11);
    let (middle_x, middle_y) = canvas.middle();
    let (cell_x, cell_y) = (area_x / to_f32(columns), area_y / to_f32(rows));
    for (index, glyph) in text.into_iter().enumerate() {
        let x = middle_x + area_x / 2.0 - cell_x * (to_f32(index / rows) + 0.5);
        let y = middle_y - area_y / 2.0 + cell_y * (to_f32(index % rows) + 0.5);
        canvas.glyph(
            glyph,
            Transform::from_scale(cell_x, cell_y).post_translate(x, y),
        );
    }
}

/// Draws an official seal: a circle or oval, the name along the upper arc, the horizontal text, and
/// the text along the lower arc.
fn ring(canvas: &mut Canvas, round: bool, star: bool, [text, horizontal, lower]: [&[Glyph]; 3]) {
    let unit = canvas.unit();
    let (width, height) = canvas.size();
    let (radius_x, radius_y) = if round {
        (unit / 2.0, unit / 2.0)
    } else {
        (width / 2.0, height / 2.0)
    };
    let thickness = (unit * 0.03).max(1.0);
    canvas.oval(
        radius_x - thickness / 2.0 - 0.5,
        radius_y - thickness / 2.0 - 0.5,
        thickness,
    );

    let inside = (radius_x - thickness * 1.9, radius_y - thickness * 1.9);
    // A longer name has smaller characters.
    let glyph_height = unit * (0.19 - 0.006 * (to_f32(text.len()) - 10.0).clamp(0.0, 15.0));
    let share = match (horizontal, lower) {
        ([], []) => 0.72,
        (_, []) => 0.66,
        _ => 0.64,
    };
    canvas.arc(text, inside, glyph_height, share, true);
    canvas.arc(lower, inside, unit * 0.085, 0.26, false);

    let (x, y) = canvas.middle();
    // The width that the arc of the name leaves free at a distance below the middle.
    let free_width = |down: f32| {
        let half_height = inside.1 - if lower.is_empty() { 0.0 } else { unit * 0.1 };
        2.0 * (inside.0 - glyph_height * 0.55)
            * (1.0 - (down / half_height).powi(2)).max(0.0).sqrt()
    };
    if star {
        canvas.star((x, y - radius_y * 0.02), unit * 0.165);
        let down = radius_y * 0.48;
        canvas.line(
            horizontal,
            (x, y + down),
            (free_width(down) * 0.82, unit * 0.115),
        );
    } else {
        canvas.line(
            horizontal,
            (x, y),
            ((inside.0 - glyph_height) * 1.75, unit * 0.15),
        );
    }
}

#[cfg(test)]
mod tests {
    use tiny_skia::Pixmap;

    use super::*;

    const SEAL: Drawing<'static> = Drawing {
        shape: Shape::RoundStar,
        color: Color::Red,
        width: 300,
        height: 300,
        text: "北京某某科技有限公司",
        h_text: Some("合同专用章"),
        q_text: Some("1101080012345"),
    };

    /// Returns the share of drawn pixels in a part of an image, in percent. The part is in tenths
    /// of the width and height.
    fn drawn_percent(
        png: &[u8],
        columns: std::ops::Range<u32>,
        rows: std::ops::Range<u32>,
    ) -> usize {
        let pixmap = Pixmap::decode_png(png).unwrap();
        let (width, height) = (pixmap.width(), pixmap.height());
        let part = (height * rows.start / 10..height * rows.end / 10).flat_map(|y| {
            (width * columns.start / 10..width * columns.end / 10).map(move |x| (x, y))
        });
        let (mut all, mut drawn) = (0, 0);
        for (x, y) in part {
            all += 1;
            drawn += usize::from(pixmap.pixel(x, y).unwrap().alpha() > 127);
        }
        drawn * 100 / all
    }

    #[test]
    fn draws_every_shape_in_the_requested_size() {
        for shape in [
            Shape::Square,
            Shape::Rectangle,
            Shape::Borderless,
            Shape::RoundStar,
            Shape::RoundNone,
            Shape::OvalStar,
            Shape::OvalNone,
        ] {
            for (width, height) in [(100, 100), (100, 40), (1, 5000)] {
                let drawing = Drawing {
                    shape,
                    width,
                    height,
                    ..SEAL
                };
                let png = draw(&drawing).unwrap();
                assert_eq!(draw(&drawing), Some(png.clone()));
                let pixmap = Pixmap::decode_png(&png).unwrap();
                let printed = |side: u32| (side * 300 / 96).clamp(50, 3000);
                assert_eq!(pixmap.width(), printed(width));
                assert_eq!(pixmap.height(), printed(height));
                assert!(
                    width == 1 || drawn_percent(&png, 0..10, 0..10) > 1,
                    "{shape:?} {height}"
                );
                let framed = matches!(shape, Shape::Square | Shape::Rectangle);
                let corner = pixmap.pixel(0, 0).unwrap();
                assert_eq!(corner.alpha() > 127, framed, "{shape:?}");
            }
        }
        let nothing = Drawing {
            text: " \u{1}",
            ..SEAL
        };
        assert_eq!(draw(&nothing), None);
    }

    #[test]
    fn draws_a_star_only_in_star_shapes() {
        let bare = Drawing {
            h_text: None,
            q_text: None,
            ..SEAL
        };
        assert!(drawn_percent(&draw(&bare).unwrap(), 4..6, 4..5) > 50);
        let none = Drawing {
            shape: Shape::RoundNone,
            ..bare
        };
        assert_eq!(drawn_percent(&draw(&none).unwrap(), 4..6, 4..5), 0);
        // Without further texts the middle and the lower half are empty.
        assert_eq!(drawn_percent(&draw(&none).unwrap(), 3..7, 4..9), 0);
    }

    #[test]
    fn draws_in_the_requested_color() {
        for (color, test) in [
            (Color::Red, [true, false, false]),
            (Color::Blue, [false, false, true]),
            (Color::Black, [false, false, false]),
        ] {
            let pixmap = Pixmap::decode_png(&draw(&Drawing { color, ..SEAL }).unwrap()).unwrap();
            let star = pixmap
                .pixel(pixmap.width() / 2, pixmap.height() / 2)
                .unwrap();
            let strong = [star.red(), star.green(), star.blue()].map(|part| part > 150);
            assert_eq!(strong, test);
        }
    }
}
