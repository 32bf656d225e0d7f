//! The recorded fields of resources.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::Fingerprint;

/// The recorded fields of a resource, by name.
pub type RecordedFields = BTreeMap<String, RecordedField>;

/// A field of a resource as it was last set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredField", into = "StoredField")]
pub struct RecordedField {
    /// The fingerprint of the value.
    pub fingerprint: Fingerprint,
    /// The value as a plan shows it, masked if it is private. None for a field that no plan shows,
    /// for a secret value, and if an older treaty set it.
    pub shown: Option<String>,
}

impl From<Fingerprint> for RecordedField {
    fn from(fingerprint: Fingerprint) -> Self {
        Self {
            fingerprint,
            shown: None,
        }
    }
}

/// The form in the ledger and in an export. An older treaty has written fingerprints only.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredField {
    Fingerprint(Fingerprint),
    Shown {
        fingerprint: Fingerprint,
        shown: String,
    },
}

impl From<StoredField> for RecordedField {
    fn from(stored: StoredField) -> Self {
        match stored {
            StoredField::Fingerprint(fingerprint) => fingerprint.into(),
            StoredField::Shown { fingerprint, shown } => Self {
                fingerprint,
                shown: Some(shown),
            },
        }
    }
}

impl From<RecordedField> for StoredField {
    fn from(field: RecordedField) -> Self {
        let RecordedField { fingerprint, shown } = field;
        match shown {
            None => Self::Fingerprint(fingerprint),
            Some(shown) => Self::Shown { fingerprint, shown },
        }
    }
}

/// The entry of an account's fields that marks it as kept (`existingAccounts: keep`).
const KEPT: &str = "kept";
/// The entry of an account's fields that marks it as declared by a manifest, not by a row.
pub(super) const DECLARED: &str = "declared";
/// The entry of an account that treaty created.
const MADE: &str = "made";
/// The entry of an account whose last declaration protects it.
const PROTECTED: &str = "protected";

/// Returns the value of an entry that is a mark.
fn mark() -> RecordedField {
    Fingerprint([0; 16]).into()
}

/// Returns the fields of an account that treaty uses and never changes.
pub fn kept_fields() -> RecordedFields {
    BTreeMap::from([(KEPT.to_owned(), mark())])
}

/// Returns whether an account with these fields is used and never changed.
pub fn is_kept(fields: &RecordedFields) -> bool {
    fields.contains_key(KEPT)
}

/// Returns the fields of an account with the marks of its declaration.
pub fn declared_fields(
    mut fields: RecordedFields,
    is_made: bool,
    is_protected: bool,
) -> RecordedFields {
    for (name, is_set) in [(DECLARED, true), (MADE, is_made), (PROTECTED, is_protected)] {
        if is_set {
            fields.insert(name.to_owned(), mark());
        } else {
            fields.remove(name);
        }
    }
    fields
}

/// Returns whether treaty created the account with these fields for a manifest.
pub fn is_made(fields: &RecordedFields) -> bool {
    fields.contains_key(MADE)
}

/// Returns whether the last declaration of the account with these fields protects it.
pub fn is_protected(fields: &RecordedFields) -> bool {
    fields.contains_key(PROTECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fields_of_an_older_treaty_and_its_own() {
        let text = "{\"mobile\":{\"fingerprint\":\"00000000000000000000000000000001\",\"shown\":\"135****9998\"},\
                     \"name\":\"00000000000000000000000000000002\"}";
        let fields: RecordedFields = serde_json::from_str(text).unwrap();
        assert_eq!(fields["mobile"].shown.as_deref(), Some("135****9998"));
        assert_eq!(fields["name"].shown, None);
        assert_eq!(serde_json::to_string(&fields).unwrap(), text);
    }
}
