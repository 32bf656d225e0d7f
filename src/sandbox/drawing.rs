//! Drawings of seals and of signatures by hand, as PNGs without a background.
//!
//! They look like Chinese seals do, so that whoever tries a contract sees what kind of seal stands where; they are no
//! copies of real ones. The same description makes the same picture.

mod canvas;

use canvas::{Canvas, Glyph, characters, count};
use tiny_skia::Transform;

/// What a seal looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A frame around two columns.
    Square,
    /// A frame around a line.
    Rectangle,
    /// A line.
    Borderless,
    /// A ring with a star in it.
    RoundStar,
    /// A ring.
    RoundNone,
    /// An oval with a star in it.
    OvalStar,
    /// An oval.
    OvalNone,
}

/// The color of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// The usual one.
    Red,
    /// As in some trades.
    Blue,
    /// As on copies.
    Black,
}

/// A seal as it is described.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawing<'a> {
    /// Its outline and order.
    pub(super) shape: Shape,
    /// Its color.
    pub(super) color: Color,
    /// In pixels; kept between 16 and 1000.
    pub(super) width: u32,
    /// In pixels; kept between 16 and 1000.
    pub(super) height: u32,
    /// The name: of a company along the upper arc, of a person in the frame.
    pub(super) text: &'a str,
    /// Across, below the star or in the middle; on round and oval seals.
    pub(super) h_text: Option<&'a str>,
    /// Along the lower edge; on round and oval seals.
    pub(super) q_text: Option<&'a str>,
}

/// The seal as a PNG; `None` where its text has nothing that can be drawn.
pub(super) fn draw(drawing: &Drawing<'_>) -> Option<Vec<u8>> {
    let size = |pixels: u32| pixels.clamp(16, 1000);
    let mut canvas = Canvas::new(size(drawing.width), size(drawing.height), drawing.color)?;
    let text = characters(drawing.text);
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
            let lower = drawing.q_text.map(characters).unwrap_or_default();
            let across = drawing.h_text.map(characters).unwrap_or_default();
            ring(&mut canvas, round, star, [&text, &across, &lower]);
        }
    }
    canvas.pixmap.encode_png().ok()
}

/// A name as if it were written by hand, in black, as a PNG; `None` where it has nothing that can be drawn.
pub(super) fn handwriting(name: &str) -> Option<Vec<u8>> {
    const HEIGHT: u16 = 160;
    const SIZE: f32 = 120.0;
    let name = characters(name);
    let widths: f32 = name.iter().map(|glyph| glyph.width * SIZE * 0.92).sum();
    if name.is_empty() {
        return None;
    }
    // A name has few characters; what is left out of `name` bounds the width.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let mut canvas = Canvas::new((widths + 60.0) as u32, HEIGHT.into(), Color::Black)?;
    let mut x = 30.0;
    for (glyph, nth) in name.iter().zip(0_u32..) {
        // No two characters of a hand stand alike: a small sway that the place decides.
        let sway = [
            (-3.0, 1.04, 4.0),
            (2.0, 0.94, -5.0),
            (-1.0, 1.0, 3.0),
            (3.0, 0.9, -2.0),
        ];
        let (degrees, scale, down) = sway[nth as usize % sway.len()];
        let advance = glyph.width * SIZE * 0.92;
        let place = Transform::from_scale(SIZE * scale, SIZE * scale)
            .post_concat(Transform::from_skew(-0.28, 0.0))
            .post_rotate(degrees)
            .post_translate(x + advance / 2.0, f32::from(HEIGHT) / 2.0 + down);
        canvas.glyph(glyph, place);
        x += advance;
    }
    canvas.pixmap.encode_png().ok()
}

/// A personal seal: a frame around two columns, the right one first; short names are filled up as is the custom.
fn square(canvas: &mut Canvas, text: &[Glyph]) {
    canvas.frame();
    let chinese = text.iter().all(|glyph| glyph.width > 0.9);
    if !chinese {
        let room = canvas.inner(canvas.unit() * 0.15);
        canvas.line(text, canvas.middle(), room);
        return;
    }
    let mut text: Vec<&Glyph> = text.iter().collect();
    let (filling, end) = (characters("之印"), characters("印"));
    match text.len() {
        2 => text.extend(&filling),
        3 => text.extend(&end),
        _ => {}
    }
    let root = text.len().isqrt();
    let columns = root + usize::from(root * root < text.len());
    let rows = text.len().div_ceil(columns);
    let (room_x, room_y) = canvas.inner(canvas.unit() * 0.11);
    let (middle_x, middle_y) = canvas.middle();
    let (cell_x, cell_y) = (room_x / count(columns), room_y / count(rows));
    for (at, glyph) in text.into_iter().enumerate() {
        let x = middle_x + room_x / 2.0 - cell_x * (count(at / rows) + 0.5);
        let y = middle_y - room_y / 2.0 + cell_y * (count(at % rows) + 0.5);
        canvas.glyph(
            glyph,
            Transform::from_scale(cell_x, cell_y).post_translate(x, y),
        );
    }
}

