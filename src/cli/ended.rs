//! A run that has ended: its reports, its last words and its exit code.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::args::{Global, LogFormat};
use super::exit::{self, Exit};
use super::metrics::Numbers;
use super::output::logging::CONSOLE;
use super::session::PlanContext;
use super::{follow, out, show};
use crate::api::time;
use crate::execute::{DOCUMENT, DOWNLOAD, PROCESS, RunStats, SIGNER, Stopped, SyncStats};
use crate::ledger::RunRecord;
use crate::plan::{FlowPlan, ItemAction};
use crate::report::{
    Counts, FlowReport, ItemVisitor, Reports, RowFacts, Status, StepNames, Summary, point_latest,
};

/// Where reports find what an item's calls have answered.
pub(super) const STEPS: StepNames = StepNames {
    document: DOCUMENT,
    process: PROCESS,
    signer: SIGNER,
    download: DOWNLOAD,
};

/// A run that has ended, to be reported.
pub(super) struct Ended<'a> {
    pub(super) ready: &'a PlanContext<'a>,
    pub(super) run: &'a RunRecord,
    pub(super) tally: &'a RunStats,
    /// How far people were with signing, once that was waited for.
    pub(super) followed: Option<&'a SyncStats>,
}

impl Ended<'_> {
    /// Writes the reports and says how the run ended.
    pub(super) fn report(&self, global: &Global, numbers: &mut Numbers) -> anyhow::Result<Exit> {
        // Said first: what stopped the run may keep its reports from being written, too.
        if let Some(Stopped::Fatal(fatal)) = &self.tally.stopped {
            tracing::error!(target: CONSOLE, event = "error", "{fatal}");
            if global.log_format == LogFormat::Text {
                out::note(format_args!("\u{1b}[1;31merror\u{1b}[0m: {fatal}"));
            }
        }
        let settings = &self.ready.project.settings;
        let folder = settings.reports.directory.join(&self.run.name);
        let formats = &settings.reports.formats;
        let mut reports = Reports::begin(&folder, &self.ready.project.name, formats)?;
        let mut items: BTreeMap<String, Counts> = BTreeMap::new();
        let not_begun = match self.stopped() {
            Some(why) => format!("not begun: {why}"),
            None => "not begun: the run ended before".to_owned(),
        };
        for (rows, plan) in self
            .ready
            .survey
            .flows
            .iter()
            .zip(&self.ready.survey.plan.flows)
        {
            let action = |at: usize, _: &RowFacts<'_>| {
                let planned = plan.rows.get(at);
                Some(planned.map_or(ItemAction::Invalid, |planned| planned.action))
            };
            let rest = |each: &mut ItemVisitor<'_>| {
                let mut removed = plan.removed.iter();
                removed.try_for_each(|item| each(&item.key, item.action))
            };
            let report = FlowReport {
                flow: &plan.flow,
                rows: Some(rows),
                signers: rows
                    .flow
                    .signers
                    .iter()
                    .map(|signer| signer.name.as_str())
                    .collect(),
                action: &action,
                rest: &rest,
                signing: self.followed.is_some(),
                refused: &|row| self.ready.survey.refused.get(&(plan.flow.clone(), row)),
                ledger: self.ready.ledger,
                run: self.run.id,
                not_begun: &not_begun,
                steps: STEPS,
            };
            items.insert(plan.flow.clone(), reports.write_flow(&report)?);
        }
        let (exit, hint) = self.exit(&items);
        let summary = self.summary(items, exit);
        numbers.take(&summary);
        reports.finish(&summary)?;
        if folder.exists() {
            point_latest(&settings.reports.directory, &self.run.name)?;
        }
        self.say(global, &summary.items, &folder, exit, &hint);
        Ok(exit)
    }

    /// How the run ended, and what to do next. The exit code never tells less than the reports: what stopped the run comes
    /// first, then doubt, then what failed.
    fn exit(&self, items: &BTreeMap<String, Counts>) -> (Exit, String) {
        let any = |status| items.values().any(|counts| counts.contains_key(&status));
        // Of a row that differs from what was sent, reports may tell how far that is.
        let changed = |flow: &FlowPlan| flow.counted(ItemAction::Changed);
        let blocked: u64 = self.ready.survey.plan.flows.iter().map(changed).sum();
        let tally = self.tally;
        let followed = self.followed.map_or(Exit::Done, follow::exit);
        match &tally.stopped {
            Some(Stopped::Fatal(fatal)) => exit::of_fatal(fatal),
            Some(Stopped::Asked) => (
                Exit::Interrupted,
                "apply again: what is done is not done again".to_owned(),
            ),
            _ if followed == Exit::Interrupted => (followed, String::new()),
            _ if tally.in_doubt > 0 || any(Status::InDoubt) || followed == Exit::InDoubt => (
                Exit::InDoubt,
                "what is in doubt is never sent again by itself: look at it on the service's own pages, then \
                 apply --retry in-doubt or state settle"
                    .to_owned(),
            ),
            Some(Stopped::Failures { .. }) => (
                Exit::Failed,
                "correct what failed, then apply again".to_owned(),
            ),
            None if tally.failed + tally.not_started + blocked > 0
                || any(Status::Failed)
                || !tally.failed_resources.is_empty() =>
            (
                Exit::Failed,
                "see treaty_error and treaty_hint in the report; correct the sheet, or the failed.csv and give that back \
                 as the sheet; then apply again"
                    .to_owned(),
            ),
            None => (followed, String::new()),
        }
    }

    /// Why the run ended before all was done.
    fn stopped(&self) -> Option<String> {
        let interrupted = "the run was interrupted".to_owned();
        match &self.tally.stopped {
            Some(Stopped::Asked) => Some(interrupted),
            Some(Stopped::Failures { tolerated }) => {
                Some(format!("more than {tolerated} items failed"))
            }
            Some(Stopped::Fatal(fatal)) => Some(fatal.to_string()),
            None => self
                .followed
                .is_some_and(|followed| followed.stopped)
                .then_some(interrupted),
        }
    }

    fn summary(&self, items: BTreeMap<String, Counts>, exit: Exit) -> Summary {
        let settings = &self.ready.project.settings;
        let ended = Timestamp::now();
        let seconds = ended
            .duration_since(self.ready.session.started)
            .as_secs_f64();
        let calls = self.ready.progress.calls();
        let total: u64 = calls.values().map(|count| count.attempts).sum();
        // Counts of calls are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = total as f64 / seconds.max(0.001);
        Summary {
            run: self.run.name.clone(),
            project: self.ready.project.name.clone(),
            environment: settings.environment.clone(),
            endpoint: settings.endpoint.to_string(),
            treaty: env!("CARGO_PKG_VERSION").to_owned(),
            started: time::text(self.ready.session.started),
            ended: Some(time::text(ended)),
            reported: None,
            seconds,
            exit_code: Some(i32::from(exit.code())),
            stopped: self.stopped(),
            items,
            resource_failures: self
                .tally
                .failed_resources
                .iter()
                .map(|(address, failure)| (address.to_string(), failure.message.clone()))
                .collect(),
            calls: calls
                .into_iter()
                .map(|(op, count)| (op.path().to_owned(), count))
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
        folder: &Path,
        exit: Exit,
        hint: &str,
    ) {
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
            reports = %folder.display(),
            hint = Some(hint).filter(|hint| !hint.is_empty()),
            "the run has ended"
        );
        if global.log_format == LogFormat::Json {
            return;
        }
        if !global.quiet {
            show::counted(items);
            if self.tally.not_started > 0 {
                out::line(format_args!("  {} were not begun", self.tally.not_started));
            }
            let seconds = Timestamp::now()
                .duration_since(self.ready.session.started)
                .as_secs_f64();
            let calls: u64 = self
                .ready
                .progress
                .calls()
                .values()
                .map(|count| count.attempts)
                .sum();
            out::line(format_args!(
                "{calls} calls in {seconds:.1} s; reports in {}",
                folder.display()
            ));
        }
        if !hint.is_empty() {
            out::note(format_args!("\u{1b}[1;36mhint\u{1b}[0m: {hint}"));
        }
    }
}
