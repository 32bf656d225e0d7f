//! The pace: turns that are handed out one by one, evenly spaced, first come first served. Whoever was late for his turn
//! does not make a second fuller for it: departures are counted once more, at the moment at which a connection has the
//! request.
//!
//! A service that says "slow down" halves it at once; it comes back step by step.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// One "slow down" counts for all that come within so long: they answer calls of the same pace.
const ONE_BURST: Duration = Duration::from_secs(1);
/// What a limit is counted over.
const SECOND: Duration = Duration::from_secs(1);
/// The share of a limit for which turns are handed out. The rest makes up for unevenness: what leaves evenly arrives a few
/// milliseconds sooner or later; and departures, which are counted against the whole limit, hardly ever have to wait for those of
/// the second before. If they always had, each second would repeat the crowds and gaps of the one before, and add its own.
const SHARE: f64 = 0.995;
/// Turns that nobody took are made up for, if they are not older than this.
const MADE_UP: Duration = Duration::from_millis(50);
/// Whoever leaves later after his turn than this, and than so many turns take, takes another's. At a slow pace a wait for the limit
/// of all is soon a turn long, and no crowd.
const LATE: Duration = Duration::from_millis(50);
const LATE_TURNS: f64 = 32.0;
/// Whoever is late leaves so much faster than the limit at most: a burst would come again in every second, since each lets out
/// as many as the one before has let go.
const HURRY: f64 = 1.05;
/// Those who are about to leave are looked at again after so long.
const ABOUT_TO_LEAVE: Duration = Duration::from_millis(1);
/// The share of its limit that a slowed pace regains each second.
const REGAIN: f64 = 0.05;
/// A pace without a limit grows by this factor each second, once it was slowed.
const GROW: f64 = 1.1;
/// The slowest, as a share of the limit.
const SLOWEST: f64 = 1.0 / 32.0;
/// The slowest without a limit, in turns a second.
const SLOWEST_WITHOUT: f64 = 1.0;
/// A pace without a limit that has grown so far is none.
const NO_PACE: f64 = 10_000.0;

/// A limit of calls a second. Turns do not pile up while nobody wants one.
#[derive(Debug)]
pub(super) struct Pace {
    /// Departures in any second; none: no limit.
    limit: Option<f64>,
    /// Turns a second, unless it was slowed; none: no limit, until the service asks to slow down.
    own: Option<f64>,
    state: Arc<Mutex<State>>,
}

/// A request that may leave. It leaves when this is dropped, which is up to the wire: between its turn and the moment at
/// which a connection takes it, time may pass.
#[derive(Debug, Default)]
pub struct Departure(Vec<Leaving>);

/// A place among those who are about to leave.
#[derive(Debug)]
struct Leaving(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Turns a second now.
    rate: Option<f64>,
    next: Option<Instant>,
    /// When it was slowed or has regained last; none at its own pace.
    changed: Option<Instant>,
    /// When it was slowed last.
    slowed: Option<Instant>,
    /// How often it was slowed or held.
    bursts: u64,
    /// No turn before this.
    held: Option<Instant>,
    /// Departures within the last second.
    gone: VecDeque<Instant>,
    /// When the next one can leave.
    line: Option<Instant>,
    /// Those who are about to leave.
    leaving: usize,
    /// The turns of this second and of the one before, and when it began.
    counted: (u32, u32, Option<Instant>),
}

impl Pace {
    /// A pace of nearly `limit` calls a second.
    pub(super) fn new(limit: Option<f64>) -> Self {
        let own = limit.map(|limit| limit * SHARE);
        Self {
            limit,
            own,
            state: Arc::new(Mutex::new(State {
                rate: own,
                next: None,
                changed: None,
                slowed: None,
                bursts: 0,
                held: None,
                gone: VecDeque::new(),
                line: None,
                leaving: 0,
                counted: (0, 0, None),
            })),
        }
    }

    /// Whether there is a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Waits for the next turn.
    pub(super) async fn turn(&self) {
        loop {
            let burst = self.wait_for_turn().await;
            // Whoever had his turn already when the service asked to slow down takes another.
            if self.state().bursts == burst {
                return;
            }
        }
    }

    /// Lets one leave whose turn it was at a moment, once the limit allows it.
    pub(super) async fn depart(&self, turned: Instant, departure: &mut Departure) {
        let Some(limit) = self.limit else { return };
        let mut at = self.state().line_up(limit, Instant::now());
        loop {
            sleep_until(at).await;
            let now = Instant::now();
            let mut state = self.state();
            match state.depart(limit, now) {
                Ok(()) => {
                    state.note_late(now - turned);
                    return departure.0.push(Leaving(self.state.clone()));
                }
                Err(later) => at = later,
            }
        }
    }

