//! The identity of a seal in the ledger.

/// The field under which the seal's fingerprint is recorded.
pub(crate) const SEAL_FINGERPRINT: &str = "seal";

/// What a seal is recorded under: no `thirdId` has a line break in it that would not be seen by its own check.
pub fn seal_identity(third_id: &str, alias: &str) -> String {
    format!("{third_id}\n{alias}")
}

/// The `thirdId` of its account, and the alias, of what a seal is recorded under.
pub fn seal_parts(identity: &str) -> (&str, &str) {
    identity.split_once('\n').unwrap_or((identity, ""))
}
