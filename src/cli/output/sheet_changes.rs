//! Warns of sheets that changed since their rows were sent.

use std::fmt::Write;

use super::out;
use super::style::{BOLD_CYAN, RESET};
use super::target::CONSOLE;
use crate::cli::args::LogFormat;
use crate::report::{DifferingRows, ReportedFlow};

/// Warns of the rows of a flow that differ from the recorded items, and of a sheet that cannot be
/// read any more.
pub(in crate::cli) fn warn(format: LogFormat, flow: &str, reported: &ReportedFlow) {
    if let Some(error) = &reported.unreadable {
        print(
            format,
            &format!("flows.{flow}: the sheet cannot be read again: {error}"),
            "the reports contain the recorded state of its rows, without the columns of the sheet; restore the \
             sheet and run treaty report",
        );
    }
    if reported.differing.count > 0 {
        print(
            format,
            &differing(flow, &reported.differing),
            "the reports contain their recorded state, without the columns of the sheet: another person may have \
             the key now; restore the rows and run treaty report, or give new contracts new keys",
        );
    }
}

/// Warns of items of a run whose rows were removed from the sheet during the run.
pub(in crate::cli) fn warn_removed(format: LogFormat, flow: &str, keys: &[String]) {
    if keys.is_empty() {
        return;
    }
    let named = keys
        .iter()
        .take(DifferingRows::NAMED)
        .map(|key| (None, key.as_str()));
    print(
        format,
        &format!(
            "flows.{flow}: {} no longer in the sheet: {}",
            match keys.len() {
                1 => "1 item of this run is".to_owned(),
                count => format!("{count} items of this run are"),
            },
            list(named, keys.len() as u64)
        ),
        "the reports contain their recorded state; restore the rows and run treaty report",
    );
}

/// Warns of tables of failed rows that a person has corrected, and that a report leaves as they are.
pub(in crate::cli) fn warn_edited(format: LogFormat, tables: &[String]) {
    for table in tables {
        print(
            format,
            &format!("{table} was changed after it was written, and is left as it is"),
            "use it as the sheet to send the corrected rows; to have it written anew, remove it and run treaty report",
        );
    }
}

fn differing(flow: &str, rows: &DifferingRows) -> String {
    let named = rows.first.iter();
    let named = named.map(|(row, key)| (Some(*row), key.as_str()));
    let verb = if rows.count == 1 {
        "1 row differs"
    } else {
        &format!("{} rows differ", rows.count)
    };
    format!(
        "flows.{flow}: {verb} from what the ledger records for the key: {}",
        list(named, rows.count)
    )
}

/// Lists rows by key and row number, and counts those that are not named.
fn list<'a>(named: impl Iterator<Item = (Option<u64>, &'a str)>, count: u64) -> String {
    let mut text = String::new();
    let mut shown = 0;
    for (row, key) in named {
        let separator = if shown == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = match row {
            Some(row) => write!(text, "{separator}{key} (row {row})"),
            None => write!(text, "{separator}{key}"),
        };
        shown += 1;
    }
    if count > shown {
        let _ = write!(text, " and {} more", count - shown);
    }
    text
}

fn print(format: LogFormat, message: &str, hint: &str) {
    tracing::warn!(target: CONSOLE, event = "note", hint, "{message}");
    if format == LogFormat::Text {
        out::warning(message);
        out::note(format_args!("{BOLD_CYAN}help{RESET}: {hint}"));
    }
}
