//! `treaty apply --canary`: sends the first items, and the others only if nothing failed and the
//! operator agrees.

use std::collections::HashSet;
use std::sync::mpsc;

use tokio::sync::{oneshot, watch};

use crate::address::{Address, AddressPattern};
use crate::cli::args::{Apply as Args, Global, Waiting};
use crate::cli::context::follow::summary;
use crate::cli::context::interrupt::{interrupt, interruptible};
use crate::cli::context::session::PlanContext;
use crate::cli::output::{out, prompt};
use crate::execute::{CanaryEnd, Executor, RunStats, Stop, Stopped, SyncStats};
use crate::ledger::{EntityId, ItemStatus, KnownItem, LedgerError, Records};
use crate::plan::Fatal;

/// The number of items that are read from the ledger at once.
const PAGE_SIZE: u32 = 1000;

/// A run that sends its first items alone.
pub(super) struct Canary<'a> {
    pub(super) global: &'a Global,
    pub(super) args: &'a Args,
    pub(super) context: &'a PlanContext<'a>,
    /// The ledger's id of the run.
    pub(super) run: i64,
    /// The number of first items.
    pub(super) first: u64,
    /// The number of all items.
    pub(super) work: u64,
}

impl Canary<'_> {
    /// Executes the plan, and returns its results. The run stops after the first items if one of them
    /// failed, or if the operator declines.
    pub(super) fn run(&self, executor: &Executor<'_>, requests: watch::Sender<Stop>) -> RunStats {
        let runtime = self.context.runtime;
        let first = executor.run_part(0..self.first, RunStats::default());
        let mut stats = runtime.block_on(interruptible(requests.clone(), first));
        self.context.progress.finish();
        if stats.stopped.is_none() {
            let end = self.end(&stats);
            let end = end.unwrap_or_else(|fatal| Some(Stopped::Fatal(fatal)));
            if let Some(stopped) = end {
                executor.stop_run(stopped, &mut stats);
            }
        }
        if stats.stopped.is_some() {
            stats.not_started += self.work - self.first;
            return stats;
        }
        let rest = executor.run_part(self.first..u64::MAX, stats);
        runtime.block_on(interruptible(requests, rest))
    }

    /// Returns the reason why the run ends after the first items, if it does.
    fn end(&self, stats: &RunStats) -> Result<Option<Stopped>, Fatal> {
        let first = self.first;
        let failed_resources = stats.failed_resources.len();
        if stats.done - stats.revoked < first || failed_resources > 0 {
            return Ok(Some(Stopped::Canary(CanaryEnd::Failed)));
        }
        self.note(&match first {
            1 => t!("the first item was sent"),
            count => t!("the first %{count} items were sent", count = count),
        });
        if self.args.until_signed {
            let followed = self.follow()?;
            self.note(&t!(
                "of the first items: %{summary}",
                summary = summary(&followed)
            ));
            if followed.stopped {
                return Ok(Some(Stopped::Asked));
            }
            if !self.are_signed()? {
                return Ok(Some(Stopped::Canary(CanaryEnd::NotSigned)));
            }
        }
        if self.args.yes {
            return Ok(None);
        }
        Ok((!self.is_agreed()).then_some(Stopped::Canary(CanaryEnd::Declined)))
    }

    /// Polls the items that were sent until their flows have ended.
    fn follow(&self) -> Result<SyncStats, Fatal> {
        let items = self.sent_items()?;
        let waiting = items.iter().filter(|known| known.record.is_under_way());
        let targets: Vec<AddressPattern> = waiting
            .map(|known| AddressPattern::literal(&Address::item(&known.flow, &known.key)))
            .collect();
        // Without targets, everything would be polled.
        if targets.is_empty() {
            return Ok(SyncStats::default());
        }
        let context = self.context;
        let waiting = Waiting {
            wait: true,
            every: self.args.waiting.every,
            until: self.args.waiting.until,
        };
        context.follow((&targets, &[]), &waiting).run()
    }

    /// Returns whether everything that was sent is signed by all.
    fn are_signed(&self) -> Result<bool, LedgerError> {
        let items = self.sent_items()?;
        let is_signed = |known: &KnownItem| {
            matches!(
                known.record.status,
                ItemStatus::Signed | ItemStatus::Archived
            )
        };
        Ok(!items.is_empty() && items.iter().all(is_signed))
    }

    /// Returns the items that the run has sent so far. It has worked on removed rows too: their
    /// contracts were revoked.
    fn sent_items(&self) -> Result<Vec<KnownItem>, LedgerError> {
        let removed: HashSet<(&str, &str)> = self
            .context
            .planned
            .plan
            .flows
            .iter()
            .flat_map(|plan| {
                let removed = plan.removed.iter();
                removed.map(|row| (plan.flow.as_str(), row.key.as_str()))
            })
            .collect();
        let mut sent = Vec::new();
        let mut after: EntityId = 0;
        loop {
            let page = self
                .context
                .ledger
                .items_after(Some(self.run), after, PAGE_SIZE)?;
            let Some(last) = page.last() else {
                return Ok(sent);
            };
            after = last.record.id;
            sent.extend(
                page.into_iter()
                    .filter(|known| !removed.contains(&(known.flow.as_str(), known.key.as_str()))),
            );
        }
    }

    /// Asks whether the other items are sent. An interrupt, or an answer that cannot be read, is a no.
    fn is_agreed(&self) -> bool {
        let question = t!(
            "Send the other %{count} items? [y/N] ",
            count = self.work - self.first
        );
        let (sender, receiver) = mpsc::channel();
        let (done, answered) = oneshot::channel();
        // A thread that still reads from the terminal does not keep the process from ending.
        std::thread::spawn(move || {
            let _ = sender.send(prompt::agreed(&question));
            let _ = done.send(());
        });
        self.context.runtime.block_on(async {
            tokio::select! {
                _ = answered => {}
                () = interrupt() => {}
            }
        });
        matches!(receiver.try_recv(), Ok(Ok(true)))
    }

    fn note(&self, text: &str) {
        out::log_note(self.global.log_format, text);
    }
}
