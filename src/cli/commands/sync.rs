//! `treaty sync`: polls sent items, using the ledger only.

use crate::cli::args::{Global, Matching, Sync as Args};
use crate::cli::commands::audit::NO_RUN;
use crate::cli::commands::report::RunReport;
use crate::cli::commands::status;
use crate::cli::context::follow::{self, Follow};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{check_targets, resolve_matching};
use crate::cli::context::run_folder::run_folder;
use crate::cli::context::runtime::runtime;
use crate::cli::exit::Exit;
use crate::cli::output::metrics::CommandMetrics;
use crate::cli::output::progress::Progress;
use crate::cli::output::{logging, out};
use crate::diagnostic::Findings;
use crate::ledger::{Ledger, LedgerError, Records, Store, VersionPolicy, Write};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut metrics = CommandMetrics::new("sync");
    let result = sync(global, args, &mut metrics);
    metrics.write(args.metrics.as_deref(), result)
}

fn sync(global: &Global, args: &Args, metrics: &mut CommandMetrics) -> anyhow::Result<Exit> {
    // Sync needs the settings only and ignores errors in manifests.
    let context = LedgerContext::load(global, None)?;
    metrics.set_project(&context.project);
    let ledger = context.lock_ledger(if args.accept_ledger {
        VersionPolicy::Accept
    } else {
        VersionPolicy::Refuse
    })?;
    open_log(global, &context, &ledger)?;
    let matching = &resolve_matching(&ledger, &args.matching)?;
    check_targets(&ledger, &matching.target)?;
    let progress = Progress::new(global);
    let client = context.client(&ledger, &progress)?;
    let runtime = runtime()?;
    if args.accept_ledger {
        // Also if nothing is in progress.
        runtime.block_on(ledger.write(vec![Write::LedgerAccepted]))?;
    }
    let follow = Follow {
        project: &context.project,
        ledger: &ledger,
        client: &client,
        progress: &progress,
        runtime: &runtime,
        targets: &matching.target,
        excludes: &matching.exclude,
        waiting: &args.waiting,
        started: context.session.started,
    };
    let synced = follow.run();
    metrics.set_counts(status::counts(&ledger, matching)?, &progress);
    let synced = synced?;
    follow::print_summary(&synced, global.quiet);
    if !synced.stopped {
        refresh_reports(global, &context, &ledger);
    }
    Ok(follow::exit(&synced))
}

/// The folder in the folder of reports that each sync replaces. People correct the tables of a run's
/// folder, so that one is left as it is.
const CURRENT: &str = "current";

/// Writes the state of all items to the folder of current reports. If that fails, prints a warning:
/// the ledger has the state.
fn refresh_reports(global: &Global, context: &LedgerContext, ledger: &Store) {
    let folder = context.project.settings.reports.directory.join(CURRENT);
    let written = || -> anyhow::Result<bool> {
        let Some(run) = ledger.run(None)? else {
            return Ok(false);
        };
        let everything = Matching::default();
        let report = RunReport {
            context,
            ledger,
            run: &run,
            is_last: true,
            matching: &everything,
            has_failed_tables: false,
        };
        let mut findings = Findings::default();
        report.write(&folder, &mut findings)?;
        if context.findings.errors() + findings.errors() > 0 {
            context.note(t!("the current reports lack columns of the sheet, because manifests or sheets have errors: run treaty validate"));
        }
        Ok(true)
    };
    match written() {
        Ok(is_written) if global.quiet || !is_written => {}
        Ok(_) => out::line(t!(
            "current reports in %{folder}",
            folder = out::shown(&folder).display()
        )),
        Err(error) => out::log_warning(
            global.log_format,
            t!(
                "the current reports cannot be written: %{error}",
                error = error
            ),
        ),
    }
}

/// Opens the log of the last run that processed items, in append mode. If that fails, prints a
/// warning and continues without a log.
fn open_log(global: &Global, context: &LedgerContext, ledger: &Store) -> Result<(), LedgerError> {
    let run = match ledger.working_run()? {
        Some(run) => Some(run),
        None => ledger.run(None)?,
    };
    let name = run.map_or_else(|| NO_RUN.to_owned(), |run| run.record.name);
    logging::name_run(&name);
    let reports = &context.project.settings.reports.directory;
    let opened = run_folder(reports, &name)
        .map_err(anyhow::Error::from)
        .and_then(|folder| {
            std::fs::create_dir_all(&folder)?;
            Ok(logging::open_run_log(&folder)?)
        });
    if let Err(error) = opened {
        let folder = reports.join(&name);
        let text = t!(
            "the log in %{folder} cannot be opened: %{error}",
            folder = folder.display(),
            error = error
        );
        out::log_warning(global.log_format, text);
    }
    Ok(())
}