    /// Waits for a turn, and tells how often the service had asked to slow down when it was handed out.
    async fn wait_for_turn(&self) -> u64 {
        let now = Instant::now();
        let (at, burst) = {
            let mut state = self.state();
            state.regain(self.own, now);
            state.count(now);
            let earliest = now.checked_sub(MADE_UP).unwrap_or(now);
            let at = state.next.map_or(now, |next| next.max(earliest));
            state.next = state
                .rate
                .map(|rate| at + Duration::from_secs_f64(1.0 / rate))
                .or(state.next);
            (at, state.bursts)
        };
        if at > now {
            sleep_until(at).await;
        }
        burst
    }

    /// The service asks to slow down, and perhaps to wait. Gives the new pace, where it changes.
    pub(super) fn slow_down(&self, after: Option<Duration>) -> Option<f64> {
        let mut state = self.state();
        let now = Instant::now();
        let same_burst = state.slowed.is_some_and(|slowed| now - slowed < ONE_BURST);
        if after.is_some() || !same_burst {
            // Turns that are waited for are given out anew, from here on.
            state.bursts += 1;
            let held = after.map_or(now, |after| now + after);
            state.held = state.held.max(Some(held));
            state.next = state.held;
        }
        if same_burst {
            return None;
        }
        let (this, before, _) = state.counted;
        let slowest = self.own.map_or(SLOWEST_WITHOUT, |own| own * SLOWEST);
        let was = state.rate.unwrap_or_else(|| f64::from(this.max(before)));
        let rate = (was / 2.0).max(slowest);
        state.rate = Some(rate);
        state.next = state
            .next
            .map(|next| next + Duration::from_secs_f64(1.0 / rate));
        (state.slowed, state.changed) = (Some(now), Some(now));
        Some(rate)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        state(&self.state)
    }
}

fn state(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing panics while it is held; what is in it stays true.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut state = state(&self.0);
        state.leaving -= 1;
        state.gone.push_back(Instant::now());
    }
}

impl State {
    /// When one more can leave after those who came before him.
    fn line_up(&mut self, limit: f64, now: Instant) -> Instant {
        let at = self.line.map_or(now, |line| line.max(now));
        self.line = Some(at + Duration::from_secs_f64(1.0 / (HURRY * limit)));
        at
    }

    /// Lets one more be about to leave; an error tells when that can be.
    fn depart(&mut self, limit: f64, now: Instant) -> Result<(), Instant> {
        while self.gone.front().is_some_and(|gone| now - *gone >= SECOND) {
            self.gone.pop_front();
        }
        // A count of calls is far below 2^32.
        let count = u32::try_from(self.gone.len() + self.leaving).unwrap_or(u32::MAX);
        // What is over of an uneven limit is one more in some seconds: turns alone keep that.
        if f64::from(count) < limit.ceil() {
            self.leaving += 1;
            return Ok(());
        }
        let soon = now + ABOUT_TO_LEAVE;
        Err(self.gone.front().map_or(soon, |first| *first + SECOND))
    }

    /// Whoever leaves long after his turn leaves in another's: otherwise those who have had theirs would be more and more, and
    /// all would leave as the limit lets them, and not evenly.
    fn note_late(&mut self, late: Duration) {
        let (Some(next), Some(rate)) = (&mut self.next, self.rate) else {
            return;
        };
        if late > LATE && late.as_secs_f64() * rate > LATE_TURNS {
            *next += Duration::from_secs_f64(1.0 / rate);
        }
    }

    /// Comes back to its own pace, second by second.
    fn regain(&mut self, own: Option<f64>, now: Instant) {
        let (Some(changed), Some(rate)) = (self.changed, self.rate) else {
            return;
        };
        let seconds = (now - changed).as_secs();
        if seconds == 0 {
            return;
        }
        // Longer than this no pace takes to come back.
        let steps = f64::from(u32::try_from(seconds).unwrap_or(u32::MAX).min(1000));
        let rate = match own {
            Some(own) => own.min(rate + own * REGAIN * steps),
            None => rate * GROW.powf(steps),
        };
        self.changed = Some(changed + Duration::from_secs(seconds));
        self.rate = Some(rate);
        if own.is_some_and(|own| rate >= own) {
            self.changed = None;
        } else if own.is_none() && rate >= NO_PACE {
            (self.rate, self.next, self.changed) = (None, None, None);
        }
    }

