//! Warns of sheets that changed since their rows were sent.

use super::target::CONSOLE;
use super::{out, wrap};
use crate::cli::args::LogFormat;
use crate::report::{DifferingRows, ReportedFlow};

/// Warns of the rows of a flow that differ from the recorded items, and of a sheet that cannot be
/// read any more.
pub(in crate::cli) fn warn(format: LogFormat, flow: &str, reported: &ReportedFlow) {
    if let Some(error) = &reported.unreadable {
        print(
            format,
            &t!(
                "flows.%{flow}: the sheet cannot be read again: %{error}",
                flow = flow,
                error = error
            ),
            &t!(
                "the reports contain the recorded state of its rows, without the columns of the sheet; restore the \
                 sheet and run treaty report"
            ),
        );
    }
    if reported.differing.count > 0 {
        print(
            format,
            &differing(flow, &reported.differing),
            &t!(
                "what was sent stays as it is: make the rows as they were sent; only to send a contract again on purpose, \
                 apply with --reissue ADDRESS; a new contract needs a new key. The reports have the recorded state of these rows, without their cells"
            ),
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
        &match keys.len() {
            1 => t!(
                "flows.%{flow}: 1 item of this run is no longer in the sheet: %{keys}",
                flow = flow,
                keys = list(named, 1)
            ),
            count => t!(
                "flows.%{flow}: %{count} items of this run are no longer in the sheet: %{keys}",
                flow = flow,
                count = count,
                keys = list(named, count as u64)
            ),
        },
        &t!("the reports contain their recorded state; restore the rows and run treaty report"),
    );
}

/// Warns of tables of failed rows that a person has corrected, and that a report leaves as they are.
pub(in crate::cli) fn warn_edited(format: LogFormat, tables: &[String]) {
    for table in tables {
        print(
            format,
            &t!(
                "%{table} was changed after it was written, and is left as it is",
                table = table
            ),
            &t!(
                "use it as the sheet to send the corrected rows; to have it written anew, remove it and run treaty report"
            ),
        );
    }
}

fn differing(flow: &str, rows: &DifferingRows) -> String {
    let named = rows.first.iter();
    let named = named.map(|(row, key)| (Some(*row), key.as_str()));
    let keys = list(named, rows.count);
    match rows.count {
        1 => t!(
            "flows.%{flow}: 1 row differs from what the ledger records for the key: %{keys}",
            flow = flow,
            keys = keys
        ),
        count => t!(
            "flows.%{flow}: %{count} rows differ from what the ledger records for the key: %{keys}",
            flow = flow,
            count = count,
            keys = keys
        ),
    }
    .into_owned()
}

/// Lists rows by key and row number, and counts those that are not named.
fn list<'a>(named: impl Iterator<Item = (Option<u64>, &'a str)>, count: u64) -> String {
    let named = named.map(|(row, key)| match row {
        Some(row) => t!("%{key} (row %{row})", key = key, row = row).into_owned(),
        None => key.to_owned(),
    });
    let named: Vec<String> = named.collect();
    let more = count - named.len() as u64;
    let named = named.join(&t!(", "));
    match more {
        0 => named,
        more => t!("%{keys} and %{count} more", keys = named, count = more).into_owned(),
    }
}

fn print(format: LogFormat, message: &str, hint: &str) {
    tracing::warn!(target: CONSOLE, event = "note", hint, "{message}");
    if format == LogFormat::Text {
        out::warning(message);
        wrap::print_hint(hint);
    }
}
