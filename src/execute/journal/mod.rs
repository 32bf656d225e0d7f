//! The journal of an item's steps: each call is made once, however often the run is interrupted.

mod item_journal;
mod probe;
mod probe_result;
mod step;

pub(crate) use item_journal::{ItemJournal, undecided_step};
pub(crate) use probe_result::ProbeResult;
pub(crate) use step::{AttemptError, SETTLE_DELAY, probe_with_delay};
