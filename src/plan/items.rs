//! Plans a flow: renders its rows, checks them, and computes the action of each item.

use jiff::Timestamp;

use super::difference::difference;
use super::error::Fatal;
use super::forecast::Calls;
use super::item_calls::{add_attachments, calls};
use super::item_checks::{check_deadline, check_signers, without_repeated};
use super::planned_run::PlannedRun;
use super::planner::Planner;
use super::recorded_items::RecordedItems;
use super::removed_rows::plan_removed_rows;
use super::row_accounts::{AccountUse, RowAccounts};
use crate::address::Address;
use crate::api::operation::Op;
use crate::desired::{Conflict, Duplicates, FlowRows, Item, Outcome, RenderedRow};
use crate::diagnostic::Diagnostic;
use crate::expr::{Fingerprint, Totals};
use crate::ledger::{LedgerError, RecordedItem, Step, step_name};
use crate::manifest::{Flow, Named, OnVanish};
use crate::plan::diff::{
    Difference, FlowPlan, ItemAction, Listing, NotReissued, PlannedRow, removed_row_action,
};

/// Renders and checks all rows of a flow, and plans their items.
///
/// Returns the errors and warnings of the checks of the rows together, too. `now` is the time that deadlines are compared with; `None` skips this check.
pub(crate) fn plan_flow(
    flow_planner: FlowPlanner<'_, '_>,
    now: Option<Timestamp>,
    planned_run: &mut PlannedRun<'_>,
    row_accounts: &mut RowAccounts,
    duplicates: &mut Duplicates,
) -> Result<(FlowPlan, Vec<Diagnostic>), Fatal> {
    let rows = flow_planner.rows;
    duplicates.begin_flow(rows.flow, rows.expected_rows());
    let mut row_planner = RowPlanner {
        now,
        flow_index: planned_run.plan.flows.len(),
        planned_run,
        row_accounts,
        duplicates,
        reported: Vec::new(),
        totals: rows.totals(),
        invalid: 0,
        flow_planner,
    };
    let result = rows.each(|_, row| row_planner.plan_row(row));
    result.map_err(|error| unreadable_sheet(rows.flow, &error))??;
    let checked = rows.check_totals(&row_planner.totals, row_planner.invalid);
    let plan = row_planner.flow_planner.finish(row_planner.planned_run)?;
    Ok((plan, checked))
}

/// A row: its number, and the fingerprint of its cells if it has any.
#[derive(Clone, Copy)]
struct RowRef {
    number: u64,
    cells: Option<Fingerprint>,
}

impl RowRef {
    fn planned(self, action: ItemAction, fingerprint: Option<Fingerprint>) -> PlannedRow {
        PlannedRow::new(self.number, action, fingerprint, self.cells)
    }
}

/// Plans the rows of a flow, one after the other.
struct RowPlanner<'l, 'p, 'a, 's> {
    flow_planner: FlowPlanner<'p, 'a>,
    /// The time that deadlines are compared with.
    now: Option<Timestamp>,
    /// The index of the flow in the plan.
    flow_index: usize,
    planned_run: &'l mut PlannedRun<'s>,
    row_accounts: &'l mut RowAccounts,
    duplicates: &'l mut Duplicates,
    /// Errors in manifests that were reported already.
    reported: Vec<Diagnostic>,
    /// The totals of the valid rows.
    totals: Totals,
    /// The number of invalid rows.
    invalid: u64,
}

impl RowPlanner<'_, '_, '_, '_> {
    /// Records that the row of an item that `--reissue` may name is not sent.
    fn refuse_reissue(&mut self, key: Option<&str>, refusal: NotReissued) {
        let selection = &self.flow_planner.planner.selection;
        let Some(key) = key.filter(|_| !selection.reissue.is_empty()) else {
            return;
        };
        let address = Address::item(&self.flow_planner.rows.flow.name, key);
        if selection.is_reissued(&address) {
            let reissues = &mut self.planned_run.reissues;
            reissues.record(selection, &address, Some(refusal));
        }
    }

    fn plan_row(&mut self, row: RenderedRow) -> Result<(), Fatal> {
        let RenderedRow {
            number,
            key,
            cells,
            outcome,
            row: cells_of_row,
        } = row;
        let row = RowRef { number, cells };
        let key = key.as_deref();
        let index = key.and_then(|key| self.flow_planner.recorded_items.find(key));
        let recorded = self.flow_planner.take_recorded(key.is_some(), index);
        match outcome {
            Outcome::Skipped => {
                self.refuse_reissue(key, NotReissued::LeftOut);
                self.flow_planner.push_left_out(row, key, recorded);
            }
            Outcome::Invalid(errors) => {
                self.invalid += 1;
                let errors = without_repeated(errors, &mut self.reported).into_iter();
                let errors = errors.map(|error| error.of_item(key));
                self.planned_run.row_findings.extend(errors);
                self.refuse_reissue(key, NotReissued::Invalid);
                self.flow_planner.push(row, key, ItemAction::Invalid, None);
            }
            Outcome::Item(item) => {
                self.totals.add(cells_of_row.as_ref());
                self.plan_item(row, &item, recorded)?;
            }
        }
        Ok(())
    }

