//! The waits of calls that are not in flight: before a retry or a probe, while their operation is
//! held, and while the endpoint is down. A stop ends the long ones.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::call::Client;
use super::failure::CallFailure;
use super::identity::CallIdentity;

/// The longest wait before a retry that a stop does not end.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// The waiting calls, and whether a stop has ended the waits.
pub(super) struct Waits {
    /// The number of calls that wait before a retry or a probe.
    delayed: AtomicUsize,
    increased: Notify,
    is_ended: watch::Sender<bool>,
}

/// A guard that counts a call as waiting until it is dropped.
struct Delayed<'a>(&'a Waits);

impl<'a> Delayed<'a> {
    fn begin(waits: &'a Waits) -> Self {
        waits.delayed.fetch_add(1, Ordering::Relaxed);
        waits.increased.notify_waiters();
        Self(waits)
    }
}

impl Drop for Delayed<'_> {
    fn drop(&mut self) {
        self.0.delayed.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Waits {
    pub(super) fn new() -> Self {
        Self {
            delayed: AtomicUsize::new(0),
            increased: Notify::new(),
            is_ended: watch::Sender::new(false),
        }
    }

    /// Waits for something that a stop ends.
    ///
    /// # Errors
    ///
    /// [`CallFailure::Stopped`], once the waits are ended.
    pub(super) async fn unless_ended<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, CallFailure> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            never = self.ended() => match never? {},
        }
    }

    async fn ended(&self) -> Result<Infallible, CallFailure> {
        let mut is_ended = self.is_ended.subscribe();
        match is_ended.wait_for(|ended| *ended).await {
            Ok(_) => Err(CallFailure::Stopped),
            // Cannot happen: the sender lives as long as `self`.
            Err(_) => pending().await,
        }
    }
}

impl Client {
    /// Ends the waits of calls that are not in flight: they fail with [`CallFailure::Stopped`], as do
    /// later ones. Calls in flight get their response, and calls that need not wait are sent.
    pub fn end_waits(&self) {
        self.waits.is_ended.send_replace(true);
    }

    /// Waits before the retry of a failed request, and until the retry budget allows the retry.
    ///
    /// # Errors
    ///
    /// [`CallFailure::Stopped`], if a stop ends the wait.
    pub async fn wait(&self, delay: Duration) -> Result<(), CallFailure> {
        self.pause(delay).await?;
        let _delayed = Delayed::begin(&self.waits);
        let withdrawn = self.waits.unless_ended(self.budget.withdraw());
        withdrawn.await
    }

    /// Waits before the retry of a call, and as long as the service requested; but not if it accepts
    /// other calls meanwhile and has not throttled the operation: then at most as long as before any
    /// retry.
    ///
    /// # Errors
    ///
    /// [`CallFailure::Stopped`], if a stop ends the wait.
    pub async fn wait_as_requested(
        &self,
        call: &CallIdentity,
        delay: Duration,
        retry_after: Option<Duration>,
    ) -> Result<(), CallFailure> {
        let longest = self.settings.max_backoff.max(Duration::from_secs(1));
        let end = Instant::now() + delay.max(retry_after.unwrap_or_default());
        let least = Instant::now() + delay;
        loop {
            let now = Instant::now();
            let rest = end.duration_since(now);
            if rest.is_zero() {
                return Ok(());
            }
            self.pause(rest.min(longest)).await?;
            if Instant::now() >= least && self.throttling.is_single(call) {
                return Ok(());
            }
        }
    }

    /// Waits before a retry. A stop ends a long wait.
    async fn pause(&self, delay: Duration) -> Result<(), CallFailure> {
        let _delayed = Delayed::begin(&self.waits);
        if delay <= SHORT_WAIT {
            sleep(delay).await;
            return Ok(());
        }
        self.waits.unless_ended(sleep(delay)).await
    }

    /// Waits before a probe. A stop does not end it: the probe settles the outcome of a request.
    pub async fn delay(&self, delay: Duration) {
        let _delayed = Delayed::begin(&self.waits);
        sleep(delay).await;
    }

    /// Returns the number of calls that wait before a retry or a probe.
    pub fn delayed(&self) -> usize {
        self.waits.delayed.load(Ordering::Relaxed)
    }

    /// Waits until another call is delayed.
    pub async fn another_is_delayed(&self) {
        self.waits.increased.notified().await;
    }
}
