//! The status of an item in reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The status of an item in reports, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was sent, and its flow was not polled since.
    // The aliases are the names that earlier versions wrote into run.json.
    #[serde(alias = "done")]
    Sent,
    /// Signatures were missing when its flow was polled last.
    Waiting,
    /// All signers have signed; the flow is not archived.
    Signed,
    /// All signers have signed and the flow is archived.
    #[serde(alias = "finished")]
    Archived,
    /// A signer refused.
    Rejected,
    /// The signing deadline passed.
    Expired,
    /// The flow was ended before all signers had signed.
    Revoked,
    /// It failed for a known reason.
    Failed,
    /// The outcome of a request is unknown, and a person must check it.
    InDoubt,
    /// A run ended while it worked on it; the next one probes and continues.
    Interrupted,
    /// The run ended before its turn.
    NotStarted,
    /// It was sent by an earlier run.
    Unchanged,
    /// It was left out by `where`, `--target` or `--exclude`.
    #[serde(alias = "skipped")]
    Excluded,
}

impl Status {
    /// Returns the name of the status in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waiting => "waiting",
            Self::Signed => "signed",
            Self::Archived => "archived",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Interrupted => "interrupted",
            Self::NotStarted => "not_started",
            Self::Unchanged => "unchanged",
            Self::Excluded => "excluded",
        }
    }

    /// Returns whether signers were asked and the flow has not ended.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Sent | Self::Waiting)
    }

    /// Returns the meaning of a status.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Sent => "sent, and not polled since",
            Self::Waiting => "signatures are missing",
            Self::Signed => "all have signed; not archived",
            Self::Archived => "all have signed and the flow is archived",
            Self::Rejected => "a signer refused",
            Self::Expired => "the signing deadline passed",
            Self::Revoked => "the flow was ended before all had signed",
            Self::Failed => "failed for a known reason",
            Self::InDoubt => "the outcome of a request is unknown: check it",
            Self::Interrupted => "the next apply probes and continues",
            Self::NotStarted => "the run ended before its turn",
            Self::Unchanged => "sent by an earlier run",
            Self::Excluded => "left out by where, --target or --exclude",
        }
    }
}

/// The number of items by status.
pub type Counts = BTreeMap<Status, u64>;