    fn plan_item(
        &mut self,
        row: RowRef,
        item: &Item,
        recorded: Option<RecordedItem>,
    ) -> Result<(), Fatal> {
        let number = row.number;
        let (rows, ledger) = (self.flow_planner.rows, self.flow_planner.planner.ledger);
        let (flow, key) = (rows.flow, Some(item.key.as_str()));
        if let Some(conflict) = self.conflict(number, item) {
            for row in conflict.rows.into_iter().filter(|row| *row > 0) {
                self.planned_run
                    .refused
                    .insert((flow.name.clone(), row), conflict.diagnostic.clone());
                self.flow_planner.plan.refuse(row);
                self.planned_run.people.note_refused();
            }
            let error = conflict.diagnostic.of_item(key);
            self.planned_run.row_findings.push(error);
            self.refuse_reissue(key, NotReissued::Invalid);
            self.flow_planner.push(row, key, ItemAction::Invalid, None);
            return Ok(());
        }
        let fingerprint = item.fingerprint;
        let (mut action, refusal) =
            self.flow_planner
                .action(self.planned_run, &item.key, recorded, fingerprint);
        // Only a new flow gets its deadline from the row; an existing flow keeps the one it has.
        let is_sent = recorded.is_some_and(|recorded| recorded.sent);
        let is_new = action.sends() && (!is_sent || action.replaces());
        let now = self.now.filter(|_| is_new);
        if let Some(error) = now.and_then(|now| check_deadline(rows, item, number, now)) {
            self.planned_run
                .refused
                .insert((flow.name.clone(), number), error.clone());
            let errors = without_repeated(vec![error], &mut self.reported).into_iter();
            let errors = errors.map(|error| error.of_item(key));
            self.planned_run.row_findings.extend(errors);
            action = ItemAction::Invalid;
        }
        if is_new
            && action.sends()
            && let Some(error) = check_signers(rows, item, number, self.flow_planner.planner)
        {
            let error = error.of_item(key);
            self.planned_run.refuse(&flow.name, number, error);
            action = ItemAction::Invalid;
        }
        if action.sends() {
            for (index, declared) in flow.accounts.iter().enumerate() {
                let Some(account) = item.accounts.get(&declared.name) else {
                    continue;
                };
                let used = AccountUse {
                    account,
                    index,
                    key: &item.key,
                    row: number,
                    flow: self.flow_index,
                    rule: flow.existing_accounts,
                    is_first: self.duplicates.mark_used(account),
                };
                if let Err(diagnostic) = self.row_accounts.add(&used, ledger)? {
                    let error = diagnostic.of_item(key);
                    self.planned_run.refuse(&flow.name, number, error);
                    action = ItemAction::Invalid;
                }
            }
        }
        if action.sends() {
            self.flow_planner.add_calls(action, &calls(item));
            self.flow_planner
                .add_people(self.planned_run, action, item, recorded)?;
        }
        match refusal {
            Some(refusal) => self.refuse_reissue(key, refusal),
            None if action == ItemAction::Invalid => {
                self.refuse_reissue(key, NotReissued::Invalid);
            }
            None => self.flow_planner.record_reissue(self.planned_run, item),
        }
        let status = recorded.map(|recorded| recorded.status);
        let planned = row.planned(action, Some(fingerprint)).with_recorded(status);
        let is_different = recorded.is_some_and(|recorded| recorded.fingerprint != fingerprint);
        let difference = match action {
            ItemAction::Changed | ItemAction::Reissue | ItemAction::Kept
                if is_different && self.flow_planner.lists(action) =>
            {
                difference(rows, item, row.cells, ledger)?
            }
            _ => None,
        };
        self.flow_planner.push_planned(planned, key, difference);
        Ok(())
    }

    fn conflict(&mut self, number: u64, item: &Item) -> Option<Conflict> {
        let sheet = self.flow_planner.rows.sheet.as_ref()?;
        self.duplicates.check(item, number, sheet.header())
    }
}

/// Builds the plan of one flow, row by row.
pub(crate) struct FlowPlanner<'p, 'a> {
    rows: &'p FlowRows<'a>,
    planner: &'p Planner<'a>,
    recorded_items: RecordedItems,
    all_have_keys: bool,
    plan: FlowPlan,
}

impl<'p, 'a> FlowPlanner<'p, 'a> {
    /// Creates a planner without rows; `recorded_items` are the recorded items of the flow.
    pub(crate) fn new(
        rows: &'p FlowRows<'a>,
        planner: &'p Planner<'a>,
        recorded_items: RecordedItems,
    ) -> Self {
        let mut plan = FlowPlan::new(&rows.flow.name);
        plan.rows.reserve_exact(rows.expected_rows());
        Self {
            rows,
            planner,
            recorded_items,
            all_have_keys: true,
            plan,
        }
    }

