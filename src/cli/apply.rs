//! `treaty apply`: plan, show, ask, do, report.

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::watch;

use super::args::{Apply as Args, Global, LogFormat};
use super::ended::Ended;
use super::exit::Exit;
use super::out;
use super::session::{Ready, surveyed};
use super::{prompt, show};
use crate::api::time;
use crate::apply::{Apply, Orders, Stop};
use crate::ledger::{Ledger, Sqlite, Write};
use crate::plan::FlowPlan;

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    surveyed(
        global,
        &args.selected,
        |settings| prompt::check(args, settings),
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
                out::print(show::text(plan, settings, args.selected.all));
            }
            if plan.is_empty() || prompt::confirmed(args, settings)? {
                carry_out(global, ready)
            } else {
                out::note("Nothing was done.");
                Ok(Exit::Done)
            }
        },
    )
}

fn carry_out(global: &Global, ready: &Ready<'_>) -> anyhow::Result<Exit> {
    let settings = &ready.project.settings;
    let name = free_name(ready)?;
    prepare_reports(&settings.reports.directory, &name)?;
    let begun = time::text(ready.session.started);
    let run = ready
        .runtime
        .block_on(ready.ledger.begin_run(&name, &begun))?;
    let work: u64 = ready.survey.plan.flows.iter().map(FlowPlan::work).sum();
    let (ask, stop) = watch::channel(Stop::No);
    let apply = Apply::new(Orders {
        standing: ready.standing,
        survey: ready.survey,
        ledger: ready.ledger,
        client: ready.client,
        root: &ready.project.root,
        run: run.clone(),
        window: settings.limits.concurrency,
        tolerate: settings
            .failures
            .tolerate
            .map(|tolerance| tolerance.of(work)),
        listener: ready.progress.listener(),
        stop,
    });
    let tally = ready.runtime.block_on(async {
        let interrupted = tokio::spawn(listen_for_interrupts(ask));
        let tally = apply.all().await;
        interrupted.abort();
        tally
    });
    ready.progress.finish();
    let ended = Ended {
        ready,
        run: &run,
        tally: &tally,
    };
    let exit = ended.report(global)?;
    let end = Write::RunEnded {
        run: run.id,
        at: time::text(Timestamp::now()),
        exit: i32::from(exit.code()),
    };
    ready.runtime.block_on(ready.ledger.write(vec![end]))?;
    Ok(exit)
}

/// The first interrupt lets what is under way end, the second ends at once.
pub(super) async fn listen_for_interrupts(ask: watch::Sender<Stop>) {
    for stop in [Stop::Drain, Stop::Now] {
        interrupt().await;
        // Nobody listens any more when the run has ended.
        let _ = ask.send(stop);
    }
    std::future::pending::<()>().await;
}

#[cfg(unix)]
async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
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
fn free_name(ready: &Ready<'_>) -> anyhow::Result<String> {
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
    Ok(())
}
