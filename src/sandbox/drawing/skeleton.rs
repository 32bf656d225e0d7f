//! The skeleton of a glyph: the center lines of its strokes, one pixel wide, as paths of pixels.

use std::collections::BTreeSet;

use tiny_skia::{FillRule, Paint, Pixmap, Transform};

use super::canvas::{Glyph, to_f32};

/// The side of the grid on which a glyph is thinned, in pixels.
pub(super) const SIDE: usize = 128;
/// The height of an em on the grid. The margin lets letters exceed their em.
pub(super) const EM: f32 = 108.0;

/// A point on the grid, in pixels from its upper left corner.
pub(super) type Point = (f32, f32);

/// Returns the center lines of a glyph: each path runs between two ends or crossings, or around a
/// ring.
pub(super) fn center_lines(glyph: &Glyph) -> Vec<Vec<Point>> {
    let Some(mut grid) = Grid::rasterize(glyph) else {
        return Vec::new();
    };
    grid.thin();
    let to_point = |pixel: &usize| (to_f32(pixel % SIDE), to_f32(pixel / SIDE));
    let paths = grid.paths();
    paths
        .iter()
        .map(|path| path.iter().map(to_point).collect())
        .collect()
}

/// The pixels of a glyph, row by row. Those at the edges are never set.
struct Grid(Vec<bool>);

impl Grid {
    fn rasterize(glyph: &Glyph) -> Option<Self> {
        let side = u32::try_from(SIDE).ok()?;
        let mut pixmap = Pixmap::new(side, side)?;
        let middle = to_f32(SIDE) / 2.0;
        let to_grid = Transform::from_scale(EM, EM).post_translate(middle, middle);
        let outline = glyph.outline.as_ref()?;
        pixmap.fill_path(outline, &Paint::default(), FillRule::Winding, to_grid, None);
        let is_inside = |pixel: usize| (1..SIDE - 1).contains(&pixel);
        let pixels = pixmap.pixels().iter().enumerate();
        let ink = pixels.map(|(index, color)| {
            color.alpha() > 127 && is_inside(index % SIDE) && is_inside(index / SIDE)
        });
        Some(Self(ink.collect()))
    }

    fn ink(&self) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .enumerate()
            .filter_map(|(pixel, ink)| ink.then_some(pixel))
    }

    /// Returns the neighbors of a pixel clockwise, starting above it.
    fn ring(pixel: usize) -> [usize; 8] {
        let (above, below) = (pixel - SIDE, pixel + SIDE);
        [
            above,
            above + 1,
            pixel + 1,
            below + 1,
            below,
            below - 1,
            pixel - 1,
            above - 1,
        ]
    }

    /// Removes pixels at the edges of strokes until the strokes are one pixel wide (Zhang and Suen,
    /// 1984).
    fn thin(&mut self) {
        loop {
            let mut is_changed = false;
            for is_second in [false, true] {
                let removed: Vec<usize> = self
                    .ink()
                    .filter(|pixel| self.is_removable(*pixel, is_second))
                    .collect();
                is_changed |= !removed.is_empty();
                for pixel in removed {
                    self.0[pixel] = false;
                }
            }
            if !is_changed {
                return;
            }
        }
    }

    fn is_removable(&self, pixel: usize, is_second: bool) -> bool {
        let ring = Self::ring(pixel).map(|neighbor| self.0[neighbor]);
        let count = ring.iter().filter(|ink| **ink).count();
        let begins = |index: &usize| !ring[*index] && ring[(index + 1) % 8];
        let [above, _, right, _, below, _, left, _] = ring;
        let is_edge = if is_second {
            !(above && left && (right || below))
        } else {
            !(right && below && (above || left))
        };
        (2..=6).contains(&count) && (0..8).filter(begins).count() == 1 && is_edge
    }

    /// Returns the pixels that continue a line at a pixel. A diagonal neighbor that is also reached
    /// over a direct one does not count.
    fn linked(&self, pixel: usize) -> Vec<usize> {
        let ring = Self::ring(pixel);
        let is_set = |index: usize| self.0[ring[index % 8]];
        let is_linked = |index: &usize| {
            is_set(*index) && (index.is_multiple_of(2) || !(is_set(index + 1) || is_set(index + 7)))
        };
        (0..8).filter(is_linked).map(|index| ring[index]).collect()
    }

    fn paths(&self) -> Vec<Vec<usize>> {
        let mut paths = Vec::new();
        let mut is_walked = BTreeSet::new();
        for end in self.ink().filter(|pixel| self.linked(*pixel).len() != 2) {
            let links = self.linked(end);
            if links.is_empty() {
                is_walked.insert(end);
                paths.push(vec![end]);
            }
            for next in links {
                let path = self.walk(end, next);
                // The walk from the other end is the same path.
                let back = (path[path.len() - 1], path[path.len() - 2]);
                if (end, next) <= back {
                    is_walked.extend(&path);
                    paths.push(path);
                }
            }
        }
        // Only rings without a crossing are left.
        for pixel in self.ink() {
            if !is_walked.contains(&pixel) {
                let path = self.walk(pixel, self.linked(pixel)[0]);
                is_walked.extend(&path);
                paths.push(path);
            }
        }
        paths
    }

    /// Follows a line to the next end or crossing, or around a ring.
    fn walk(&self, start: usize, next: usize) -> Vec<usize> {
        let mut path = vec![start, next];
        let (mut before, mut pixel) = (start, next);
        while pixel != start {
            let links = self.linked(pixel);
            let onward = links.iter().find(|link| **link != before);
            let Some(onward) = onward.filter(|_| links.len() == 2) else {
                break;
            };
            (before, pixel) = (pixel, *onward);
            path.push(pixel);
        }
        path
    }
}
