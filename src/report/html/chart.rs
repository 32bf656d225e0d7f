//! Moments turned into a picture of progress: how many items had been sent, and had come to their end, by when.
//!
//! The lines stand in a field of 1000 by 1000 that the page stretches; what is written beside them is placed in
//! percent, so that it keeps its size on narrow screens.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;

use super::super::summary::Summary;
use super::moments::Moments;
use super::{ticks, words};
use crate::api::time;

/// The picture.
#[derive(Debug, Serialize)]
pub(super) struct Curve {
    /// The paths of the lines: sent, ended. Empty where nothing was counted.
    lines: [String; 2],
    /// How many in all.
    totals: [String; 2],
    /// Lines across, from the foot.
    counts: Vec<Mark>,
    /// Moments along the foot.
    moments: Vec<Mark>,
    /// Where the run began, if that is within the picture and not at its edge.
    begun: Option<f64>,
    /// The picture in a sentence or two.
    told: String,
}

/// A value on an axis.
#[derive(Debug, Serialize)]
struct Mark {
    /// Its place, in percent of the axis.
    at: f64,
    text: String,
    /// On which side of its place the text stands.
    anchor: &'static str,
}

/// Which moments stand where in the picture.
struct Axis {
    from: i64,
    to: i64,
}

impl Curve {
    /// The picture of a run; none when nothing was sent or ended.
    pub(super) fn of(moments: &Moments, summary: &Summary) -> Option<Self> {
        let begun = second(&summary.started);
        let axis = Axis::of(moments, begun, summary.ended.as_deref().and_then(second))?;
        let total = |which: usize| moments.buckets().map(|b| b.counts[which]).sum::<u64>();
        let totals = [total(0), total(1)];
        let lines = ticks::counts(totals[0].max(totals[1]));
        let top = lines.last().copied().unwrap_or(1);
        let counts = lines.iter().map(|count| Mark {
            at: part(*count, top) * 100.0,
            text: words::count(*count),
            anchor: "start",
        });
        let marks = ticks::moments(axis.from, axis.to).into_iter();
        let moment = |(second, text)| {
            let at = axis.place(second) * 100.0;
            let anchor = match at {
                ..8.0 => "start",
                92.0.. => "end",
                _ => "middle",
            };
            Mark { at, text, anchor }
        };
        Some(Self {
            lines: [0, 1].map(|which| axis.line(moments, which, top)),
            totals: totals.map(words::count),
            counts: counts.collect(),
            moments: marks.map(moment).collect(),
            begun: begun
                .map(|begun| axis.place(begun) * 100.0)
                .filter(|at| (0.5..99.5).contains(at)),
            told: told(moments, totals),
        })
    }
}

impl Axis {
    /// From the first moment to the last, with the whole run where that leaves most of the room to them.
    fn of(moments: &Moments, begun: Option<i64>, ended: Option<i64>) -> Option<Self> {
        let from = moments.buckets().next()?.from;
        let to = moments.buckets().last()?.to;
        let near = to - from;
        let begun = begun.filter(|begun| *begun < from && from - begun <= near);
        let ended = ended.filter(|ended| *ended > to && ended - to <= near);
        Some(Self {
            from: begun.unwrap_or(from),
            to: ended.unwrap_or(to),
        })
    }

    /// The place of a moment, from 0 to 1.
    // Seconds of a run are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    fn place(&self, second: i64) -> f64 {
        (second - self.from) as f64 / (self.to - self.from) as f64
    }

    /// A line that rises within each bucket, and is level where there is none.
    fn line(&self, moments: &Moments, which: usize, top: u64) -> String {
        let (mut path, mut sum) = (String::new(), 0);
        let mut point = |second: i64, sum: u64| {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let x = self.place(second) * 1000.0;
            let y = 1000.0 - part(sum, top) * 1000.0;
            // Writing to a text cannot fail.
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        };
        point(self.from, 0);
        for bucket in moments.buckets().filter(|bucket| bucket.counts[which] > 0) {
            point(bucket.from, sum);
            sum += bucket.counts[which];
            point(bucket.to, sum);
        }
        point(self.to, sum);
        if sum == 0 { String::new() } else { path }
    }
}

// Counts of items are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn part(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

/// A local date and time, in seconds since 1970.
fn second(local: &str) -> Option<i64> {
    let local: DateTime = local.parse().ok()?;
    Some(time::epoch_ms(local)?.div_euclid(1000))
}

/// The picture in words.
fn told(moments: &Moments, [sent, ended]: [u64; 2]) -> String {
    let at = |second| Timestamp::from_second(second).map_or(String::new(), time::text);
    let between = |which: usize| match moments.span(which) {
        Some((first, last)) if first == last => format!("at {}", at(first)),
        Some((first, last)) => format!("between {} and {}", at(first), at(last)),
        None => String::new(),
    };
    let was = |count| if count == 1 { "was" } else { "were" };
    let mut told = match sent {
        0 => "No item was sent.".to_owned(),
        _ => format!(
            "{} {} sent {}.",
            words::counted(sent, "item", "items"),
            was(sent),
            between(0)
        ),
    };
    match ended {
        0 => told.push_str(" None has come to its end yet."),
        _ => {
            let items = words::counted(ended, "item", "items");
            // Writing to a text cannot fail.
            let _ = write!(told, " {items} came to an end {}.", between(1));
        }
    }
    if moments.width() > 1 {
        // A run is not negative.
        let width = words::counted(moments.width().unsigned_abs(), "second", "seconds");
        let _ = write!(told, " The lines show steps of {width}.");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::summary;
    use super::*;

    #[test]
    fn nothing_gives_no_picture() {
        assert!(Curve::of(&Moments::default(), &summary()).is_none());
    }

    #[test]
    fn the_lines_rise_to_their_totals() {
        let begun = second("2026-11-24 10:00:00").expect("a moment");
        let mut moments = Moments::default();
        for n in 0..40 {
            moments.count(begun + 10 + n, 0);
        }
        moments.count(begun + 20, 1);
        let curve = Curve::of(&moments, &summary()).expect("a picture");
        let [sent, ended] = &curve.lines;
        assert!(sent.starts_with("M0.0 1000.0L200.0 1000.0L"), "{sent}");
        assert!(sent.ends_with("L1000.0 0.0"), "{sent}");
        assert!(ended.ends_with("L1000.0 975.0"), "{ended}");
        assert_eq!(curve.totals, ["40", "1"]);
        let texts = |marks: &[Mark]| marks.iter().map(|m| m.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&curve.counts), ["10", "20", "30", "40"]);
        assert_eq!(
            texts(&curve.moments),
            [
                "10:00:00", "10:00:10", "10:00:20", "10:00:30", "10:00:40", "10:00:50"
            ]
        );
        assert_eq!(
            curve.told,
            "40 items were sent between 2026-11-24 10:00:10 and 2026-11-24 10:00:49. \
             1 item came to an end at 2026-11-24 10:00:20."
        );
    }

    #[test]
    fn a_run_far_from_what_was_sent_does_not_squeeze_it() {
        let sent = second("2026-11-20 10:00:00").expect("a moment");
        let mut moments = Moments::default();
        moments.count(sent, 0);
        let curve = Curve::of(&moments, &summary()).expect("a picture");
        assert_eq!(curve.begun, None);
        assert_eq!(curve.moments[0].text, "10:00:00");
        assert_eq!(curve.lines[1], "");
    }
}
