//! Planning, executing and following runs, against the sandbox in the test process.

pub(crate) mod audit;
pub(crate) mod existing_accounts;
pub(crate) mod forecast;
pub(crate) mod holds;
pub(crate) mod manifests;
pub(crate) mod outage;
pub(crate) mod rate_limit;
pub(crate) mod refusals;
pub(crate) mod reissue;
pub(crate) mod removed_rows;
pub(crate) mod requests;
pub(crate) mod revoke;
pub(crate) mod signing;
pub(crate) mod single_calls;
mod sync;
pub(crate) mod transport;
