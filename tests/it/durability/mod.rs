//! Lost responses, interrupted runs and injected faults: nothing is duplicated or lost.

pub(crate) mod faults;
pub(crate) mod ledger_version;
pub(crate) mod lost_responses;
mod mismatched_responses;
mod passwords;
pub(crate) mod properties;
mod repeated_calls;
