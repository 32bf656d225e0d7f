//! Flows and their tasks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::records::platform_account;
use crate::address::{AccountId, DocId, FlowId, SealId};
use crate::api::{FlowStatus, Position, SignStatus};

/// A sign flow (API 5.5, 5.6).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flow {
    /// The flow id.
    pub id: FlowId,
    /// The app that created the flow. `None` if the request had no credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The initiator. `None` is the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<AccountId>,
    /// The payer. `None` is the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// The subject (`businessScene`).
    pub business_scene: String,
    /// The documents, in order.
    pub docs: Vec<FlowDoc>,
    /// The names of the attachments.
    pub attachments: Vec<String>,
    /// The callback address.
    pub notice_url: Option<String>,
    /// The address that the sign page links to after signing.
    pub redirect_url: Option<String>,
    /// Whether the time of signing is printed next to each signature.
    pub add_sign_time: bool,
    /// The stored status. [`status_at`](Self::status_at) also considers the signing deadline.
    pub status: FlowStatus,
    /// The time of creation, in milliseconds since 1970.
    #[serde(rename = "begun")]
    pub created_at: i64,
    /// The signing deadline, in milliseconds since 1970.
    pub sign_validity: Option<i64>,
    /// All tasks that were added, withdrawn ones included.
    pub tasks: Vec<Task>,
}

/// A document of a flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowDoc {
    /// The document id.
    pub id: DocId,
    /// The name of the document in the flow.
    pub name: String,
    /// Whether signers must enter the document's password.
    pub encryption: bool,
}

/// A task: one request to a signer, or one automatic signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The token of the sign page.
    pub token: String,
    /// The account that signs.
    pub account: AccountId,
    /// The organization that the account signs for.
    pub organization: Option<AccountId>,
    /// Whether the signer uses a personal seal or signature.
    pub with_own_seal: bool,
    /// Whether the signer may choose any organization that the account created (API 5.5.6).
    #[serde(default)]
    pub for_any_organization: bool,
    /// The stored status.
    pub status: SignStatus,
    /// The caller's reference number (`thirdOrderNo`).
    pub third_order_no: Option<String>,
    /// The seals that were used for signing.
    #[serde(rename = "used")]
    pub seals: Vec<SealChoice>,
    /// The allowed kinds of personal signatures (`sealType`): `0` handwritten, `1` seal, separated
    /// by commas. `None` allows both.
    pub seal_type: Option<String>,
    /// The documents to sign, each with its positions.
    pub places: Vec<SignPlace>,
    /// The time when the task was added, in milliseconds since 1970.
    #[serde(rename = "received")]
    pub received_at: i64,
    /// The time when the task was signed or refused, in milliseconds since 1970.
    #[serde(rename = "ended")]
    pub ended_at: Option<i64>,
    /// The reason of a refusal.
    pub explain: Option<String>,
}

/// A seal or signature that a task can be signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SealChoice {
    /// A seal that was created.
    Seal(SealId),
    /// The generated seal of an account without seals.
    Default(AccountId),
    /// A handwritten signature.
    #[serde(rename = "Hand")]
    Handwritten,
}

/// A document to sign and the positions of the signature on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignPlace {
    /// The document id.
    pub doc: DocId,
    /// The positions. If empty, the signer chooses.
    pub positions: Vec<Position>,
}

impl Flow {
    /// Returns the status at `now`, with the signing deadline considered.
    pub fn status_at(&self, now: Timestamp) -> FlowStatus {
        // A fully signed flow does not expire (API 5.9.4): it can still be archived.
        let mut live = self
            .tasks
            .iter()
            .filter(|task| task.status != SignStatus::Withdrawn)
            .peekable();
        let is_signed = live.peek().is_some() && live.all(|task| task.status == SignStatus::Signed);
        if self.is_open() && self.is_late(now) && !is_signed {
            return FlowStatus::Expired;
        }
        self.status
    }

    /// Returns the status of a task at `now`. A pending task ends with its flow (API 5.5.7, 5.7.4).
    pub(crate) fn task_status_at(&self, task: &Task, now: Timestamp) -> SignStatus {
        let is_open = matches!(self.status_at(now), FlowStatus::Draft | FlowStatus::Signing);
        if task.is_pending() && !is_open {
            return SignStatus::Ended;
        }
        task.status
    }

    /// Returns whether the signing deadline is before `now`.
    pub(crate) fn is_late(&self, now: Timestamp) -> bool {
        self.sign_validity
            .is_some_and(|end| end < now.as_millisecond())
    }

    /// Returns whether an account takes part in the flow as signer, organization, initiator or
    /// payer.
    pub(crate) fn has_participant(&self, account: &AccountId) -> bool {
        let platform = platform_account();
        let owners = [&self.initiator, &self.payer];
        let signs = |task: &Task| {
            task.status != SignStatus::Withdrawn
                && (task.account == *account || task.organization.as_ref() == Some(account))
        };
        owners
            .iter()
            .any(|owner| owner.as_ref().unwrap_or(&platform) == account)
            || self.tasks.iter().any(signs)
    }

    /// Returns whether the stored status is open. The signing deadline is not considered.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status, FlowStatus::Draft | FlowStatus::Signing)
    }

    /// Returns the accounts of all tasks that were not withdrawn.
    pub fn live_tasks(&self) -> impl Iterator<Item = &AccountId> {
        self.tasks
            .iter()
            .filter(|task| task.status != SignStatus::Withdrawn)
            .map(|task| &task.account)
    }
}

impl Task {
    /// Returns whether the task is neither signed, refused nor withdrawn.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, SignStatus::Pending | SignStatus::Signing)
    }
}

/// Returns the part of a task token that its short link contains.
pub(crate) fn short_token(token: &str) -> &str {
    token.get(..12).unwrap_or(token)
}
