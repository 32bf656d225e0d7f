//! `treaty apply`: builds a plan, shows it, asks for confirmation, executes it and writes the
//! reports.

mod canary;
mod flow_writer;
mod run_report;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::DirEntry;
use std::io::IsTerminal as _;
use std::num::NonZeroU64;
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::api::time;
use crate::cli::args::{Apply as Args, Global, LogFormat};
use crate::cli::context::follow;
use crate::cli::context::interrupt::interruptible;
use crate::cli::context::ledger::lock_ledger;
use crate::cli::context::ledger_version::UnrecordedAccounts;
use crate::cli::context::saved_plan;
use crate::cli::context::session::{PlanContext, with_plan};
use crate::cli::exit::{self, CliError, Exit};
use crate::cli::output::metrics::CommandMetrics;
use crate::cli::output::plan_text::{self, Detail};
use crate::cli::output::{existing_accounts, logging, out, plan_head, prompt};
use crate::execute::{ExecutionContext, Executor, RunStats, Stop, Stopped, SyncStats};
use crate::ledger::{Ledger, LedgerError, RunRecord, Store, Write};
use crate::plan::{Fatal, FlowPlan, Observe};
use crate::util::failpoint::failpoint;
use canary::Canary;
use run_report::RunReport;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let metrics = RefCell::new(CommandMetrics::new("apply"));
    let result = apply(global, args, &metrics);
    metrics.into_inner().write(args.metrics.as_deref(), result)
}

fn apply(global: &Global, args: &Args, metrics: &RefCell<CommandMetrics>) -> anyhow::Result<Exit> {
    let saved = args.file.as_deref().map(saved_plan::read).transpose()?;
    let selected = match &saved {
        Some(saved) => saved_plan::selected(&saved.plan, args.selected.all)?,
        None => args.selected.clone(),
    };
    with_plan(
        global,
        (&selected, false),
        |project| {
            metrics.borrow_mut().set_project(project);
            if let Some(saved) = &saved {
                let head = plan_head::head(project, None, &saved.plan.plan, Timestamp::now());
                saved.plan.check_head(&head, Timestamp::now())?;
            }
            prompt::check(args, &project.settings)?;
            check_canary(args)
        },
        |session, project, binding| {
            let ledger = lock_ledger(project, binding, session, (&args.ledger).into())?;
            if let Some(saved) = &saved {
                saved_plan::check_ledger_and_files(saved, project, &ledger)?;
            }
            Ok(ledger)
        },
        |context| {
            if let Some(saved) = &saved {
                saved_plan::check_actions(&saved.plan, context)?;
            }
            let observe = selected.observe.into();
            let found = existing_accounts(global, args, observe, context)?;
            let (plan, settings) = (&context.planned.plan, &context.project.settings);
            if !global.quiet && global.log_format == LogFormat::Text {
                let version = Some(context.ledger.version()?);
                let started = context.session.started;
                out::lines(plan_text::lines(
                    plan,
                    &plan_head::head(context.project, version, plan, started),
                    Detail {
                        all: args.selected.all,
                        calls: global.verbose > 0,
                    },
                    context.session.started,
                ));
            }
            if let Some(warning) = existing_accounts::warning(plan) {
                out::log_warning(global.log_format, warning);
            }
            if !confirm_new_flows(args, context)? {
                out::log_note(global.log_format, t!(prompt::DECLINED));
                return Ok(Exit::Error);
            }
            if plan.is_empty() || prompt::confirmed(args, settings)? {
                execute(global, args, context, found, &mut metrics.borrow_mut())
            } else {
                out::log_note(global.log_format, t!(prompt::DECLINED));
                Ok(Exit::Error)
            }
        },
    )
}

/// Fails if `--canary` could not ask its question: the first items would be sent, and the plan used up.
fn check_canary(args: &Args) -> Result<(), CliError> {
    if args.canary.is_none() || args.yes || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Usage,
        t!("--canary asks before it sends the other items, and standard input is not a terminal"),
        t!("add --yes to send the others without a question once the first ones were sent"),
    ))
}

