//! Describes the changes of resources, and the differences of changed rows.

use crate::plan::{Difference, FieldChange, ResourceAction, ResourceEntry, SILENT_SIGN};

/// Describes what changes of a resource; empty if its action says all.
pub(super) fn resource(entry: &ResourceEntry<'_>) -> String {
    if let Some(reason) = entry.reason {
        return reason.to_owned();
    }
    let changes: Vec<String> = entry.changes.iter().map(change).collect();
    let changes = changes.join("; ");
    match entry.action {
        ResourceAction::Adopt if changes.is_empty() => t!("adopt the existing seal").into_owned(),
        ResourceAction::Adopt => {
            t!("adopt the existing account: %{changes}", changes = changes).into_owned()
        }
        _ => changes,
    }
}

/// Describes the change of a field.
fn change(change: &FieldChange) -> String {
    let new = change.new.as_deref().unwrap_or_default();
    if change.field == SILENT_SIGN {
        return match new {
            "true" => t!("grant silent signing"),
            "false" => t!("revoke silent signing"),
            until => t!("grant silent signing until %{until}", until = until),
        }
        .into_owned();
    }
    match &change.old {
        Some(old) => format!("{} {old} → {new}", change.field),
        None if change.is_old_unrecorded => {
            let old = t!("(not recorded)");
            format!("{} {old} → {new}", change.field)
        }
        None => format!("{} → {new}", change.field),
    }
}

/// Describes the difference of a row from the contract that was sent.
pub(super) fn difference(difference: &Difference) -> String {
    if !difference.fields.is_empty() {
        let columns = match difference.columns.join(", ") {
            none if none.is_empty() => none,
            columns => format!(" ({columns})"),
        };
        let fields = difference.fields.join(", ");
        return t!(
            "%{fields} differs%{columns}",
            fields = fields,
            columns = columns
        )
        .into_owned();
    }
    match difference.cells {
        Some(false) => t!("the row is as it was sent; a manifest or a file has changed"),
        Some(true) => t!("cells of the row have changed, none of its accounts"),
        None => t!("it is not recorded what has changed"),
    }
    .into_owned()
}
