//! The recorded state that a plan compares: accounts, seals and items.

use serde::{Deserialize, Serialize};

use super::recorded_field::RecordedFields;
use crate::address::{AccountId, SealId};
use crate::expr::Fingerprint;

/// An account that treaty created or adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAccount {
    /// The API's id.
    pub account_id: AccountId,
    /// The fields as they were last set.
    pub fields: RecordedFields,
    /// The grant of silent signing that treaty made.
    pub grant: Option<RecordedGrant>,
}

/// A grant of silent signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedGrant {
    /// The expiry, in milliseconds since 1970; none for an unlimited grant.
    pub deadline: Option<i64>,
}

/// A seal that treaty created or adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSeal {
    /// The API's id.
    pub seal_id: SealId,
    /// The fingerprint of its declaration; none if it was adopted.
    pub fingerprint: Option<Fingerprint>,
}

/// The status of an item. The discriminants are the numbers in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemStatus {
    /// A run works on it, or was interrupted while it did.
    Open = 0,
    /// All have signed; the flow is not archived.
    Signed = 1,
    /// It failed for a known reason.
    Failed = 2,
    /// Whether a call took effect is unknown.
    InDoubt = 3,
    /// All have signed, and the flow is archived.
    Archived = 4,
    /// A signer refused.
    Rejected = 5,
    /// The flow expired.
    Expired = 6,
    /// The flow was revoked before all had signed.
    Revoked = 7,
    /// Everything that can be done now is done; signatures or deferred steps are missing.
    Waiting = 8,
}

impl ItemStatus {
    /// All statuses, by number.
    pub(super) const ALL: [Self; 9] = [
        Self::Open,
        Self::Signed,
        Self::Failed,
        Self::InDoubt,
        Self::Archived,
        Self::Rejected,
        Self::Expired,
        Self::Revoked,
        Self::Waiting,
    ];

    /// Returns the number in the database.
    pub(super) const fn number(self) -> i64 {
        self as i64
    }

    /// Returns the status with a number in the database.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.number() == number)
    }

    /// Returns whether its flow ended before all had signed.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Rejected | Self::Expired | Self::Revoked)
    }

    /// Returns whether signers may still be added or sign, provided that the item was sent.
    pub fn is_under_way(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Waiting | Self::Failed | Self::InDoubt
        )
    }

    /// Returns whether it was sent completely and its flow is neither archived nor ended.
    pub fn is_sent_and_unfinished(self) -> bool {
        matches!(self, Self::Signed | Self::Waiting)
    }

    /// Returns whether it was sent completely, so that apply has nothing to do.
    pub fn is_sent(self) -> bool {
        !matches!(self, Self::Open | Self::Failed | Self::InDoubt)
    }
}

/// A revocation of an item's flow that has begun and whose end is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BegunRevocation {
    /// By a run: to send the item again, or because its row was removed.
    ByRun,
    /// By `treaty revoke`.
    ByCommand,
}

impl BegunRevocation {
    /// Returns the revocation for a number of a query.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::ByRun),
            2 => Some(Self::ByCommand),
            _ => None,
        }
    }
}

/// The recorded state of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedItem {
    /// The fingerprint of the content that was sent or is to be sent.
    pub fingerprint: Fingerprint,
    /// The status.
    pub status: ItemStatus,
    /// Whether a request to add a signer was sent. From then on a repeat could ask a person twice.
    pub sent: bool,
    /// Whether it replaces an earlier contract with the same key.
    pub is_reissue: bool,
    /// The revocation that was interrupted, if the item is open or in doubt.
    pub revocation: Option<BegunRevocation>,
}

impl RecordedItem {
    /// Returns whether a signer may have been added, and the flow is not known to have ended or to
    /// be signed by all.
    pub fn can_be_revoked(self) -> bool {
        self.sent && self.status.is_under_way()
    }
}