/// Returns whether each flow of a protected environment that may be a renamed one is confirmed as new:
/// its signers are asked again.
fn confirm_new_flows(args: &Args, context: &PlanContext<'_>) -> Result<bool, CliError> {
    if !context.project.settings.protected {
        return Ok(true);
    }
    let mut confirmed: HashSet<&str> = HashSet::new();
    for (old, new) in &context.planned.suspected_renames {
        if args.new_flow.contains(new) || !confirmed.insert(new) {
            continue;
        }
        let message = t!(
            "flows.%{new} is new, and flows.%{old} is no longer declared: if it was renamed, everything would be sent again",
            new = new,
            old = old
        );
        if args.yes || !std::io::stdin().is_terminal() {
            let hint = t!(
                "declare moved: [ { from: flows.%{old}, to: flows.%{new} } ], or confirm a new flow with --new-flow %{new}",
                old = old,
                new = new
            );
            return Err(CliError::new(Exit::Usage, message, hint));
        }
        let question = t!("%{message}. Is it a new flow? [y/N] ", message = message);
        if !prompt::agreed(&question)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the accounts that exist beside a new ledger. Fails if too much would be sent beside them.
fn existing_accounts(
    global: &Global,
    args: &Args,
    observe: Observe,
    context: &PlanContext<'_>,
) -> anyhow::Result<Option<UnrecordedAccounts>> {
    let found = UnrecordedAccounts::beside_new_ledger(context, observe)?;
    if args.ledger.new_ledger && is_settled(context.ledger, found)? {
        let error = t!("the ledger is current, so --new-ledger has no effect");
        let hint = t!(
            "remove --new-ledger: in a script it would send everything again if the ledger were lost"
        );
        return Err(CliError::new(Exit::Usage, error, hint).into());
    }
    if let Some(found) = found {
        found.require_confirmation(context.project)?;
        out::log_note(global.log_format, found.description());
    }
    Ok(found)
}

/// Returns whether nothing is left to decide with `--new-ledger`: the ledger was used before, and
/// found no accounts, or they were confirmed by an earlier run.
fn is_settled(ledger: &Store, found: Option<UnrecordedAccounts>) -> Result<bool, LedgerError> {
    let was_used = ledger.version()?.serial > 0;
    let is_open = ledger.replaces().is_some() || (found.is_some() && !ledger.was_confirmed()?);
    Ok(was_used && !is_open)
}

/// Executes the plan and writes the reports. With `--wait`, then polls until all items have ended.
fn execute(
    global: &Global,
    args: &Args,
    context: &PlanContext<'_>,
    found: Option<UnrecordedAccounts>,
    metrics: &mut CommandMetrics,
) -> anyhow::Result<Exit> {
    let settings = &context.project.settings;
    let name = free_name(context)?;
    logging::name_run(&name);
    let run = begin(context, &name).map_err(|error| {
        remove_unused(&settings.reports.directory.join(&name));
        exit::when_disk_full(
            error,
            &t!("free disk space, then apply again; nothing was sent"),
        )
    })?;
    context.runtime.block_on(context.ledger.write_renamed())?;
    if let Some(count) = found.and_then(UnrecordedAccounts::to_record) {
        let write = context.ledger.write(vec![Write::AccountsFound { count }]);
        context.runtime.block_on(write)?;
    }
    failpoint("run.begun");
    let work: u64 = context.planned.plan.flows.iter().map(FlowPlan::work).sum();
    let (requests, stop) = watch::channel(Stop::No);
    let apply = Executor::new(ExecutionContext {
        resources: context.resources,
        planned: context.planned,
        ledger: context.ledger,
        client: context.client,
        root: &context.project.root,
        run: run.clone(),
        tolerate: args
            .max_failures
            .or(settings.failures.tolerate)
            .map(|tolerance| tolerance.of(work)),
        listener: context.progress.listener(),
        stop,
    });
    let first = args.canary.map_or(u64::MAX, NonZeroU64::get);
    let stats = if first < work {
        let canary = Canary {
            global,
            args,
            context,
            run: run.id,
            first,
            work,
        };
        canary.run(&apply, requests)
    } else {
        let run = interruptible(requests, apply.run());
        context.runtime.block_on(run)
    };
    context.progress.finish();
    let sent = RunReport {
        context,
        run: &run,
        stats: &stats,
        followed: None,
    };
    let exit = end_run(global, &sent, metrics)?;
    // Items of earlier runs are polled even if this run stopped after too many failures.
    let can_follow = matches!(
        stats.stopped,
        None | Some(Stopped::Failures { .. } | Stopped::Canary(_))
    );
    if !args.waiting.wait || !can_follow {
        return Ok(exit);
    }
    let selected = (&*context.selection.targets, &*context.selection.excludes);
    let follow = context.follow(selected, &args.waiting);
    let (stats, followed) = match follow.run() {
        Ok(followed) => {
            let quiet = global.quiet || global.log_format == LogFormat::Json;
            follow::print_summary(&followed, quiet);
            (stats, followed)
        }
        // The progress up to the error is still reported.
        Err(fatal) => {
            let stopped = Some(Stopped::Fatal(fatal));
            (RunStats { stopped, ..stats }, SyncStats::default())
        }
    };
    let ended = RunReport {
        context,
        run: &run,
        stats: &stats,
        followed: Some(&followed),
    };
    end_run(global, &ended, metrics)
}

/// Begins a run: its report folder and its record in the ledger.
fn begin(context: &PlanContext<'_>, name: &str) -> anyhow::Result<RunRecord> {
    prepare_reports(&context.project.settings.reports.directory, name)?;
    let begun = time::text(context.session.started);
    let ledger = context.ledger;
    let run = context.runtime.block_on(ledger.begin_run(name, &begun))?;
    RunReport::write_begun(context, &run).inspect_err(|_| {
        let end = Write::RunEnded {
            run: run.id,
            at: begun,
            exit: i32::from(Exit::Error.code()),
        };
        // The first error is reported.
        drop(context.runtime.block_on(ledger.write(vec![end])));
    })?;
    Ok(run)
}

/// Removes the report folder of a run that has not begun, if it contains nothing but a log.
fn remove_unused(folder: &Path) {
    let is_log = |entry: std::io::Result<DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name() == logging::RUN_LOG)
    };
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_log)) {
        // A folder that cannot be removed is left: the error of the run matters more.
        let _ = std::fs::remove_file(folder.join(logging::RUN_LOG));
        let _ = std::fs::remove_dir(folder);
    }
}

