//! `treaty audit`: looks up every sent item at the service and reports whether it exists exactly
//! once.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::address::{Address, is_selected};
use crate::cli::args::{Audit as Args, Global};
use crate::cli::context::interrupt::interruptible;
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::ledger_version::evidence;
use crate::cli::context::names::resolve_matching;
use crate::cli::context::run_folder::run_folder;
use crate::cli::context::runtime::runtime;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::cli::output::{logging, out};
use crate::execute::Stop;
use crate::ledger::{KnownRun, LedgerError, Records, Store};
use crate::repair::{Audit, AuditedItem, Verdict};
use crate::report::{AuditJournal, AuditLine};

/// The report folder of items that were adopted, not sent by a run.
pub(super) const NO_RUN: &str = "taken-over";

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let context = LedgerContext::load(global, None)?;
    let ledger = context.read_ledger()?;
    let args = &Args {
        matching: resolve_matching(&ledger, &args.matching)?,
        ..args.clone()
    };
    let run = audited_run(&ledger, args)?;
    let (folder, base) = match &run {
        Some(run) if !args.all => (run.record.name.as_str(), "audit"),
        Some(run) => (run.record.name.as_str(), "audit-all"),
        None => (NO_RUN, "audit-all"),
    };
    logging::name_run(folder);
    let settings = &context.project.settings;
    let folder = run_folder(&settings.reports.directory, folder)?;
    let has_predecessor = has_predecessor(global, &context, &ledger)?;
    // Results from before the ledger was replaced are not used.
    let journal = if has_predecessor {
        let id: String = ledger.version()?.id.chars().take(8).collect();
        format!("{base}-{id}.jsonl")
    } else {
        format!("{base}.jsonl")
    };
    let (mut journal, skip) = AuditJournal::open(&folder.join(journal), args.again)?;
    if !skip.is_empty() && !global.quiet {
        out::log_note(
            global.log_format,
            out::plural(
                skip.len(),
                t_key!("1 item was audited before and is skipped; --again starts over"),
                t_key!("%{count} items were audited before and are skipped; --again starts over"),
            ),
        );
    }
    let progress = Progress::new(global);
    let client = context.client(&ledger, &progress)?;
    let (requests, stop) = watch::channel(Stop::No);
    let audit = Audit {
        records: &ledger,
        client: &client,
        root: &context.project.root,
        run: run.filter(|_| !args.all).map(|run| run.record.id),
        targets: args.matching.target.clone(),
        excludes: args.matching.exclude.clone(),
        has_predecessor,
        skip,
        concurrency: settings.limits.concurrency.get(),
        listener: progress.listener(),
        stop,
    };
    let runtime = runtime()?;
    let all = audit.run(|audited| journal.push(&audit_line(audited)));
    let is_complete = runtime.block_on(interruptible(requests, all));
    progress.finish();
    if !is_complete? {
        out::log_note(
            global.log_format,
            t!("the audit was interrupted; run it again to continue"),
        );
        return Ok(Exit::Interrupted);
    }
    let table = folder.join(format!("{base}.csv"));
    let counts = journal.table(&table, |line| {
        let address = Address::item(&line.flow, &line.key);
        is_selected(&args.matching.target, &args.matching.exclude, &address)
    })?;
    let summary: Vec<String> = counts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let summary = if summary.is_empty() {
        t!("no items").into_owned()
    } else {
        summary.join(&t!(", "))
    };
    out::line(format_args!(
        "{summary}{}{}",
        t!("; "),
        out::shown(&table).display()
    ));
    Ok(exit(&counts))
}

/// Returns whether the ledger does not know all contracts, and says so.
fn has_predecessor(
    global: &Global,
    context: &LedgerContext,
    ledger: &Store,
) -> Result<bool, LedgerError> {
    let consequence = t!("no item is proven to exist exactly once");
    // The reason was shown when the ledger was read.
    if ledger.check_version(&evidence(&context.project)).is_err() {
        out::log_note(global.log_format, consequence);
        return Ok(true);
    }
    let found = ledger.may_have_predecessor()?;
    if found {
        out::log_note(
            global.log_format,
            t!(
                "the ledger is younger than accounts at the service, or was accepted in place of another: %{consequence}",
                consequence = consequence
            ),
        );
    }
    Ok(found)
}

/// The run whose folder contains the report; none with `--all` if there was no run.
fn audited_run(ledger: &Store, args: &Args) -> anyhow::Result<Option<KnownRun>> {
    let run = match &args.run {
        None if !args.all => match ledger.working_run()? {
            Some(run) => Some(run),
            // A run that has sent nothing gets an empty report.
            None => ledger.run(None)?,
        },
        name => ledger.run(name.as_deref())?,
    };
    match (&args.run, &run) {
        (Some(name), None) => Err(CliError::new(
            Exit::Usage,
            t!("no run %{name} is recorded", name = name),
            t!("the name of a run is the name of its report folder"),
        )
        .into()),
        (None, None) if !args.all => Err(CliError::new(
            Exit::Usage,
            t!("no run is recorded"),
            t!("apply first, or audit adopted items with --all"),
        )
        .into()),
        _ => Ok(run),
    }
}

fn audit_line(audited: AuditedItem) -> AuditLine {
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
