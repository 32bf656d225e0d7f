//! Prepares the chart of sent and ended items over time.
//!
//! The lines use a coordinate system of 1000 by 1000 that the page stretches. Labels are positioned
//! in percent, so that they keep their size on narrow screens.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;

use super::super::summary::Summary;
use super::time_buckets::TimeBuckets;
use super::{ticks, words};
use crate::api::time;

/// The chart.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    /// The SVG paths of the lines, sent and ended; empty if nothing was counted.
    lines: [String; 2],
    /// The number of sent and of ended items.
    totals: [String; 2],
    /// The ticks of the vertical axis, from the bottom.
    counts: Vec<Tick>,
    /// The ticks of the time axis.
    times: Vec<Tick>,
    /// The start of the run in percent of the time axis, unless it is outside the chart or at its
    /// edge.
    run_start: Option<f64>,
    /// The chart as text.
    description: String,
}

/// A tick of an axis.
#[derive(Debug, Serialize)]
struct Tick {
    /// The position in percent of the axis.
    at: f64,
    text: String,
    /// The SVG `text-anchor` of the label.
    anchor: &'static str,
}

/// The shortest time in seconds that a chart shows: below it, the lines are steps.
const MIN_SECONDS: i64 = 3;

/// The time axis, in seconds since 1970.
struct Axis {
    from: i64,
    to: i64,
}

impl Chart {
    /// Returns the chart of a run; `None` if nothing was sent or ended, or all within a moment.
    pub(super) fn of(times: &TimeBuckets, summary: &Summary) -> Option<Self> {
        let run_start = second(&summary.started);
        let axis = Axis::of(times, run_start, summary.ended.as_deref().and_then(second))?;
        if axis.to - axis.from < MIN_SECONDS {
            return None;
        }
        let total = |which: usize| times.buckets().map(|b| b.counts[which]).sum::<u64>();
        let totals = [total(0), total(1)];
        let lines = ticks::counts(totals[0].max(totals[1]));
        let top = lines.last().copied().unwrap_or(1);
        let counts = lines.iter().map(|count| Tick {
            at: ratio(*count, top) * 100.0,
            text: words::count(*count),
            anchor: "start",
        });
        let ticks = ticks::times(axis.from, axis.to).into_iter();
        let tick = |(second, text)| {
            let at = axis.position(second) * 100.0;
            let anchor = match at {
                ..8.0 => "start",
                92.0.. => "end",
                _ => "middle",
            };
            Tick { at, text, anchor }
        };
        Some(Self {
            lines: [0, 1].map(|which| axis.line(times, which, top)),
            totals: totals.map(words::count),
            counts: counts.collect(),
            times: ticks.map(tick).collect(),
            run_start: run_start
                .map(|run_start| axis.position(run_start) * 100.0)
                .filter(|at| (0.5..99.5).contains(at)),
            description: description(times, totals),
        })
    }
}

impl Axis {
    /// Returns the axis from the first to the last time. It includes the start and the end of the
    /// run unless they are further away than the span of the times.
    fn of(times: &TimeBuckets, run_start: Option<i64>, ended: Option<i64>) -> Option<Self> {
        let from = times.buckets().next()?.from;
        let to = times.buckets().last()?.to;
        let near = to - from;
        let run_start = run_start.filter(|run_start| *run_start < from && from - run_start <= near);
        let ended = ended.filter(|ended| *ended > to && ended - to <= near);
        Some(Self {
            from: run_start.unwrap_or(from),
            to: ended.unwrap_or(to),
        })
    }

    /// Returns the position of a time on the axis, from 0 to 1.
    #[allow(clippy::cast_precision_loss)] // the seconds of a run are far below 2^52
    fn position(&self, second: i64) -> f64 {
        (second - self.from) as f64 / (self.to - self.from) as f64
    }

