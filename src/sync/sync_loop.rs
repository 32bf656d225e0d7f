//! The state of one sync: the schedule, the unhandled callbacks, and the result of each item.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::options::{MAX_ENDINGS, Sync, SyncMode, Wait};
use super::schedule::{Schedule, failure_backoff, poll_interval};
use crate::address::{Address, is_selected};
use crate::execute::{Clock, Event, ItemOutcome, StepError, SyncStats};
use crate::ledger::{EntityId, Failure, ItemStatus, KnownItem, LedgerError, Write};
use crate::plan::Fatal;

/// The interval at which the inbox is read for callbacks.
const INBOX_INTERVAL: Duration = Duration::from_secs(1);
/// The number of callbacks read at once.
const INBOX_BATCH: u32 = 256;
/// The interval of progress events.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time to sleep without a scheduled event.
const MAX_SLEEP: Duration = Duration::from_hours(24);

/// The result of the last poll of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PollResult {
    Is(ItemStatus),
    Failed,
    /// It is not known yet whether a call took effect.
    Unsettled,
    InDoubt,
}

/// The state of a running sync.
pub(crate) struct SyncLoop<'a> {
    sync: &'a Sync<'a>,
    clock: Clock,
    begun: Instant,
    /// The number of items in progress at the start.
    total: u64,
    schedule: Schedule,
    results: HashMap<EntityId, PollResult>,
    /// The number of consecutive failed polls of each item.
    failures: HashMap<EntityId, u32>,
    /// Callback ids by item; these items are polled soon.
    notices: HashMap<EntityId, Vec<i64>>,
    /// Items whose poll is in progress: a callback meanwhile may be newer than the polled state.
    polling: HashSet<EntityId>,
    /// Ids of handled callbacks that the ledger may still return.
    handled: HashSet<i64>,
    inbox_read: Option<Instant>,
    progress_sent: Option<Instant>,
    endings: Vec<(Address, Failure)>,
}

impl<'a> SyncLoop<'a> {
    /// Starts a sync: schedules the selected items in progress, all due now.
    pub(crate) fn begin(sync: &'a Sync<'a>, clock: Clock) -> Result<Self, LedgerError> {
        let begun = Instant::now();
        let mut schedule = Schedule::default();
        let mut total = 0;
        if !matches!(sync.mode, SyncMode::FromCallbacks(_)) {
            sync.records.under_way(&mut |id, flow, key| {
                let address = || Address::item(flow, key);
                let selects_all = sync.targets.is_empty() && sync.excludes.is_empty();
                if selects_all || is_selected(&sync.targets, &sync.excludes, &address()) {
                    total += 1;
                    schedule.schedule(id, begun);
                }
            })?;
        }
        (sync.listener)(match sync.mode {
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
            failures: HashMap::new(),
            notices: HashMap::new(),
            polling: HashSet::new(),
            handled: HashSet::new(),
            inbox_read: None,
            progress_sent: None,
            endings: Vec::new(),
        })
    }

    /// Whether the time limit of the sync is reached.
    pub(crate) fn is_over(&self) -> bool {
        match self.sync.mode {
            SyncMode::Once => false,
            SyncMode::Continuous(wait) => wait.until.is_some_and(|until| self.clock.now() >= until),
            SyncMode::FromCallbacks(limit) => self.begun.elapsed() >= limit,
        }
    }

    /// Whether no item is scheduled.
    pub(crate) fn is_drained(&self) -> bool {
        self.schedule.is_empty()
    }

    /// The time of the next due poll, inbox read, or time limit.
    pub(crate) fn wake(&self) -> Instant {
        let latest = Instant::now() + MAX_SLEEP;
        let inbox = self.inbox_read.map(|read| read + INBOX_INTERVAL);
        let (inbox, until) = match self.sync.mode {
            SyncMode::Once => (None, None),
            SyncMode::Continuous(wait) => {
                (inbox, wait.until.map(|until| self.clock.instant(until)))
            }
            SyncMode::FromCallbacks(limit) => (inbox, Some(self.begun + limit)),
        };
        let first = [self.schedule.next_due(), inbox, until]
            .into_iter()
            .flatten();
        first.min().unwrap_or(latest)
    }

