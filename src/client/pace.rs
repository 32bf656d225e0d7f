//! The pace: turns that are handed out one by one, evenly spaced, first come first served.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A limit of so many turns a second. Turns do not pile up while nobody wants one, so no second ever sees more.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// A pace of `rate` turns a second.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            next: Mutex::new(None),
        }
    }

    /// Waits for the next turn.
    pub(super) async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + self.interval);
            at
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_even_and_do_not_pile_up() {
        let pace = Pace::new(10.0);
        let begin = Instant::now();
        for _ in 0..31 {
            pace.turn().await;
        }
        assert_eq!(begin.elapsed().as_secs(), 3);
        tokio::time::sleep(Duration::from_mins(1)).await;
        let begin = Instant::now();
        for _ in 0..11 {
            pace.turn().await;
        }
        assert_eq!(begin.elapsed().as_secs(), 1);
    }
}
