//! Drawing primitives: glyph outlines, and a canvas that places text in lines and along ovals.

use std::f32::consts::{PI, TAU};

use tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::pdf;

/// The color of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    Red,
    Blue,
    Black,
}

/// The limit of a text on a seal, in characters. The rest is not drawn.
const MAX_CHARACTERS: usize = 60;

/// Converts a small number without loss.
pub(super) fn to_f32(number: usize) -> f32 {
    u16::try_from(number).unwrap_or(u16::MAX).into()
}

/// The outline of a character in ems, centered, with y downwards; and its advance width.
pub(super) struct Glyph {
    pub(super) outline: Option<Path>,
    pub(super) width: f32,
}

/// Returns the glyphs of a text; empty if nothing can be drawn. Spaces are kept only in Latin text.
pub(super) fn glyphs(text: &str) -> Vec<Glyph> {
    let Ok(face) = Face::parse(pdf::font(), 0) else {
        return Vec::new();
    };
    let latin = text.is_ascii();
    let characters = (text.trim().chars())
        .filter(|character| !character.is_whitespace() || (latin && *character == ' '));
    let glyphs: Vec<Glyph> = characters
        .take(MAX_CHARACTERS)
        .filter_map(|character| face.glyph_index(character))
        .map(|id| glyph(&face, id))
        .collect();
    if glyphs.iter().any(|glyph| glyph.outline.is_some()) {
        glyphs
    } else {
        Vec::new()
    }
}

fn glyph(face: &Face<'_>, id: GlyphId) -> Glyph {
    // The height of a Chinese character's center above the baseline, in ems.
    const MIDDLE: f32 = 0.37;
    let em = f32::from(face.units_per_em());
    let width = f32::from(face.glyph_hor_advance(id).unwrap_or(0)) / em;
    let mut builder = OutlinePath(PathBuilder::new());
    let bounds = face.outline_glyph(id, &mut builder);
    let to_middle = Transform::from_scale(1.0 / em, -1.0 / em).post_translate(-width / 2.0, MIDDLE);
    let path = bounds.and_then(|_| builder.0.finish());
    Glyph {
        outline: path.and_then(|path| path.transform(to_middle)),
        width,
    }
}

struct OutlinePath(PathBuilder);

impl OutlineBuilder for OutlinePath {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// An image that is drawn in one color.
pub(super) struct Canvas {
    pub(super) pixmap: Pixmap,
    paint: Paint<'static>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, color: Color) -> Option<Self> {
        let mut paint = Paint::default();
        match color {
            Color::Red => paint.set_color_rgba8(214, 20, 28, 255),
            Color::Blue => paint.set_color_rgba8(30, 62, 176, 255),
            Color::Black => paint.set_color_rgba8(16, 16, 16, 255),
        }
        let pixmap = Pixmap::new(width, height)?;
        Some(Self { pixmap, paint })
    }

    pub(super) fn size(&self) -> (f32, f32) {
        // A canvas has at most a few thousand pixels in each direction: no loss of precision.
        #[allow(clippy::cast_precision_loss)]
        let size = (self.pixmap.width() as f32, self.pixmap.height() as f32);
        size
    }

    /// Returns the length of the shorter side, the unit of all measures.
    pub(super) fn unit(&self) -> f32 {
        let (width, height) = self.size();
        width.min(height)
    }

    pub(super) fn middle(&self) -> (f32, f32) {
        let (width, height) = self.size();
        (width / 2.0, height / 2.0)
    }

    /// Returns the width and height within a margin.
    pub(super) fn inner(&self, margin: f32) -> (f32, f32) {
        let (width, height) = self.size();
        (
            (width - 2.0 * margin).max(1.0),
            (height - 2.0 * margin).max(1.0),
        )
    }

    fn stroke(&mut self, path: Option<Path>, width: f32) {
        if let Some(path) = path {
            let stroke = Stroke {
                width,
                ..Stroke::default()
            };
            self.pixmap
                .stroke_path(&path, &self.paint, &stroke, Transform::identity(), None);
        }
    }

    /// Draws a frame at the edges. Returns its thickness.
    pub(super) fn frame(&mut self) -> f32 {
        let thickness = (self.unit() * 0.045).max(1.0);
        let (width, height) = self.inner(thickness / 2.0);
        let rect = Rect::from_xywh(thickness / 2.0, thickness / 2.0, width, height);
        self.stroke(rect.map(PathBuilder::from_rect), thickness);
        thickness
    }