/// Writes the reports and records the end of the run in the ledger.
fn end_run(
    global: &Global,
    ended: &RunReport<'_>,
    metrics: &mut CommandMetrics,
) -> anyhow::Result<Exit> {
    let exit = ended.write(global, metrics);
    // The run has ended even if its reports cannot be written.
    let code = exit.as_ref().map_or(Exit::Error, |exit| *exit).code();
    let end = Write::RunEnded {
        run: ended.run.id,
        at: time::text(Timestamp::now()),
        exit: i32::from(code),
    };
    let context = ended.context;
    let written = context.runtime.block_on(context.ledger.write(vec![end]));
    failpoint("run.ended");
    // If the run was stopped, a ledger error was already reported.
    if ended.stats.stopped.is_none() {
        written?;
    }
    exit.map_err(|error| {
        let hint = match &ended.stats.stopped {
            // The ledger has not recorded everything.
            Some(Stopped::Fatal(fatal @ Fatal::Ledger(_))) => exit::classify_fatal(fatal).1,
            _ => t!(
                "free disk space, then run treaty report: what was sent is recorded in the ledger"
            )
            .into_owned(),
        };
        exit::when_disk_full(error, &hint)
    })
}

/// A name for the run and its folder. Runs of the same second get a number.
fn free_name(context: &PlanContext<'_>) -> anyhow::Result<String> {
    let reports = &context.project.settings.reports.directory;
    let name = context.session.run_name();
    let mut free = name.clone();
    let mut number = 2;
    while reports.join(&free).exists() || context.ledger.has_run(&free)? {
        free = format!("{name}-{number}");
        number += 1;
    }
    Ok(free)
}

/// Creates the report folder and opens the log, so that errors there are found before anything is
/// sent.
fn prepare_reports(reports: &Path, name: &str) -> anyhow::Result<()> {
    let folder = reports.join(name);
    std::fs::create_dir_all(&folder).with_context(|| {
        t!(
            "the folder %{folder} cannot be created",
            folder = folder.display()
        )
    })?;
    let latest = reports.join("latest");
    let taken = std::fs::symlink_metadata(&latest).is_ok_and(|found| found.is_dir());
    anyhow::ensure!(
        !taken,
        t!(
            "%{folder} is a folder, but must be a link to the last run; move or rename the folder",
            folder = latest.display()
        )
    );
    logging::open_run_log(&folder).with_context(|| {
        t!(
            "the log in %{folder} cannot be opened",
            folder = folder.display()
        )
    })
}
