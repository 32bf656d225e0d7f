//! `treaty runs`: lists past runs from the ledger and their `run.json`. Sends no request.

use serde_json::{Value, json};

use crate::cli::args::{Format, Global, Runs as Args};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::cli::output::style::{BOLD, RESET};
use crate::cli::output::wrap::padded;
use crate::ledger::{KnownRun, Records};
use crate::report::{Counts, Status, Summary};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let context = LedgerContext::load_to_read(global)?;
    let ledger = context.read_ledger()?;
    let reports = &context.project.settings.reports.directory;
    let runs: Vec<(KnownRun, Option<Summary>)> = ledger
        .runs(args.last)?
        .into_iter()
        .map(|run| {
            let summary = Summary::read(&reports.join(&run.record.name));
            (run, summary)
        })
        .collect();
    match args.format {
        Format::Text if runs.is_empty() => out::line(t!("no run is recorded")),
        Format::Text => out::lines(
            runs.iter()
                .map(|(run, summary)| line(run, summary.as_ref())),
        ),
        Format::Json => {
            let runs: Vec<Value> = runs
                .iter()
                .map(|(run, summary)| to_json(run, summary.as_ref()))
                .collect();
            out::json(&runs.into());
        }
    }
    Ok(Exit::Done)
}

/// Returns a run on one line: its name, exit code, duration and counts.
fn line(run: &KnownRun, summary: Option<&Summary>) -> String {
    let exit = match (run.exit, &run.ended) {
        (Some(exit), Some(_)) => t!("exit %{code}", code = exit),
        _ => t!("no end"),
    };
    let counts = summary.map_or_else(
        || t!("no report").into_owned(),
        |summary| match totals(summary).as_slice() {
            // The run was killed, or is in progress: its counts are written at its end.
            [] if run.ended.is_none() => t!("counts unknown: see treaty status").into_owned(),
            [] => t!("no contracts").into_owned(),
            totals => totals
                .iter()
                .map(|(status, count)| status.counted(*count))
                .collect::<Vec<_>>()
                .join(&t!(", ")),
        },
    );
    let exit = padded(&exit, 8);
    format!("{BOLD}{}{RESET}  {exit}  {counts}", run.record.name)
}

fn to_json(run: &KnownRun, summary: Option<&Summary>) -> Value {
    json!({
        "name": run.record.name, "begun": run.begun, "ended": run.ended, "exitCode": run.exit,
        "items": summary.map(|summary| &summary.items),
    })
}

/// Returns the counts of all flows together, by status.
fn totals(summary: &Summary) -> Vec<(Status, u64)> {
    let mut all = Counts::new();
    for (status, count) in summary.items.values().flatten() {
        *all.entry(*status).or_default() += count;
    }
    all.into_iter().collect()
}
