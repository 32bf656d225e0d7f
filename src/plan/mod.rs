//! Plans a run: compares the desired state with the recorded and the observed state.
//!
//! A plan leaves no choices: order, actions and fingerprints are settled here, and what the API cannot do is refused here, with the
//! place that asks for it. [`diff`] is pure; [`observe`] looks up what exists.

mod build;
mod dependencies;
mod diff;
mod error;
mod forecast;
mod items;
mod observe;
mod planned_run;
mod planner;
mod recorded_items;
mod removed_rows;
mod row_accounts;
mod selection;

pub use build::survey;
pub use diff::{
    AccountAction, FlowPlan, Grant, ItemAction, PlannedRow, RemovedRow, ResourcePlan, Retry,
    SAMPLES, SealAction, TemplateAction, field_fingerprints, plan_row_account,
};
pub use error::Fatal;
pub(crate) use error::classify;
pub use forecast::Calls;
pub(crate) use items::{PAST, past, unreadable};
pub(crate) use observe::find_account;
pub use observe::{Lookup, LookupListener};
pub use planned_run::{Refused, Survey};
pub use planner::Planner;
pub use selection::{Observe, Selection};

/// All that apply will do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Accounts, seals and templates.
    pub standing: ResourcePlan,
    /// Flows, in the order of their names.
    pub flows: Vec<FlowPlan>,
}

impl Plan {
    /// Whether applying it would change anything.
    pub fn is_empty(&self) -> bool {
        self.standing.is_empty()
            && self
                .flows
                .iter()
                .all(|flow| flow.work() + flow.revocations() == 0)
    }

    /// The calls that it needs.
    pub fn calls(&self) -> Calls {
        let mut calls = self.standing.calls();
        for flow in &self.flows {
            calls.add_all(&flow.calls);
        }
        calls
    }

    /// How many actions of each kind, over standing things and items.
    pub fn count(&self, symbol: char) -> u64 {
        self.standing.count(symbol)
            + self
                .flows
                .iter()
                .map(|flow| flow.count(symbol))
                .sum::<u64>()
    }
}
