//! Existing accounts that a run took over.

use std::fmt;

use crate::address::Address;

/// An account that existed at the service, that this ledger did not create, and that a run took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAccount {
    /// The declared account, or the first item that uses the account of its row.
    pub address: Address,
    /// The name of a row's account in its flow.
    pub name: Option<String>,
    /// Whether it is used without a change; otherwise its fields were set.
    pub is_kept: bool,
}

impl fmt::Display for TakenAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name}", self.address),
            None => self.address.fmt(f),
        }
    }
}
