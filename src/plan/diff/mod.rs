//! Computes the difference between desired, recorded and observed state.
//!
//! Pure and synchronous: no call, file or clock is used.

mod action;
mod change;
mod items;
mod reissue;
mod removed_rows;
mod resources;
mod state;

pub use action::{AccountAction, Grant, ItemAction, SealAction, TemplateAction};
pub use change::{FieldChange, SILENT_SIGN};
pub(crate) use items::item_action;
pub use items::{Difference, FlowPlan, Listing, PlannedRow, Retry, SAMPLES, Sample};
pub(crate) use reissue::{NotReissued, reissue_action};
pub use removed_rows::RemovedRow;
pub(crate) use removed_rows::{Revocations, removed_row_action};
pub(crate) use resources::plan_resources;
pub use resources::{
    PlannedAccount, ResourceAction, ResourceEntry, ResourcePlan, field_fingerprints,
    plan_row_account,
};
pub(crate) use state::{Observed, RecordedResources, Unobserved};
