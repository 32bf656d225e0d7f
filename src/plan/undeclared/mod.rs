//! Recorded accounts, seals and flows that no manifest declares any more: their effect that stays in
//! force, and their removal by `prune`.

mod find;
mod model;
mod used_accounts;

pub use find::{check_prune_limit, undeclared};
pub use model::{Removal, Undeclared, UndeclaredKind};
