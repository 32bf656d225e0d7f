//! The window: how many calls are in flight at the same time. As many as was said; or as many as the service takes
//! without answering much later for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::operation::Op;

/// A window that follows the latency begins with so many places …
const FIRST: usize = 4;
/// … and has never less …
const LEAST: usize = 2;
/// … nor more than these.
pub const WIDEST: usize = 1024;
/// A window of more places than these has no more at first, and one more with each answer: hundreds of connections that are made at
/// once arrive in a heap.
const AT_ONCE: usize = 64;
/// So many answers tell how long an operation takes.
const ANSWERS: u32 = 32;
/// What an operation takes at its best is forgotten slowly, each time that so many have answered: it may have been luck.
const FORGET: f64 = 1.001;
/// While answers take no longer than this, measured by their best, places are added …
const WELL: f64 = 1.5;
/// … and once they take longer than this, places are taken away.
const LATE: f64 = 2.0;

/// Places for calls in flight.
pub(super) struct Window {
    places: Semaphore,
    state: Mutex<State>,
}

struct State {
    size: usize,
    /// Places that are still to be opened.
    closed: usize,
    /// Places that are to be taken away as soon as they are free.
    surplus: usize,
    /// How it follows the latency; none: it does not.
    follows: Option<Latency>,
}

#[derive(Default)]
struct Latency {
    operations: BTreeMap<Op, Answers>,
    /// Answers since the size was looked at last.
    answers: usize,
    /// Whether a call had to wait for a place since then.
    full: bool,
    /// Whether a call was lost or put off since then.
    overload: bool,
}

/// What an operation takes.
#[derive(Default)]
struct Answers {
    sum: f64,
    count: u32,
    /// The mean of the last few, and the best there was.
    means: Option<(f64, f64)>,
}

/// A place, until it is dropped.
pub(super) struct Place<'a> {
    window: &'a Window,
    permit: Option<SemaphorePermit<'a>>,
}

impl Window {
    /// A window of so many places; none: as many as the latency allows.
    pub(super) fn new(size: Option<usize>) -> Self {
        let places = size.unwrap_or(FIRST);
        let open = places.min(AT_ONCE);
        Self {
            places: Semaphore::new(open),
            state: Mutex::new(State {
                size: places,
                closed: places - open,
                surplus: 0,
                follows: size.is_none().then(Latency::default),
            }),
        }
    }

    /// How much can be under way at the same time so that no place stays empty. Where it follows the latency, that is a
    /// little more than there are places: what waits for its turn, or for the ledger, has none.
    pub(super) fn width(&self) -> usize {
        let state = self.state();
        match state.follows {
            None => state.size,
            Some(_) => state.size + state.size / 4 + 1,
        }
    }

