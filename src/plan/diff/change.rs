//! The changes of an account's fields, as a plan shows them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::action::{AccountAction, Grant};
use crate::api::time;
use crate::desired::{Account, AccountHolder};
use crate::expr::mask;
use crate::ledger::RecordedAccount;

/// The name of the field that grants silent signing.
pub const SILENT_SIGN: &str = "silentSign";

/// The change of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The name of the field.
    pub field: String,
    /// The earlier value, masked if it is private. Null if it is not recorded: it was set by an older
    /// treaty or by others, or is secret. Null in a saved plan, except of `silentSign`.
    pub old: Option<String>,
    /// The new value, masked if it is private.
    pub new: Option<String>,
    /// Whether the field was set and its earlier value is not recorded. False in a saved plan.
    #[serde(skip)]
    pub is_old_unrecorded: bool,
}

/// Returns the changes of the fields of an account, and of its silent signing.
pub(super) fn account_changes(
    account: &Account,
    action: &AccountAction,
    recorded: Option<&RecordedAccount>,
    grant: Grant,
) -> Vec<FieldChange> {
    let is_set = |name: &str| match action {
        AccountAction::Create | AccountAction::Unchanged(_) => false,
        AccountAction::Adopt(_) => true,
        AccountAction::Update(_, fields) => fields.iter().any(|field| field == name),
    };
    // The values of an adopted account are not known: the API does not return them.
    let recorded_value = |name: &str| match action {
        AccountAction::Update(..) => recorded?.fields.get(name)?.shown.clone(),
        _ => None,
    };
    let is_update = matches!(action, AccountAction::Update(..));
    let fields = account.settable().into_iter();
    let mut changes: Vec<FieldChange> = fields
        .filter(|(name, _)| is_set(name))
        .map(|(name, value)| {
            let old = recorded_value(name);
            FieldChange {
                field: name.to_owned(),
                is_old_unrecorded: is_update && old.is_none(),
                old,
                new: Some(shown(account, name, &value)),
            }
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
    let granted = recorded.and_then(|recorded| recorded.grant);
    changes.push(FieldChange {
        field: SILENT_SIGN.to_owned(),
        old: Some(granted.map_or("false".to_owned(), |grant| deadline(grant.deadline))),
        new: Some(new),
        is_old_unrecorded: false,
    });
    changes
}

/// Returns the values of all fields that can change, as a plan shows them.
pub(super) fn shown_values(account: &Account) -> BTreeMap<String, String> {
    let fields = account.settable().into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), shown(account, name, &value)))
        .collect()
}

/// Serializes changes without the earlier values of fields: they stay in the ledger. The grant of
/// silent signing is not private.
pub(super) fn without_old_values<S: Serializer>(
    changes: &[FieldChange],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(|change| FieldChange {
        old: change.old.clone().filter(|_| change.field == SILENT_SIGN),
        ..change.clone()
    }))
}

/// Returns a value as a plan shows it: the name of an organization is public, everything else is
/// masked.
fn shown(account: &Account, field: &str, value: &str) -> String {
    match account.holder {
        AccountHolder::Organization(_) if field == "name" => value.to_owned(),
        _ => mask(value),
    }
}
