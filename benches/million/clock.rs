//! A clock that is right to a tenth of a millisecond: the runtime's own ticks in whole ones, and rounds up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// It is looked at so often at least: who comes meanwhile may be due before all others.
const LOOK: Duration = Duration::from_micros(500);

#[derive(Default)]
pub(crate) struct Clock {
    waiting: Mutex<BinaryHeap<Reverse<Due>>>,
}

impl Clock {
    /// Runs until the process ends, on a thread of its own.
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

    /// Waits until then.
    pub(crate) async fn until(&self, at: Instant) {
        let (wake, woken) = oneshot::channel();
        let due = Reverse(Due { at, wake });
        self.waiting.lock().expect("a lock").push(due);
        woken.await.expect("a clock");
    }

    /// Wakes who is due, and says how long nobody else is.
    fn wake(&self) -> Duration {
        let mut waiting = self.waiting.lock().expect("a lock");
        while let Some(first) = waiting.peek_mut() {
            let early = first.0.at.saturating_duration_since(Instant::now());
            if !early.is_zero() {
                return early.min(LOOK);
            }
            // Whoever does not wait any more has hung up.
            let _ = PeekMut::pop(first).0.wake.send(());
        }
        LOOK
    }
}

/// Somebody who waits.
struct Due {
    at: Instant,
    wake: oneshot::Sender<()>,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}
