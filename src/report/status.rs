//! The status of an item in reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The status of an item in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything that apply can do now is done.
    Done,
    /// Signatures are outstanding.
    Waiting,
    /// It failed, or was not started because the run ended.
    Failed,
    /// The outcome of a request is unknown.
    InDoubt,
    /// It was sent by an earlier run.
    Unchanged,
    /// It was left out by `where`, `--target` or `--exclude`.
    Skipped,
    /// All signers have signed and the flow is archived.
    Finished,
    /// A signer refused.
    Rejected,
    /// The signing deadline passed.
    Expired,
    /// The flow was ended before all signers had signed.
    Revoked,
}

impl Status {
    /// Returns the name of the status in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Finished => "finished",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Returns the meaning of a status.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "everything that can be done now is done",
            Self::Waiting => "signatures are outstanding",
            Self::Failed => "failed, or not started because the run stopped",
            Self::InDoubt => "the outcome of a request is unknown",
            Self::Unchanged => "sent by an earlier run",
            Self::Skipped => "left out by where, --target or --exclude",
            Self::Finished => "all have signed and the flow is archived",
            Self::Rejected => "a signer refused",
            Self::Expired => "the signing deadline passed",
            Self::Revoked => "the flow was ended before all had signed",
        }
    }
}

/// The number of items by status.
pub type Counts = BTreeMap<Status, u64>;
