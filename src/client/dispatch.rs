//! The dispatcher: waits for the limits, sends a request, and applies the timeout.
//!
//! A request waits for a permit of its operation's rate limit, for a slot in flight, and,
//! immediately before it is sent, for a permit of the rate limit of all operations. It keeps the
//! locks of both rate limits until then, so that no permit is taken in one second and used in the
//! next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::concurrency::{ConcurrencyLimiter, Slot};
use super::event::Throttle;
use super::failure::{CallFailure, LossCause};
use super::hold::Holds;
use super::rate_limit::RateLimiter;
use super::settings::Settings;
use super::slowdown::{Signal, Slowdown};
use super::transport::{Transport, TransportError};
use crate::api::operation::Op;

/// Sends requests within the limits.
pub(super) struct Dispatcher {
    transport: Arc<dyn Transport>,
    rate: Option<Rate>,
    operation_rates: BTreeMap<Op, RateLimiter>,
    concurrency: ConcurrencyLimiter,
    slowdown: Slowdown,
    /// The operations that the service asked not to call for a while.
    pub(super) holds: Holds,
    timeout: Duration,
}

/// The rate limit of all operations.
struct Rate {
    limit: f64,
    limiter: RateLimiter,
    /// Operations without their own limit queue here first, so that an operation with a limit waits
    /// behind at most one of them and reaches its rate.
    unlimited_operations: Mutex<()>,
}

impl Dispatcher {
    /// Creates a dispatcher with the limits of the settings.
    pub(super) fn new(transport: Arc<dyn Transport>, settings: &Settings) -> Self {
        let rate = |limit: f64| Rate {
            limit,
            limiter: RateLimiter::new(limit),
            unlimited_operations: Mutex::default(),
        };
        let operation_rates = settings.operation_rates.iter();
        Self {
            transport,
            rate: settings.rate.map(rate),
            operation_rates: operation_rates
                .map(|(op, limit)| (*op, RateLimiter::new(*limit)))
                .collect(),
            concurrency: ConcurrencyLimiter::new(settings.concurrency),
            slowdown: Slowdown::default(),
            holds: Holds::default(),
            timeout: settings.timeout,
        }
    }

    /// Returns the maximum number of requests in flight.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency.limit()
    }

    /// Waits until all limits allow a call of an operation, and returns its slot in flight. If
    /// `may_send` returns false by then, returns none and takes no permit of the common rate limit.
    pub(super) async fn acquire_slot(
        &self,
        op: Op,
        may_send: impl Fn() -> bool,
    ) -> Option<Slot<'_>> {
        let mut own = match self.operation_rates.get(&op) {
            Some(limiter) => Some(limiter.queue().await),
            None => None,
        };
        if let Some(own) = &mut own {
            own.take_permit(&self.slowdown).await;
        }
        let Some(rate) = &self.rate else {
            return Some(self.slot().await).filter(|_| may_send());
        };
        let _unlimited = match own {
            Some(_) => None,
            None => Some(rate.unlimited_operations.lock().await),
        };
        let mut queue = rate.limiter.queue().await;
        let slot = self.slot().await;
        if !may_send() {
            return None;
        }
        queue.take_permit(&self.slowdown).await;
        Some(slot)
    }

    /// Sends a request that has a slot, and waits for the response up to the timeout.
    pub(super) async fn send(&self, slot: Slot<'_>, request: Request<Bytes>) -> SendResult {
        let uri = request.uri().clone();
        let response = timeout(self.timeout, self.transport.send(request)).await;
        drop(slot);
        self.adapt();
        match response {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(TransportError::NotSent(problem))) => Err(CallFailure::NotSent(problem)),
            Ok(Err(TransportError::LeaseLost(holder))) => Err(CallFailure::LeaseLost(holder)),
            Ok(Err(TransportError::Disconnected(why))) => {
                Err(CallFailure::lost(why, LossCause::Disconnected))
            }
            Ok(Err(TransportError::Unreadable(problem))) => {
                let why = format!("{problem}; {}", t!(problem.hint));
                Err(CallFailure::lost(why, LossCause::Unreadable))
            }
            Err(_) => {
                let host = uri.host().unwrap_or_default();
                let seconds = self.timeout.as_secs_f64();
                let why = t!(
                    "no response from %{host} within %{seconds} s",
                    host = host,
                    seconds = seconds
                )
                .into_owned();
                Err(CallFailure::lost(why, LossCause::TimedOut))
            }
        }
    }

    /// Sends an upload or a download. Only the limit of requests in flight applies.
    pub(super) async fn transfer(&self, request: Request<Bytes>) -> SendResult {
        let slot = self.slot().await;
        self.send(slot, request).await
    }

    /// Slows down: reduces the rate if one is configured, otherwise the requests in flight. Returns
    /// the new limits if the client was not slowed down before.
    pub(super) fn slow_down(&self, signal: Signal) -> Option<Throttle> {
        let is_first = self.slowdown.record(signal);
        let factor = self.slowdown.factor();
        let in_flight = match self.rate {
            Some(_) => self.concurrency.limit(),
            None => self.concurrency.restrict(factor),
        };
        is_first.then(|| Throttle {
            rate: self.rate.as_ref().map(|rate| rate.limit * factor),
            in_flight,
        })
    }

    async fn slot(&self) -> Slot<'_> {
        self.adapt();
        let slot = self.concurrency.acquire().await;
        self.slowdown.wait_for_pause().await;
        slot
    }

    /// Releases withheld slots as the slowdown passes.
    fn adapt(&self) {
        if self.rate.is_none() {
            self.concurrency.restrict(self.slowdown.factor());
        }
    }
}

/// The response to a request, or the reason why there is none.
pub(super) type SendResult = Result<Response<Bytes>, CallFailure>;
