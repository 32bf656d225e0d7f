//! `treaty report`: the reports of a run, written again as things stand now. By the ledger and the sheet; nothing is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::args::{Global, Report as Args};
use super::ended::STEPS;
use super::exit::{CliError, Exit};
use super::state::{Names, Place, meets};
use super::{diagnostics, out, show};
use crate::address::{Address, is_selected};
use crate::api::time;
use crate::desired::{FlowRows, Outcome};
use crate::ledger::{EntityId, KnownRun, Ledger, LedgerError, Records, Sqlite};
use crate::plan::ItemAction;
use crate::report::{
    Calls, Counts, FlowReport, FlowReportError, ItemVisitor, Reports, RowFacts, Summary,
    point_latest,
};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut place = Place::of(global, None)?;
    let ledger = place.read_at_once()?;
    let run = which(&ledger, args).or_else(|error| {
        ledger.wait_until_verified()?;
        Err(error)
    })?;
    meets(&ledger, &args.matching.target)?;
    let is_last = ledger.run(None)?.as_ref() == Some(&run);
    let mut findings = std::mem::take(&mut place.findings);
    let names = Names::of(&place.project, ledger.salt(), &mut findings);
    let settings = &place.project.settings.reports;
    let is_whole = args.matching.target.is_empty() && args.matching.exclude.is_empty();
    // A part must not take the place of the whole.
    let part = if is_whole { "" } else { "-selected" };
    let folder = settings
        .directory
        .join(format!("{}{part}", run.record.name));
    let mut reports = Reports::begin(&folder, &place.project.name, &settings.formats)?;
    let mut items: BTreeMap<String, Counts> = BTreeMap::new();
    for name in flows(&place, &ledger, &run, is_last)? {
        let flow = place.project.flows.get(&name);
        let rows = flow.and_then(|flow| {
            let (project, run) = (&place.project, &place.session.run_time);
            FlowRows::open(
                project,
                names.standing(),
                flow,
                run,
                ledger.salt(),
                &mut findings,
            )
        });
        let own = Own {
            ledger: &ledger,
            args,
            flow: &name,
            run: run.record.id,
            is_last,
            in_sheet: Mutex::default(),
        };
        let mut signers: Vec<&str> = flow.map_or(Vec::new(), |flow| {
            flow.signers
                .iter()
                .map(|signer| signer.name.as_str())
                .collect()
        });
        // Who was declared when it was sent, and is not any more.
        let gone = ledger.other_signers(&name, &signers)?;
        signers.extend(gone.iter().map(String::as_str));
        let report = FlowReport {
            flow: &name,
            rows: rows.as_ref(),
            signers,
            action: &|_, told| own.action(told),
            rest: &|each| own.rest(each),
            refused: &|_| None,
            ledger: &ledger,
            run: run.record.id,
            not_begun: "not sent: no run has begun it",
            signing: true,
            steps: STEPS,
        };
        items.insert(name.clone(), reports.write_flow(&report)?);
    }
    ledger.wait_until_verified()?;
    let whole = settings.directory.join(&run.record.name);
    reports.finish(&summary(&place, &run, &whole, items.clone()))?;
    if is_last && is_whole && folder.exists() {
        point_latest(&settings.directory, &run.record.name)?;
    }
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        place.tell("what these sheets say is left out of the reports; what is recorded of their rows is in them");
    }
    if !global.quiet {
        show::counted(&items);
        out::line(format_args!("reports in {}", folder.display()));
    }
    Ok(Exit::Done)
}

fn which(ledger: &Sqlite, args: &Args) -> anyhow::Result<KnownRun> {
    let found = ledger.run(args.run.as_deref())?;
    found.ok_or_else(|| {
        let (message, hint) = match &args.run {
            Some(name) => (
                format!("no run {name} is recorded"),
                "a run has the name of its folder in the reports",
            ),
            None => ("no run is recorded".to_owned(), "apply first"),
        };
        CliError::new(Exit::Usage, message, hint).into()
    })
}

/// The flows that a run's reports tell of.
fn flows(
    place: &Place,
    ledger: &Sqlite,
    run: &KnownRun,
    is_last: bool,
) -> Result<Vec<String>, LedgerError> {
    let declared: BTreeSet<String> = place.project.flows.keys().cloned().collect();
    let mut all = declared.clone();
    all.extend(ledger.flows()?);
    let mut told = Vec::new();
    for flow in all {
        let has_rows = is_last && declared.contains(&flow);
        if has_rows || ledger.has_worked_on(&flow, run.record.id)? {
            told.push(flow);
        }
    }
    Ok(told)
}

