//! Saved plans: `plan -o FILE` writes what `apply FILE` executes, or refuses.
//!
//! A saved plan has actions, keyed fingerprints and contract keys, as the ledger has them, and
//! masked values; no personal data and no secrets. It is bound to the project, the sheets, the
//! service and the serial of the ledger, and sealed with the ledger's key.

mod basis;
mod file;
mod moved;
mod stale;

use serde::{Deserialize, Serialize};

pub use basis::Basis;
pub use file::{FORMAT, UncheckedPlan, UnreadablePlan, begins_like_plan, read};
pub use stale::Stale;

use super::Plan;
use super::diff::Retry;
use super::selection::Observe;
use crate::expr::Fingerprint;
use crate::manifest::Tolerance;

/// A plan with everything that it depends on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan<P = Plan> {
    /// The version of the format.
    treaty_plan: u32,
    /// The seal. In the text, it is before everything that could contain the same characters.
    seal: Fingerprint,
    /// The project, the service and the ledger.
    pub head: PlanHead,
    /// The time until which it may be applied, in milliseconds since 1970; none: without limit.
    pub valid_until: Option<i64>,
    /// The options of the command line that decide.
    pub options: PlanOptions,
    /// The fingerprints of the inputs.
    pub basis: Basis,
    /// The actions.
    pub plan: P,
}

/// The project, the service and the ledger of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanHead {
    /// The version of treaty.
    pub treaty: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The URL of the API, or `sandbox`.
    pub endpoint: String,
    /// The file of the ledger.
    pub ledger: String,
    /// The id of the ledger; none if there is no ledger yet.
    pub ledger_id: Option<String>,
    /// The serial of the ledger.
    pub serial: i64,
    /// The time of the plan, in milliseconds since 1970.
    pub made: i64,
    /// The least number of seconds that the requests take; none without a rate limit.
    pub seconds: Option<u64>,
    /// The rate limit in requests a second, as text.
    pub rate: Option<String>,
}

/// The options of the command line that decide what a plan contains.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanOptions {
    /// `--target`.
    pub target: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--reissue`.
    pub reissue: Vec<String>,
    /// `--observe`.
    pub observe: Observe,
    /// `--force-update`.
    pub force_update: Vec<String>,
    /// `--retry`.
    pub retry: Option<Retry>,
    /// `--max-revoke`.
    pub max_revoke: Option<Limit>,
    /// `--max-delete`.
    pub max_delete: Option<Limit>,
}

/// A limit of revocations or deletions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    /// A number.
    Count(u64),
    /// A share, from 0 to 1.
    Share(f64),
}

impl From<Tolerance> for Limit {
    fn from(limit: Tolerance) -> Self {
        match limit {
            Tolerance::Count(count) => Self::Count(count),
            Tolerance::Share(share) => Self::Share(share),
        }
    }
}

impl From<Limit> for Tolerance {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Count(count) => Self::Count(count),
            Limit::Share(share) => Self::Share(share),
        }
    }
}

impl<P> SavedPlan<P> {
    /// Creates a plan without a seal.
    pub fn new(head: PlanHead, options: PlanOptions, basis: Basis, plan: P) -> Self {
        Self {
            treaty_plan: FORMAT,
            seal: file::UNSEALED,
            head,
            valid_until: None,
            options,
            basis,
            plan,
        }
    }
}

impl SavedPlan {
    /// Compares the actions with those of a plan that was made now.
    ///
    /// # Errors
    /// [`Stale::Moved`] with what differs.
    pub fn check_actions(&self, now: &Plan) -> Result<(), Stale> {
        match moved::moved(&self.plan, now) {
            none if none.is_empty() => Ok(()),
            moved => Err(Stale::Moved(moved)),
        }
    }
}
