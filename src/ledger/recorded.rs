//! The recorded state: accounts, seals and items.

use std::collections::BTreeMap;

use crate::address::{AccountId, SealId};
use crate::expr::Fingerprint;

/// An account that treaty made or took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAccount {
    /// Its id.
    pub account_id: AccountId,
    /// The fingerprint of each field as it was last set.
    pub fields: BTreeMap<String, Fingerprint>,
    /// The grant that treaty made.
    pub grant: Option<RecordedGrant>,
}

/// A grant of silent signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedGrant {
    /// Until when, in milliseconds since 1970; none for good.
    pub deadline: Option<i64>,
}

/// A seal that treaty made or took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSeal {
    /// Its id.
    pub seal_id: SealId,
    /// How it was made; none when it was taken over.
    pub fingerprint: Option<Fingerprint>,
}

/// How an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemStatus {
    /// Begun and not ended: the run was cut off.
    Open,
    /// All is done that was asked for, and nobody is still to sign.
    Done,
    /// All that can be done now is done; somebody is still to sign, or something waits for that.
    Waiting,
    /// It failed for a known reason.
    Failed,
    /// Whether a call was carried out is not known.
    InDoubt,
    /// All have signed, and the flow is archived.
    Finished,
    /// Somebody refused.
    Rejected,
    /// Its time ran out.
    Expired,
    /// It was ended before all had signed.
    Revoked,
}

impl ItemStatus {
    /// Whether its flow ended before all had signed.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Rejected | Self::Expired | Self::Revoked)
    }

    /// Whether somebody may still be asked, or sign, if it was sent at all.
    pub fn is_under_way(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Waiting | Self::Failed | Self::InDoubt
        )
    }

    /// Whether it was sent, and nobody has said or done what ends it.
    pub fn is_without_end(self) -> bool {
        matches!(self, Self::Done | Self::Waiting)
    }

    /// Whether it was sent, and apply has nothing more to do.
    pub fn is_sent(self) -> bool {
        !matches!(self, Self::Open | Self::Failed | Self::InDoubt)
    }
}

/// What the ledger knows of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedItem {
    /// What was sent, or was to be sent.
    pub fingerprint: Fingerprint,
    /// How it stands.
    pub status: ItemStatus,
    /// Whether a signer was, or may have been, added: past that point a repeat could ask a person twice.
    pub sent: bool,
}

impl RecordedItem {
    /// Whether somebody was asked, or may have been, and its flow is not known to have ended, nor to be signed by all.
    pub fn can_be_revoked(self) -> bool {
        self.sent && self.status.is_under_way()
    }
}
