//! Typed events of the client, for progress and counters.

use std::time::Duration;

use super::failure::Failure;
use crate::api::operation::Op;

/// One attempt of a call, once it has ended.
#[derive(Debug, Clone)]
pub struct CallEvent {
    /// The operation.
    pub op: Op,
    /// The time from sending to the end, without the wait for permits.
    pub took: Duration,
    /// The failure, if it failed.
    pub failure: Option<Failure>,
    /// The delay before the next attempt; none when there is none.
    pub retry_in: Option<Duration>,
}

/// An event between the client and the endpoint.
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
    /// The circuit breaker closed: the endpoint answers again.
    Resumed {
        /// How long it did not answer.
        after: Duration,
    },
    /// The client slows down, since the service throttles it or fails too often.
    Throttled(Throttle),
}

/// The limits that hold while the client is slowed down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// Requests a second; none without a configured rate.
    pub rate: Option<f64>,
    /// Requests in flight.
    pub in_flight: usize,
    /// No request is sent for this long.
    pub pause: Option<Duration>,
}
