//! The pen strokes of a glyph, from the center lines of its outline: lines that meet at a crossing
//! in the same direction are one stroke.

use super::canvas::Glyph;
use super::skeleton::{Point, center_lines};

/// The distance over which strokes continue at a crossing, in pixels of the grid. Thinning turns a
/// crossing into two, with a line of up to this length between them.
const GAP: f32 = 8.0;
/// The cosine of the largest angle between two parts of a stroke.
const STRAIGHT: f32 = 0.8;
/// The pixels at a crossing that thinning bends.
const BENT: usize = 3;

/// Returns the strokes of a glyph, each from its left or upper end.
pub(super) fn strokes(glyph: &Glyph) -> Vec<Vec<Point>> {
    let lines = center_lines(glyph);
    let is_free = |end: &Point| {
        let touches = |line: &&Vec<Point>| line.first() == Some(end) || line.last() == Some(end);
        lines.iter().filter(touches).count() == 1
    };
    let free_ends = |line: &[Point]| {
        let ends = [line.first(), line.last()];
        ends.into_iter()
            .flatten()
            .filter(|end| is_free(end))
            .count()
    };
    let (mut strokes, mut bridges) = (Vec::new(), Vec::new());
    for line in &lines {
        match free_ends(line) {
            0 if length(line) < GAP => bridges.push(line.clone()),
            // A corner of the outline leaves a spur.
            1 if line.len() <= BENT => {}
            _ => strokes.push(line.clone()),
        }
    }
    while let Some(joint) = best_joint(&strokes) {
        join(&mut strokes, &joint);
    }
    // A short line that no stroke covers is a stroke itself.
    let is_covered = |bridge: &Vec<Point>| {
        let middle = bridge[bridge.len() / 2];
        let mut points = strokes.iter().flatten();
        bridge.len() <= BENT || points.any(|point| distance(middle, *point) < 2.5)
    };
    bridges.retain(|bridge| !is_covered(bridge));
    strokes.extend(bridges);
    strokes.into_iter().map(smooth).map(from_start).collect()
}

/// Two ends of strokes that continue each other.
struct Joint {
    /// The stroke and whether the end is its last point.
    first: (usize, bool),
    second: (usize, bool),
    straightness: f32,
}

fn best_joint(strokes: &[Vec<Point>]) -> Option<Joint> {
    let all = (0..strokes.len()).flat_map(|index| [(index, false), (index, true)]);
    let ends: Vec<((usize, bool), Point, Point)> = all
        .map(|(index, at_end)| {
            let stroke = outward(&strokes[index], at_end);
            (
                (index, at_end),
                stroke[stroke.len() - 1],
                direction(&stroke),
            )
        })
        .collect();
    let mut best: Option<Joint> = None;
    for (number, (first, point, ahead)) in ends.iter().enumerate() {
        for (second, other, other_ahead) in &ends[number + 1..] {
            let gap = distance(*point, *other);
            if first.0 == second.0 || gap > GAP {
                continue;
            }
            let mut straightness = -dot(*ahead, *other_ahead);
            if gap > 2.0 {
                // The gap continues the stroke, too. It is short, so its direction is less exact.
                let across = ((other.0 - point.0) / gap, (other.1 - point.1) / gap);
                straightness = straightness.min(dot(*ahead, across) + 0.1);
            }
            let limit = best.as_ref().map_or(STRAIGHT, |best| best.straightness);
            if straightness > limit {
                best = Some(Joint {
                    first: *first,
                    second: *second,
                    straightness,
                });
            }
        }
    }
    best
}

/// Replaces two strokes by one, with a straight line across their crossing.
fn join(strokes: &mut Vec<Vec<Point>>, joint: &Joint) {
    let mut stroke = outward(&strokes[joint.first.0], joint.first.1);
    let mut rest = outward(&strokes[joint.second.0], joint.second.1);
    for part in [&mut stroke, &mut rest] {
        let bent = if part.len() > 3 * BENT { BENT } else { 0 };
        part.truncate(part.len() - bent);
    }
    let (from, to) = (stroke[stroke.len() - 1], rest[rest.len() - 1]);
    let gap = distance(from, to);
    let mut passed = 1.0;
    while passed < gap {
        let share = passed / gap;
        stroke.push((
            from.0 + (to.0 - from.0) * share,
            from.1 + (to.1 - from.1) * share,
        ));
        passed += 1.0;
    }
    stroke.extend(rest.into_iter().rev());
    // The second index is the larger one.
    strokes.remove(joint.second.0);
    strokes[joint.first.0] = stroke;
}

/// Returns a stroke whose last point is the given end.
fn outward(stroke: &[Point], at_end: bool) -> Vec<Point> {
    let mut stroke = stroke.to_vec();
    if !at_end {
        stroke.reverse();
    }
    stroke
}

/// Returns the direction in which a stroke ends, without the part that thinning bends.
fn direction(stroke: &[Point]) -> Point {
    let last = stroke.len() - 1;
    let to = if last > 4 * BENT { last - BENT } else { last };
    let from = to.saturating_sub(10);
    let (x, y) = (stroke[to].0 - stroke[from].0, stroke[to].1 - stroke[from].1);
    let length = x.hypot(y).max(1.0);
    (x / length, y / length)
}

/// Rounds the steps of the grid.
fn smooth(mut stroke: Vec<Point>) -> Vec<Point> {
    let mean = |before: f32, here: f32, after: f32| (before + 2.0 * here + after) / 4.0;
    for _ in 0..16 {
        let mut smoothed = stroke.clone();
        for (index, window) in stroke.windows(3).enumerate() {
            smoothed[index + 1] = (
                mean(window[0].0, window[1].0, window[2].0),
                mean(window[0].1, window[1].1, window[2].1),
            );
        }
        stroke = smoothed;
    }
    stroke
}

/// Turns a stroke so that it runs to the right or down, as the pen does.
fn from_start(mut stroke: Vec<Point>) -> Vec<Point> {
    let (start, end) = (stroke[0], stroke[stroke.len() - 1]);
    if (end.0 - start.0) + 1.2 * (end.1 - start.1) < 0.0 {
        stroke.reverse();
    }
    stroke
}

/// Returns the length of a stroke.
pub(super) fn length(stroke: &[Point]) -> f32 {
    let steps = stroke.windows(2);
    steps.map(|step| distance(step[0], step[1])).sum()
}

fn distance(one: Point, other: Point) -> f32 {
    (one.0 - other.0).hypot(one.1 - other.1)
}

fn dot(one: Point, other: Point) -> f32 {
    one.0 * other.0 + one.1 * other.1
}
