//! A timer with a precision of 0.1 ms. The timer of tokio has whole milliseconds and rounds up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// The maximum sleep between two checks: a new waiter may be due before all others.
const MAX_SLEEP: Duration = Duration::from_micros(500);

#[derive(Default)]
pub(crate) struct Clock {
    waiters: Mutex<BinaryHeap<Reverse<Waiter>>>,
}

impl Clock {
    /// Starts the clock on its own thread. It runs until the process ends.
    pub(crate) fn start() -> Arc<Self> {
        let clock = Arc::new(Self::default());
        let own = clock.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(own.wake());
            }
        });
        clock
    }

    /// Waits until a moment.
    pub(crate) async fn until(&self, at: Instant) {
        let (wake, woken) = oneshot::channel();
        let waiter = Reverse(Waiter { at, wake });
        self.waiters.lock().expect("a lock").push(waiter);
        woken.await.expect("a clock");
    }

    /// Wakes all due waiters. Returns the time to the next check.
    fn wake(&self) -> Duration {
        let mut waiters = self.waiters.lock().expect("a lock");
        while let Some(first) = waiters.peek_mut() {
            let remaining = first.0.at.saturating_duration_since(Instant::now());
            if !remaining.is_zero() {
                return remaining.min(MAX_SLEEP);
            }
            // The receiver is gone if the request was cancelled.
            let _ = PeekMut::pop(first).0.wake.send(());
        }
        MAX_SLEEP
    }
}

/// A waiting task.
struct Waiter {
    at: Instant,
    wake: oneshot::Sender<()>,
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Waiter {}
