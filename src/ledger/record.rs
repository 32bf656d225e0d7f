//! The records of a ledger as plain values, and the writes that change them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::recorded::{BegunRevocation, ItemStatus, RecordedAccount, RecordedGrant};
use super::recorded_field::RecordedFields;
use crate::address::AccountId;
use crate::api::SignStatus;
use crate::api::operation::Op;
use crate::expr::Fingerprint;

/// The id of an item or a resource in its ledger.
pub type EntityId = i64;

/// The kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceKind {
    /// Identified by its `thirdId`.
    Account,
    /// Identified by its account's `thirdId` and its alias.
    Seal,
    /// Identified by the fingerprint of its file and name.
    Template,
}

impl ResourceKind {
    /// Returns the number in the database.
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Account => 1,
            Self::Seal => 2,
            Self::Template => 3,
        }
    }

    /// Returns the kind with a number in the database.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        [Self::Account, Self::Seal, Self::Template]
            .into_iter()
            .find(|kind| kind.number() == number)
    }

    /// Returns the name for output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => t_key!("account"),
            Self::Seal => t_key!("seal"),
            Self::Template => t_key!("template"),
        }
    }
}

/// An account, seal or template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The id in the ledger.
    pub id: EntityId,
    /// The API's id; none while the creation is pending.
    pub remote_id: Option<String>,
    /// The fields as they were last set.
    pub fields: RecordedFields,
    /// The grant of silent signing that treaty made.
    pub grant: Option<RecordedGrant>,
}

/// A recorded account with its id in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// The id in the ledger.
    pub id: EntityId,
    /// The account; none while its creation is pending.
    pub account: Option<RecordedAccount>,
}

impl From<Resource> for AccountRecord {
    fn from(resource: Resource) -> Self {
        Self {
            id: resource.id,
            account: resource.remote_id.map(|id| RecordedAccount {
                account_id: AccountId(id),
                fields: resource.fields,
                grant: resource.grant,
            }),
        }
    }
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It waits until other signers have signed.
    Deferred(Deferral),
    /// Its request may have been sent. A step that was deferred before keeps its deferral.
    Intent(Option<Deferral>),
    /// The response, without values that expire.
    Receipt(serde_json::Value),
}

impl Step {
    /// Returns the state for the columns `receipt`, `deferral` and `begun` of a step.
    pub(super) fn from_columns(
        receipt: Option<serde_json::Value>,
        deferral: Option<Deferral>,
        begun: bool,
    ) -> Self {
        match (receipt, deferral, begun) {
            (Some(receipt), _, _) => Self::Receipt(receipt),
            (None, Some(deferral), false) => Self::Deferred(deferral),
            (None, deferral, _) => Self::Intent(deferral),
        }
    }
}

/// The state of a signer at the last poll of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignState {
    /// The status.
    pub status: SignStatus,
    /// The time at which the signer signed or refused, in the API's format.
    pub time: Option<String>,
}

/// A deferred request. It holds everything needed to send the request later, when sheet and
/// manifests may have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deferral {
    /// The position among the steps of its item.
    pub order: u32,
    /// The path of the operation.
    pub operation: String,
    /// The names of the steps that must be signed before.
    pub after: Vec<String>,
    /// The body of the request. It is deleted once the request was answered.
    pub request: serde_json::Value,
}

/// The spaces before a stored request with a password.
///
/// `SQLite` stores up to 1002 bytes of a step in the page of the table. It moves them to other pages
/// when the tree grows, and may leave the old bytes in unused space, which `secure_delete` does not
/// overwrite. Everything after the spaces is on overflow pages: they are not moved, and are
/// overwritten when they are freed.
const PADDING: usize = 1002;

impl Deferral {
    /// Returns the text for the database.
    pub(super) fn to_column(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.contains(PASSWORD) {
            format!("{:PADDING$}{text}", "")
        } else {
            text
        }
    }
}

/// The name of the field with a password in a stored request.
pub(super) const PASSWORD: &str = "\"docPwd\"";

/// The reason why an item failed or is in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The API's error code, if there is one.
    pub code: Option<i64>,
    /// The message, without cell values.
    pub message: String,
    /// The suggested action.
    pub hint: String,
}