    /// The record of a row's item, if it has one. Marks the item as seen.
    fn take_recorded(&mut self, has_key: bool, index: Option<usize>) -> Option<RecordedItem> {
        self.all_have_keys &= has_key;
        Some(self.recorded_items.mark_seen(index?))
    }

    /// The action for an item. Records which targets match its address.
    fn action(
        &self,
        planned_run: &mut PlannedRun<'_>,
        key: &str,
        recorded: Option<RecordedItem>,
        fingerprint: Fingerprint,
    ) -> (ItemAction, Option<NotReissued>) {
        let selection = &self.planner.selection;
        let address = Address::item(&self.rows.flow.name, key);
        planned_run.record_matches(selection, &address);
        selection.action(&address, self.rows.flow.on_change, recorded, fingerprint)
    }

    /// Adds a row that `where` leaves out. An unresolved item of such a row is still reported.
    fn push_left_out(&mut self, row: RowRef, key: Option<&str>, recorded: Option<RecordedItem>) {
        let unresolved = recorded.and_then(|recorded| removed_row_action(OnVanish::Keep, recorded));
        let action = unresolved.unwrap_or(ItemAction::Skipped);
        let row = row.planned(action, None);
        self.plan.push(row, key, None, Listing::Samples);
    }

    fn push(
        &mut self,
        row: RowRef,
        key: Option<&str>,
        action: ItemAction,
        fingerprint: Option<Fingerprint>,
    ) {
        self.push_planned(row.planned(action, fingerprint), key, None);
    }

    fn push_planned(&mut self, row: PlannedRow, key: Option<&str>, difference: Option<Difference>) {
        let listing = self.planner.selection.listing;
        self.plan.push(row, key, difference, listing);
    }

    /// Whether the plan lists the next item with an action.
    fn lists(&self, action: ItemAction) -> bool {
        self.plan.lists(action, self.planner.selection.listing)
    }

    /// Records that an item is sent again if `--reissue` names it.
    fn record_reissue(&self, planned_run: &mut PlannedRun<'_>, item: &Item) {
        let selection = &self.planner.selection;
        if !selection.reissue.is_empty() {
            let address = Address::item(&self.rows.flow.name, &item.key);
            planned_run.reissues.record(selection, &address, None);
        }
    }

    /// Counts the people whom an item asks to sign. Signers who were asked by an earlier run are
    /// not asked again when the item is continued.
    fn add_people(
        &self,
        planned_run: &mut PlannedRun<'_>,
        action: ItemAction,
        item: &Item,
        recorded: Option<RecordedItem>,
    ) -> Result<(), LedgerError> {
        let Planner {
            resources, ledger, ..
        } = self.planner;
        let mut asked = Vec::new();
        // After an interrupted revocation, the whole contract may be sent again.
        let is_revoked = recorded.is_some_and(|recorded| recorded.revocation.is_some());
        if recorded.is_some_and(|recorded| recorded.sent)
            && action == ItemAction::Resume
            && !is_revoked
            && let Some(record) = ledger.item(&self.rows.flow.name, &item.key)?
        {
            let steps = ledger.steps(record.id)?.into_iter();
            let done = steps.filter(|(_, step)| matches!(step, Step::Receipt(_)));
            asked.extend(
                done.filter_map(|(name, _)| Some(step_name::signer_name(&name)?.to_owned())),
            );
        }
        let is_reissue = recorded.is_some_and(|recorded| recorded.is_reissue);
        let is_again = action.replaces() || is_reissue || is_revoked;
        planned_run
            .people
            .add(item, resources, ledger.salt(), is_again, &asked);
        Ok(())
    }

    /// Adds the calls of an item that is to be sent.
    fn add_calls(&mut self, action: ItemAction, calls: &Calls) {
        self.plan.calls.add_all(calls);
        if action == ItemAction::Reissue {
            self.plan.calls.add(Op::Revoke, 1);
        }
    }

    /// Adds the uploads that all rows share, and the items of removed rows.
    fn finish(mut self, planned_run: &mut PlannedRun<'_>) -> Result<FlowPlan, Fatal> {
        add_attachments(self.rows.flow, &mut self.plan);
        plan_removed_rows(
            self.rows.flow,
            &self.recorded_items,
            self.all_have_keys,
            self.planner.ledger,
            &self.planner.selection,
            planned_run,
            &mut self.plan,
        )?;
        Ok(self.plan)
    }
}

/// The error for a sheet that was opened and cannot be read to its end.
pub(crate) fn unreadable_sheet(flow: &Named<Flow>, error: &std::io::Error) -> LedgerError {
    let rows = flow.rows.as_ref();
    LedgerError::Broken {
        path: rows.map_or(String::new(), |rows| rows.file.shown.to_string()),
        why: error.to_string(),
    }
}
