//! The last run: whether it is in progress, was killed, or ended, and how far it came.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::time;
use crate::cli::output::style::{BOLD, RED, RESET};
use crate::ledger::{KnownRun, LedgerError, Records, Store};
use crate::report::{Summary, exit_meaning};

/// The last run of a project.
pub(super) struct LastRun {
    run: KnownRun,
    /// The process that works on it.
    holder: Option<String>,
    /// The content of its `run.json`, if the file can be read.
    pub(super) summary: Option<Summary>,
    /// When a later command found errors in manifests or sheets, in Asia/Shanghai.
    later_errors: Option<String>,
}

impl LastRun {
    /// Reads the last run from the ledger and its `run.json` from the folder of the reports; `None`
    /// without a run.
    pub(super) fn read(ledger: &Store, reports: &Path) -> Result<Option<Self>, LedgerError> {
        let Some(run) = ledger.run(None)? else {
            return Ok(None);
        };
        let holder = ledger.holder()?.filter(|holder| holder.since == run.begun);
        let folder = reports.join(&run.record.name);
        let later_errors = errors_written(reports).filter(|at| Some(at) > run.ended.as_ref());
        let later_errors = later_errors.filter(|_| run.ended.is_some());
        Ok(Some(Self {
            holder: holder.map(|holder| holder.name),
            summary: Summary::read(&folder).filter(|summary| summary.run == run.record.name),
            run,
            later_errors,
        }))
    }

    /// The id of the run in the ledger.
    pub(super) fn id(&self) -> i64 {
        self.run.record.id
    }

    /// Returns whether a process works on the run, or waits for signatures.
    pub(super) fn is_running(&self) -> bool {
        self.holder.is_some()
    }

    pub(super) fn name(&self) -> &str {
        &self.run.record.name
    }

    /// Returns the state of the run and the next action. `worked_on` is the number of contracts that
    /// the run has completed or failed.
    pub(super) fn lines(&self, worked_on: u64) -> Vec<String> {
        let mut lines = self.state(worked_on);
        lines.extend(self.later_errors.as_ref().map(|at| {
            let text = t!(
                "a later command found errors at %{time}, so no run began: see errors.csv in the folder of the reports",
                time = at
            );
            format!("  {RED}{text}{RESET}")
        }));
        lines
    }

    fn state(&self, worked_on: u64) -> Vec<String> {
        let run = &self.run;
        let name = self.name();
        let progress = match &self.summary {
            Some(summary) if summary.planned > 0 => t!(
                "%{done} of %{planned} contracts",
                done = worked_on,
                planned = summary.planned
            ),
            _ => t!("%{count} contracts", count = worked_on),
        };
        let running = t!("running");
        let last_run = t!("last run");
        match (&run.ended, run.exit, &self.holder) {
            (Some(_), _, Some(holder)) => {
                let text = t!(
                    "%{run}, since %{time}, %{holder}: %{progress}; it waits for signatures",
                    run = name,
                    time = run.begun,
                    holder = holder,
                    progress = progress
                );
                vec![format!("{BOLD}{running}{RESET}  {text}")]
            }
            (Some(ended), Some(exit), _) => {
                let text = t!(
                    "%{run}, ended %{time} with exit code %{exit}: %{meaning}",
                    run = name,
                    time = ended,
                    exit = exit,
                    meaning = exit_meaning(exit)
                );
                let ended = format!("{BOLD}{last_run}{RESET}  {text}");
                let stopped = self.summary.as_ref().and_then(|run| run.stopped.as_deref());
                let stopped = stopped.map(|why| {
                    let text = t!(
                        "stopped early after %{progress}: %{why}",
                        progress = progress,
                        why = why
                    );
                    format!("  {text}")
                });
                std::iter::once(ended).chain(stopped).collect()
            }
            (_, _, Some(holder)) => {
                let text = t!(
                    "%{run}, since %{time}, %{holder}: %{progress}",
                    run = name,
                    time = run.begun,
                    holder = holder,
                    progress = progress
                );
                vec![format!("{BOLD}{running}{RESET}  {text}")]
            }
            _ => {
                let text = t!(
                    "%{run}, killed after %{progress}; it began %{time}",
                    run = name,
                    progress = progress,
                    time = run.begun
                );
                let hint = t!("apply again: treaty probes what was in progress and continues");
                vec![
                    format!("{BOLD}{last_run}{RESET}  {text}"),
                    format!("  {}: {hint}", t!("help")),
                ]
            }
        }
    }

    pub(super) fn json(&self, worked_on: u64) -> Value {
        let run = &self.run;
        let state = match (&run.ended, &self.holder) {
            (_, Some(_)) => "running",
            (Some(_), None) => "ended",
            (None, None) => "killed",
        };
        json!({
            "name": self.name(), "state": state, "begun": run.begun, "ended": run.ended,
            "exitCode": run.exit, "holder": self.holder, "contracts": worked_on,
            "planned": self.summary.as_ref().map(|summary| summary.planned),
            "laterErrors": self.later_errors,
        })
    }
}

/// Returns when the table of errors was written, in Asia/Shanghai. A command without errors removes
/// it.
fn errors_written(reports: &Path) -> Option<String> {
    let table = std::fs::metadata(reports.join("errors.csv")).ok()?;
    let written = Timestamp::try_from(table.modified().ok()?).ok()?;
    Some(time::text(written))
}
