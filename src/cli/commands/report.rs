//! `treaty report`: writes the reports of a run again, from the ledger and the sheet, without a
//! call to the API.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::address::{Address, is_selected};
use crate::api::time;
use crate::cli::args::{Global, Report as Args};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::{ResourceNames, check_targets};
use crate::cli::context::run_folder::run_folder;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out, plan_text, sheet_changes};
use crate::desired::{FlowRows, Outcome};
use crate::ledger::{KnownRun, Ledger, LedgerError, Records, Sqlite};
use crate::plan::ItemAction;
use crate::report::{
    Counts, FlowReport, FlowReportError, IdSet, ItemVisitor, Reports, RowFacts, Summary,
    point_latest,
};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut context = LedgerContext::load_to_read(global)?;
    // The reports of a ledger that is too old would show sent contracts as not started.
    let ledger = context.read_current_ledger()?;
    let run = find_run(&ledger, args).or_else(|error| {
        ledger.wait_until_verified()?;
        Err(error)
    })?;
    check_targets(&ledger, &args.matching.target)?;
    let is_last = ledger.run(None)?.as_ref() == Some(&run);
    let mut findings = std::mem::take(&mut context.findings);
    let names = ResourceNames::build(&context.project, ledger.salt(), &mut findings);
    let settings = &context.project.settings.reports;
    let is_whole = args.matching.target.is_empty() && args.matching.exclude.is_empty();
    // A partial report must not replace the complete one.
    let part = if is_whole { "" } else { "-selected" };
    let whole = run_folder(&settings.directory, &run.record.name)?;
    let folder = run_folder(&settings.directory, &format!("{}{part}", run.record.name))?;
    let begun = summary(&context, &ledger, &run, &whole, BTreeMap::new())?;
    let mut reports = Reports::begin(&folder, &context.project.root, begun, &settings.formats)?;
    let mut failed_rows = Vec::new();
    let mut items: BTreeMap<String, Counts> = BTreeMap::new();
    let mut reported_flows = Vec::new();
    for name in flows(&context, &ledger, &run, is_last)? {
        let flow = context.project.flows.get(&name);
        let rows = flow.and_then(|flow| {
            let (project, run) = (&context.project, &context.session.run_time);
            FlowRows::open(
                project,
                names.resources(),
                flow,
                run,
                ledger.salt(),
                &mut findings,
            )
        });
        let items_of_run = RunItems {
            ledger: &ledger,
            args,
            flow: &name,
            run: run.record.id,
            is_last,
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
            ledger: &ledger,
            run: run.record.id,
            unstarted_message: "not started: no run has sent it",
            signing: true,
        };
        let mut reported = reports.write_flow(&report)?;
        failed_rows.append(&mut reported.failed_rows);
        items.insert(name.clone(), reported.counts.clone());
        reported_flows.push((name, reported));
    }
    ledger.wait_until_verified()?;
    let odd_links = reports.odd_links();
    let mut summary = summary(&context, &ledger, &run, &whole, items.clone())?;
    // Reports of an earlier run omit the rows that are not recorded.
    if is_last {
        summary.failed_rows = failed_rows;
    }
    reports.finish(&summary)?;
    out::warn_of_odd_links(global.log_format, odd_links);
    if is_last && is_whole && folder.exists() {
        point_latest(&settings.directory, &run.record.name)?;
    }
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        context.note("the reports contain the recorded state of these rows, without the columns of the sheet");
    }
    for (flow, reported) in &reported_flows {
        sheet_changes::warn(global.log_format, flow, reported);
    }
    if !global.quiet {
        plan_text::print_counts(&items);
        out::line(format_args!("reports in {}", out::shown(&folder).display()));
    }
    Ok(Exit::Done)
}

