//! Writes the report of one flow of a run, from the plan, the ledger and the sheet as it is now.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::address::{Address, is_selected};
use crate::cli::context::session::PlanContext;
use crate::desired::{FlowRows, Outcome};
use crate::ledger::Records;
use crate::plan::{FlowPlan, ItemAction, PlannedRows};
use crate::report::{
    FlowReport, FlowReportError, IdSet, ItemVisitor, ReportedFlow, Reports, RowAction, RowFacts,
};

/// A flow of a run.
pub(super) struct FlowWriter<'a> {
    pub(super) context: &'a PlanContext<'a>,
    /// The id of the run in the ledger.
    pub(super) run: i64,
    /// Whether the statuses show the signing progress.
    pub(super) signing: bool,
    pub(super) rows: &'a FlowRows<'a>,
    pub(super) plan: &'a FlowPlan,
}

impl FlowWriter<'_> {
    /// Returns the result, and the keys of the items that the run worked on and whose rows were
    /// removed from the sheet since.
    pub(super) fn write(
        &self,
        reports: &mut Reports,
        unstarted_message: &str,
    ) -> Result<(ReportedFlow, Vec<String>), FlowReportError> {
        let planned = PlannedRows::new(&self.plan.rows);
        let removed: Mutex<Vec<String>> = Mutex::default();
        let signers = self.rows.flow.signers.iter();
        let report = FlowReport {
            flow: &self.plan.flow,
            rows: Some(self.rows),
            signers: signers.map(|signer| signer.name.as_str()).collect(),
            action: &|at, facts| Some(self.action(&planned, at, facts)),
            rest: &|in_sheet, each| {
                let keys = self.rest(in_sheet, each)?;
                // Nothing panics while it is locked.
                *removed.lock().unwrap_or_else(PoisonError::into_inner) = keys;
                Ok(())
            },
            signing: self.signing,
            ledger: self.context.ledger,
            run: self.run,
            unstarted_message,
        };
        let reported = reports.write_flow(&report)?;
        let removed = removed.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Without the sheet, every row would count as removed.
        let removed = match reported.unreadable {
            Some(_) => Vec::new(),
            None => removed,
        };
        Ok((reported, removed))
    }

    /// Returns the planned action of a row. The sheet may have been saved again since: a row is
    /// found by its cells, not only by its place.
    fn action(&self, planned: &PlannedRows<'_>, at: usize, facts: &RowFacts<'_>) -> RowAction<'_> {
        let planned = planned.find(at, facts.cells);
        let is_moved = planned.is_some_and(|row| self.plan.rows.get(at) != Some(row));
        match planned {
            Some(row) if !(is_moved && row.action.is_work() && facts.record.is_none()) => {
                let refused = &self.context.planned.refused;
                RowAction {
                    action: row.action,
                    refusal: refused.get(&(self.plan.flow.clone(), u64::from(row.row))),
                }
            }
            _ => self.unplanned_action(facts).into(),
        }
    }

    /// Returns the action to report for a row that was added, changed or moved after the plan.
    fn unplanned_action(&self, facts: &RowFacts<'_>) -> ItemAction {
        let selection = self.context.selection;
        let is_wanted = |key: &str| {
            let address = Address::item(&self.plan.flow, key);
            selection.retry.is_none()
                && is_selected(&selection.targets, &selection.excludes, &address)
        };
        match (facts.record, facts.outcome) {
            (Some(record), _) if record.run == self.run => ItemAction::Unplanned,
            (None, Some(Outcome::Skipped)) => ItemAction::Skipped,
            _ if !facts.key.is_none_or(is_wanted) => ItemAction::Excluded,
            (None, Some(Outcome::Invalid(_))) => ItemAction::Invalid,
            _ => ItemAction::Unplanned,
        }
    }

    /// Passes the items without a row: first those of the plan, then those that the run worked on
    /// and whose rows were removed since. Returns the keys of the latter.
    fn rest(
        &self,
        in_sheet: &IdSet,
        each: &mut ItemVisitor<'_>,
    ) -> Result<Vec<String>, FlowReportError> {
        let ledger = self.context.ledger;
        let mut planned = HashSet::new();
        for item in &self.plan.removed {
            planned.insert(item.key.as_str());
            each(&item.key, item.action)?;
        }
        let mut ids = Vec::new();
        ledger.each_of_run(&self.plan.flow, self.run, &mut |id| {
            if !in_sheet.contains(id) {
                ids.push(id);
            }
        })?;
        let mut removed = Vec::new();
        for id in ids {
            let item = ledger.item_by_id(id)?;
            let Some(item) = item.filter(|item| !planned.contains(item.key.as_str())) else {
                continue;
            };
            each(&item.key, ItemAction::Unplanned)?;
            removed.push(item.key);
        }
        Ok(removed)
    }
}
