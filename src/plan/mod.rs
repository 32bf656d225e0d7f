//! The planner: desired, recorded and observed → what apply will do. Plain values in, plain values out.
//!
//! A plan leaves no choices: order, actions and fingerprints are settled here, and what the API could not do is
//! refused here, with the place that asks for it. Nothing here is asynchronous, and nothing reads a file or a clock.

mod action;
mod calls;
mod flow;
mod recorded;
mod standing;
mod vanish;

pub use action::{AccountAction, Grant, ItemAction, SealAction, TemplateAction};
pub use calls::Calls;
pub use flow::{FlowPlan, ItemPolicy, PlannedRow, Retry, SAMPLES, Sample, item_action};
pub use recorded::{
    ItemStatus, Observed, RecordedAccount, RecordedGrant, RecordedItem, RecordedSeal,
    RecordedStanding,
};
pub use standing::{
    PlannedAccount, StandingPlan, field_prints, plan_row_account, plan_standing, selected,
    template_print,
};
pub use vanish::{Revocations, Vanished, vanish_action};

/// All that apply will do.
#[derive(Debug, Default)]
pub struct Plan {
    /// Accounts, seals and templates.
    pub standing: StandingPlan,
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
