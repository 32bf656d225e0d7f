//! The waiting calls, and whether a stop has ended the waits.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

use super::failure::CallFailure;

/// The waiting calls, and whether a stop has ended the waits.
pub(super) struct Waits {
    /// The number of calls that wait before a retry or a probe.
    pub(super) delayed: AtomicUsize,
    pub(super) increased: Notify,
    pub(super) is_ended: watch::Sender<bool>,
}

/// A guard that counts a call as waiting until it is dropped.
pub(super) struct Delayed<'a>(&'a Waits);

impl<'a> Delayed<'a> {
    pub(super) fn begin(waits: &'a Waits) -> Self {
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
