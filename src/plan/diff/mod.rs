//! Computes the difference between desired, recorded and observed state.
//!
//! Pure and synchronous: no call, file or clock is used.

mod account_action;
mod action;
mod change;
mod flow_plan;
mod items;
mod planned_row;
mod reissue;
mod removed_rows;
mod resources;
mod retry;
mod state;

pub use account_action::{field_fingerprints, plan_row_account};
pub use action::{AccountAction, Grant, ItemAction, SealAction, TemplateAction};
pub use change::{FieldChange, SILENT_SIGN};
pub use flow_plan::{Difference, FlowPlan, Listing, SAMPLES, Sample};
pub(crate) use items::item_action;
pub use planned_row::PlannedRow;
pub(crate) use reissue::{NotReissued, reissue_action};
pub use removed_rows::RemovedRow;
pub(crate) use removed_rows::{Revocations, removed_row_action};
pub(crate) use resources::plan_resources;
pub use resources::{PlannedAccount, ResourceAction, ResourceEntry, ResourcePlan};
pub use retry::Retry;
pub(crate) use state::{Observed, RecordedResources, Unobserved};