/// The beginning of the message of a contract that has ended and could not be sent again. The ledger
/// records it in English, reports recognize the message by it, and it is translated when it is shown.
const NOT_SENT_AGAIN: &str = t_key!("not sent again: ");

impl Failure {
    /// Returns the failure of a contract that has ended and could not be sent again for this reason.
    #[must_use]
    pub fn not_sent_again(self) -> Self {
        Self {
            message: format!("{NOT_SENT_AGAIN}{}", self.message),
            ..self
        }
    }

    /// Returns the failure with its beginning in the language of the output.
    #[must_use]
    pub fn translated(self) -> Self {
        match self.message.strip_prefix(NOT_SENT_AGAIN) {
            Some(why) => Self {
                message: format!("{}{why}", t!(NOT_SENT_AGAIN)),
                ..self
            },
            None => self,
        }
    }

    /// Returns whether it is a failure of [`Self::not_sent_again`].
    pub fn is_not_sent_again(&self) -> bool {
        // Shown failures are translated, and an older treaty has recorded them translated.
        let begins = |locale: &str| {
            let beginning = t!(NOT_SENT_AGAIN, locale = locale);
            self.message.starts_with(&*beginning)
        };
        begins("en") || begins("zh")
    }
}

/// Returns the failure of an item whose `treaty revoke` was interrupted, or had no response.
pub fn revoke_interrupted() -> Failure {
    Failure {
        code: None,
        message: t!("treaty revoke was interrupted: the contract may still be valid").into_owned(),
        hint: t!("run treaty revoke --target with this address to finish it; to leave the contract as it is, run \
               treaty state settle ADDRESS again, then apply")
        .into_owned(),
    }
}

/// The record of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    /// The id in the ledger.
    pub id: EntityId,
    /// The fingerprint of the content that was sent or is to be sent.
    pub fingerprint: Fingerprint,
    /// The status.
    pub status: ItemStatus,
    /// Whether a request to add a signer was sent.
    pub sent: bool,
    /// The number of runs that worked on it.
    pub attempts: u32,
    /// The id of the last run that worked on it.
    pub run: i64,
    /// The failure, or the reason for the doubt. A waiting item with a failure is retried by the
    /// next sync.
    pub failure: Option<Failure>,
    /// The fingerprint of everything but its people; none if an older treaty sent it.
    pub content: Option<Fingerprint>,
    /// The fingerprint of the cells of its row; none without a row, or if an older treaty sent it.
    pub cells: Option<Fingerprint>,
    /// The time at which all steps that need no signature were done.
    pub sent_at: Option<Timestamp>,
    /// The time of the last recorded change.
    pub moved_at: Option<Timestamp>,
    /// The time of the last poll of its flow.
    pub polled_at: Option<Timestamp>,
    /// The number of earlier contracts with its key that were sent and have ended.
    pub earlier: u32,
    /// The revocation that was interrupted, if the item is open or in doubt.
    pub revocation: Option<BegunRevocation>,
}

impl ItemRecord {
    /// Returns the time at which it reached a final state, if it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        let ended = self.status.has_ended() || self.status == ItemStatus::Archived;
        self.moved_at.filter(|_| ended)
    }

    /// Returns whether a request to add a signer was sent and no final state is recorded.
    pub fn is_under_way(&self) -> bool {
        self.sent && self.status.is_under_way()
    }

    /// Returns the number of its contract among those with its key, from 1.
    pub fn contract_number(&self) -> u32 {
        self.earlier.saturating_add(1)
    }

    /// Returns whether all of its signers were ever added or deferred, even if it has failed since.
    pub fn was_sent_whole(&self) -> bool {
        self.sent_at.is_some() || self.status.is_sent()
    }
}

/// A recorded callback that is not handled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The id in the ledger.
    pub id: i64,
    /// The item of the flow, if the flow is in this ledger.
    pub item: Option<EntityId>,
}

/// A run of apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The id in the ledger.
    pub id: i64,
    /// The name, which is the folder of its reports.
    pub name: String,
}

