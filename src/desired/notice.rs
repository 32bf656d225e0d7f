//! Finds signers whom no notice can reach.

use super::account::{Account, AccountHolder};
use super::item::{Item, SignerKind};
use super::suspicion::Suspicion;
use crate::manifest::{Flow, RowAccountKind};

/// API codes of `noticeType` (5.5.1).
const SMS: &str = "1";
const EMAIL: &str = "2";

/// Returns the signers of an item who are notified by SMS or e-mail only and whose account of the
/// row has no such address.
pub(super) fn unreachable(flow: &Flow, item: &Item) -> Vec<Suspicion> {
    let Some(types) = &item.process.notice_type else {
        return Vec::new();
    };
    let has = |code: &str| types.split(',').any(|other| other == code);
    let is_other = types.split(',').any(|code| code != SMS && code != EMAIL);
    let kind = match (has(SMS), has(EMAIL)) {
        _ if is_other => return Vec::new(),
        (true, true) => t_key!("has neither mobile nor email: no notice reaches this signer"),
        (true, false) => t_key!("has no mobile: no SMS notice reaches this signer"),
        (false, true) => t_key!("has no email: no notice reaches this signer"),
        (false, false) => return Vec::new(),
    };
    let is_reached = |account: &Account| match &account.holder {
        AccountHolder::Person(person) => {
            has(SMS) && person.mobile.is_some() || has(EMAIL) && person.email.is_some()
        }
        AccountHolder::Organization(_) => true,
    };
    let signers = item.signers.iter().filter_map(|signer| {
        let account = match &signer.kind {
            SignerKind::Platform { .. } | SignerKind::User { .. } => return None,
            SignerKind::Person { account, .. }
            | SignerKind::Organization { account, .. }
            | SignerKind::PersonAndOrganization { account, .. } => account,
        };
        if item.accounts.get(account).is_none_or(is_reached) {
            return None;
        }
        let declared = flow.accounts.iter().find(|known| known.name == *account)?;
        let column = match &declared.kind {
            RowAccountKind::Person(person) => {
                let expr = if has(SMS) {
                    &person.mobile
                } else {
                    &person.email
                };
                expr.as_ref().and_then(|expr| expr.uses().single_column())
            }
            RowAccountKind::Organization(_) => None,
        };
        Some(Suspicion {
            field: t!("the account %{account}", account = account).into_owned(),
            kind,
            detail: String::new(),
            column: column.map(str::to_owned),
            hint: t_key!("fill in the cell, or change noticeType in the manifest"),
        })
    });
    signers.collect()
}
