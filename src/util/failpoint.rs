//! Failpoints: named places at which a test kills the process, to check that the next run recovers.
//!
//! They exist only with the feature `crash-points`, which no release has.
//! `TREATY_CRASH=step.intent:3` aborts the process when it reaches `step.intent` for the third
//! time, without cleanup.

/// The names of all failpoints, in the order of a run.
#[cfg(feature = "crash-points")]
pub const FAILPOINTS: [&str; 32] = [
    "ledger.filled",
    "ledger.placed",
    "lease.taken",
    "run.begun",
    "upload.put",
    "account.intent",
    "account.answered",
    "account.recorded",
    "account.granted",
    "seal.intent",
    "seal.answered",
    "seal.recorded",
    "template.answered",
    "template.recorded",
    "item.begun",
    "spare.answered",
    "spare.receipt",
    "step.begin",
    "step.intent",
    "step.answered",
    "step.receipt",
    "step.deferred",
    "probe.found",
    "probe.undone",
    "commit.before",
    "commit.after",
    "item.ending",
    "item.ended",
    "file.part",
    "file.placed",
    "report.latest",
    "run.ended",
];

/// Aborts the process if `TREATY_CRASH` selects this failpoint and its count is reached.
#[cfg(feature = "crash-points")]
pub fn failpoint(name: &'static str) {
    use std::sync::{Mutex, OnceLock, PoisonError};
    static SELECTED: OnceLock<Option<(String, Mutex<u32>)>> = OnceLock::new();
    debug_assert!(FAILPOINTS.contains(&name), "{name} is not on the list");
    let selected = SELECTED.get_or_init(|| {
        let text = std::env::var("TREATY_CRASH").ok()?;
        let (name, nth) = text.rsplit_once(':')?;
        Some((name.to_owned(), Mutex::new(nth.parse().ok()?)))
    });
    if let Some((selected, remaining)) = selected
        && selected == name
    {
        let mut remaining = remaining.lock().unwrap_or_else(PoisonError::into_inner);
        *remaining = remaining.saturating_sub(1);
        if *remaining == 0 {
            // Like a kill: no destructor runs and no buffer is flushed.
            std::process::abort();
        }
    }
}

/// Does nothing without the feature `crash-points`.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub const fn failpoint(_: &'static str) {}
