//! An undeclared resource or flow, and its removal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{AccountId, Address};
use crate::api::operation::Op;
use crate::api::time;
use crate::ledger::RecordedGrant;
use crate::plan::Calls;

/// Something that the ledger records and no manifest declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undeclared {
    /// Its address: of an account by `thirdId`.
    pub address: Address,
    /// The effect that stays in force.
    pub kind: UndeclaredKind,
    /// The removal by apply.
    pub prune: Option<Removal>,
    /// Why `prune` does not remove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// The reason why `prune` keeps an account, or an account and its grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kept {
    /// A row declares the account.
    Row,
    /// A row of this flow cannot be read, and may declare the account.
    UnreadableRow(String),
    /// A contract under way names the account.
    Contract,
    /// Contracts are under way, and one of them may need the account.
    Contracts,
}

/// The effect of an undeclared resource or flow that stays in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UndeclaredKind {
    /// An account that may sign without being asked.
    Granted(RecordedGrant),
    /// An account.
    Account,
    /// A seal.
    Seal,
    /// A flow, with its contracts that can still be signed.
    Flow(u64),
}

/// The removal of an account, or of its grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// The `thirdId` of the account.
    pub third_id: String,
    /// Its id.
    pub account_id: AccountId,
    /// Whether a grant is revoked.
    pub revokes: bool,
    /// Whether the account is deleted.
    pub deletes: bool,
}

impl Removal {
    /// The calls of the removal.
    pub fn calls(&self) -> Calls {
        let mut calls = Calls::default();
        calls.add(Op::RevokeSilentSign, u64::from(self.revokes));
        calls.add(Op::DeleteAccount, u64::from(self.deletes));
        calls
    }
}

impl Undeclared {
    /// The symbol in a plan.
    pub fn symbol(&self) -> char {
        if self.prune.is_some() { '-' } else { '!' }
    }

    /// Describes what apply does, or what stays in force.
    pub fn note(&self) -> String {
        let rest = match (&self.prune, self.kind) {
            (Some(removal), _) if removal.deletes && removal.revokes => {
                t!("revoke silent signing and delete the account")
            }
            (Some(removal), _) if removal.deletes => t!("delete the account"),
            (Some(_), _) => t!("revoke silent signing"),
            (None, UndeclaredKind::Granted(RecordedGrant { deadline: None })) => {
                t!("its grant of silent signing stays in force without limit")
            }
            (
                None,
                UndeclaredKind::Granted(RecordedGrant {
                    deadline: Some(end),
                }),
            ) => {
                let end = Timestamp::from_millisecond(end).map_or(end.to_string(), time::text);
                t!(
                    "its grant of silent signing stays in force until %{end}",
                    end = end
                )
            }
            (None, UndeclaredKind::Account) => t!("the account stays at the service"),
            (None, UndeclaredKind::Seal) => t!("the seal stays at the service"),
            (None, UndeclaredKind::Flow(1)) => t!("1 contract can still be signed"),
            (None, UndeclaredKind::Flow(count)) => {
                t!("%{count} contracts can still be signed", count = count)
            }
        };
        let note = t!("no longer declared: %{rest}", rest = rest);
        let reason = match &self.kept {
            None => return note.into_owned(),
            Some(Kept::Row) => t!("a row declares the account"),
            Some(Kept::UnreadableRow(flow)) => t!(
                "a row of flows.%{flow} is invalid and may declare the account",
                flow = flow
            ),
            Some(Kept::Contract) => t!("a contract under way names the account"),
            Some(Kept::Contracts) => t!("accounts are not deleted while contracts are under way"),
        };
        t!("%{note}; %{reason}", note = note, reason = reason).into_owned()
    }
}