fn find_run(ledger: &Sqlite, args: &Args) -> anyhow::Result<KnownRun> {
    let found = ledger.run(args.run.as_deref())?;
    found.ok_or_else(|| {
        let (message, hint) = match &args.run {
            Some(name) => (
                format!("no run {name} is recorded"),
                "the name of a run is the name of its report folder",
            ),
            None => ("no run is recorded".to_owned(), "apply first"),
        };
        CliError::new(Exit::Usage, message, hint).into()
    })
}

/// The flows in the reports of a run.
fn flows(
    context: &LedgerContext,
    ledger: &Sqlite,
    run: &KnownRun,
    is_last: bool,
) -> Result<Vec<String>, LedgerError> {
    let declared: BTreeSet<String> = context.project.flows.keys().cloned().collect();
    let mut all = declared.clone();
    all.extend(ledger.flows()?);
    let mut reported = Vec::new();
    for flow in all {
        let has_rows = is_last && declared.contains(&flow);
        if has_rows || ledger.has_worked_on(&flow, run.record.id)? {
            reported.push(flow);
        }
    }
    Ok(reported)
}

/// Selects the items of one flow that the reports of the run contain.
struct RunItems<'a> {
    ledger: &'a Sqlite,
    args: &'a Args,
    flow: &'a str,
    run: i64,
    /// Whether this is the last run. Its reports contain every row of the sheet.
    is_last: bool,
}

impl RunItems<'_> {
    fn is_selected(&self, key: &str) -> bool {
        let matching = &self.args.matching;
        let address = Address::item(self.flow, key);
        is_selected(&matching.target, &matching.exclude, &address)
    }

    /// The action to report for a row; none to omit it.
    fn action(&self, facts: &RowFacts<'_>) -> Option<ItemAction> {
        let Some(key) = facts.key else {
            let all = self.args.matching.target.is_empty();
            return (self.is_last && all).then_some(ItemAction::Invalid);
        };
        if !self.is_selected(key) {
            return None;
        }
        match (facts.record, facts.outcome) {
            (Some(record), _) => {
                (self.is_last || record.run == self.run).then_some(ItemAction::Unchanged)
            }
            (None, _) if !self.is_last => None,
            (None, Some(Outcome::Skipped)) => Some(ItemAction::Skipped),
            (None, Some(Outcome::Invalid(_))) => Some(ItemAction::Invalid),
            (None, Some(Outcome::Item(_)) | None) => Some(ItemAction::Create),
        }
    }

    /// Reports the items of the run whose rows were removed.
    fn removed_rows(
        &self,
        in_sheet: &IdSet,
        each: &mut ItemVisitor<'_>,
    ) -> Result<(), FlowReportError> {
        // The reports are completed after this; a damaged ledger must fail first.
        self.ledger.wait_until_verified()?;
        let mut removed = Vec::new();
        self.ledger.each_of_run(self.flow, self.run, &mut |id| {
            if !in_sheet.contains(id) {
                removed.push(id);
            }
        })?;
        for id in removed {
            if let Some(item) = self.ledger.item_by_id(id)?
                && self.is_selected(&item.key)
            {
                each(&item.key, ItemAction::Unchanged)?;
            }
        }
        Ok(())
    }
}

/// The content of `run.json`: as the run wrote it, with the current status of the items.
fn summary(
    context: &LedgerContext,
    ledger: &Sqlite,
    run: &KnownRun,
    folder: &std::path::Path,
    items: BTreeMap<String, Counts>,
) -> Result<Summary, LedgerError> {
    let earlier = Summary::read(folder).filter(|summary| summary.run == run.record.name);
    let written = match earlier {
        Some(earlier) => earlier,
        None => Summary::unfinished(
            &run.record.name,
            &context.project,
            run.begun.clone(),
            ledger.version()?,
        ),
    };
    Ok(Summary {
        treaty: env!("CARGO_PKG_VERSION").to_owned(),
        reported: Some(time::text(Timestamp::now())),
        items,
        ..written.ended(run.ended.clone(), run.exit)
    })
}
