//! One sync from its begin to its end: which item is visited next, and how those stand that were.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::options::{ENDINGS, Sync, SyncMode, Wait};
use super::schedule::{Schedule, patience, pause};
use crate::address::{Address, is_selected};
use crate::execute::{Clock, Event, ItemOutcome, StepError, SyncStats};
use crate::ledger::{EntityId, Failure, ItemStatus, KnownItem, LedgerError, Write};
use crate::plan::Fatal;

/// Callbacks are looked for so often.
const INBOX: Duration = Duration::from_secs(1);
/// So many are read at once.
const NOTICES: u32 = 256;
/// Progress is told so often.
const TOLD: Duration = Duration::from_secs(1);
/// Nobody waits for what is later than that.
const LONG: Duration = Duration::from_hours(24);

/// How an item stood after its last visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PollResult {
    Is(ItemStatus),
    Failed,
    InDoubt,
}

pub(crate) struct SyncLoop<'a> {
    sync: &'a Sync<'a>,
    clock: Clock,
    begun: Instant,
    /// Items that were under way at its begin.
    total: u64,
    schedule: Schedule,
    results: HashMap<EntityId, PollResult>,
    /// How often in a row the visits of an item have failed.
    failing: HashMap<EntityId, u32>,
    /// Callbacks by their items, which are visited soon.
    notices: HashMap<EntityId, Vec<i64>>,
    /// Items that are visited right now: what is told meanwhile may be newer than what the visit finds.
    visited: HashSet<EntityId>,
    /// Callbacks that are handled, which the ledger may not show yet.
    handled: HashSet<i64>,
    inbox_read: Option<Instant>,
    told: Option<Instant>,
    endings: Vec<(Address, Failure)>,
}

impl<'a> SyncLoop<'a> {
    pub(crate) fn begin(sync: &'a Sync<'a>, clock: Clock) -> Result<Self, LedgerError> {
        let begun = Instant::now();
        let mut schedule = Schedule::default();
        let mut total = 0;
        if !matches!(sync.course, SyncMode::FromCallbacks(_)) {
            sync.records.under_way(&mut |id, flow, key| {
                let address = || Address::item(flow, key);
                let all = sync.targets.is_empty() && sync.excludes.is_empty();
                if all || is_selected(&sync.targets, &sync.excludes, &address()) {
                    total += 1;
                    schedule.put(id, begun);
                }
            })?;
        }
        (sync.listener)(match sync.course {
            SyncMode::Continuous(_) => Event::Following(SyncStats {
                waiting: total,
                ..SyncStats::default()
            }),
            SyncMode::Once | SyncMode::FromCallbacks(_) => Event::Items(total),
        });
        Ok(Self {
            sync,
            clock,
            begun,
            total,
            schedule,
            results: HashMap::new(),
            failing: HashMap::new(),
            notices: HashMap::new(),
            visited: HashSet::new(),
            handled: HashSet::new(),
            inbox_read: None,
            told: None,
            endings: Vec::new(),
        })
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        match self.sync.course {
            SyncMode::Once => false,
            SyncMode::Continuous(wait) => wait.until.is_some_and(|until| self.clock.now() >= until),
            SyncMode::FromCallbacks(most) => self.begun.elapsed() >= most,
        }
    }

    /// Whether nothing is to be visited any more.
    pub(crate) fn is_through(&self) -> bool {
        self.schedule.is_empty()
    }

    /// When there may be something to do again.
    pub(crate) fn wake(&self) -> Instant {
        let far = Instant::now() + LONG;
        let inbox = self.inbox_read.map(|read| read + INBOX);
        let (inbox, until) = match self.sync.course {
            SyncMode::Once => (None, None),
            SyncMode::Continuous(wait) => {
                (inbox, wait.until.map(|until| self.clock.instant(until)))
            }
            SyncMode::FromCallbacks(most) => (inbox, Some(self.begun + most)),
        };
        let first = [self.schedule.due(), inbox, until].into_iter().flatten();
        first.min().unwrap_or(far)
    }

    /// Has those items visited at once of which callbacks have told.
    pub(crate) fn read_inbox(&mut self) -> Result<(), LedgerError> {
        let all = self.sync.targets.is_empty() && self.sync.excludes.is_empty();
        let told = matches!(self.sync.course, SyncMode::FromCallbacks(_));
        let recent = |read: Instant| read.elapsed() < INBOX && !told;
        if !all || self.inbox_read.is_some_and(recent) || told && !self.schedule.is_empty() {
            return Ok(());
        }
        self.inbox_read = Some(Instant::now());
        let mut nobodys = Vec::new();
        let unhandled = self.sync.records.notices(NOTICES)?;
        // What is handled and shown no more need not be remembered.
        let shown = |id: &i64| unhandled.binary_search_by_key(id, |notice| notice.id);
        self.handled.retain(|id| shown(id).is_ok());
        for notice in unhandled {
            if self.handled.contains(&notice.id) {
                continue;
            }
            let Some(item) = notice.item else {
                nobodys.push(notice.id);
                continue;
            };
            if self.visited.contains(&item) {
                // It is visited once more after this.
                continue;
            }
            if let Some(waiting) = self.notices.get_mut(&item) {
                if !waiting.contains(&notice.id) {
                    waiting.push(notice.id);
                }
                continue;
            }
            if told {
                self.schedule.put(item, self.begun);
            } else if !self.schedule.hasten(item) {
                let known = self.sync.records.item_by_id(item)?;
                if !known.is_some_and(|item| item.record.is_under_way()) {
                    // It has its end.
                    nobodys.push(notice.id);
                    continue;
                }
                // It had failed too often, or was sent after this began.
                self.schedule.put(item, Instant::now());
            }
            self.notices.insert(item, vec![notice.id]);
        }
        self.handled(nobodys);
        Ok(())
    }

