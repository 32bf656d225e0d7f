//! What seals are drawn with: outlines of characters, and a canvas that sets them in lines and along ovals.

use std::f32::consts::{PI, TAU};

use tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::Color;
use crate::pdf;

/// No text on a seal is longer, in characters; the rest is left out.
const LONGEST: usize = 60;

/// Small numbers, exactly.
pub(super) fn count(number: usize) -> f32 {
    u16::try_from(number).unwrap_or(u16::MAX).into()
}

/// A character's outline in ems around its middle, y downwards, and its advance.
pub(super) struct Glyph {
    outline: Option<Path>,
    pub(super) width: f32,
}

/// The glyphs of a text; none where nothing can be drawn. Only Latin words are held apart by spaces.
pub(super) fn characters(text: &str) -> Vec<Glyph> {
    let Ok(face) = Face::parse(pdf::font(), 0) else {
        return Vec::new();
    };
    let latin = text.is_ascii();
    let characters = (text.trim().chars())
        .filter(|character| !character.is_whitespace() || (latin && *character == ' '));
    let glyphs: Vec<Glyph> = characters
        .take(LONGEST)
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
    // The middle of a Chinese character, and nearly that of a digit, above the baseline.
    const MIDDLE: f32 = 0.37;
    let em = f32::from(face.units_per_em());
    let width = f32::from(face.glyph_hor_advance(id).unwrap_or(0)) / em;
    let mut pen = Pen(PathBuilder::new());
    let drawn = face.outline_glyph(id, &mut pen);
    let to_middle = Transform::from_scale(1.0 / em, -1.0 / em).post_translate(-width / 2.0, MIDDLE);
    let path = drawn.and_then(|_| pen.0.finish());
    Glyph {
        outline: path.and_then(|path| path.transform(to_middle)),
        width,
    }
}

struct Pen(PathBuilder);

impl OutlineBuilder for Pen {
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

/// A picture that is being drawn in one color.
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
        // A canvas is a few thousand pixels wide at most.
        #[allow(clippy::cast_precision_loss)]
        let size = (self.pixmap.width() as f32, self.pixmap.height() as f32);
        size
    }

    /// The shorter side, by which everything is measured.
    pub(super) fn unit(&self) -> f32 {
        let (width, height) = self.size();
        width.min(height)
    }

    pub(super) fn middle(&self) -> (f32, f32) {
        let (width, height) = self.size();
        (width / 2.0, height / 2.0)
    }

    /// The room within a margin.
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

    /// A frame at the edges; tells how thick it is.
    pub(super) fn frame(&mut self) -> f32 {
        let thick = (self.unit() * 0.045).max(1.0);
        let (width, height) = self.inner(thick / 2.0);
        let rect = Rect::from_xywh(thick / 2.0, thick / 2.0, width, height);
        self.stroke(rect.map(PathBuilder::from_rect), thick);
        thick
    }

    pub(super) fn oval(&mut self, radius_x: f32, radius_y: f32, thick: f32) {
        let (x, y) = self.middle();
        let rect = Rect::from_ltrb(x - radius_x, y - radius_y, x + radius_x, y + radius_y);
        self.stroke(rect.and_then(PathBuilder::from_oval), thick);
    }

    pub(super) fn star(&mut self, (x, y): (f32, f32), radius: f32) {
        let mut path = PathBuilder::new();
        for point in 0_u8..10 {
            // The inner corners of a star whose edges are straight lines.
            let reach = radius * if point % 2 == 0 { 1.0 } else { 0.381_966 };
            let (sin, cos) = (f32::from(point) * PI / 5.0).sin_cos();
            let (x, y) = (x + reach * sin, y - reach * cos);
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

    fn fill(&mut self, path: &Path, place: Transform) {
        self.pixmap
            .fill_path(path, &self.paint, FillRule::Winding, place, None);
    }

    pub(super) fn glyph(&mut self, glyph: &Glyph, place: Transform) {
        if let Some(path) = &glyph.outline {
            self.fill(path, place);
        }
    }

    /// A line of text around a point, as large as the room allows.
    pub(super) fn line(&mut self, text: &[Glyph], (x, y): (f32, f32), (width, height): (f32, f32)) {
        let ems: f32 = text.iter().map(|glyph| glyph.width).sum();
        if ems <= 0.0 {
            return;
        }
        // Characters may be as narrow as six tenths; what is still too long is smaller.
        let tall = height.min(width / ems / 0.6);
        let wide = tall.min(width / ems);
        let mut left = x - ems * wide / 2.0;
        for glyph in text {
            let half = glyph.width * wide / 2.0;
            self.glyph(
                glyph,
                Transform::from_scale(wide, tall).post_translate(left + half, y),
            );
            left += 2.0 * half;
        }
    }

    /// Text along the inside of an oval, evenly spaced around its top (clockwise) or its bottom (to be read upright).
    pub(super) fn arc(
        &mut self,
        text: &[Glyph],
        inside: (f32, f32),
        tall: f32,
        share: f32,
        top: bool,
    ) {
        const STEPS: u16 = 720;
        let (x, y) = self.middle();
        let (radius_x, radius_y) = (inside.0 - tall / 2.0, inside.1 - tall / 2.0);
        let ems: f32 = text.iter().map(|glyph| glyph.width).sum();
        if ems <= 0.0 || radius_x <= 0.0 || radius_y <= 0.0 {
            return;
        }
        // Points of the oval, and how long it is up to each; from the bottom clockwise, or from the top against it.
        let side = if top { 1.0 } else { -1.0 };
        let at = |step: u16| {
            let (sin, cos) = (TAU * f32::from(step) / f32::from(STEPS)).sin_cos();
            (-radius_x * sin, side * radius_y * cos)
        };
        let mut lengths = vec![0.0_f32];
        for step in 1..=STEPS {
            let ((ax, ay), (bx, by)) = (at(step - 1), at(step));
            lengths.push(lengths[lengths.len() - 1] + (bx - ax).hypot(by - ay));
        }
        let whole = lengths[lengths.len() - 1];
        // Few characters stand loosely and not far apart; many fill the share of the oval that is theirs.
        let loose = if top { 1.45 } else { 1.1 };
        let pitch = (whole * share / ems).min(tall * loose);
        let wide = tall.min(pitch * 0.96);
        let mut along = (whole - ems * pitch) / 2.0;
        for glyph in text {
            along += glyph.width * pitch / 2.0;
            let step = lengths.partition_point(|length| *length < along);
            let step = u16::try_from(step).unwrap_or(STEPS).clamp(1, STEPS - 1);
            let (point_x, point_y) = at(step);
            let (normal_x, normal_y) = (point_x / radius_x.powi(2), point_y / radius_y.powi(2));
            let turn = (side * normal_x).atan2(-side * normal_y).to_degrees();
            let place = Transform::from_scale(wide, tall)
                .post_rotate(turn)
                .post_translate(x + point_x, y + point_y);
            self.glyph(glyph, place);
            along += glyph.width * pitch / 2.0;
        }
    }
}
