//! The status of an item in reports.

use std::borrow::Cow;
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
    /// Returns the name of the status for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => t_key!("sent"),
            Self::Waiting => t_key!("waiting"),
            Self::Signed => t_key!("signed"),
            Self::Archived => t_key!("archived"),
            Self::Rejected => t_key!("rejected"),
            Self::Expired => t_key!("expired"),
            Self::Revoked => t_key!("revoked"),
            Self::Failed => t_key!("failed"),
            Self::InDoubt => t_key!("in_doubt"),
            Self::Interrupted => t_key!("interrupted"),
            Self::NotStarted => t_key!("not_started"),
            Self::Unchanged => t_key!("unchanged"),
            Self::Excluded => t_key!("excluded"),
        }
    }

    /// Returns the name of the status for people, in their language.
    pub fn label(self) -> Cow<'static, str> {
        t!(self.word())
    }

    /// Returns a number of items with this status, for people.
    pub fn counted(self, count: u64) -> String {
        t!("%{count} %{status}", count = count, status = self.label()).into_owned()
    }

    /// Returns whether signers were asked and the flow has not ended.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Sent | Self::Waiting)
    }

    /// Returns the meaning of a status.
    pub fn meaning(self) -> Cow<'static, str> {
        match self {
            Self::Sent => t!("sent, and not polled since"),
            Self::Waiting => t!("signatures are missing"),
            Self::Signed => t!("all have signed; not archived"),
            Self::Archived => t!("all have signed and the flow is archived"),
            Self::Rejected => t!("a signer refused"),
            Self::Expired => t!("the signing deadline passed"),
            Self::Revoked => t!("the flow was ended before all had signed"),
            Self::Failed => t!("failed for a known reason"),
            Self::InDoubt => t!("the outcome of a request is unknown: check it"),
            Self::Interrupted => t!("the next apply probes and continues"),
            Self::NotStarted => t!("the run ended before its turn"),
            Self::Unchanged => t!("sent by an earlier run"),
            Self::Excluded => t!("left out by where, --target or --exclude"),
        }
    }
}

/// The number of items by status.
pub type Counts = BTreeMap<Status, u64>;
