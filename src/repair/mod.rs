//! Operations on sent items: revoke, reissue a signer's task, adopt, resolve items in doubt, audit.

mod adopt;
mod adopt_error;
mod adopt_item;
mod assign;
mod audit;
mod compare;
mod concurrent;
mod reissue_task;
mod resolve;
mod revoke;

pub use adopt::{Adopter, Adoption};
pub use adopt_error::AdoptError;
pub use audit::{Audit, AuditError, AuditedItem};
pub use compare::Verdict;
pub use reissue_task::TaskReissue;
pub use resolve::resolve_not_done;
pub use revoke::{Revocation, RevocationStats};
