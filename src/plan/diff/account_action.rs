//! The actions for an account.

use super::action::{AccountAction, Grant};
use crate::address::AccountId;
use crate::desired::{Account, SilentSign};
use crate::diagnostic::Diagnostic;
use crate::expr::Salt;
use crate::ledger::{RecordedAccount, RecordedFields, RecordedGrant, is_kept};

/// The fingerprint of each field of an account, by field name.
pub fn field_fingerprints(account: &Account, salt: &Salt) -> RecordedFields {
    account
        .fields()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), salt.of(&value).into()))
        .collect()
}

/// Computes the action for a declared account.
pub(super) fn plan_account(
    account: &Account,
    recorded_account: Option<&RecordedAccount>,
    observed_account: Option<&Option<AccountId>>,
    salt: &Salt,
) -> Result<AccountAction, Diagnostic> {
    match (recorded_account, observed_account) {
        (_, Some(None)) | (None, None) => Ok(AccountAction::Create),
        (None, Some(Some(id))) => Ok(AccountAction::Adopt(id.clone())),
        (Some(recorded_account), Some(Some(id))) if recorded_account.account_id != *id => {
            Ok(AccountAction::Adopt(id.clone()))
        }
        (Some(recorded_account), _) => plan_row_account(account, recorded_account, salt),
    }
}

/// Computes the action for a recorded account.
///
/// # Errors
///
/// Returns a diagnostic when a field differs that the API cannot update.
pub fn plan_row_account(
    account: &Account,
    recorded_account: &RecordedAccount,
    salt: &Salt,
) -> Result<AccountAction, Diagnostic> {
    if is_kept(&recorded_account.fields) {
        return Ok(AccountAction::Unchanged(
            recorded_account.account_id.clone(),
        ));
    }
    let mut changed = Vec::new();
    for (name, value) in account.fields() {
        let recorded = recorded_account.fields.get(name);
        if recorded.is_some_and(|recorded| recorded.fingerprint == salt.of(&value)) {
            continue;
        }
        if !account.updatable().contains(&name) {
            return Err(Diagnostic::error(t!(
                "%{name} differs from the recorded account and cannot be changed",
                name = name
            ))
            .at(account.origin.clone())
            .hint(t!("correct it, or give the account a new thirdId")));
        }
        changed.push(name.into());
    }
    Ok(if changed.is_empty() {
        AccountAction::Unchanged(recorded_account.account_id.clone())
    } else {
        AccountAction::Update(recorded_account.account_id.clone(), changed)
    })
}

/// Computes the action for the silent signing of an account.
pub(super) fn plan_grant(
    desired: SilentSign,
    recorded_account: Option<&RecordedAccount>,
    action: &AccountAction,
) -> Grant {
    let recorded_account = of_same_account(recorded_account, action);
    match (
        declared_grant(desired),
        recorded_account.and_then(|recorded_account| recorded_account.grant),
    ) {
        (None, None) => Grant::Unchanged,
        (None, Some(_)) => Grant::Revoke,
        (Some(declared), Some(granted)) if granted == declared => Grant::Unchanged,
        (Some(declared), _) => Grant::Grant(declared.deadline),
    }
}

/// Returns the record if it belongs to the account of the action. A grant, for example, is valid only
/// for the account id that it was made for.
pub(super) fn of_same_account<'a>(
    recorded: Option<&'a RecordedAccount>,
    action: &AccountAction,
) -> Option<&'a RecordedAccount> {
    recorded.filter(|recorded| match action {
        AccountAction::Create => false,
        AccountAction::Adopt(id) | AccountAction::Update(id, _) | AccountAction::Unchanged(id) => {
            recorded.account_id == *id
        }
    })
}

/// Returns the grant of silent signing that is declared, if any.
pub(super) fn declared_grant(desired: SilentSign) -> Option<RecordedGrant> {
    let deadline = match desired {
        SilentSign::No => return None,
        SilentSign::Forever => None,
        SilentSign::Until(deadline) => Some(deadline),
    };
    Some(RecordedGrant { deadline })
}
