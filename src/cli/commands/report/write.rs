//! Writes the report of a run, from the ledger and the sheet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use super::items::RunItems;
use crate::api::time;
use crate::cli::args::Matching;
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::ResourceNames;
use crate::cli::context::run_folder::run_folder;
use crate::desired::FlowRows;
use crate::diagnostic::Findings;
use crate::ledger::{KnownRun, Ledger, LedgerError, Records, Store};
use crate::manifest::OnChange;
use crate::report::{Counts, FlowReport, ReportedFlow, Reports, Summary};

/// The report of a run that is to be written.
pub(in crate::cli::commands) struct RunReport<'a> {
    pub(in crate::cli::commands) context: &'a LedgerContext,
    pub(in crate::cli::commands) ledger: &'a Store,
    pub(in crate::cli::commands) run: &'a KnownRun,
    /// Whether this is the last run. Its report contains every row of the sheet.
    pub(in crate::cli::commands) is_last: bool,
    /// The items that the report contains.
    pub(in crate::cli::commands) matching: &'a Matching,
    /// Whether tables of failed rows are written, which people correct.
    pub(in crate::cli::commands) has_failed_tables: bool,
}

/// A report that has been written.
pub(in crate::cli::commands) struct WrittenReport {
    /// The number of items by flow and status.
    pub(in crate::cli::commands) items: BTreeMap<String, Counts>,
    pub(in crate::cli::commands) flows: Vec<(String, ReportedFlow)>,
    /// The number of signers whose link is not safe to open.
    pub(in crate::cli::commands) odd_links: u64,
    /// The names of the tables of failed rows that people have corrected, and that were left as they are.
    pub(in crate::cli::commands) edited_tables: Vec<String>,
}

impl RunReport<'_> {
    /// Writes the report to a folder. Adds the errors of manifests and sheets to `findings`; the
    /// report then has the recorded state without the columns of the sheet.
    pub(in crate::cli::commands) fn write(
        &self,
        folder: &Path,
        findings: &mut Findings,
    ) -> anyhow::Result<WrittenReport> {
        let (context, ledger, run) = (self.context, self.ledger, self.run);
        let settings = &context.project.settings.reports;
        let names = ResourceNames::build(&context.project, ledger.salt(), findings);
        let begun = self.summary(BTreeMap::new())?;
        let mut reports = Reports::begin(folder, &context.project.root, begun, &settings.formats)?;
        if !self.has_failed_tables {
            reports = reports.without_failed_tables();
        }
        let mut unused_rows = 0;
        let mut failed_rows = Vec::new();
        let mut without_sheet = Vec::new();
        let mut items: BTreeMap<String, Counts> = BTreeMap::new();
        let mut flows = Vec::new();
        for name in self.flows()? {
            let flow = context.project.flows.get(&name);
            let rows = flow.and_then(|flow| {
                let (project, run) = (&context.project, &context.session.run_time);
                let resources = names.resources();
                FlowRows::open(project, resources, flow, run, ledger.salt(), findings)
            });
            let items_of_run = RunItems {
                ledger,
                matching: self.matching,
                flow: &name,
                run: run.record.id,
                on_change: flow.map_or(OnChange::default(), |flow| flow.on_change),
                is_last: self.is_last,
            };
            let mut signers: Vec<&str> = flow.map_or(Vec::new(), |flow| {
                flow.signers
                    .iter()
                    .map(|signer| signer.name.as_str())
                    .collect()
            });
            // Signers that were removed from the manifest after the flow was sent.
            let removed = ledger.other_signers(&name, &signers)?;
            signers.extend(removed.iter().map(String::as_str));
            let report = FlowReport {
                flow: &name,
                rows: rows.as_ref(),
                signers,
                action: &|_, facts| items_of_run.action(facts).map(Into::into),
                rest: &|in_sheet, each| items_of_run.removed_rows(in_sheet, each),
                ledger,
                run: run.record.id,
                unstarted_message: &t!("not started: no run has sent it"),
                signing: true,
            };
            let mut reported = reports.write_flow(&report)?;
            unused_rows += reported.unused;
            failed_rows.append(&mut reported.failed_rows);
            if reported.is_without_sheet {
                without_sheet.push(name.clone());
            }
            items.insert(name.clone(), reported.counts.clone());
            flows.push((name, reported));
        }
        ledger.wait_until_verified()?;
        let odd_links = reports.odd_links();
        let edited_tables = reports.edited_tables().to_vec();
        let mut summary = self.summary(items.clone())?;
        // Reports of an earlier run omit the rows that are not recorded.
        if self.is_last {
            let earlier = summary.clone();
            summary.failed_rows = failed_rows;
            summary.unused_rows = unused_rows;
            for flow in without_sheet {
                summary.keep_failed_rows(Some(&earlier), &flow);
            }
        }
        reports.finish(&summary)?;
        Ok(WrittenReport {
            items,
            flows,
            odd_links,
            edited_tables,
        })
    }

    /// The flows in the report.
    fn flows(&self) -> Result<Vec<String>, LedgerError> {
        let declared: BTreeSet<String> = self.context.project.flows.keys().cloned().collect();
        let mut all = declared.clone();
        all.extend(self.ledger.flows()?);
        let mut reported = Vec::new();
        for flow in all {
            let has_rows = self.is_last && declared.contains(&flow);
            if has_rows || self.ledger.has_worked_on(&flow, self.run.record.id)? {
                reported.push(flow);
            }
        }
        Ok(reported)
    }

    /// The content of `run.json`: as the run wrote it, with the current status of the items.
    fn summary(&self, items: BTreeMap<String, Counts>) -> anyhow::Result<Summary> {
        let (context, run) = (self.context, self.run);
        let directory = &context.project.settings.reports.directory;
        let folder = run_folder(directory, &run.record.name)?;
        let earlier = Summary::read(&folder).filter(|summary| summary.run == run.record.name);
        let written = match earlier {
            Some(earlier) => earlier,
            None => Summary::unfinished(
                &run.record.name,
                &context.project,
                run.begun.clone(),
                self.ledger.version()?,
            ),
        };
        Ok(Summary {
            treaty: env!("CARGO_PKG_VERSION").to_owned(),
            reported: Some(time::text(Timestamp::now())),
            items,
            ..written.ended(run.ended.clone(), run.exit)
        })
    }
}
