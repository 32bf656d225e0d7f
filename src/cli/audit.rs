//! `treaty audit`: every item that was sent is asked for, and the report says whether it is there once.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::args::{Audit as Args, Global};
use super::exit::{CliError, Exit};
use super::interrupt::interruptible;
use super::out;
use super::output::logging;
use super::progress::Progress;
use super::state::Place;
use crate::address::{Address, is_selected};
use crate::execute::Stop;
use crate::ledger::{KnownRun, Records, Sqlite};
use crate::repair::{Audit, AuditedItem, Verdict};
use crate::report::{AuditJournal, AuditLine};

/// The folder of reports and logs about items that no run has worked on.
pub(super) const NO_RUN: &str = "taken-over";

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let place = Place::of(global, None)?;
    let ledger = place.read()?;
    let run = of_run(&ledger, args)?;
    let (folder, base) = match &run {
        Some(run) if !args.all => (run.record.name.as_str(), "audit"),
        Some(run) => (run.record.name.as_str(), "audit-all"),
        None => (NO_RUN, "audit-all"),
    };
    logging::name_run(folder);
    let settings = &place.project.settings;
    let folder = settings.reports.directory.join(folder);
    let (mut journal, skip) =
        AuditJournal::open(&folder.join(format!("{base}.jsonl")), args.again)?;
    if !skip.is_empty() && !global.quiet {
        out::tell(
            global.log_format,
            format_args!(
                "{} items were audited before; --again begins anew",
                skip.len()
            ),
        );
    }
    let progress = Progress::new(global);
    let client = place.client(&ledger, &progress)?;
    let (ask, stop) = watch::channel(Stop::No);
    let audit = Audit {
        records: &ledger,
        client: &client,
        root: &place.project.root,
        run: run.filter(|_| !args.all).map(|run| run.record.id),
        targets: args.matching.target.clone(),
        excludes: args.matching.exclude.clone(),
        skip,
        concurrency: settings.limits.concurrency.get(),
        listener: progress.listener(),
        stop,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let all = audit.run(|audited| journal.push(&line(audited)));
    let whole = runtime.block_on(interruptible(ask, all));
    progress.finish();
    if !whole? {
        out::tell(
            global.log_format,
            "The audit was ended. Run it again: it goes on where it was.",
        );
        return Ok(Exit::Interrupted);
    }
    let table = folder.join(format!("{base}.csv"));
    let counts = journal.table(&table, |line| {
        let address = Address::item(&line.flow, &line.key);
        is_selected(&args.matching.target, &args.matching.exclude, &address)
    })?;
    let told: Vec<String> = counts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let told = if told.is_empty() {
        "no items".to_owned()
    } else {
        told.join(", ")
    };
    out::line(format_args!("{told}; {}", table.display()));
    Ok(exit(&counts))
}

/// The run whose folder the report goes to.
fn of_run(ledger: &Sqlite, args: &Args) -> anyhow::Result<Option<KnownRun>> {
    let run = match &args.run {
        None if !args.all => match ledger.working_run()? {
            Some(run) => Some(run),
            // Nothing was sent by any run; that one ran is worth a file that says so.
            None => ledger.run(None)?,
        },
        name => ledger.run(name.as_deref())?,
    };
    match (&args.run, &run) {
        (Some(name), None) => Err(CliError::new(
            Exit::Usage,
            format!("no run {name} is recorded"),
            "a run has the name of its folder in the reports",
        )
        .into()),
        (None, None) if !args.all => Err(CliError::new(
            Exit::Usage,
            "no run is recorded: there is nothing to audit",
            "apply first; what was only taken over is audited by --all",
        )
        .into()),
        _ => Ok(run),
    }
}

fn line(audited: AuditedItem) -> AuditLine {
    AuditLine {
        id: audited.id,
        flow: audited.flow,
        key: audited.key,
        verdict: audited.verdict.word().to_owned(),
        flow_id: audited.flow_id.map(|id| id.0),
        differs: audited.differences,
        hint: audited.hint,
    }
}

fn exit(counts: &BTreeMap<String, u64>) -> Exit {
    let any = |verdict: Verdict| counts.contains_key(verdict.word());
    if any(Verdict::Missing) || any(Verdict::Different) {
        Exit::Failed
    } else if any(Verdict::Unproven) {
        Exit::InDoubt
    } else {
        Exit::Done
    }
}
