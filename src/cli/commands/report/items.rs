//! Selects the items of a flow that the report of a run contains.

use crate::address::{Address, is_selected};
use crate::cli::args::Matching;
use crate::desired::Outcome;
use crate::ledger::{ItemRecord, Records, Store};
use crate::manifest::OnChange;
use crate::plan::ItemAction;
use crate::report::{FlowReportError, IdSet, ItemVisitor, RowFacts};

/// Selects the items of one flow that the reports of the run contain.
pub(super) struct RunItems<'a> {
    pub(super) ledger: &'a Store,
    pub(super) matching: &'a Matching,
    pub(super) flow: &'a str,
    pub(super) run: i64,
    /// The flow's rule for a row that differs from the contract that was sent.
    pub(super) on_change: OnChange,
    /// Whether this is the last run. Its reports contain every row of the sheet.
    pub(super) is_last: bool,
}

impl RunItems<'_> {
    fn is_selected(&self, key: &str) -> bool {
        let matching = self.matching;
        let address = Address::item(self.flow, key);
        is_selected(&matching.target, &matching.exclude, &address)
    }

    /// The action to report for a row; none to omit it.
    pub(super) fn action(&self, facts: &RowFacts<'_>) -> Option<ItemAction> {
        let Some(key) = facts.key else {
            let all = self.matching.target.is_empty();
            return (self.is_last && all).then_some(ItemAction::Invalid);
        };
        if !self.is_selected(key) {
            return None;
        }
        match (facts.record, facts.outcome) {
            (Some(record), outcome) if self.is_last => Some(self.recorded(record, outcome)),
            (Some(record), _) => (record.run == self.run).then_some(ItemAction::Unchanged),
            (None, _) if !self.is_last => None,
            (None, Some(Outcome::Skipped)) => Some(ItemAction::Skipped),
            (None, Some(Outcome::Invalid(_))) => Some(ItemAction::Invalid),
            (None, Some(Outcome::Item(_)) | None) => Some(ItemAction::Create),
        }
    }

    /// The action of a recorded item: whether its row could be used as it is now.
    fn recorded(&self, record: &ItemRecord, outcome: Option<&Outcome>) -> ItemAction {
        match outcome {
            Some(Outcome::Invalid(_)) => ItemAction::Invalid,
            Some(Outcome::Item(item))
                if record.sent
                    && item.fingerprint != record.fingerprint
                    && self.on_change == OnChange::Error =>
            {
                ItemAction::Changed
            }
            _ => ItemAction::Unchanged,
        }
    }

    /// Reports the items of the run whose rows were removed.
    pub(super) fn removed_rows(
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