/// An official seal: a ring, the name along its upper arc, and what stands within and below.
fn ring(canvas: &mut Canvas, round: bool, star: bool, [text, across, lower]: [&[Glyph]; 3]) {
    let unit = canvas.unit();
    let (width, height) = canvas.size();
    let (radius_x, radius_y) = if round {
        (unit / 2.0, unit / 2.0)
    } else {
        (width / 2.0, height / 2.0)
    };
    let thick = (unit * 0.03).max(1.0);
    canvas.oval(
        radius_x - thick / 2.0 - 0.5,
        radius_y - thick / 2.0 - 0.5,
        thick,
    );

    let inside = (radius_x - thick * 1.9, radius_y - thick * 1.9);
    // The more characters the name has, the smaller they are, down to a half.
    let tall = unit * (0.19 - 0.006 * (count(text.len()) - 10.0).clamp(0.0, 15.0));
    let share = match (across, lower) {
        ([], []) => 0.72,
        (_, []) => 0.66,
        _ => 0.64,
    };
    canvas.arc(text, inside, tall, share, true);
    canvas.arc(lower, inside, unit * 0.085, 0.26, false);

    let (x, y) = canvas.middle();
    // The bow of the name ends where what stands across begins.
    let free = |down: f32| {
        let high = inside.1 - if lower.is_empty() { 0.0 } else { unit * 0.1 };
        2.0 * (inside.0 - tall * 0.55) * (1.0 - (down / high).powi(2)).max(0.0).sqrt()
    };
    if star {
        canvas.star((x, y - radius_y * 0.02), unit * 0.165);
        let down = radius_y * 0.48;
        canvas.line(across, (x, y + down), (free(down) * 0.82, unit * 0.115));
    } else {
        canvas.line(across, (x, y), ((inside.0 - tall) * 1.75, unit * 0.15));
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

    /// The share of a part of a picture that is drawn, in percent; the part is given in tenths of its sides.
    fn inked(png: &[u8], columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> usize {
        let pixmap = Pixmap::decode_png(png).unwrap();
        let (width, height) = (pixmap.width(), pixmap.height());
        let part = (height * rows.start / 10..height * rows.end / 10).flat_map(|y| {
            (width * columns.start / 10..width * columns.end / 10).map(move |x| (x, y))
        });
        let (mut all, mut inked) = (0, 0);
        for (x, y) in part {
            all += 1;
            inked += usize::from(pixmap.pixel(x, y).unwrap().alpha() > 127);
        }
        inked * 100 / all
    }

    #[test]
    fn every_shape_is_drawn_in_its_size_and_is_empty_at_its_corners_if_round() {
        for shape in [
            Shape::Square,
            Shape::Rectangle,
            Shape::Borderless,
            Shape::RoundStar,
            Shape::RoundNone,
            Shape::OvalStar,
            Shape::OvalNone,
        ] {
            for (width, height) in [(300, 300), (300, 120), (1, 5000)] {
                let drawing = Drawing {
                    shape,
                    width,
                    height,
                    ..SEAL
                };
                let png = draw(&drawing).unwrap();
                assert_eq!(draw(&drawing), Some(png.clone()));
                let pixmap = Pixmap::decode_png(&png).unwrap();
                assert_eq!(pixmap.width(), width.clamp(16, 1000));
                assert_eq!(pixmap.height(), height.clamp(16, 1000));
                assert!(
                    width == 1 || inked(&png, 0..10, 0..10) > 1,
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
    fn a_star_is_in_the_middle_of_those_that_have_one() {
        let bare = Drawing {
            h_text: None,
            q_text: None,
            ..SEAL
        };
        assert!(inked(&draw(&bare).unwrap(), 4..6, 4..5) > 50);
        let none = Drawing {
            shape: Shape::RoundNone,
            ..bare
        };
        assert_eq!(inked(&draw(&none).unwrap(), 4..6, 4..5), 0);
        // Nothing stands in the middle nor below it when nothing is asked for but the name.
        assert_eq!(inked(&draw(&none).unwrap(), 3..7, 4..9), 0);
    }

    #[test]
    fn colors_are_as_asked() {
        for (color, test) in [
            (Color::Red, [true, false, false]),
            (Color::Blue, [false, false, true]),
            (Color::Black, [false, false, false]),
        ] {
            let pixmap = Pixmap::decode_png(&draw(&Drawing { color, ..SEAL }).unwrap()).unwrap();
            let star = pixmap.pixel(150, 150).unwrap();
            let strong = [star.red(), star.green(), star.blue()].map(|part| part > 150);
            assert_eq!(strong, test);
        }
    }

    #[test]
    fn a_signature_is_black_and_as_long_as_its_name() {
        let width = |name| {
            let png = handwriting(name).unwrap();
            assert!(inked(&png, 0..10, 2..8) > 10);
            Pixmap::decode_png(&png).unwrap().width()
        };
        assert!(width("赵敏") < width("欧阳明月"));
        assert_eq!(handwriting(""), None);
    }
}
