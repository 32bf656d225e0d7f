//! `treaty apply`: plan, show, ask, do, report.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::watch;

use super::args::{Apply as Args, Global, LogFormat};
use super::exit::{self, Exit};
use super::progress::Progress;
use super::session::{Session, binding, invalid};
use super::{endpoint, prompt, show};
use crate::api::time;
use crate::apply::{
    Apply, DOCUMENT, Orders, PROCESS, SIGNER, Selection, Stop, Stopped, Survey, Surveyor, Tally,
    survey,
};
use crate::desired::Standing;
use crate::diagnostic::Findings;
use crate::ledger::{Ledger, RunRecord, Sqlite, Write};
use crate::manifest::{Project, ReportFormat};
use crate::plan::ItemAction;
use crate::report::{Counts, FlowReport, Summary, point_latest, write_flow};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let Some(project) = session.project(global, &mut findings) else {
        return Err(invalid(findings.errors(), "").into());
    };
    let settings = &project.settings;
    prompt::check(args, settings)?;
    let credentials = endpoint::credentials(&settings.endpoint, &session.environ);
    let known = credentials.as_ref().ok().and_then(Option::as_ref);
    let ledger = match &credentials {
        Ok(_) => Sqlite::hold(
            &settings.ledger,
            &binding(settings, known),
            &holder(),
            &time::text(session.started),
        )?,
        // What is wrong with the project is said first; then that credentials are missing.
        Err(_) => Sqlite::empty(&binding(settings, None))?,
    };
    let standing = Standing::of(&project, ledger.salt(), &mut findings);
    let progress = Progress::new(global);
    let listener = progress.listener();
    let client = match &credentials {
        Ok(credentials) => Some(endpoint::client(
            &project.root,
            settings,
            credentials.clone(),
            &listener,
        )?),
        Err(_) => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let asked = client
        .as_ref()
        .map(|client| (client, args.selected.observe.into()));
    let surveyor = Surveyor {
        project: &project,
        standing: &standing,
        ledger: &ledger,
        selection: Selection::from(&args.selected),
        run: session.run_time.clone(),
        listener: listener.clone(),
    };
    let survey = runtime.block_on(survey(&surveyor, asked, &mut findings))?;
    progress.finish();
    session.settled(settings, &findings, &survey)?;
    credentials?;
    let client = client.context("a client without credentials")?;

    if !global.quiet && global.log_format == LogFormat::Text {
        anstream::print!("{}", show::text(&survey.plan, settings, args.selected.all));
    }
    if !survey.plan.is_empty() && !prompt::confirmed(args, settings)? {
        anstream::eprintln!("Nothing was done.");
        return Ok(Exit::Done);
    }

    let name = free_name(&settings.reports.directory, &session.run_name());
    let run = runtime.block_on(ledger.begin_run(&name, &time::text(session.started)))?;
    let work: u64 = survey
        .plan
        .flows
        .iter()
        .map(crate::plan::FlowPlan::work)
        .sum();
    let (ask, stop) = watch::channel(Stop::No);
    let apply = Apply::new(Orders {
        standing: &standing,
        survey: &survey,
        ledger: &ledger,
        client: &client,
        run: run.clone(),
        window: settings.limits.concurrency,
        tolerate: settings
            .failures
            .tolerate
            .map(|tolerance| tolerance.of(work)),
        listener,
        stop,
    });
    let tally = runtime.block_on(async {
        let interrupted = tokio::spawn(listen_for_interrupts(ask));
        let tally = apply.all().await;
        interrupted.abort();
        tally
    });
    progress.finish();
    let ended = Ended {
        session: &session,
        project: &project,
        survey: &survey,
        ledger: &ledger,
        progress: &progress,
        run: &run,
        tally: &tally,
    };
    let exit = ended.report(global)?;
    let end = Write::RunEnded {
        run: run.id,
        at: time::text(Timestamp::now()),
        exit: i32::from(exit.code()),
    };
    runtime.block_on(ledger.write(vec![end]))?;
    Ok(exit)
}

/// The first interrupt lets what is under way end, the second ends at once.
async fn listen_for_interrupts(ask: watch::Sender<Stop>) {
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
fn holder() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = std::env::var("HOSTNAME")
        .ok()
        .filter(|host| !host.is_empty())
        .unwrap_or(host);
    format!("process {} on {}", std::process::id(), host.trim())
}

/// A name for the run's folder that no earlier run of the same second has.
fn free_name(reports: &std::path::Path, name: &str) -> String {
    let mut free = name.to_owned();
    let mut number = 2;
    while reports.join(&free).exists() {
        free = format!("{name}-{number}");
        number += 1;
    }
    free
}

/// A run that has ended, to be reported.
struct Ended<'a> {
    session: &'a Session,
    project: &'a Project,
    survey: &'a Survey<'a>,
    ledger: &'a Sqlite,
    progress: &'a Progress,
    run: &'a RunRecord,
    tally: &'a Tally,
}

