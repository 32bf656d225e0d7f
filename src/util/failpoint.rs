//! Named places where a test lets the process die, to see that the next run brings everything right.
//!
//! They exist only with the feature `crash-points`, which no release has. `TREATY_CRASH=step.intent:3` ends the process
//! the third time it passes `step.intent`, without any cleaning up.

/// All of them, in the order of a run.
#[cfg(feature = "crash-points")]
pub const POINTS: [&str; 32] = [
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
    "look.found",
    "look.undone",
    "commit.before",
    "commit.after",
    "item.ending",
    "item.ended",
    "file.part",
    "file.placed",
    "report.latest",
    "run.ended",
];

/// A place where a test may let the process die.
#[cfg(feature = "crash-points")]
pub fn failpoint(name: &'static str) {
    use std::sync::{Mutex, OnceLock, PoisonError};
    static WANTED: OnceLock<Option<(String, Mutex<u32>)>> = OnceLock::new();
    debug_assert!(POINTS.contains(&name), "{name} is not on the list");
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("TREATY_CRASH").ok()?;
        let (name, nth) = text.rsplit_once(':')?;
        Some((name.to_owned(), Mutex::new(nth.parse().ok()?)))
    });
    if let Some((wanted, left)) = wanted
        && wanted == name
    {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(1);
        if *left == 0 {
            // No destructor runs, no buffer is flushed: to the files it is as if it was killed.
            std::process::abort();
        }
    }
}

/// Nothing, in every build but the test's.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub const fn failpoint(_: &'static str) {}