    /// Reads new callbacks and makes their items due immediately.
    pub(crate) fn read_inbox(&mut self) -> Result<(), LedgerError> {
        let selects_all = self.sync.targets.is_empty() && self.sync.excludes.is_empty();
        let only_callbacks = matches!(self.sync.mode, SyncMode::FromCallbacks(_));
        let recent = |read: Instant| read.elapsed() < INBOX_INTERVAL && !only_callbacks;
        if !selects_all
            || self.inbox_read.is_some_and(recent)
            || only_callbacks && !self.schedule.is_empty()
        {
            return Ok(());
        }
        self.inbox_read = Some(Instant::now());
        let mut obsolete = Vec::new();
        let unhandled = self.sync.records.notices(INBOX_BATCH)?;
        // Forget handled callbacks that the ledger no longer returns.
        let is_returned = |id: &i64| unhandled.binary_search_by_key(id, |notice| notice.id);
        self.handled.retain(|id| is_returned(id).is_ok());
        for notice in unhandled {
            if self.handled.contains(&notice.id) {
                continue;
            }
            let Some(item) = notice.item else {
                obsolete.push(notice.id);
                continue;
            };
            if self.polling.contains(&item) {
                // It stays unhandled, so that the item is polled once more afterwards.
                continue;
            }
            if let Some(waiting) = self.notices.get_mut(&item) {
                if !waiting.contains(&notice.id) {
                    waiting.push(notice.id);
                }
                continue;
            }
            if only_callbacks {
                self.schedule.schedule(item, self.begun);
            } else if !self.schedule.expedite(item) {
                let current = self.sync.records.item_by_id(item)?;
                if !current.is_some_and(|item| item.record.is_under_way()) {
                    // The item has ended.
                    obsolete.push(notice.id);
                    continue;
                }
                // It failed too often before, or was sent after the sync started.
                self.schedule.schedule(item, Instant::now());
            }
            self.notices.insert(item, vec![notice.id]);
        }
        self.mark_handled(obsolete);
        Ok(())
    }

    /// Removes and returns the next due item that is still in progress.
    pub(crate) fn next(&mut self) -> Result<Option<KnownItem>, LedgerError> {
        while let Some(id) = self.schedule.pop_due(Instant::now()) {
            let item = self.sync.records.item_by_id(id)?;
            match item.filter(|item| item.record.is_under_way()) {
                Some(item) => {
                    self.polling.insert(id);
                    return Ok(Some(item));
                }
                None => self.finish_callbacks(id),
            }
        }
        Ok(None)
    }

    /// Records the result of a poll and schedules the next one.
    pub(crate) fn record(
        &mut self,
        item: &KnownItem,
        result: Result<(ItemStatus, Option<Failure>), StepError>,
    ) -> Result<(), Fatal> {
        let id = item.record.id;
        let address = Address::item(&item.flow, &item.key);
        self.polling.remove(&id);
        self.finish_callbacks(id);
        let (poll_result, outcome) = match result {
            Ok((status, Some(why))) if status.has_ended() => {
                if self.endings.len() < MAX_ENDINGS {
                    self.endings.push((address.clone(), why.clone()));
                }
                (PollResult::Is(status), ItemOutcome::EndedEarly(status, why))
            }
            Ok((status @ ItemStatus::Failed, why)) => {
                let why = why.unwrap_or_else(unsent);
                (PollResult::Is(status), ItemOutcome::Failed(why))
            }
            Ok((status @ ItemStatus::Open, why)) => {
                let why = why.unwrap_or_else(unsent);
                (PollResult::Is(status), ItemOutcome::Unsettled(why))
            }
            Ok((status, _)) => (PollResult::Is(status), ItemOutcome::Done(status)),
            Err(StepError::ProbeFailed(why)) if item.record.status != ItemStatus::InDoubt => {
                (PollResult::Unsettled, ItemOutcome::Unsettled(why))
            }
            Err(error) => match error.into_outcome()? {
                outcome @ ItemOutcome::Failed(_) => (PollResult::Failed, outcome),
                outcome => (PollResult::InDoubt, outcome),
            },
        };
        let is_new = self.results.insert(id, poll_result) != Some(poll_result);
        let is_waiting = poll_result == PollResult::Is(ItemStatus::Waiting);
        if let SyncMode::Continuous(wait) = self.sync.mode {
            if is_new && !is_waiting {
                self.report_item(address, outcome);
            }
            self.reschedule(id, poll_result, wait)?;
            self.report_progress();
        } else {
            self.report_item(address, outcome);
        }
        Ok(())
    }