impl Ended<'_> {
    fn report(&self, global: &Global) -> anyhow::Result<Exit> {
        let settings = &self.project.settings;
        let folder = settings.reports.directory.join(&self.run.name);
        let csv = settings.reports.formats.contains(&ReportFormat::Csv);
        let mut items: BTreeMap<String, Counts> = BTreeMap::new();
        for (rows, plan) in self.survey.flows.iter().zip(&self.survey.plan.flows) {
            let report = FlowReport {
                rows,
                plan,
                refused: &|row| self.survey.refused.get(&(plan.flow.clone(), row)),
                ledger: self.ledger,
                run: self.run.id,
                steps: [DOCUMENT, PROCESS, SIGNER],
            };
            items.insert(plan.flow.clone(), write_flow(&folder, &report, csv)?);
        }
        let (exit, hint) = self.exit();
        if settings.reports.formats.contains(&ReportFormat::Json) {
            self.summary(items.clone(), exit).write(&folder)?;
        }
        if folder.exists() {
            point_latest(&settings.reports.directory, &self.run.name)?;
        }
        self.say(global, &items, &folder, exit, &hint);
        Ok(exit)
    }

    /// How the run ended, and what to do next.
    fn exit(&self) -> (Exit, String) {
        let again = "apply again: what is done is not done again".to_owned();
        let invalid: u64 = self
            .survey
            .plan
            .flows
            .iter()
            .map(|flow| flow.counted(ItemAction::Invalid))
            .sum();
        let changed: u64 = self
            .survey
            .plan
            .flows
            .iter()
            .map(|flow| flow.counted(ItemAction::Changed))
            .sum();
        let doubt: u64 = self
            .survey
            .plan
            .flows
            .iter()
            .map(|flow| flow.counted(ItemAction::InDoubt))
            .sum();
        match &self.tally.stopped {
            Some(Stopped::Fatal(fatal)) => exit::of_fatal(fatal),
            Some(Stopped::Asked) => (Exit::Interrupted, again),
            _ if self.tally.in_doubt + doubt > 0 => (
                Exit::InDoubt,
                "what is in doubt is never sent again by itself: look at it on the service's own pages".to_owned(),
            ),
            Some(Stopped::Failures { .. }) => (Exit::Failed, "correct what failed, then apply again".to_owned()),
            None if self.tally.failed + invalid + changed > 0 || !self.tally.standing.is_empty() => (
                Exit::Failed,
                "correct the rows of the failed.csv and give it back as the sheet, or correct the sheet; then apply again"
                    .to_owned(),
            ),
            None => (Exit::Done, String::new()),
        }
    }

    fn summary(&self, items: BTreeMap<String, Counts>, exit: Exit) -> Summary {
        let settings = &self.project.settings;
        let ended = Timestamp::now();
        let seconds = ended.duration_since(self.session.started).as_secs_f64();
        let calls = self.progress.calls();
        let total: u64 = calls.values().map(|count| count.attempts).sum();
        // Counts of calls are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = total as f64 / seconds.max(0.001);
        Summary {
            run: self.run.name.clone(),
            project: self.project.name.clone(),
            environment: settings.environment.clone(),
            endpoint: settings.endpoint.to_string(),
            treaty: env!("CARGO_PKG_VERSION"),
            started: time::text(self.session.started),
            ended: time::text(ended),
            seconds,
            exit_code: i32::from(exit.code()),
            stopped: self.tally.stopped.as_ref().map(|stopped| match stopped {
                Stopped::Asked => "interrupted".to_owned(),
                Stopped::Failures { tolerated } => format!("more than {tolerated} items failed"),
                Stopped::Fatal(fatal) => fatal.to_string(),
            }),
            items,
            standing_failures: self
                .tally
                .standing
                .iter()
                .map(|(address, failure)| (address.to_string(), failure.message.clone()))
                .collect(),
            calls: calls
                .into_iter()
                .map(|(op, count)| (op.path(), count))
                .collect(),
            calls_total: total,
            rate,
            rate_limit: settings.limits.rate.map(|rate| rate.0),
        }
    }

    fn say(
        &self,
        global: &Global,
        items: &BTreeMap<String, Counts>,
        folder: &PathBuf,
        exit: Exit,
        hint: &str,
    ) {
        if global.log_format == LogFormat::Json {
            let line = serde_json::json!({
                "event": "end", "run": self.run.name, "exitCode": exit.code(), "items": items, "reports": folder,
            });
            anstream::eprintln!("{line}");
            return;
        }
        if !global.quiet {
            for (flow, counts) in items {
                let counted: Vec<String> = counts
                    .iter()
                    .map(|(status, count)| format!("{count} {}", status.word()))
                    .collect();
                anstream::println!("\u{1b}[1mflows.{flow}\u{1b}[0m  {}", counted.join(", "));
            }
            let seconds = Timestamp::now()
                .duration_since(self.session.started)
                .as_secs_f64();
            let calls: u64 = self
                .progress
                .calls()
                .values()
                .map(|count| count.attempts)
                .sum();
            anstream::println!(
                "{calls} calls in {seconds:.1} s; reports in {}",
                folder.display()
            );
        }
        if let Some(Stopped::Fatal(fatal)) = &self.tally.stopped {
            anstream::eprintln!("\u{1b}[1;31merror\u{1b}[0m: {fatal}");
        }
        if !hint.is_empty() {
            anstream::eprintln!("\u{1b}[1;36mhint\u{1b}[0m: {hint}");
        }
    }
}
