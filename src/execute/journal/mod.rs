//! The journal of an item's steps: each call is made once, however often the run is interrupted.

mod item_journal;
mod probe;
mod probe_result;
mod step;

pub(crate) use item_journal::{Steps, undecided};
pub(crate) use probe_result::Seen;
pub(crate) use step::{Once, SETTLING, settled};
