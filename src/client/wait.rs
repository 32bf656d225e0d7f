//! The waits of calls that are not in flight: before a retry or a probe, while their operation is
//! held, and while the endpoint is down. A stop ends the long ones.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::call::Client;
use super::failure::CallFailure;
use super::identity::CallIdentity;
use super::waits::Delayed;

/// The longest wait before a retry that a stop does not end.
const SHORT_WAIT: Duration = Duration::from_secs(5);
/// The longest wait before a retry that may begin after a stop.
const LAST_WAIT: Duration = Duration::from_secs(1);

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
        self.pause(delay, delay > SHORT_WAIT).await?;
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
        let began = Instant::now();
        let whole = delay.max(retry_after.unwrap_or_default());
        // The whole wait, not its parts.
        let is_long = whole > SHORT_WAIT;
        loop {
            let rest = whole.saturating_sub(began.elapsed());
            if rest.is_zero() {
                return Ok(());
            }
            self.pause(rest.min(longest), is_long).await?;
            if began.elapsed() >= delay && self.throttling.is_single(call) {
                return Ok(());
            }
        }
    }

    /// Waits before a retry. A stop ends a long wait, and short ones that begin after it.
    async fn pause(&self, delay: Duration, is_long: bool) -> Result<(), CallFailure> {
        let _delayed = Delayed::begin(&self.waits);
        let is_ended = *self.waits.is_ended.borrow();
        if !is_long && (!is_ended || delay <= LAST_WAIT) {
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
