//! The limit of requests in flight: tokio's FIFO semaphore. While the client is slowed down, some
//! slots are withheld.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A limit of requests in flight.
pub(super) struct ConcurrencyLimiter {
    limit: usize,
    semaphore: Semaphore,
    withheld: Mutex<Withheld>,
}

/// The numbers of withheld slots.
#[derive(Default)]
struct Withheld {
    /// Slots taken out of the semaphore.
    taken: usize,
    /// Slots in use, to be taken out when they are released.
    due: usize,
}

/// A slot for one request in flight. Dropping it releases the slot.
pub(super) struct Slot<'a> {
    limiter: &'a ConcurrencyLimiter,
    permit: Option<SemaphorePermit<'a>>,
}

impl ConcurrencyLimiter {
    /// Creates a limiter of `limit` requests in flight.
    pub(super) fn new(limit: NonZeroUsize) -> Self {
        Self {
            limit: limit.get(),
            semaphore: Semaphore::new(limit.get()),
            withheld: Mutex::default(),
        }
    }

    /// Returns the maximum number of requests in flight.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a slot, in FIFO order.
    pub(super) async fn acquire(&self) -> Slot<'_> {
        let permit = self.semaphore.acquire().await;
        Slot {
            limiter: self,
            permit: Some(permit.expect("the semaphore is never closed")),
        }
    }

    /// Restricts the limit to a share, at least one request, and returns the result. Requests in
    /// flight are not affected.
    pub(super) fn restrict(&self, factor: f64) -> usize {
        // The limit is a small number, and the result is not negative.
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let allowed = ((self.limit as f64 * factor) as usize).clamp(1, self.limit);
        let target = self.limit - allowed;
        let mut withheld = self.withheld();
        let total = withheld.taken + withheld.due;
        if target >= total {
            let more = target - total;
            let taken = self.semaphore.forget_permits(more);
            withheld.taken += taken;
            withheld.due += more - taken;
        } else {
            let fewer = total - target;
            let not_due = fewer.min(withheld.due);
            withheld.due -= not_due;
            withheld.taken -= fewer - not_due;
            self.semaphore.add_permits(fewer - not_due);
        }
        allowed
    }

    fn withheld(&self) -> MutexGuard<'_, Withheld> {
        // No code panics while it holds the lock, so the state stays consistent.
        self.withheld.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut withheld = self.limiter.withheld();
        if withheld.due > 0
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            withheld.due -= 1;
            withheld.taken += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn restricting_withholds_slots_in_use_when_they_are_released() {
        let limiter = ConcurrencyLimiter::new(NonZeroUsize::new(8).expect("positive"));
        let acquire = || limiter.acquire().now_or_never();
        let mut slots: Vec<_> = (0..6).map(|_| acquire().expect("a slot")).collect();
        assert_eq!(limiter.restrict(0.25), 2);
        assert!(acquire().is_none());
        slots.truncate(2);
        assert!(acquire().is_none(), "two are in flight");
        slots.truncate(1);
        let second = acquire().expect("a slot");
        assert!(acquire().is_none());
        assert_eq!(limiter.restrict(1.0), 8);
        let more: Vec<_> = (0..6).map(|_| acquire().expect("a slot")).collect();
        assert!(acquire().is_none());
        drop((slots, second, more));
        assert_eq!(limiter.semaphore.available_permits(), 8);
    }

    #[test]
    fn one_slot_is_always_left() {
        let limiter = ConcurrencyLimiter::new(NonZeroUsize::MIN);
        assert_eq!(limiter.restrict(0.01), 1);
        assert!(limiter.acquire().now_or_never().is_some());
    }
}
