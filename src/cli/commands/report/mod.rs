//! `treaty report`: writes the reports of a run again, from the ledger and the sheet, without a
//! call to the API.

mod items;
mod write;

use crate::cli::args::{Global, Report as Args};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{check_targets, resolve_matching};
use crate::cli::context::run_folder::run_folder;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out, plan_text, sheet_changes};
use crate::ledger::{KnownRun, Records, Store};
use crate::report::point_latest;

pub(super) use write::RunReport;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut context = LedgerContext::load_to_read(global)?;
    // The reports of a ledger that is too old would show sent contracts as not started.
    let ledger = context.read_current_ledger()?;
    // A row that a run sends meanwhile would be taken for one that was removed from the sheet.
    ledger.hold_snapshot()?;
    let run = find_run(&ledger, args).or_else(|error| {
        ledger.wait_until_verified()?;
        Err(error)
    })?;
    let matching = &resolve_matching(&ledger, &args.matching)?;
    check_targets(&ledger, &matching.target)?;
    let is_last = ledger.run(None)?.as_ref() == Some(&run);
    let mut findings = std::mem::take(&mut context.findings);
    let directory = &context.project.settings.reports.directory;
    let is_whole = matching.target.is_empty() && matching.exclude.is_empty();
    // A partial report must not replace the complete one.
    let part = if is_whole { "" } else { "-selected" };
    let folder = run_folder(directory, &format!("{}{part}", run.record.name))?;
    let report = RunReport {
        context: &context,
        ledger: &ledger,
        run: &run,
        is_last,
        matching,
        has_failed_tables: true,
    };
    let written = report.write(&folder, &mut findings)?;
    out::warn_of_odd_links(global.log_format, written.odd_links);
    sheet_changes::warn_edited(global.log_format, &written.edited_tables);
    if is_last && is_whole && folder.exists() {
        point_latest(directory, &run.record.name)?;
    }
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        context.note(t!(
            "the reports contain the recorded state of these rows, without the columns of the sheet"
        ));
    }
    for (flow, reported) in &written.flows {
        sheet_changes::warn(global.log_format, flow, reported);
    }
    if !global.quiet {
        plan_text::print_counts(&written.items);
        out::line(t!(
            "reports in %{folder}",
            folder = out::shown(&folder).display()
        ));
    }
    Ok(Exit::Done)
}

fn find_run(ledger: &Store, args: &Args) -> anyhow::Result<KnownRun> {
    let found = ledger.run(args.run.as_deref())?;
    found.ok_or_else(|| {
        let (message, hint) = match &args.run {
            Some(name) => (
                t!("no run %{name} is recorded", name = name),
                t!("the name of a run is the name of its report folder"),
            ),
            None => (t!("no run is recorded"), t!("apply first")),
        };
        CliError::new(Exit::Usage, message, hint).into()
    })
}
