//! Writes the reports of a run, prints its summary, and derives its exit code.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::flow_writer::FlowWriter;
use crate::api::time;
use crate::cli::args::{Global, LogFormat};
use crate::cli::context::follow;
use crate::cli::context::session::PlanContext;
use crate::cli::exit::{self, Exit};
use crate::cli::output::metrics::CommandMetrics;
use crate::cli::output::style::{BOLD_RED, RESET};
use crate::cli::output::target::CONSOLE;
use crate::cli::output::{existing_accounts, out, plan_text, sheet_changes, wrap};
use crate::execute::{CanaryEnd, RunStats, Stopped, SyncStats};
use crate::ledger::{LedgerError, RunRecord};
use crate::plan::{FlowPlan, ItemAction};
use crate::report::{Counts, Reports, Status, Summary, point_latest};

/// The state of a run that has ended.
pub(super) struct RunReport<'a> {
    pub(super) context: &'a PlanContext<'a>,
    pub(super) run: &'a RunRecord,
    pub(super) stats: &'a RunStats,
    /// The state of the sent items, after `--wait`.
    pub(super) followed: Option<&'a SyncStats>,
}

impl RunReport<'_> {
    /// Writes the reports, prints the summary and returns the exit code.
    pub(super) fn write(
        &self,
        global: &Global,
        metrics: &mut CommandMetrics,
    ) -> anyhow::Result<Exit> {
        // Printed first: the same error may keep the reports from being written.
        if let Some(Stopped::Fatal(fatal)) = &self.stats.stopped {
            tracing::error!(target: CONSOLE, event = "error", "{fatal}");
            if global.log_format == LogFormat::Text {
                out::note(format_args!("{BOLD_RED}{}{RESET}: {fatal}", t!("error")));
            }
        }
        let settings = &self.context.project.settings;
        let folder = settings.reports.directory.join(&self.run.name);
        let formats = &settings.reports.formats;
        let mut reports = Reports::begin(
            &folder,
            &self.context.project.root,
            unfinished(self.context, self.run)?,
            formats,
        )?;
        let mut items: BTreeMap<String, Counts> = BTreeMap::new();
        let mut unused_rows = 0;
        let mut failed_rows = Vec::new();
        let mut without_sheet = Vec::new();
        let unstarted_message = match self.stopped() {
            Some(why) => t!("not started: %{why}", why = why).into_owned(),
            None => t!("not started: the run ended earlier").into_owned(),
        };
        let plans = self.context.planned.plan.flows.iter();
        for (rows, plan) in self.context.planned.flows.iter().zip(plans) {
            let report = FlowWriter {
                context: self.context,
                run: self.run.id,
                signing: self.followed.is_some(),
                rows,
                plan,
            };
            let (reported, removed) = report.write(&mut reports, &unstarted_message)?;
            sheet_changes::warn(global.log_format, &plan.flow, &reported);
            sheet_changes::warn_removed(global.log_format, &plan.flow, &removed);
            if reported.is_without_sheet {
                without_sheet.push(&*plan.flow);
            }
            items.insert(plan.flow.clone(), reported.counts);
            unused_rows += reported.unused;
            failed_rows.extend(reported.failed_rows);
        }
        let (exit, hint) = self.exit(&items);
        let mut summary = Summary {
            unused_rows,
            failed_rows,
            ..self.summary(items, exit)?
        };
        let earlier = Summary::read(&folder);
        for flow in without_sheet {
            summary.keep_failed_rows(earlier.as_ref(), flow);
        }
        metrics.set_run(&summary);
        let odd_links = reports.odd_links();
        sheet_changes::warn_edited(global.log_format, reports.edited_tables());
        reports.finish(&summary)?;
        if folder.exists() {
            point_latest(&settings.reports.directory, &self.run.name)?;
        }
        out::warn_of_odd_links(global.log_format, odd_links);
        self.print(global, &summary, &folder, exit, &hint);
        Ok(exit)
    }

    /// Returns the exit code and a hint. The exit code reflects the worst status in the reports: an
    /// error that stopped the run, then items in doubt, then failed items.
    fn exit(&self, items: &BTreeMap<String, Counts>) -> (Exit, String) {
        let any = |status| items.values().any(|counts| counts.contains_key(&status));
        // The reports show the status of the sent item for rows that changed afterwards, and no invalid
        // row if the sheet cannot be read any more.
        let unused =
            |flow: &FlowPlan| flow.counted(ItemAction::Changed) + flow.counted(ItemAction::Invalid);
        let blocked: u64 = self.context.planned.plan.flows.iter().map(unused).sum();
        let stats = self.stats;
        let followed = self.followed.map_or(Exit::Done, follow::exit);
        match &stats.stopped {
            Some(Stopped::Fatal(fatal)) => exit::classify_fatal(fatal),
            Some(Stopped::Asked) => (
                Exit::Interrupted,
                t!("apply again to continue; completed items are not sent again").into_owned(),
            ),
            _ if followed == Exit::Interrupted => (followed, String::new()),
            _ if any(Status::InDoubt) || self.followed.is_some_and(|synced| synced.in_doubt > 0) => (
                Exit::InDoubt,
                t!("items in doubt are not sent again automatically: check them in the web console of the service, \
                 then run apply --retry in-doubt or state settle").into_owned(),
            ),
            _ if any(Status::Interrupted) && self.has_interrupted_revocations() => (
                Exit::InDoubt,
                t!("a treaty revoke was interrupted: treaty status --interrupted lists the contracts; run treaty revoke \
                 --target ADDRESS to finish it").into_owned(),
            ),
            _ if stats.in_doubt > 0 || any(Status::Interrupted) || followed == Exit::InDoubt => (
                Exit::InDoubt,
                t!("apply again: calls whose outcome is unknown are probed before anything is sent").into_owned(),
            ),
            Some(Stopped::Canary(CanaryEnd::Declined)) => (
                Exit::Failed,
                t!("apply again to send the other items; the first ones are not sent again").into_owned(),
            ),
            Some(Stopped::Failures { .. } | Stopped::Canary(_)) => (
                Exit::Failed,
                t!("correct the failed items, then apply again").into_owned(),
            ),
            None if stats.failed + stats.not_started + blocked > 0
                || any(Status::Failed)
                || any(Status::NotStarted)
                || !stats.failed_resources.is_empty() =>
            (
                Exit::Failed,
                t!("see treaty_error and treaty_hint in the report; correct the sheet, or correct failed.csv and use it \
                 as the sheet; then apply again").into_owned(),
            ),
            None if any(Status::Rejected) || any(Status::Expired) => (
                followed,
                t!("rejected and expired contracts are not sent again by themselves: treaty status --rejected --expired \
                 lists them, apply --retry rejected or --retry expired sends them again").into_owned(),
            ),
            None => (followed, String::new()),
        }
    }

    /// Whether the plan has items whose `treaty revoke` was interrupted.
    fn has_interrupted_revocations(&self) -> bool {
        let mut flows = self.context.planned.plan.flows.iter();
        flows.any(|flow| flow.counted(ItemAction::RevokeInterrupted) > 0)
    }

    /// Why the run ended before all items were processed.
    fn stopped(&self) -> Option<String> {
        let interrupted = t!("the run was interrupted").into_owned();
        match &self.stats.stopped {
            Some(Stopped::Asked) => Some(interrupted),
            Some(Stopped::Failures { tolerated }) => {
                Some(t!("more than %{tolerated} items failed", tolerated = tolerated).into_owned())
            }
            Some(Stopped::Canary(end)) => Some(
                match end {
                    CanaryEnd::Failed => t!("one of the first items was not sent"),
                    CanaryEnd::NotSigned => t!("one of the first items was not signed"),
                    CanaryEnd::Declined => t!("only the first items were to be sent"),
                }
                .into_owned(),
            ),
            Some(Stopped::Fatal(fatal)) => Some(fatal.to_string()),
            None => self
                .followed
                .is_some_and(|followed| followed.stopped)
                .then_some(interrupted),
        }
    }

    /// Writes `run.json` of a run that begins. If the run is killed, the file shows that it was, and
    /// which ledger it has used.
    pub(super) fn write_begun(context: &PlanContext<'_>, run: &RunRecord) -> anyhow::Result<()> {
        let folder = context.project.settings.reports.directory.join(&run.name);
        Ok(unfinished(context, run)?.write(&folder)?)
    }

    fn summary(&self, items: BTreeMap<String, Counts>, exit: Exit) -> Result<Summary, LedgerError> {
        let ended = Timestamp::now();
        let seconds = ended
            .duration_since(self.context.session.started)
            .as_secs_f64();
        let calls = self.context.progress.calls();
        let total: u64 = calls.values().map(|count| count.attempts).sum();
        // Counts of calls are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = total as f64 / seconds.max(0.001);
        Ok(Summary {
            ended: Some(time::text(ended)),
            seconds,
            exit_code: Some(i32::from(exit.code())),
            stopped: self.stopped(),
            items,
            resource_failures: self
                .stats
                .failed_resources
                .iter()
                .map(|(address, failure)| (address.to_string(), failure.message.clone()))
                .collect(),
            existing_accounts: existing_accounts::summary(&self.stats.taken_accounts),
            calls: calls
                .into_iter()
                .map(|(op, count)| (op.path().to_owned(), count))
                .collect(),
            calls_total: total,
            rate,
            ..unfinished(self.context, self.run)?
        })
    }

    /// Prints and logs the counts, the folder of the reports and the hint.
    fn print(&self, global: &Global, summary: &Summary, folder: &Path, exit: Exit, hint: &str) {
        let items = &summary.items;
        let taken = summary.existing_accounts.as_ref();
        let taken = taken.map(existing_accounts::line);
        if let Some(taken) = &taken {
            tracing::warn!(target: CONSOLE, event = "note", "{taken}");
        }
        for (flow, counts) in items {
            for (status, count) in counts {
                let status = status.word();
                tracing::info!(target: CONSOLE, event = "total", flow, status, count, "items by status");
            }
        }
        tracing::info!(
            target: CONSOLE,
            event = "end",
            exit_code = exit.code(),
            reports = %out::shown(folder).display(),
            hint = Some(hint).filter(|hint| !hint.is_empty()),
            "the run has ended"
        );
        if global.log_format == LogFormat::Json {
            return;
        }
        if !global.quiet {
            plan_text::print_counts(items);
            if let Some(taken) = taken {
                out::line(taken);
            }
            let seconds = Timestamp::now()
                .duration_since(self.context.session.started)
                .as_secs_f64();
            let calls: u64 = self
                .context
                .progress
                .calls()
                .values()
                .map(|count| count.attempts)
                .sum();
            out::line(format_args!(
                "{}",
                t!(
                    "%{calls} calls in %{seconds} s; reports in %{folder}",
                    calls = calls,
                    seconds = format!("{seconds:.1}"),
                    folder = out::shown(folder).display()
                )
            ));
        }
        if !hint.is_empty() {
            wrap::print_hint(hint);
        }
    }
}

/// The summary of a run without a result.
fn unfinished(context: &PlanContext<'_>, run: &RunRecord) -> Result<Summary, LedgerError> {
    let started = time::text(context.session.started);
    let ledger = context.ledger.version()?;
    let flows = context.planned.plan.flows.iter();
    Ok(Summary {
        planned: flows.map(|flow| flow.work() + flow.revocations()).sum(),
        ..Summary::unfinished(&run.name, context.project, started, ledger)
    })
}
