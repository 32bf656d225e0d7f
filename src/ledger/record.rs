//! What a ledger holds, as plain values.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::recorded::{ItemStatus, RecordedAccount, RecordedGrant};
use crate::address::AccountId;
use crate::api::SignStatus;
use crate::api::operation::Op;
use crate::expr::Fingerprint;

/// The number of an item or a thing in its ledger.
pub type EntityId = i64;

/// The kinds of things that outlive a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceKind {
    /// Known by its `thirdId`.
    Account,
    /// Known by the account's `thirdId` and its alias.
    Seal,
    /// Known by the fingerprint of file and name.
    Template,
}

impl ResourceKind {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Account => 1,
            Self::Seal => 2,
            Self::Template => 3,
        }
    }

    pub(super) fn numbered(number: i64) -> Option<Self> {
        [Self::Account, Self::Seal, Self::Template]
            .into_iter()
            .find(|kind| kind.number() == number)
    }

    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Seal => "seal",
            Self::Template => "template",
        }
    }
}

/// An account, seal or template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its number.
    pub id: EntityId,
    /// The API's id; none while it is being made.
    pub remote_id: Option<String>,
    /// Fingerprints of its fields as they were last set.
    pub fields: BTreeMap<String, Fingerprint>,
    /// The grant of silent signing that treaty made.
    pub grant: Option<RecordedGrant>,
}

/// An account as the planner wants it, with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its number.
    pub id: EntityId,
    /// What is known of it; none while it is being made.
    pub account: Option<RecordedAccount>,
}

impl From<Resource> for AccountRecord {
    fn from(thing: Resource) -> Self {
        Self {
            id: thing.id,
            account: thing.remote_id.map(|id| RecordedAccount {
                account_id: AccountId(id),
                fields: thing.fields,
                grant: thing.grant,
            }),
        }
    }
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It waits for others to have signed.
    Deferred(Deferral),
    /// The call may have gone out; one that had waited keeps what it was.
    Intent(Option<Deferral>),
    /// What it answered, without what expires.
    Receipt(serde_json::Value),
}

/// How far a signer was when the flow was asked for last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignState {
    /// How far.
    pub status: SignStatus,
    /// When he signed or refused, as the API says it.
    pub time: Option<String>,
}

/// A call that waits. It is all that is needed to make the call later, when sheet and manifests may be gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deferral {
    /// Its place among the steps of its item.
    pub order: u32,
    /// The path of the operation.
    pub operation: String,
    /// The steps that come before it.
    pub after: Vec<String>,
    /// What is sent. It is forgotten once it was.
    pub request: serde_json::Value,
}

/// Why an item failed, or is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The API's code, where it gave one.
    pub code: Option<i64>,
    /// What is wrong; no cell's text.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// All that is known of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    /// Its number.
    pub id: EntityId,
    /// What was sent, or was to be sent.
    pub fingerprint: Fingerprint,
    /// How it stands.
    pub status: ItemStatus,
    /// Whether a signer was, or may have been, added.
    pub sent: bool,
    /// How many runs have worked on it.
    pub attempts: u32,
    /// The run that worked on it last.
    pub run: i64,
    /// Why it failed, or is in doubt. Of an item that waits: why going on with it has failed, which is tried again.
    pub failure: Option<Failure>,
    /// The fingerprint of all but its people; none when an older treaty sent it.
    pub content: Option<Fingerprint>,
    /// When all was done that could be done at first.
    pub sent_at: Option<Timestamp>,
    /// When something was last seen to have changed.
    pub moved_at: Option<Timestamp>,
    /// When its flow was asked for last.
    pub looked_at: Option<Timestamp>,
}

impl ItemRecord {
    /// When it came to its end, if it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        let ended = self.status.has_ended() || self.status == ItemStatus::Finished;
        self.moved_at.filter(|_| ended)
    }

    /// Whether somebody was asked, or may have been, and it has no end yet.
    pub fn is_under_way(&self) -> bool {
        self.sent && self.status.is_under_way()
    }

    /// Whether all of its signers were asked, or wait for others, at some time: also when work on it has failed since then.
    pub fn was_sent_whole(&self) -> bool {
        self.sent_at.is_some() || self.status.is_sent()
    }
}

/// What a callback has told of, and nobody has looked at since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// The item, if the flow is one of this ledger's.
    pub item: Option<EntityId>,
}

/// A run of apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Its number.
    pub id: i64,
    /// Its name: the folder of its reports.
    pub name: String,
}

/// Something to write down.
#[derive(Debug, Clone)]
pub enum Write {
    /// A run begins.
    RunBegun {
        /// The run.
        run: RunRecord,
        /// When, in the API's form.
        at: String,
    },
    /// A run ended.
    RunEnded {
        /// Its number.
        run: i64,
        /// When, in the API's form.
        at: String,
        /// How: its exit code.
        exit: i32,
    },
    /// A thing, as it is now.
    Resource {
        /// What it is.
        kind: ResourceKind,
        /// What it is known by.
        identity: String,
        /// The rest.
        thing: Resource,
    },
    /// A thing that is no more.
    Forgotten {
        /// What it was.
        kind: ResourceKind,
        /// What it was known by.
        identity: String,
    },
    /// Work on an item begins.
    ItemBegun {
        /// Its number.
        id: EntityId,
        /// Its flow.
        flow: String,
        /// Its key.
        key: String,
        /// What is to be sent.
        fingerprint: Fingerprint,
        /// The fingerprint of all but its people; none: as it was.
        content: Option<Fingerprint>,
        /// The run.
        run: i64,
        /// When.
        at: Timestamp,
        /// Whether earlier steps are forgotten: nobody was asked to sign yet, and they are of no use.
        afresh: bool,
    },
    /// An item ended, for this run.
    ItemEnded {
        /// Its number.
        id: EntityId,
        /// How it stands.
        status: ItemStatus,
        /// Why, unless it is done.
        failure: Option<Failure>,
        /// When.
        at: Timestamp,
    },
    /// A flow was asked for.
    Looked {
        /// Of what.
        id: EntityId,
        /// When.
        at: Timestamp,
        /// How far its signers were, by the names of their steps.
        signers: Vec<(String, SignState)>,
    },
    /// Callbacks were looked at.
    Handled {
        /// Their numbers.
        notices: Vec<i64>,
        /// When.
        at: Timestamp,
    },
    /// An item of which nothing is to be known any more, nor of its steps.
    ItemForgotten {
        /// Its number.
        id: EntityId,
    },
    /// A call waits for others.
    Deferred {
        /// Of what.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
        /// What it waits for, and what is sent then.
        deferral: Deferral,
    },
    /// What was sent of an item was ended since its row had vanished: should the row come back, it is sent anew.
    Withdrawn {
        /// Its number.
        id: EntityId,
    },
    /// What still waits is given up: the flow has ended. What may have gone out stays known.
    Dropped {
        /// Of what.
        subject: EntityId,
    },
    /// A call that must not be repeated blindly is about to go out.
    Intent {
        /// Of what.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
        /// Whether it asks somebody to sign.
        legal: bool,
    },
    /// A call was answered.
    Receipt {
        /// Of what.
        subject: EntityId,
        /// The step's name.
        step: String,
        /// The operation.
        op: Op,
        /// The answer.
        receipt: Arc<serde_json::Value>,
    },
    /// A call was refused, or never went out: its intent is void.
    Void {
        /// Of what.
        subject: EntityId,
        /// The step's name.
        step: String,
    },
}
