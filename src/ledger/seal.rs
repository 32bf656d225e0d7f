//! The identity of a seal in the ledger.

/// The field under which the seal's fingerprint is recorded.
pub(crate) const SEAL_FINGERPRINT: &str = "seal";

/// Returns the identity of a seal. A line break separates its parts: a valid `thirdId` has none.
pub fn seal_identity(third_id: &str, alias: &str) -> String {
    format!("{third_id}\n{alias}")
}

/// Splits the identity of a seal into its account's `thirdId` and its alias.
pub fn seal_parts(identity: &str) -> (&str, &str) {
    identity.split_once('\n').unwrap_or((identity, ""))
}
