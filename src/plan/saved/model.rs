//! The content of a saved plan.

use serde::{Deserialize, Serialize};

use super::basis::Basis;
use crate::expr::Fingerprint;
use crate::manifest::Tolerance;
use crate::plan::Plan;
use crate::plan::diff::Retry;
use crate::plan::selection::Observe;

/// The version of the file's format.
pub const FORMAT: u32 = 2;

/// The authentication code while it is computed.
pub(super) const NO_MAC: Fingerprint = Fingerprint([0; 16]);

/// A plan with everything that it depends on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan<P = Plan> {
    /// The version of the format.
    pub(super) treaty_plan: u32,
    /// The authentication code. In the text, it is before everything that could contain the same
    /// characters.
    pub(super) mac: Fingerprint,
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
    pub max_revoke: Option<Tolerance>,
    /// `--max-delete`.
    pub max_delete: Option<Tolerance>,
}

impl<P> SavedPlan<P> {
    /// Creates a plan without an authentication code.
    pub fn new(head: PlanHead, options: PlanOptions, basis: Basis, plan: P) -> Self {
        Self {
            treaty_plan: FORMAT,
            mac: NO_MAC,
            head,
            valid_until: None,
            options,
            basis,
            plan,
        }
    }
}
