//! Saved plans: `plan -o FILE` writes what `apply FILE` executes, or refuses.
//!
//! A saved plan has actions, keyed fingerprints and contract keys, as the ledger has them, and
//! masked values; no personal data and no secrets. It is bound to the project, the sheets, the
//! service and the serial of the ledger, and has an authentication code with the ledger's key.

mod basis;
mod changed;
mod checks;
mod file;
mod model;
mod stale;

pub use basis::Basis;
pub use file::{UncheckedPlan, UnreadablePlan, begins_like_plan, read};
pub use model::{FORMAT, PlanHead, PlanOptions, SavedPlan};
pub use stale::Stale;
