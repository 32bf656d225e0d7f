//! Typed events of the client, for progress and counters.

use std::time::Duration;

use jiff::Timestamp;

use super::failure::CallFailure;
use crate::api::operation::Op;

/// A finished attempt of a call.
#[derive(Debug, Clone)]
pub struct CallEvent {
    /// The operation.
    pub op: Op,
    /// The time from sending the request to the end, without the wait for permits.
    pub took: Duration,
    /// The failure, if it failed.
    pub failure: Option<CallFailure>,
    /// The delay before the next attempt; none if there is none.
    pub retry_in: Option<Duration>,
}

/// An event of the client.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// An attempt of a call ended.
    Call(CallEvent),
    /// The circuit breaker opened: calls wait, and one at a time tests the endpoint.
    Paused {
        /// The last failure.
        why: String,
        /// The delay until the next test.
        pause: Duration,
    },
    /// The circuit breaker closed: the endpoint responds again.
    Resumed {
        /// The duration of the outage.
        after: Duration,
    },
    /// The service asked to send no call of an operation for a while.
    Held {
        /// The operation.
        op: Op,
        /// The end of the hold.
        until: Timestamp,
    },
    /// The client slows down, because the service throttles it or fails most requests.
    Throttled(Throttle),
}

/// The limits while the client is slowed down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// The rate in requests a second; none if no rate is configured.
    pub rate: Option<f64>,
    /// The maximum number of requests in flight.
    pub in_flight: usize,
}
