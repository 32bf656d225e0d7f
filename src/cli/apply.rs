//! `treaty apply`: plan, show, ask, do, report.

use std::cell::RefCell;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::watch;

use super::args::{Apply as Args, Global, LogFormat};
use super::ended::Ended;
use super::exit::Exit;
use super::follow::{self, Follow};
use super::interrupt::interruptible;
use super::metrics::Numbers;
use super::output::logging;
use super::session::{PlanContext, surveyed};
use super::{out, prompt, show};
use crate::api::time;
use crate::execute::{ExecutionContext, Executor, RunStats, Stop, Stopped, SyncStats};
use crate::ledger::{Ledger, Sqlite, Write};
use crate::plan::FlowPlan;
use crate::util::failpoint::failpoint;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let numbers = RefCell::new(Numbers::of("apply"));
    let result = planned(global, args, &numbers);
    numbers.into_inner().write(args.metrics.as_deref(), result)
}

fn planned(global: &Global, args: &Args, numbers: &RefCell<Numbers>) -> anyhow::Result<Exit> {
    surveyed(
        global,
        &args.selected,
        args.retry.map(Into::into),
        |project| {
            numbers.borrow_mut().name(project);
            prompt::check(args, &project.settings)
        },
        |session, settings, binding| {
            Sqlite::hold(
                &settings.ledger,
                binding,
                &holder(),
                &time::text(session.started),
            )
        },
        |ready| {
            let (plan, settings) = (&ready.survey.plan, &ready.project.settings);
            if !global.quiet && global.log_format == LogFormat::Text {
                out::print(show::text(
                    plan,
                    settings,
                    args.selected.all,
                    ready.session.started,
                ));
            }
            if plan.is_empty() || prompt::confirmed(args, settings)? {
                carry_out(global, args, ready, &mut numbers.borrow_mut())
            } else {
                out::tell(global.log_format, "Nothing was done.");
                Ok(Exit::Done)
            }
        },
    )
}

fn carry_out(
    global: &Global,
    args: &Args,
    ready: &PlanContext<'_>,
    numbers: &mut Numbers,
) -> anyhow::Result<Exit> {
    let settings = &ready.project.settings;
    let name = free_name(ready)?;
    logging::name_run(&name);
    prepare_reports(&settings.reports.directory, &name)?;
    let begun = time::text(ready.session.started);
    let run = ready
        .runtime
        .block_on(ready.ledger.begin_run(&name, &begun))?;
    failpoint("run.begun");
    let work: u64 = ready.survey.plan.flows.iter().map(FlowPlan::work).sum();
    let (ask, stop) = watch::channel(Stop::No);
    let executor = Executor::new(ExecutionContext {
        resources: ready.standing,
        planned: ready.survey,
        ledger: ready.ledger,
        client: ready.client,
        root: &ready.project.root,
        run: run.clone(),
        tolerate: args
            .max_failures
            .or(settings.failures.tolerate)
            .map(|tolerance| tolerance.of(work)),
        listener: ready.progress.listener(),
        stop,
    });
    let tally = ready.runtime.block_on(interruptible(ask, executor.run()));
    ready.progress.finish();
    let sent = Ended {
        ready,
        run: &run,
        tally: &tally,
        followed: None,
    };
    let exit = end(global, &sent, numbers)?;
    // That too many of tonight's failed is no reason to forget those who were asked before.
    let goes_on = matches!(tally.stopped, None | Some(Stopped::Failures { .. }));
    if !args.waiting.wait || !goes_on {
        return Ok(exit);
    }
    let follow = Follow {
        project: ready.project,
        ledger: ready.ledger,
        client: ready.client,
        progress: ready.progress,
        runtime: ready.runtime,
        targets: &args.selected.target,
        excludes: &args.selected.exclude,
        waiting: &args.waiting,
        started: ready.session.started,
    };
    let (tally, followed) = match follow.run() {
        Ok(followed) => {
            let quiet = global.quiet || global.log_format == LogFormat::Json;
            follow::say(&followed, quiet);
            (tally, followed)
        }
        // How far they came until then is reported all the same.
        Err(fatal) => {
            let stopped = Some(Stopped::Fatal(fatal));
            (RunStats { stopped, ..tally }, SyncStats::default())
        }
    };
    let ended = Ended {
        ready,
        run: &run,
        tally: &tally,
        followed: Some(&followed),
    };
    end(global, &ended, numbers)
}

/// Writes the reports, and down how the run ended.
fn end(global: &Global, ended: &Ended<'_>, numbers: &mut Numbers) -> anyhow::Result<Exit> {
    let exit = ended.report(global, numbers);
    // A run whose reports cannot be written has ended, too.
    let code = exit.as_ref().map_or(Exit::Error, |exit| *exit).code();
    let end = Write::RunEnded {
        run: ended.run.id,
        at: time::text(Timestamp::now()),
        exit: i32::from(code),
    };
    let ready = ended.ready;
    let written = ready.runtime.block_on(ready.ledger.write(vec![end]));
    failpoint("run.ended");
    // A ledger that cannot be written any more has ended the run, and was told.
    if ended.tally.stopped.is_none() {
        written?;
    }
    exit
}

/// Who holds the ledger, for those who are kept out.
pub(super) fn holder() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = std::env::var("HOSTNAME")
        .ok()
        .filter(|host| !host.is_empty())
        .unwrap_or(host);
    format!("process {} on {}", std::process::id(), host.trim())
}

/// A name for the run and its folder that no earlier one of the same second has.
fn free_name(ready: &PlanContext<'_>) -> anyhow::Result<String> {
    let reports = &ready.project.settings.reports.directory;
    let name = ready.session.run_name();
    let mut free = name.clone();
    let mut number = 2;
    while reports.join(&free).exists() || ready.ledger.has_run(&free)? {
        free = format!("{name}-{number}");
        number += 1;
    }
    Ok(free)
}

/// Reports that could not be written would be missed after everything was sent: that is found before.
fn prepare_reports(reports: &std::path::Path, name: &str) -> anyhow::Result<()> {
    let folder = reports.join(name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let latest = reports.join("latest");
    let taken = std::fs::symlink_metadata(&latest).is_ok_and(|found| found.is_dir());
    anyhow::ensure!(
        !taken,
        "{} is a folder, and should point to the last run: move it away",
        latest.display()
    );
    logging::open_run_log(&folder)
        .with_context(|| format!("the log in {} cannot be opened", folder.display()))
}
