//! The Postgres database of tests.
//!
//! `TREATY_TEST_POSTGRES` is its address, and `TREATY_LEDGER_PASSWORD` the password of its user:
//! `.ci/postgres` starts one. Its schemas are not removed.

/// Returns the line of a project's settings that puts its ledger into a schema of its own; none if no
/// database is set.
pub(crate) fn new_ledger() -> Option<String> {
    let database = std::env::var("TREATY_TEST_POSTGRES").ok()?;
    let schema = format!("test_{:032x}", fastrand::u128(..));
    Some(format!("ledger: \"{database}?schema={schema}\"\n"))
}
