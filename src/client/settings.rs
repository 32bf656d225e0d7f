//! The client's settings and credentials.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use crate::api::operation::Op;

/// The app's credentials. They are sent only to the API, as headers.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The app's id.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: SecretString,
}

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The endpoint, without a slash at the end.
    pub endpoint: String,
    /// The credentials; none for the sandbox in the same process.
    pub credentials: Option<Credentials>,
    /// The rate limit of all operations together, in requests a second; none for no limit.
    pub rate: Option<f64>,
    /// Rate limits of single operations, in requests a second.
    pub operation_rates: BTreeMap<Op, f64>,
    /// The maximum number of requests in flight.
    pub concurrency: NonZeroUsize,
    /// The maximum number of attempts of a call, the first included.
    pub attempts: u32,
    /// The longest delay before the first retry; it doubles with each further one.
    pub backoff: Duration,
    /// The longest delay before any retry.
    pub max_backoff: Duration,
    /// The timeout of an attempt.
    pub timeout: Duration,
    /// The longest time for which an endpoint that has responded before may be down, or throttle
    /// every call, before the run fails.
    pub outage: Duration,
    /// Error codes that mean "slow down".
    pub throttle_codes: Vec<i64>,
}