    /// Returns the path of a line that rises within each bucket and is horizontal between times.
    fn line(&self, times: &TimeBuckets, which: usize, top: u64) -> String {
        let (mut path, mut sum) = (String::new(), 0);
        let mut point = |second: i64, sum: u64| {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let x = self.position(second) * 1000.0;
            let y = 1000.0 - ratio(sum, top) * 1000.0;
            // Infallible for strings.
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        };
        point(self.from, 0);
        for bucket in times.buckets().filter(|bucket| bucket.counts[which] > 0) {
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
fn ratio(count: u64, total: u64) -> f64 {
    count as f64 / total.max(1) as f64
}

/// Converts a date and time in Asia/Shanghai to seconds since 1970.
fn second(local: &str) -> Option<i64> {
    let local: DateTime = local.parse().ok()?;
    Some(time::epoch_ms(local)?.div_euclid(1000))
}

/// Describes the chart as text.
fn description(times: &TimeBuckets, [sent, ended]: [u64; 2]) -> String {
    let at = |second| Timestamp::from_second(second).map_or(String::new(), time::text);
    let between = |which: usize| match times.span(which) {
        Some((first, last)) if first == last => t!("at %{time}", time = at(first)),
        Some((first, last)) => t!(
            "between %{first} and %{last}",
            first = at(first),
            last = at(last)
        ),
        None => Cow::default(),
    };
    let sent = match sent {
        0 => t!("No item was sent."),
        1 => t!("1 item was sent %{when}.", when = between(0)),
        _ => t!(
            "%{count} items were sent %{when}.",
            count = words::count(sent),
            when = between(0)
        ),
    };
    let ended = match ended {
        0 => t!("None has ended yet."),
        1 => t!("1 item ended %{when}.", when = between(1)),
        _ => t!(
            "%{count} items ended %{when}.",
            count = words::count(ended),
            when = between(1)
        ),
    };
    // The width is positive.
    let width = times.width().unsigned_abs();
    let width = (width > 1).then(|| {
        t!(
            "The time resolution is %{count} seconds.",
            count = words::count(width)
        )
    });
    let sentences = [sent, ended].into_iter().chain(width);
    words::joined(sentences.map(Cow::into_owned))
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::summary;
    use super::*;

    #[test]
    fn has_no_chart_without_items() {
        assert!(Chart::of(&TimeBuckets::default(), &summary()).is_none());
    }

    #[test]
    fn has_no_chart_of_a_moment() {
        let begun = second("2026-11-24 10:00:00").expect("a time");
        let run = Summary {
            ended: Some("2026-11-24 10:00:01".to_owned()),
            ..summary()
        };
        let mut times = TimeBuckets::default();
        times.count(begun, 0);
        times.count(begun + 1, 0);
        assert!(Chart::of(&times, &run).is_none());
        times.count(begun + 2, 1);
        assert!(Chart::of(&times, &run).is_some());
    }

    #[test]
    fn lines_rise_to_their_totals() {
        let run_start = second("2026-11-24 10:00:00").expect("a time");
        let mut times = TimeBuckets::default();
        for n in 0..40 {
            times.count(run_start + 10 + n, 0);
        }
        times.count(run_start + 20, 1);
        let chart = Chart::of(&times, &summary()).expect("a chart");
        let [sent, ended] = &chart.lines;
        assert!(sent.starts_with("M0.0 1000.0L200.0 1000.0L"), "{sent}");
        assert!(sent.ends_with("L1000.0 0.0"), "{sent}");
        assert!(ended.ends_with("L1000.0 975.0"), "{ended}");
        assert_eq!(chart.totals, ["40", "1"]);
        let texts = |ticks: &[Tick]| {
            ticks
                .iter()
                .map(|tick| tick.text.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&chart.counts), ["10", "20", "30", "40"]);
        assert_eq!(
            texts(&chart.times),
            [
                "10:00:00", "10:00:10", "10:00:20", "10:00:30", "10:00:40", "10:00:50"
            ]
        );
        assert_eq!(
            chart.description,
            "40 items were sent between 2026-11-24 10:00:10 and 2026-11-24 10:00:49. \
             1 item ended at 2026-11-24 10:00:20."
        );
    }

    #[test]
    fn excludes_a_distant_run_start_from_the_axis() {
        let sent = second("2026-11-20 10:00:00").expect("a time");
        let mut times = TimeBuckets::default();
        times.count(sent, 0);
        times.count(sent + 3, 0);
        let chart = Chart::of(&times, &summary()).expect("a chart");
        assert_eq!(chart.run_start, None);
        assert_eq!(chart.times[0].text, "10:00:00");
        assert_eq!(chart.lines[1], "");
    }
}
