//! Plans a run: compares the desired state with the recorded and the observed state.
//!
//! A plan leaves no choices: it fixes order, actions and fingerprints. Changes that the API cannot
//! make are refused here, with their source location. [`diff`] is pure; [`observe`] does the
//! lookups.

mod build;
mod dependencies;
mod diff;
mod difference;
mod drift;
mod error;
mod existing_accounts;
mod forecast;
mod item_calls;
mod item_checks;
mod items;
mod moves;
mod observe;
mod people;
mod planned_rows;
mod planned_run;
mod planner;
mod recorded_items;
mod reissue;
mod removed_rows;
mod row_accounts;
pub mod saved;
mod selection;
mod undeclared;

use serde::{Deserialize, Serialize};

pub use build::build_plan;
pub use diff::{
    AccountAction, Difference, FieldChange, FlowPlan, Grant, ItemAction, Listing, PlannedAccount,
    PlannedRow, RemovedRow, ResourceAction, ResourceEntry, ResourcePlan, Retry, SAMPLES,
    SILENT_SIGN, Sample, SealAction, TemplateAction, field_fingerprints, plan_row_account,
};
pub use drift::Drift;
pub use error::Fatal;
pub(crate) use error::classify;
pub(crate) use existing_accounts::existing_account_error;
pub use existing_accounts::{ExistingAccount, RowAccountLookup};
pub use forecast::Calls;
pub(crate) use item_checks::{PAST_SIGN_VALIDITY_HINT, past_sign_validity};
pub(crate) use items::unreadable_sheet;
pub use moves::{FlowMove, moved_flows};
pub(crate) use observe::find_account;
pub use observe::{Lookup, LookupListener};
pub use people::People;
pub use planned_rows::PlannedRows;
pub use planned_run::{PlannedRun, RefusedRows};
pub use planner::Planner;
pub use selection::{Observe, Selection};
pub use undeclared::{Removal, Undeclared, UndeclaredKind, check_prune_limit, undeclared};

use crate::address::Address;

/// The actions of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The actions for accounts, seals and templates.
    pub resources: ResourcePlan,
    /// The actions for items by flow, in the order of the flows' names.
    pub flows: Vec<FlowPlan>,
    /// The existing accounts of rows.
    pub row_accounts: RowAccountLookup,
    /// The people who are asked to sign.
    pub people: People,
    /// The flows that are recorded under another name from now on.
    pub moves: Vec<FlowMove>,
    /// The accounts, seals and flows that the ledger records and no manifest declares.
    pub undeclared: Vec<Undeclared>,
}

impl Plan {
    /// Whether applying the plan changes nothing.
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty()
            && self.removals().next().is_none()
            && self.resources.is_empty()
            && self
                .flows
                .iter()
                .all(|flow| flow.work() + flow.revocations() == 0)
    }

    /// The calls that the plan needs.
    pub fn calls(&self) -> Calls {
        let mut calls = self.resources.calls();
        for flow in &self.flows {
            calls.add_all(&flow.calls);
        }
        for (_, removal) in self.removals() {
            calls.add_all(&removal.calls());
        }
        calls
    }

    /// The removals by `prune`, with their addresses.
    pub fn removals(&self) -> impl Iterator<Item = (&Address, &Removal)> {
        let all = self.undeclared.iter();
        all.filter_map(|own| Some((&own.address, own.prune.as_ref()?)))
    }

    /// The number of resources and items whose action has this symbol, and of removals.
    pub fn count(&self, symbol: char) -> u64 {
        let removals = match symbol {
            '-' => self.removals().count() as u64,
            _ => 0,
        };
        removals
            + self.resources.count(symbol)
            + self
                .flows
                .iter()
                .map(|flow| flow.count(symbol))
                .sum::<u64>()
    }
}