    pub(super) fn oval(&mut self, radius_x: f32, radius_y: f32, thickness: f32) {
        let (x, y) = self.middle();
        let rect = Rect::from_ltrb(x - radius_x, y - radius_y, x + radius_x, y + radius_y);
        self.stroke(rect.and_then(PathBuilder::from_oval), thickness);
    }

    pub(super) fn star(&mut self, (x, y): (f32, f32), radius: f32) {
        let mut path = PathBuilder::new();
        for point in 0_u8..10 {
            // The radius of the inner corners of a regular five-pointed star.
            let distance = radius * if point % 2 == 0 { 1.0 } else { 0.381_966 };
            let (sin, cos) = (f32::from(point) * PI / 5.0).sin_cos();
            let (x, y) = (x + distance * sin, y - distance * cos);
            if point == 0 {
                path.move_to(x, y);
            } else {
                path.line_to(x, y);
            }
        }
        path.close();
        if let Some(path) = path.finish() {
            self.fill(&path, Transform::identity());
        }
    }

    pub(super) fn fill(&mut self, path: &Path, transform: Transform) {
        self.pixmap
            .fill_path(path, &self.paint, FillRule::Winding, transform, None);
    }

    pub(super) fn glyph(&mut self, glyph: &Glyph, transform: Transform) {
        if let Some(path) = &glyph.outline {
            self.fill(path, transform);
        }
    }

    /// Draws a line of text centered at a point, as large as the given width and height allow.
    pub(super) fn line(&mut self, text: &[Glyph], (x, y): (f32, f32), (width, height): (f32, f32)) {
        let ems: f32 = text.iter().map(|glyph| glyph.width).sum();
        if ems <= 0.0 {
            return;
        }
        // Characters are condensed to 60 % before they are drawn smaller.
        let glyph_height = height.min(width / ems / 0.6);
        let glyph_width = glyph_height.min(width / ems);
        let mut left = x - ems * glyph_width / 2.0;
        for glyph in text {
            let half = glyph.width * glyph_width / 2.0;
            self.glyph(
                glyph,
                Transform::from_scale(glyph_width, glyph_height).post_translate(left + half, y),
            );
            left += 2.0 * half;
        }
    }

    /// Draws text along the inside of an oval, evenly spaced: clockwise around the top, or
    /// counterclockwise around the bottom. The text covers at most the `share` of the oval.
    pub(super) fn arc(
        &mut self,
        text: &[Glyph],
        inside: (f32, f32),
        glyph_height: f32,
        share: f32,
        top: bool,
    ) {
        const STEPS: u16 = 720;
        let (x, y) = self.middle();
        let (radius_x, radius_y) = (inside.0 - glyph_height / 2.0, inside.1 - glyph_height / 2.0);
        let ems: f32 = text.iter().map(|glyph| glyph.width).sum();
        if ems <= 0.0 || radius_x <= 0.0 || radius_y <= 0.0 {
            return;
        }
        // Points of the oval and the length up to each: from the bottom clockwise for text at the
        // top, from the top counterclockwise for text at the bottom.
        let side = if top { 1.0 } else { -1.0 };
        let point_at = |step: u16| {
            let (sin, cos) = (TAU * f32::from(step) / f32::from(STEPS)).sin_cos();
            (-radius_x * sin, side * radius_y * cos)
        };
        let mut lengths = vec![0.0_f32];
        for step in 1..=STEPS {
            let ((ax, ay), (bx, by)) = (point_at(step - 1), point_at(step));
            lengths.push(lengths[lengths.len() - 1] + (bx - ax).hypot(by - ay));
        }
        let total = lengths[lengths.len() - 1];
        // Few characters have limited spacing; many fill their share of the oval.
        let max_spacing = if top { 1.45 } else { 1.1 };
        let pitch = (total * share / ems).min(glyph_height * max_spacing);
        let glyph_width = glyph_height.min(pitch * 0.96);
        let mut distance = (total - ems * pitch) / 2.0;
        for glyph in text {
            distance += glyph.width * pitch / 2.0;
            let step = lengths.partition_point(|length| *length < distance);
            let step = u16::try_from(step).unwrap_or(STEPS).clamp(1, STEPS - 1);
            let (point_x, point_y) = point_at(step);
            let (normal_x, normal_y) = (point_x / radius_x.powi(2), point_y / radius_y.powi(2));
            let rotation = (side * normal_x).atan2(-side * normal_y).to_degrees();
            let transform = Transform::from_scale(glyph_width, glyph_height)
                .post_rotate(rotation)
                .post_translate(x + point_x, y + point_y);
            self.glyph(glyph, transform);
            distance += glyph.width * pitch / 2.0;
        }
    }
}
