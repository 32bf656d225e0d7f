//! Lost responses, interrupted runs and injected faults: nothing is duplicated or lost.

pub(crate) mod faults;
pub(crate) mod lost_responses;
mod mixed_up;
pub(crate) mod properties;