    /// Waits for a place; none when there are none any more.
    pub(super) async fn place(&self) -> Option<Place<'_>> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                if let Some(latency) = &mut self.state().follows {
                    latency.full = true;
                }
                self.places.acquire().await.ok()?
            }
        };
        Some(Place {
            window: self,
            permit: Some(permit),
        })
    }

    /// An operation took so long; `overload` when its answer was lost, or the service asked to slow down.
    pub(super) fn answered(&self, op: Op, took: Duration, overload: bool) {
        let mut state = self.state();
        if state.closed > 0 {
            state.closed -= 1;
            self.places.add_permits(1);
        }
        let size = state.size;
        let Some(latency) = &mut state.follows else {
            return;
        };
        latency.note(op, took.as_secs_f64(), overload);
        if latency.answers < size.max(usize::try_from(ANSWERS).unwrap_or(FIRST)) {
            return;
        }
        let next = latency.next(size);
        state.size = next;
        if next >= size {
            let kept = state.surplus.min(next - size);
            state.surplus -= kept;
            self.places.add_permits(next - size - kept);
        } else {
            let taken = self.places.forget_permits(size - next);
            state.surplus += size - next - taken;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; what is in it stays true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.window.state();
        if state.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

impl Latency {
    fn note(&mut self, op: Op, seconds: f64, overload: bool) {
        self.answers += 1;
        self.overload |= overload;
        let answers = self.operations.entry(op).or_default();
        answers.sum += seconds;
        answers.count += 1;
        if answers.count == ANSWERS {
            // What takes less than this is as quick as can be.
            let mean = (answers.sum / f64::from(ANSWERS)).max(1e-4);
            let best = answers
                .means
                .map_or(mean, |(_, best)| mean.min(best * FORGET));
            *answers = Answers {
                means: Some((mean, best)),
                ..Answers::default()
            };
        }
    }

    /// How many places there should be instead of `size`.
    fn next(&mut self, size: usize) -> usize {
        let means = self.operations.values().filter_map(|answers| answers.means);
        let (sum, count) = means.fold((0.0, 0.0), |(sum, count), (mean, best)| {
            (sum + mean / best, count + 1.0)
        });
        let late = if count > 0.0 { sum / count } else { 1.0 };
        let next = if self.overload {
            size / 2
        } else if late > LATE {
            size * 3 / 4
        } else if late < WELL && self.full {
            size + size.isqrt()
        } else {
            size
        };
        (self.answers, self.full, self.overload) = (0, false, false);
        if next <= LEAST {
            // What still takes longer has become slower for good: that is its best from now on.
            self.operations.clear();
        }
        next.clamp(LEAST, WIDEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;
    use tokio::time::{Instant, sleep};

    /// A service that works on so many calls at the same time, each for a while; the others wait.
    struct Service {
        workers: Semaphore,
        takes: Duration,
    }

    impl Service {
        async fn call(&self, window: &Window) {
            let place = window.place().await;
            let begin = Instant::now();
            let worker = self.workers.acquire().await.expect("a worker");
            sleep(self.takes).await;
            drop(worker);
            window.answered(Op::Detail, begin.elapsed(), false);
            drop(place);
        }
    }

    /// Calls as fast as the window allows, for some seconds; calls a second, and the widest that it was.
    async fn rush(window: &Window, service: &Service, seconds: u64) -> (f64, usize) {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut calls = FuturesUnordered::new();
        let (mut count, mut widest) = (0_u32, 0);
        while Instant::now() < end {
            while calls.len() < window.width() {
                calls.push(service.call(window));
            }
            calls.next().await;
            count += 1;
            widest = widest.max(window.state().size);
        }
        while calls.next().await.is_some() {}
        (
            f64::from(count) / f64::from(u32::try_from(seconds).expect("seconds")),
            widest,
        )
    }

    fn service(workers: usize, takes: u64) -> Service {
        Service {
            workers: Semaphore::new(workers),
            takes: Duration::from_millis(takes),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_service_is_not_waited_for() {
        // Nothing but the number of workers bounds it: 200 at a time, each for 20 ms.
        let (window, service) = (Window::new(None), service(200, 20));
        rush(&window, &service, 5).await;
        let (rate, _) = rush(&window, &service, 10).await;
        assert!(rate > 0.95 * 200.0 / 0.02, "{rate}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_service_is_not_piled_upon() {
        let (window, busy) = (Window::new(None), service(8, 100));
        let (_, widest) = rush(&window, &busy, 120).await;
        assert!(widest <= 8 * 3, "{widest}");
        let (rate, _) = rush(&window, &busy, 60).await;
        assert!(rate > 0.95 * 8.0 / 0.1, "{rate}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_becomes_slower_gets_fewer() {
        let (window, fast, slow) = (Window::new(None), service(64, 20), service(4, 500));
        rush(&window, &fast, 10).await;
        let before = window.width();
        rush(&window, &slow, 120).await;
        let after = window.width();
        assert!(before > 64 && after <= before / 2, "{before} → {after}");
        rush(&window, &fast, 20).await;
        assert!(window.width() > 64, "and comes back: {}", window.width());
    }

    #[tokio::test(start_paused = true)]
    async fn lost_answers_halve_it_and_its_places_are_counted_right() {
        let window = Window::new(None);
        let places: Vec<_> = futures::future::join_all((0..FIRST).map(|_| window.place())).await;
        for _ in 0..ANSWERS {
            window.answered(Op::Detail, Duration::from_secs(30), true);
        }
        assert_eq!(window.state().size, FIRST / 2);
        drop(places);
        assert_eq!(window.places.available_permits(), FIRST / 2);
        let fixed = Window::new(Some(3));
        for _ in 0..100 {
            fixed.answered(Op::Detail, Duration::from_secs(30), true);
        }
        assert_eq!((fixed.width(), fixed.places.available_permits()), (3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn many_places_open_one_by_one() {
        let window = Window::new(Some(200));
        assert_eq!(
            (window.places.available_permits(), window.width()),
            (AT_ONCE, 200)
        );
        for _ in 0..1000 {
            window.answered(Op::Detail, Duration::from_millis(10), false);
        }
        assert_eq!(window.places.available_permits(), 200);
        let (window, busy) = (Window::new(Some(200)), service(1000, 100));
        let (rate, _) = rush(&window, &busy, 10).await;
        assert!(
            rate > 0.97 * 200.0 / 0.1,
            "it is open within moments: {rate}"
        );
    }
}
