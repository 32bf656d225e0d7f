//! Handwritten signatures: the strokes of the shipped font's glyphs, drawn with a pen.

use std::f32::consts::PI;

use tiny_skia::{Path, PathBuilder, Transform};

use super::canvas::{Canvas, Color, Glyph, glyphs, to_f32};
use super::skeleton::{EM, Point, SIDE};
use super::strokes::{length, strokes};

/// The margins around a signature, in pixels.
const MARGIN: f32 = 14.0;
/// The distance from one character to the next, in parts of its width.
const PITCH: f32 = 0.9;
/// The height of a signature, in pixels.
const HEIGHT: u16 = 156;

/// Draws a name as a black handwritten signature. Returns the PNG and the ratio of its width to its
/// height; `None` if the font has no character of the name.
pub(in crate::sandbox) fn handwriting(name: &str) -> Option<(Vec<u8>, f64)> {
    let name = glyphs(name);
    let advance = |glyph: &Glyph| glyph.width * EM * PITCH;
    let width = name.iter().map(advance).sum::<f32>() + 2.0 * MARGIN;
    if name.is_empty() {
        return None;
    }
    // `glyphs` limits the number of characters, and so the width.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let width = width as u32;
    let mut canvas = Canvas::new(width, HEIGHT.into(), Color::Black)?;
    let mut left = MARGIN;
    for (index, glyph) in name.iter().enumerate() {
        let strokes = strokes(glyph);
        let hand = Hand::new(index, strokes.len());
        let (x, y) = (left + advance(glyph) / 2.0, f32::from(HEIGHT) / 2.0);
        for stroke in strokes {
            let stroke: Vec<Point> = stroke.into_iter().map(|point| hand.write(point)).collect();
            for path in ribbon(&stroke) {
                canvas.fill(&path, Transform::from_translate(x, y));
            }
        }
        left += advance(glyph);
    }
    let png = canvas.pixmap.encode_png().ok()?;
    Some((png, f64::from(width) / f64::from(HEIGHT)))
}

/// The irregularities of one written character.
struct Hand {
    /// The phase of the waves that bend the strokes.
    phase: f32,
    scale: f32,
    down: f32,
}

impl Hand {
    /// The same character at the same place of a name is written in the same way.
    fn new(index: usize, strokes: usize) -> Self {
        let seed = to_f32(index) * 2.4 + to_f32(strokes) * 1.7;
        Self {
            phase: seed,
            scale: 0.98 + 0.07 * (3.0 * seed).sin(),
            down: 5.0 * (5.0 * seed).cos(),
        }
    }

    /// Moves a point of the grid: bent a little, slanted, and rising to the right. Returns it
    /// relative to the middle of the character.
    fn write(&self, (x, y): Point) -> Point {
        let middle = to_f32(SIDE) / 2.0;
        let (x, y) = (x - middle, y - middle);
        let bent_x = x + 2.1 * (y / 22.0 + self.phase).sin() + (x / 15.0 + 2.0 * self.phase).sin();
        let bent_y = y + 2.1 * (x / 25.0 + 3.0 * self.phase).sin() - 0.12 * x;
        let (x, y) = (bent_x * 0.93 * self.scale, bent_y * self.scale);
        (x - 0.18 * y, y + self.down)
    }
}

/// Returns the shape of a stroke: a band that is wider in the middle and thin at its end, and the
/// round touch of the pen at its start.
fn ribbon(stroke: &[Point]) -> Vec<Path> {
    let total = length(stroke).max(1.0);
    let half_width = |share: f32| {
        let pressure = 1.8 + 0.9 * (PI * share).sin();
        pressure * (1.0 - (share - 0.75).max(0.0) * 2.9)
    };
    let (mut left, mut right, mut passed) = (Vec::new(), Vec::new(), 0.0);
    for (index, (x, y)) in stroke.iter().enumerate() {
        let (before, after) = (index.saturating_sub(1), (index + 1).min(stroke.len() - 1));
        passed += length(&stroke[before..=index]);
        let (ahead_x, ahead_y) = (
            stroke[after].0 - stroke[before].0,
            stroke[after].1 - stroke[before].1,
        );
        let scale = half_width(passed / total) / ahead_x.hypot(ahead_y).max(0.01);
        let (across_x, across_y) = (-ahead_y * scale, ahead_x * scale);
        left.push((x + across_x, y + across_y));
        right.push((x - across_x, y - across_y));
    }
    let mut band = PathBuilder::new();
    for (index, (x, y)) in left.into_iter().chain(right.into_iter().rev()).enumerate() {
        if index == 0 {
            band.move_to(x, y);
        } else {
            band.line_to(x, y);
        }
    }
    band.close();
    let (x, y) = stroke[0];
    // A dot has no length.
    let radius = if total > 2.0 { half_width(0.0) } else { 3.0 };
    let touch = PathBuilder::from_circle(x, y, radius);
    [band.finish(), touch].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use tiny_skia::Pixmap;

    use super::*;

    #[test]
    fn writes_every_stroke_of_a_character() {
        for (character, count) in [("一", 1), ("十", 2), ("三", 3), ("川", 3)] {
            let glyphs = glyphs(character);
            assert_eq!(strokes(&glyphs[0]).len(), count, "{character}");
        }
    }

    #[test]
    fn a_longer_name_has_a_wider_signature() {
        let ratio = |name| {
            let (png, ratio) = handwriting(name).unwrap();
            assert_eq!(handwriting(name).unwrap().0, png);
            let pixmap = Pixmap::decode_png(&png).unwrap();
            let ink = pixmap.pixels().iter().filter(|pixel| pixel.alpha() > 127);
            let percent = ink.count() * 100 / pixmap.pixels().len();
            assert!((3..25).contains(&percent), "{name}: {percent} %");
            ratio
        };
        assert!(ratio("赵敏") < ratio("欧阳明月"));
        assert!(ratio("Li Wei") > 1.0);
        assert_eq!(handwriting(""), None);
        assert_eq!(handwriting("\u{1}"), None);
    }
}
