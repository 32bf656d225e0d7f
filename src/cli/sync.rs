//! `treaty sync`: what was sent is brought up to date, by the ledger alone.

use super::args::{Global, LogFormat, Sync as Args};
use super::audit::NO_RUN;
use super::exit::Exit;
use super::follow::{self, Follow};
use super::metrics::Numbers;
use super::output::logging::{self, CONSOLE};
use super::progress::Progress;
use super::state::{Place, meets, runtime};
use super::{out, status};
use crate::ledger::{LedgerError, Records, Sqlite};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut numbers = Numbers::of("sync");
    let result = synced(global, args, &mut numbers);
    numbers.write(args.metrics.as_deref(), result)
}

fn synced(global: &Global, args: &Args, numbers: &mut Numbers) -> anyhow::Result<Exit> {
    // Only the settings are needed: what is wrong with manifests is said by the commands that use them.
    let place = Place::of(global, None)?;
    numbers.name(&place.project);
    let ledger = place.hold()?;
    open_log(global, &place, &ledger)?;
    meets(&ledger, &args.matching.target)?;
    let progress = Progress::new(global);
    let client = place.client(&ledger, &progress)?;
    let runtime = runtime()?;
    let follow = Follow {
        project: &place.project,
        ledger: &ledger,
        client: &client,
        progress: &progress,
        runtime: &runtime,
        targets: &args.matching.target,
        excludes: &args.matching.exclude,
        waiting: &args.waiting,
        started: place.session.started,
    };
    let synced = follow.run();
    numbers.count(status::counts(&ledger, &args.matching)?, &progress);
    let synced = synced?;
    follow::say(&synced, global.quiet);
    Ok(follow::exit(&synced))
}

/// Continues the log of the last run that worked on items. A sync without a log is better than none.
fn open_log(global: &Global, place: &Place, ledger: &Sqlite) -> Result<(), LedgerError> {
    let run = match ledger.working_run()? {
        Some(run) => Some(run),
        None => ledger.run(None)?,
    };
    let name = run.map_or_else(|| NO_RUN.to_owned(), |run| run.record.name);
    logging::name_run(&name);
    let folder = place.project.settings.reports.directory.join(name);
    let opened = std::fs::create_dir_all(&folder).and_then(|()| logging::open_run_log(&folder));
    if let Err(error) = opened {
        let text = format!("the log in {} cannot be opened: {error}", folder.display());
        tracing::warn!(target: CONSOLE, event = "note", "{text}");
        if global.log_format == LogFormat::Text {
            out::note(format_args!("\u{1b}[1;33mwarning\u{1b}[0m: {text}"));
        }
    }
    Ok(())
}