    /// The next item that is under way and whose time has come.
    pub(crate) fn next(&mut self) -> Result<Option<KnownItem>, LedgerError> {
        while let Some(id) = self.schedule.next(Instant::now()) {
            let item = self.sync.records.item_by_id(id)?;
            match item.filter(|item| item.record.is_under_way()) {
                Some(item) => {
                    self.visited.insert(id);
                    return Ok(Some(item));
                }
                None => self.looked_at(id),
            }
        }
        Ok(None)
    }

    /// Notes how a visit went, and when the next one is.
    pub(crate) fn note(
        &mut self,
        item: &KnownItem,
        result: Result<(ItemStatus, Option<Failure>), StepError>,
    ) -> Result<(), Fatal> {
        let id = item.record.id;
        let address = Address::item(&item.flow, &item.key);
        self.visited.remove(&id);
        self.looked_at(id);
        let (results, ended) = match result {
            Ok((status, Some(why))) if status.has_ended() => {
                if self.endings.len() < ENDINGS {
                    self.endings.push((address.clone(), why.clone()));
                }
                (PollResult::Is(status), ItemOutcome::EndedEarly(status, why))
            }
            Ok((status, _)) => (PollResult::Is(status), ItemOutcome::Done(status)),
            Err(StepError::Failed(failure)) => (PollResult::Failed, ItemOutcome::Failed(failure)),
            Err(StepError::InDoubt(failure) | StepError::ProbeFailed(failure)) => {
                (PollResult::InDoubt, ItemOutcome::InDoubt(failure))
            }
            Err(StepError::Fatal(why)) => return Err(why),
        };
        let is_news = self.results.insert(id, results) != Some(results);
        let waits = results == PollResult::Is(ItemStatus::Waiting);
        if let SyncMode::Continuous(wait) = self.sync.course {
            if is_news && !waits {
                self.say(address, ended);
            }
            self.again(id, results, wait)?;
            self.tell();
        } else {
            self.say(address, ended);
        }
        Ok(())
    }

    /// Has an item visited again that has no end yet. One that fails again and again is visited ever more seldom; and
    /// where nothing else ends the waiting, it is given up for this time.
    fn again(&mut self, id: EntityId, results: PollResult, wait: Wait) -> Result<(), LedgerError> {
        let every = match results {
            PollResult::Is(ItemStatus::Waiting) => {
                self.failing.remove(&id);
                wait.every
            }
            PollResult::Is(_) => return Ok(()),
            PollResult::Failed | PollResult::InDoubt => {
                let times = self.failing.entry(id).or_default();
                *times += 1;
                if wait.until.is_none() && *times >= self.sync.client.attempts() {
                    return Ok(());
                }
                patience(wait.every, *times)
            }
        };
        let known = self.sync.records.item_by_id(id)?;
        let moved = known.and_then(|item| item.record.moved_at);
        let age = moved.map(|moved| self.clock.now().duration_since(moved));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        let pause = pause(every, age.unwrap_or_default());
        self.schedule.put(id, Instant::now() + pause);
        Ok(())
    }

    fn say(&self, address: Address, ended: ItemOutcome) {
        (self.sync.listener)(Event::Item {
            address,
            row: None,
            outcome: ended,
        });
    }

    /// Tells how all stand, not more often than anybody can read.
    fn tell(&mut self) {
        if self.told.is_none_or(|told| told.elapsed() >= TOLD) {
            self.told = Some(Instant::now());
            (self.sync.listener)(Event::Following(self.counts()));
        }
    }

    /// How all stand at the end.
    pub(crate) fn end(&mut self, stopped: bool) -> SyncStats {
        let counts = self.counts();
        if matches!(self.sync.course, SyncMode::Continuous(_)) {
            (self.sync.listener)(Event::Following(counts.clone()));
        }
        SyncStats {
            endings: std::mem::take(&mut self.endings),
            stopped,
            ..counts
        }
    }

    fn counts(&self) -> SyncStats {
        let mut synced = SyncStats::default();
        if matches!(self.sync.course, SyncMode::Continuous(_)) {
            synced.waiting = self.total.saturating_sub(self.results.len() as u64);
        }
        for results in self.results.values() {
            *match results {
                PollResult::Is(ItemStatus::Finished) => &mut synced.finished,
                PollResult::Is(ItemStatus::Done) => &mut synced.done,
                PollResult::Is(ItemStatus::Waiting) => &mut synced.waiting,
                PollResult::Is(ItemStatus::Open | ItemStatus::Failed) => &mut synced.cut_off,
                PollResult::Is(
                    ItemStatus::Rejected | ItemStatus::Expired | ItemStatus::Revoked,
                ) => &mut synced.ended,
                PollResult::Failed => &mut synced.failed,
                PollResult::Is(ItemStatus::InDoubt) | PollResult::InDoubt => &mut synced.in_doubt,
            } += 1;
        }
        synced
    }

    /// The callbacks of an item are handled.
    fn looked_at(&mut self, id: EntityId) {
        let notices = self.notices.remove(&id).unwrap_or_default();
        self.handled(notices);
    }

    fn handled(&mut self, notices: Vec<i64>) {
        if !notices.is_empty() {
            self.handled.extend(&notices);
            let at = self.clock.now();
            let handled = Write::NoticesHandled { notices, at };
            // What is not written is looked at once more by the next sync.
            drop(self.sync.records.write(vec![handled]));
        }
    }
}