    fn count(&mut self, now: Instant) {
        let (this, _, began) = &mut self.counted;
        match began {
            Some(began) if now - *began < Duration::from_secs(1) => *this += 1,
            _ => self.counted = (1, *this, Some(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seconds(pace: &Pace, turns: u32) -> f64 {
        let begin = Instant::now();
        for _ in 0..turns {
            pace.turn().await;
        }
        begin.elapsed().as_secs_f64()
    }

    async fn departure(pace: &Pace) -> Departure {
        let mut departure = Departure::default();
        pace.depart(Instant::now(), &mut departure).await;
        departure
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_even_and_do_not_pile_up() {
        let pace = Pace::new(Some(10.0));
        assert!((3.0..3.1).contains(&seconds(&pace, 31).await));
        tokio::time::sleep(Duration::from_mins(1)).await;
        let made_up = MADE_UP.as_secs_f64();
        assert!((1.0 - made_up..1.1).contains(&seconds(&pace, 11).await));
    }

    /// A limit by the minute need not be a whole number of turns a second.
    #[tokio::test(start_paused = true)]
    async fn departures_do_not_slow_an_uneven_limit_down() {
        for limit in [100.0 / 60.0, 2.5, 3.0, 7.0] {
            let pace = Pace::new(Some(limit));
            let begin = Instant::now();
            for _ in 0..=100 {
                pace.turn().await;
                drop(departure(&pace).await);
            }
            let mean = 100.0 / begin.elapsed().as_secs_f64() / limit;
            assert!((0.99..=1.0).contains(&mean), "{limit}: {mean}");
        }
    }

    /// After a halt, those who were held up leave faster than others; that must not come again in every second.
    #[tokio::test(start_paused = true)]
    async fn a_halt_is_soon_forgotten() {
        let pace = Pace::new(Some(1000.0));
        let begin = Instant::now();
        let mut left = Vec::new();
        while begin.elapsed() < Duration::from_secs(15) {
            pace.turn().await;
            if left.len() == 1500 {
                tokio::time::advance(Duration::from_millis(40)).await;
            }
            drop(departure(&pace).await);
            left.push(begin.elapsed().as_millis());
        }
        let fourteenth = left.iter().filter(|at| **at >= 14_000);
        let mut each = [0; 50];
        for at in fourteenth {
            each[usize::try_from((at - 14_000) / 20).expect("few").min(49)] += 1;
        }
        assert!(each.iter().all(|left| (18..=22).contains(left)), "{each:?}");
    }

    /// Who waits for a connection has his turn for nothing: as many more would go on to leave late.
    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_late_takes_anothers_turn() {
        let pace = Pace::new(Some(100.0));
        let begin = Instant::now();
        for _ in 0..100 {
            pace.turn().await;
        }
        for _ in 0..50 {
            let mut departure = Departure::default();
            pace.depart(begin, &mut departure).await;
        }
        let asked = Instant::now();
        pace.turn().await;
        assert!(asked.elapsed() >= Duration::from_millis(40));
        let turned = Instant::now();
        pace.turn().await;
        assert!(turned.elapsed() <= Duration::from_millis(11));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_are_late_leave_one_after_the_other() {
        let pace = Pace::new(Some(10.0));
        let mut left = Vec::new();
        for nth in 1..=30 {
            pace.turn().await;
            // All of a second are held up until its end.
            if nth % 10 == 0 {
                for _ in 0..10 {
                    drop(departure(&pace).await);
                    left.push(Instant::now());
                }
            }
        }
        for pair in left.windows(2) {
            assert!(pair[1].duration_since(pair[0]) >= Duration::from_millis(90));
        }
        for full in left.windows(11) {
            assert!(full[10].duration_since(full[0]) >= SECOND);
        }
    }

    /// A connection that is made takes its time; whoever waits for it leaves late, and others not meanwhile.
    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_a_connection_do_not_make_a_second_fuller() {
        let pace = Pace::new(Some(10.0));
        let mut waiting = Vec::new();
        for _ in 0..6 {
            pace.turn().await;
            waiting.push(departure(&pace).await);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let connected = Instant::now();
        waiting.clear();
        for _ in 0..4 {
            pace.turn().await;
            drop(departure(&pace).await);
        }
        assert!(connected.elapsed() < Duration::from_secs(1));
        pace.turn().await;
        drop(departure(&pace).await);
        let eleventh = connected.elapsed().as_secs_f64();
        assert!((1.0..1.1).contains(&eleventh), "{eleventh}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_is_halved_at_once_and_comes_back_slowly() {
        let pace = Pace::new(Some(10.0));
        seconds(&pace, 10).await;
        assert_eq!(pace.slow_down(None), Some(5.0 * SHARE));
        assert_eq!(pace.slow_down(None), None, "the same burst");
        let slow = seconds(&pace, 11).await;
        assert!((1.8..2.3).contains(&slow), "{slow}");
        seconds(&pace, 80).await;
        let full = seconds(&pace, 100).await;
        assert!((9.9..10.2).contains(&full), "{full}");
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            pace.slow_down(None);
        }
        assert!(seconds(&pace, 2).await < 6.5, "it never stands still");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_the_pace_is_found_by_asking_to_slow_down() {
        let pace = Pace::new(None);
        assert!(seconds(&pace, 1000).await < 0.1);
        assert_eq!(pace.slow_down(Some(Duration::from_secs(7))), Some(500.0));
        let begin = Instant::now();
        pace.turn().await;
        assert_eq!(begin.elapsed().as_secs(), 7, "as long as was asked for");
        let slow = seconds(&pace, 500).await;
        assert!((0.4..1.1).contains(&slow), "{slow}");
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert!(
            seconds(&pace, 100_000).await < 0.1,
            "and at last there is none"
        );
    }
}
