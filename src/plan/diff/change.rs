//! The changes of an account's fields, as a plan shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::{AccountAction, Grant};
use crate::api::time;
use crate::desired::{Account, AccountHolder};
use crate::expr::mask;
use crate::ledger::RecordedGrant;

/// The name of the field that grants silent signing.
pub const SILENT_SIGN: &str = "silentSign";

/// The change of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The name of the field.
    pub field: String,
    /// The earlier value; null if it is not known: the ledger has only fingerprints of values.
    pub old: Option<String>,
    /// The new value, masked if it is private.
    pub new: Option<String>,
}

/// Returns the changes of the fields of an account, and of its silent signing.
pub(super) fn account_changes(
    account: &Account,
    action: &AccountAction,
    granted: Option<RecordedGrant>,
    grant: Grant,
) -> Vec<FieldChange> {
    let is_set = |name: &str| match action {
        AccountAction::Create | AccountAction::Unchanged(_) => false,
        AccountAction::Adopt(_) => true,
        AccountAction::Update(_, fields) => fields.iter().any(|field| field == name),
    };
    let fields = account.settable().into_iter();
    let mut changes: Vec<FieldChange> = fields
        .filter(|(name, _)| is_set(name))
        .map(|(name, value)| FieldChange {
            field: name.to_owned(),
            old: None,
            new: Some(shown(account, name, &value)),
        })
        .collect();
    let deadline = |deadline: Option<i64>| match deadline {
        None => "true".to_owned(),
        Some(deadline) => {
            jiff::Timestamp::from_millisecond(deadline).map_or(deadline.to_string(), time::text)
        }
    };
    let new = match grant {
        Grant::Unchanged => return changes,
        Grant::Grant(until) => deadline(until),
        Grant::Revoke => "false".to_owned(),
    };
    changes.push(FieldChange {
        field: SILENT_SIGN.to_owned(),
        old: Some(granted.map_or("false".to_owned(), |grant| deadline(grant.deadline))),
        new: Some(new),
    });
    changes
}

/// Returns a value as a plan shows it: the name of an organization is public, everything else is
/// masked.
fn shown(account: &Account, field: &str, value: &str) -> String {
    match account.holder {
        AccountHolder::Organization(_) if field == "name" => value.to_owned(),
        _ => mask(value),
    }
}