/// What of a flow is the run's own.
struct Own<'a> {
    ledger: &'a Sqlite,
    args: &'a Args,
    flow: &'a str,
    run: i64,
    /// Whether it is the last run, which tells of every row of the sheet.
    is_last: bool,
    /// What has a row.
    in_sheet: Mutex<Numbers>,
}

impl Own<'_> {
    fn in_sheet(&self) -> MutexGuard<'_, Numbers> {
        // Nothing panics while it is held; what is in it stays true.
        self.in_sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn means(&self, key: &str) -> bool {
        let matching = &self.args.matching;
        let address = Address::item(self.flow, key);
        is_selected(&matching.target, &matching.exclude, &address)
    }

    fn action(&self, told: &RowFacts<'_>) -> Option<ItemAction> {
        let Some(key) = told.key else {
            let all = self.args.matching.target.is_empty();
            return (self.is_last && all).then_some(ItemAction::Invalid);
        };
        if let Some(record) = told.record {
            self.in_sheet().insert(record.id);
        }
        if !self.means(key) {
            return None;
        }
        match (told.record, told.outcome) {
            (Some(record), _) => {
                (self.is_last || record.run == self.run).then_some(ItemAction::Unchanged)
            }
            (None, _) if !self.is_last => None,
            (None, Some(Outcome::Skipped)) => Some(ItemAction::Skipped),
            (None, Some(Outcome::Invalid(_))) => Some(ItemAction::Invalid),
            (None, Some(Outcome::Item(_)) | None) => Some(ItemAction::Create),
        }
    }

    /// What the run worked on and has no row any more.
    fn rest(&self, each: &mut ItemVisitor<'_>) -> Result<(), FlowReportError> {
        // After this the tables are put in their places.
        self.ledger.wait_until_verified()?;
        let mut gone = Vec::new();
        let in_sheet = self.in_sheet();
        self.ledger.each_of_run(self.flow, self.run, &mut |id| {
            if !in_sheet.contains(id) {
                gone.push(id);
            }
        })?;
        for id in gone {
            if let Some(item) = self.ledger.item_by_id(id)?
                && self.means(&item.key)
            {
                each(&item.key, ItemAction::Unchanged)?;
            }
        }
        Ok(())
    }
}

/// A set of items by their numbers, a bit for each: most are handed out one after the other.
#[derive(Default)]
struct Numbers(BTreeMap<EntityId, u64>);

impl Numbers {
    fn insert(&mut self, id: EntityId) {
        *self.0.entry(id / 64).or_default() |= bit(id);
    }

    fn contains(&self, id: EntityId) -> bool {
        self.0
            .get(&(id / 64))
            .is_some_and(|bits| bits & bit(id) != 0)
    }
}

fn bit(id: EntityId) -> u64 {
    1 << id.rem_euclid(64)
}

/// What `run.json` says then: what the run itself has written, but for how the items stand.
fn summary(
    place: &Place,
    run: &KnownRun,
    folder: &std::path::Path,
    items: BTreeMap<String, Counts>,
) -> Summary {
    let settings = &place.project.settings;
    let earlier = Summary::read(folder).filter(|summary| summary.run == run.record.name);
    let written = earlier.unwrap_or_else(|| Summary {
        run: run.record.name.clone(),
        project: place.project.name.clone(),
        environment: settings.environment.clone(),
        endpoint: settings.endpoint.to_string(),
        treaty: String::new(),
        started: run.begun.clone(),
        ended: run.ended.clone(),
        reported: None,
        // A run that was cut off has not said how long it took, and which calls it made.
        seconds: 0.0,
        exit_code: run.exit,
        stopped: run.ended.is_none().then(|| "it was cut off".to_owned()),
        items: BTreeMap::new(),
        resource_failures: BTreeMap::new(),
        calls: Calls::new(),
        calls_total: 0,
        rate: 0.0,
        rate_limit: None,
    });
    Summary {
        treaty: env!("CARGO_PKG_VERSION").to_owned(),
        reported: Some(time::text(Timestamp::now())),
        items,
        ..written
    }
}
