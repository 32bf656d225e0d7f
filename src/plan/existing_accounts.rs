//! Accounts of rows that exist at the service and that this ledger did not create.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::desired::FlowRows;
use crate::diagnostic::{Diagnostic, Place};
use crate::manifest::ExistingAccounts;

/// The accounts of rows that the ledger does not record.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowAccountLookup {
    /// The number of unrecorded accounts that were not looked up. Some of them may exist.
    pub unobserved: u64,
    /// The existing accounts that are adopted or kept, in sheet order.
    pub existing: Vec<ExistingAccount>,
}

/// An account of a row that exists and that this ledger did not create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExistingAccount {
    /// The first item that uses it.
    pub item: Address,
    /// The row of the item.
    pub row: u64,
    /// The name of the account in the flow.
    pub account: String,
    /// The masked `thirdId`.
    pub third_id: String,
    /// Whether it is used without a change.
    pub is_kept: bool,
    /// The fields that are set unless it is kept, with masked values.
    pub fields: Vec<(Cow<'static, str>, String)>,
}

impl RowAccountLookup {
    /// Returns the existing accounts that are kept, or those that are updated.
    pub fn existing(&self, is_kept: bool) -> impl Iterator<Item = &ExistingAccount> {
        let existing = self.existing.iter();
        existing.filter(move |account| account.is_kept == is_kept)
    }
}

/// Masks the middle of a `thirdId`, which may be a private number.
pub(super) fn masked_third_id(third_id: &str) -> String {
    let chars: Vec<char> = third_id.chars().collect();
    match chars.len() {
        0..=5 => "***".to_owned(),
        length => {
            let (start, end) = (&chars[..2], &chars[length - 2..]);
            format!(
                "{}***{}",
                start.iter().collect::<String>(),
                end.iter().collect::<String>()
            )
        }
    }
}

/// The message and the hint for an existing account that `existingAccounts: error` refuses.
pub(crate) fn existing_account_error(account: &str, place: Option<&Place>) -> (String, String) {
    let place = place.map_or(String::new(), |place| format!(" ({place})"));
    (
        t!("the account %{account} exists already at the service, and treaty did not create it%{place}", account = account, place = place).into_owned(),
        t!("correct the thirdId; or set existingAccounts in the flow: keep uses the account as it is, adopt also sets \
         the fields of the row").into_owned(),
    )
}

/// The error for a row whose account exists although `existingAccounts: error` is set.
pub(super) fn refusal(rows: &FlowRows<'_>, account: &str, row: u64) -> Diagnostic {
    let (message, hint) = existing_account_error(account, None);
    let error = Diagnostic::error(message).hint(hint);
    match rows.third_id_cell(account, row) {
        Some(place) => error.at(place),
        None => error,
    }
}

/// Returns whether the flows of a plan treat existing accounts differently. Then the strictest rule
/// of the rows that share an account applies.
pub(super) fn is_mixed(mut rules: impl Iterator<Item = ExistingAccounts>) -> bool {
    let first = rules.next();
    rules.any(|rule| Some(rule) != first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_all_but_four_characters() {
        assert_eq!(masked_third_id("C100001"), "C1***01");
        assert_eq!(masked_third_id("客户一二三四五"), "客户***四五");
        assert_eq!(masked_third_id("C1234"), "***");
    }
}
