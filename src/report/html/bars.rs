//! Prepares the stacked bars of item counts by flow and status, and the table below them.
//!
//! Positions are in percent. A segment that is too narrow shows no number; the table has it.

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

use super::super::status::{Counts, Status};
use super::super::summary::Summary;
use super::file_url::encoded;
use super::words;

/// The minimum width of a segment in percent, so that one item among a million is visible.
const MIN_SHARE: f64 = 0.8;
/// The minimum width of a bar in pixels.
const MIN_BAR_WIDTH: f64 = 296.0;
/// The maximum width of a digit in pixels.
const DIGIT_WIDTH: f64 = 8.5;

/// The bars of all flows.
#[derive(Debug, Serialize)]
pub(super) struct Bars<'a> {
    /// The statuses that occur.
    statuses: Vec<StatusLabel>,
    flows: Vec<FlowBar<'a>>,
    /// The counts of all flows together, by the statuses that occur.
    sums: Vec<Cell>,
    total: String,
}

/// A status with its label and its meaning.
#[derive(Debug, Serialize)]
pub(super) struct StatusLabel {
    word: &'static str,
    label: String,
    meaning: Cow<'static, str>,
}

#[derive(Debug, Serialize)]
struct FlowBar<'a> {
    flow: &'a str,
    total: String,
    items: Cow<'static, str>,
    /// The counts, in the order of `Bars::statuses`.
    cells: Vec<Cell>,
    segments: Vec<Segment>,
    /// The bar as text, for screen readers.
    description: String,
    /// The tables of the flow: file name and relative URL.
    files: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Cell {
    label: String,
    text: String,
    is_zero: bool,
}

#[derive(Debug, Serialize)]
struct Segment {
    word: &'static str,
    label: String,
    count: String,
    /// The left edge in percent.
    x: f64,
    /// The width in percent.
    width: f64,
    /// The center in percent.
    middle: f64,
    /// Whether the number fits into the segment.
    fits: bool,
}

impl<'a> Bars<'a> {
    /// Returns the bars of a run, with links to the tables that exist in `folder`.
    pub(super) fn of(summary: &'a Summary, folder: &Path) -> Self {
        let all = sums(summary);
        let present: Vec<Status> = words::STATUSES
            .into_iter()
            .filter(|status| count(&all, *status) > 0)
            .collect();
        let cells = |counts: &Counts| {
            let cell = |status: &Status| Cell {
                label: words::label(*status),
                text: words::count(count(counts, *status)),
                is_zero: count(counts, *status) == 0,
            };
            present.iter().map(cell).collect::<Vec<Cell>>()
        };
        let flows = summary.items.iter().map(|(flow, counts)| {
            let segments = segments(counts);
            let descriptions: Vec<String> = segments
                .iter()
                .map(|segment| format!("{} {}", segment.count, segment.label.to_lowercase()))
                .collect();
            FlowBar {
                flow,
                total: words::count(counts.values().sum()),
                items: words::items(counts.values().sum()),
                cells: cells(counts),
                description: descriptions.join(", "),
                segments,
                files: files(flow, counts, folder),
            }
        });
        Self {
            flows: flows.collect(),
            sums: cells(&all),
            total: words::count(all.values().sum()),
            statuses: present
                .iter()
                .map(|status| StatusLabel::of(*status))
                .collect(),
        }
    }
}

impl StatusLabel {
    pub(super) fn of(status: Status) -> Self {
        Self {
            word: status.word(),
            label: words::label(status),
            meaning: status.meaning(),
        }
    }
}

/// Returns the counts of all flows together.
pub(super) fn sums(summary: &Summary) -> Counts {
    let mut all = Counts::new();
    for (status, count) in summary.items.values().flatten() {
        *all.entry(*status).or_default() += count;
    }
    all
}

/// Returns the number of items with a status.
pub(super) fn count(counts: &Counts, status: Status) -> u64 {
    counts.get(&status).copied().unwrap_or_default()
}

/// Returns the segments of a bar.
#[allow(clippy::cast_precision_loss)] // item counts are far below 2^52
fn segments(counts: &Counts) -> Vec<Segment> {
    let total: u64 = counts.values().sum();
    let share = |count: u64| (count as f64 / total as f64 * 100.0).max(MIN_SHARE);
    let present = words::STATUSES
        .into_iter()
        .map(|status| (status, count(counts, status)))
        .filter(|(_, count)| *count > 0);
    // Minimum widths can make the sum exceed 100 percent.
    let whole: f64 = present.clone().map(|(_, count)| share(count)).sum();
    let mut x = 0.0;
    let segment = |(status, number): (Status, u64)| {
        let width = share(number) / whole * 100.0;
        let text = words::count(number);
        let needed = (text.len() + 1) as f64 * DIGIT_WIDTH / MIN_BAR_WIDTH * 100.0;
        let segment = Segment {
            word: status.word(),
            label: words::label(status),
            count: text,
            x,
            width,
            middle: x + width / 2.0,
            fits: needed <= width,
        };
        x += width;
        segment
    };
    present.map(segment).collect()
}

/// Returns file name and URL of the existing tables of a flow.
fn files(flow: &str, counts: &Counts, folder: &Path) -> Vec<(String, String)> {
    let any_failed = count(counts, Status::Failed) > 0;
    let tables = ["xlsx", "csv"].into_iter().flat_map(|ending| {
        let all = format!("{flow}.{ending}");
        let failed = format!("{flow}.failed.{ending}");
        std::iter::once(all).chain(any_failed.then_some(failed))
    });
    tables
        .filter(|name| folder.join(name).is_file())
        .map(|name| {
            let address = format!("./{}", encoded(&name));
            (name, address)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::summary;
    use super::*;

    fn run(counts: &[(Status, u64)]) -> Summary {
        let mut run = summary();
        let counts = counts.iter().copied().collect();
        run.items.insert("借款 50%".to_owned(), counts);
        run
    }

    #[test]
    fn shows_one_item_among_a_million_in_a_full_bar() {
        let run = run(&[(Status::Archived, 999_999), (Status::Failed, 1)]);
        let segments = segments(&run.items["借款 50%"]);
        let shown: Vec<(&str, bool)> = segments.iter().map(|p| (p.word, p.fits)).collect();
        assert_eq!(shown, [("archived", true), ("failed", false)]);
        assert!(segments[1].width > 0.7);
        let end = segments[1].x + segments[1].width;
        assert!((end - 100.0).abs() < 1e-9, "{end}");
    }

    #[test]
    fn links_only_existing_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let with_failed = run(&[(Status::Sent, 1), (Status::Failed, 1)]);
        let files = |run: &Summary| Bars::of(run, folder.path()).flows[0].files.clone();
        assert!(files(&with_failed).is_empty());
        for name in ["借款 50%.xlsx", "借款 50%.csv", "借款 50%.failed.csv"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let links = files(&with_failed);
        assert_eq!(links.len(), 3);
        assert_eq!(links[0].1, "./%E5%80%9F%E6%AC%BE%2050%25.xlsx");
        // A table of failed rows of an earlier report is not linked.
        assert_eq!(files(&run(&[(Status::Sent, 1)])).len(), 2);
    }

    #[test]
    fn has_no_bars_without_flows() {
        let run = summary();
        let bars = Bars::of(&run, Path::new("."));
        assert!(bars.flows.is_empty() && bars.statuses.is_empty());
        assert_eq!(bars.total, "0");
    }
}
