//! Counts by flow and status, turned into stacked bars and the table beside them.
//!
//! A bar's parts are placed in percent; a part that is too narrow for its number goes without, since the table has it.

use std::path::Path;

use serde::Serialize;

use super::super::row::{Counts, Status};
use super::super::summary::Summary;
use super::words;

/// No part is narrower, in percent, so that one among a million is seen.
const SLIVER: f64 = 0.8;
/// How wide a bar is at least, and a digit at most, in pixels.
const NARROWEST: f64 = 296.0;
const DIGIT: f64 = 8.5;

/// All flows.
#[derive(Debug, Serialize)]
pub(super) struct Bars<'a> {
    /// The statuses that occur.
    statuses: Vec<Named>,
    flows: Vec<FlowBar<'a>>,
    /// The counts of all flows together, by the statuses that occur.
    sums: Vec<Cell>,
    total: String,
}

/// A status in words.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    word: &'static str,
    label: &'static str,
    meaning: &'static str,
}

#[derive(Debug, Serialize)]
struct FlowBar<'a> {
    flow: &'a str,
    total: String,
    /// Its counts, by the statuses that occur anywhere.
    cells: Vec<Cell>,
    parts: Vec<Part>,
    /// The bar in words.
    told: String,
    /// The files beside the page: name and address.
    files: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Cell {
    word: &'static str,
    text: String,
    none: bool,
}

#[derive(Debug, Serialize)]
struct Part {
    word: &'static str,
    label: &'static str,
    count: String,
    /// In percent.
    x: f64,
    width: f64,
    middle: f64,
    /// Whether its number fits in.
    fits: bool,
}

impl<'a> Bars<'a> {
    /// The bars of a run, with links to those files that stand beside the page.
    pub(super) fn of(summary: &'a Summary, folder: &Path) -> Self {
        let all = sums(summary);
        let present: Vec<Status> = words::STATUSES
            .into_iter()
            .filter(|status| count(&all, *status) > 0)
            .collect();
        let cells = |counts: &Counts| {
            let cell = |status: &Status| Cell {
                word: status.word(),
                text: words::count(count(counts, *status)),
                none: count(counts, *status) == 0,
            };
            present.iter().map(cell).collect::<Vec<Cell>>()
        };
        let flows = summary.items.iter().map(|(flow, counts)| {
            let parts = parts(counts);
            let told: Vec<String> = parts
                .iter()
                .map(|part| format!("{} {}", part.count, part.label.to_lowercase()))
                .collect();
            FlowBar {
                flow,
                total: words::count(counts.values().sum()),
                cells: cells(counts),
                told: told.join(", "),
                parts,
                files: files(flow, counts, folder),
            }
        });
        Self {
            flows: flows.collect(),
            sums: cells(&all),
            total: words::count(all.values().sum()),
            statuses: present.iter().map(|status| Named::of(*status)).collect(),
        }
    }
}

impl Named {
    pub(super) fn of(status: Status) -> Self {
        Self {
            word: status.word(),
            label: words::label(status),
            meaning: words::meaning(status),
        }
    }
}

/// The counts of all flows together.
pub(super) fn sums(summary: &Summary) -> Counts {
    let mut all = Counts::new();
    for (status, count) in summary.items.values().flatten() {
        *all.entry(*status).or_default() += count;
    }
    all
}

/// How many stand so.
pub(super) fn count(counts: &Counts, status: Status) -> u64 {
    counts.get(&status).copied().unwrap_or_default()
}

// Counts of items are far below 2^52, and a text's length is shorter still.
#[allow(clippy::cast_precision_loss)]
fn parts(counts: &Counts) -> Vec<Part> {
    let total: u64 = counts.values().sum();
    let share = |count: u64| (count as f64 / total as f64 * 100.0).max(SLIVER);
    let present = words::STATUSES
        .into_iter()
        .map(|status| (status, count(counts, status)))
        .filter(|(_, count)| *count > 0);
    // The slivers take their room from all.
    let whole: f64 = present.clone().map(|(_, count)| share(count)).sum();
    let mut x = 0.0;
    let part = |(status, number): (Status, u64)| {
        let width = share(number) / whole * 100.0;
        let text = words::count(number);
        let needed = (text.len() + 1) as f64 * DIGIT / NARROWEST * 100.0;
        let part = Part {
            word: status.word(),
            label: words::label(status),
            count: text,
            x,
            width,
            middle: x + width / 2.0,
            fits: needed <= width,
        };
        x += width;
        part
    };
    present.map(part).collect()
}

/// The tables of a flow that were written: the page promises none that is not there.
fn files(flow: &str, counts: &Counts, folder: &Path) -> Vec<(String, String)> {
    let all = format!("{flow}.csv");
    let failed = format!("{flow}.failed.csv");
    let any_failed = count(counts, Status::Failed) > 0;
    let names = [Some(all), any_failed.then_some(failed)];
    names
        .into_iter()
        .flatten()
        .filter(|name| folder.join(name).is_file())
        .map(|name| {
            let address = format!("./{}", encoded(&name));
            (name, address)
        })
        .collect()
}

/// A file's name as part of an address.
fn encoded(name: &str) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
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
    fn one_among_a_million_is_seen_and_the_bar_is_full() {
        let run = run(&[(Status::Finished, 999_999), (Status::Failed, 1)]);
        let parts = parts(&run.items["借款 50%"]);
        let told: Vec<(&str, bool)> = parts.iter().map(|p| (p.word, p.fits)).collect();
        assert_eq!(told, [("finished", true), ("failed", false)]);
        assert!(parts[1].width > 0.7);
        let end = parts[1].x + parts[1].width;
        assert!((end - 100.0).abs() < 1e-9, "{end}");
    }

    #[test]
    fn only_files_that_are_there_are_promised() {
        let folder = tempfile::tempdir().expect("a folder");
        let with_failed = run(&[(Status::Done, 1), (Status::Failed, 1)]);
        let files = |run: &Summary| Bars::of(run, folder.path()).flows[0].files.clone();
        assert!(files(&with_failed).is_empty());
        for name in ["借款 50%.csv", "借款 50%.failed.csv"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let links = files(&with_failed);
        assert_eq!(links.len(), 2);
        assert_eq!(links[0].1, "./%E5%80%9F%E6%AC%BE%2050%25.csv");
        // One that an earlier report left behind is of no run.
        assert_eq!(files(&run(&[(Status::Done, 1)])).len(), 1);
    }

    #[test]
    fn no_flows_give_no_bars() {
        let run = summary();
        let bars = Bars::of(&run, Path::new("."));
        assert!(bars.flows.is_empty() && bars.statuses.is_empty());
        assert_eq!(bars.total, "0");
    }
}
