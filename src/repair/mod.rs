//! Operations on what was sent: revoke, reissue a signer's task, adopt, resolve items in doubt, audit.

mod adopt;
mod assign;
mod audit;
mod compare;
mod concurrent;
mod not_adopted;
mod reissue_task;
mod resolve;
mod revoke;

pub use adopt::{Adopter, Adoption};
pub use audit::{Audit, AuditError, AuditedItem};
pub use compare::Verdict;
pub use not_adopted::NotAdopted;
pub use reissue_task::TaskReissue;
pub use resolve::settle_again;
pub use revoke::{Revocation, Withdrawn};
