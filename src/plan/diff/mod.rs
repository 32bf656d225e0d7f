//! The difference between desired, recorded and observed state: plain values in, plain values out.
//!
//! Nothing here is asynchronous, and nothing reads a file or a clock.

mod action;
mod items;
mod removed_rows;
mod resources;
mod state;

pub use action::{AccountAction, Grant, ItemAction, SealAction, TemplateAction};
pub use items::{FlowPlan, PlannedRow, Retry, SAMPLES};
pub(crate) use items::{ItemPolicy, item_action};
pub use removed_rows::Vanished;
pub(crate) use removed_rows::{Revocations, vanish_action};
pub(crate) use resources::plan_standing;
pub use resources::{StandingPlan, field_prints, plan_row_account};
pub(crate) use state::{Observed, RecordedStanding};
