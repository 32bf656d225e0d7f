//! The step journal of an item: each call takes effect once, however often the run is interrupted.

mod attempt;
mod item_journal;
mod probe;
mod probe_result;
mod step;

pub(crate) use attempt::{AttemptError, SETTLE_DELAY, probe_with_delay};
pub(crate) use item_journal::{ItemJournal, undecided_step};
pub(crate) use probe_result::ProbeResult;