/// A change of the ledger.
#[derive(Debug, Clone)]
pub enum Write {
    /// Records the start of a run.
    RunBegun {
        /// The run.
        run: RunRecord,
        /// The time, in the API's format.
        at: String,
    },
    /// Records the end of a run.
    RunEnded {
        /// The run's id.
        run: i64,
        /// The time, in the API's format.
        at: String,
        /// The exit code.
        exit: i32,
    },
    /// Records nothing but the acceptance of the ledger ([`super::VersionPolicy::Accept`]).
    LedgerAccepted,
    /// Records that a new ledger has found further accounts at the service which it did not create.
    AccountsFound {
        /// The number of accounts.
        count: u64,
    },
    /// Creates or replaces a resource.
    Resource {
        /// The kind.
        kind: ResourceKind,
        /// The identity within its kind.
        identity: String,
        /// The other columns.
        resource: Resource,
    },
    /// Records a flow under another name, which no recorded item has.
    FlowRenamed {
        /// The recorded name.
        from: String,
        /// The new name.
        to: String,
    },
    /// Deletes a resource.
    ResourceForgotten {
        /// The kind.
        kind: ResourceKind,
        /// The identity within its kind.
        identity: String,
    },
    /// Records that a run works on an item.
    ItemBegun {
        /// The item's id.
        id: EntityId,
        /// The flow's name.
        flow: String,
        /// The item's key.
        key: String,
        /// The fingerprint of the content to send.
        fingerprint: Fingerprint,
        /// The fingerprint of everything but its people; none keeps the recorded one.
        content: Option<Fingerprint>,
        /// The fingerprint of the cells of its row; none keeps the recorded one.
        cells: Option<Fingerprint>,
        /// The run's id.
        run: i64,
        /// The time.
        at: Timestamp,
        /// Whether to delete the steps of earlier runs. Allowed only before a signer was added, or
        /// after the flow has ended: a contract that was sent is then counted as an earlier one.
        afresh: bool,
    },
    /// Records the result of a run for an item.
    ItemEnded {
        /// The item's id.
        id: EntityId,
        /// The status.
        status: ItemStatus,
        /// The failure, if it is not done.
        failure: Option<Failure>,
        /// The time.
        at: Timestamp,
    },
    /// Records a poll of a flow.
    Polled {
        /// The item's id.
        id: EntityId,
        /// The time.
        at: Timestamp,
        /// The states of the signers, by step name.
        signers: Vec<(String, SignState)>,
    },
    /// Marks callbacks as handled.
    NoticesHandled {
        /// The ids of the callbacks.
        notices: Vec<i64>,
        /// The time.
        at: Timestamp,
    },
    /// Deletes an item and its steps.
    ItemForgotten {
        /// The item's id.
        id: EntityId,
    },
    /// Records a deferred request.
    Deferred {
        /// The id of the item or resource.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
        /// The request, and the steps that it waits for.
        deferral: Deferral,
    },
    /// Marks an item as not sent: its flow was revoked because its row was removed. If the row
    /// comes back, the item is sent again.
    Withdrawn {
        /// The item's id.
        id: EntityId,
    },
    /// Drops the deferred requests of a flow that has ended. Intents are kept.
    DeferralsDropped {
        /// The id of the item.
        subject: EntityId,
    },
    /// Records that a request is about to be sent which must not be repeated without a probe.
    Intent {
        /// The id of the item or resource.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
        /// Whether the request asks a person to sign.
        legal: bool,
    },
    /// Records the response to a request.
    Receipt {
        /// The id of the item or resource.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
        /// The response.
        receipt: Arc<serde_json::Value>,
    },
    /// Voids an intent whose request was refused or throttled. The step is probed before it is sent
    /// again: if a gateway repeated the request, the refusal may concern the repetition only.
    Refused {
        /// The id of the item.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
    },
    /// Voids an intent: the request was not executed.
    Void {
        /// The id of the item or resource.
        subject: EntityId,
        /// The step's name.
        step: String,
    },
}

impl Write {
    /// Returns whether the marker must show this write before the run continues: a run begins or
    /// ends, a ledger is accepted, or a request is about to be sent that an older copy of the ledger
    /// would repeat.
    pub(super) fn is_marked(&self) -> bool {
        matches!(
            self,
            Self::RunBegun { .. }
                | Self::RunEnded { .. }
                | Self::Intent { .. }
                | Self::LedgerAccepted
        )
    }
}