    /// Reports that a stop has ended the poll of an item.
    pub(crate) fn interrupt(&mut self, item: &KnownItem) {
        let address = Address::item(&item.flow, &item.key);
        self.report_item(address, ItemOutcome::Interrupted);
    }

    /// Schedules the next poll of an item that has not ended.
    ///
    /// The interval doubles after each consecutive failure. Without a time limit, an item is not
    /// polled again after as many failures as the client has attempts.
    fn reschedule(
        &mut self,
        id: EntityId,
        result: PollResult,
        wait: Wait,
    ) -> Result<(), LedgerError> {
        let every = match result {
            PollResult::Is(ItemStatus::Waiting) => {
                self.failures.remove(&id);
                wait.every
            }
            PollResult::Is(_) => return Ok(()),
            PollResult::Failed | PollResult::Unsettled | PollResult::InDoubt => {
                let failures = self.failures.entry(id).or_default();
                *failures += 1;
                if wait.until.is_none() && *failures >= self.sync.client.attempts() {
                    return Ok(());
                }
                failure_backoff(wait.every, *failures)
            }
        };
        let current = self.sync.records.item_by_id(id)?;
        let moved = current.and_then(|item| item.record.moved_at);
        let age = moved.map(|moved| self.clock.now().duration_since(moved));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        let interval = poll_interval(every, age.unwrap_or_default());
        self.schedule.schedule(id, Instant::now() + interval);
        Ok(())
    }

    fn report_item(&self, address: Address, ended: ItemOutcome) {
        (self.sync.listener)(Event::Item {
            address,
            row: None,
            outcome: ended,
        });
    }

    /// Sends a progress event, at most once per [`PROGRESS_INTERVAL`].
    fn report_progress(&mut self) {
        if self
            .progress_sent
            .is_none_or(|sent| sent.elapsed() >= PROGRESS_INTERVAL)
        {
            self.progress_sent = Some(Instant::now());
            (self.sync.listener)(Event::Following(self.stats()));
        }
    }

    /// Ends the sync and returns its statistics.
    pub(crate) fn end(&mut self, stopped: bool) -> SyncStats {
        let stats = self.stats();
        if matches!(self.sync.mode, SyncMode::Continuous(_)) {
            (self.sync.listener)(Event::Following(stats.clone()));
        }
        SyncStats {
            endings: std::mem::take(&mut self.endings),
            stopped,
            ..stats
        }
    }

    /// The number of items by their last result.
    fn stats(&self) -> SyncStats {
        let mut stats = SyncStats::default();
        if matches!(self.sync.mode, SyncMode::Continuous(_)) {
            stats.waiting = self.total.saturating_sub(self.results.len() as u64);
        }
        for result in self.results.values() {
            *match result {
                PollResult::Is(ItemStatus::Archived) => &mut stats.archived,
                PollResult::Is(ItemStatus::Signed) => &mut stats.signed,
                PollResult::Is(ItemStatus::Waiting) => &mut stats.waiting,
                PollResult::Is(ItemStatus::Open) | PollResult::Unsettled => &mut stats.interrupted,
                PollResult::Is(ItemStatus::Rejected) => &mut stats.rejected,
                PollResult::Is(ItemStatus::Expired) => &mut stats.expired,
                PollResult::Is(ItemStatus::Revoked) => &mut stats.revoked,
                PollResult::Is(ItemStatus::Failed) | PollResult::Failed => &mut stats.failed,
                PollResult::Is(ItemStatus::InDoubt) | PollResult::InDoubt => &mut stats.in_doubt,
            } += 1;
        }
        stats
    }

    /// Marks the callbacks of an item as handled.
    fn finish_callbacks(&mut self, id: EntityId) {
        let notices = self.notices.remove(&id).unwrap_or_default();
        self.mark_handled(notices);
    }

    fn mark_handled(&mut self, notices: Vec<i64>) {
        if !notices.is_empty() {
            self.handled.extend(&notices);
            let at = self.clock.now();
            let handled = Write::NoticesHandled { notices, at };
            // If the write fails, the next sync handles the callbacks again.
            drop(self.sync.records.write(vec![handled]));
        }
    }
}

/// Returns the reason for which a sync cannot continue an item that was sent in part.
fn unsent() -> Failure {
    Failure {
        code: None,
        message: t!("sending the contract is not complete").into_owned(),
        hint: t!("apply again: treaty probes the service before it sends anything").into_owned(),
    }
}
