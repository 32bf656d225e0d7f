//! The actions of a plan.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, SealId, TemplateId};

/// The action for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountAction {
    /// Create it.
    Create,
    /// Record the existing account, which treaty did not create, and update its fields.
    Adopt(AccountId),
    /// Update these fields.
    Update(AccountId, Vec<Cow<'static, str>>),
    /// Do nothing.
    Unchanged(AccountId),
}

/// The action for the silent signing of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Grant {
    /// Do nothing.
    Unchanged,
    /// Grant it until this time in milliseconds since 1970, or without limit.
    Grant(Option<i64>),
    /// Revoke it.
    Revoke,
}

/// The action for a seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SealAction {
    /// Create it.
    Create,
    /// Record the existing seal that has this alias.
    Adopt(SealId),
    /// Do nothing.
    Unchanged(SealId),
}

/// The action for a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TemplateAction {
    /// Upload it.
    Create,
    /// Do nothing.
    Unchanged(TemplateId),
}

/// The action for an item.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ItemAction {
    /// Send it.
    Create,
    /// Continue an item that was interrupted or failed before.
    Resume,
    /// Revoke the flow that was sent and send the row (`onChange: reissue`, `--reissue`).
    Reissue,
    /// Send the row again: the flow that was sent has ended (`--reissue`, `--retry`).
    Resend,
    /// Look whether an interrupted `treaty revoke` has revoked the flow. Sends nothing.
    RevokeInterrupted,
    /// Do nothing: the row is as it was sent.
    Unchanged,
    /// Do nothing: the row changed, and `onChange: keep` keeps the flow that was sent.
    Kept,
    /// Refuse: the row differs from what was sent.
    Changed,
    /// Do nothing: it is unknown whether the item was sent.
    InDoubt,
    /// Revoke: the row was removed from the sheet (`onVanish: revoke`).
    Revoke,
    /// Report: the row was removed from the sheet after its sending was interrupted.
    Orphaned,
    /// Do nothing: `where` leaves the row out.
    Skipped,
    /// Refuse: the row has errors.
    Invalid,
    /// Do nothing: the command line does not select the item.
    Excluded,
    /// Report: the row was added, changed or moved after the plan was made. No plan
    /// contains it.
    Unplanned,
}

impl ItemAction {
    /// The symbol before the item in a plan; `None` if the plan does not show it.
    pub fn symbol(self) -> Option<char> {
        match self {
            Self::Create | Self::Resume => Some('+'),
            Self::Reissue | Self::Resend => Some('±'),
            Self::Unchanged | Self::Kept => Some('='),
            Self::Revoke => Some('-'),
            Self::Changed | Self::Invalid | Self::Orphaned => Some('!'),
            Self::InDoubt | Self::RevokeInterrupted => Some('?'),
            Self::Skipped | Self::Excluded | Self::Unplanned => None,
        }
    }

    /// Whether apply works on the item: sends it, continues to send it, or probes it.
    pub fn is_work(self) -> bool {
        self.sends() || self == Self::RevokeInterrupted
    }

    /// Whether apply sends the item, or continues to send it.
    pub fn sends(self) -> bool {
        matches!(self, Self::Create | Self::Resume) || self.replaces()
    }

    /// Whether a plan lists every such item, not only a sample: a contract ends, and its signers
    /// must know.
    pub fn is_always_listed(self) -> bool {
        self == Self::Revoke || self.replaces()
    }

    /// Whether apply replaces the contract that was sent by a new one.
    pub fn replaces(self) -> bool {
        matches!(self, Self::Reissue | Self::Resend)
    }

    /// The name of the action for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => t_key!("create"),
            Self::Resume | Self::RevokeInterrupted => t_key!("resume"),
            Self::Reissue | Self::Resend => t_key!("reissue"),
            Self::Unchanged | Self::Unplanned => t_key!("none"),
            Self::Kept => t_key!("keep"),
            Self::Changed | Self::Orphaned => t_key!("blocked"),
            Self::InDoubt => t_key!("in_doubt"),
            Self::Revoke => t_key!("revoke"),
            Self::Skipped => t_key!("skip"),
            Self::Invalid => t_key!("refuse"),
            Self::Excluded => t_key!("exclude"),
        }
    }

    /// The name of the action for people, in their language.
    pub fn label(self) -> Cow<'static, str> {
        t!(self.word())
    }
}
