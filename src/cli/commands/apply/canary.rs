//! `treaty apply --canary`: sends the first items, and the others only if nothing failed and the
//! operator agrees.

use std::sync::mpsc;

use tokio::sync::{oneshot, watch};

use crate::address::{Address, AddressPattern};
use crate::cli::args::{Apply as Args, Global, Waiting};
use crate::cli::context::follow::{Follow, summary};
use crate::cli::context::interrupt::{interrupt, interruptible};
use crate::cli::context::session::PlanContext;
use crate::cli::output::{out, prompt};
use crate::execute::{CanaryEnd, Executor, RunStats, Stop, Stopped, SyncStats};
use crate::ledger::{KnownItem, LedgerError, Records};
use crate::plan::Fatal;

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
            stats.stopped = match self.end(&stats) {
                Ok(end) => end.map(Stopped::Canary),
                Err(fatal) => Some(Stopped::Fatal(fatal)),
            };
        }
        if stats.stopped.is_some() {
            stats.not_started += self.work - self.first;
            return stats;
        }
        let rest = executor.run_part(self.first..u64::MAX, stats);
        runtime.block_on(interruptible(requests, rest))
    }

    /// Returns the reason why the run ends after the first items, if it does.
    fn end(&self, stats: &RunStats) -> Result<Option<CanaryEnd>, Fatal> {
        let first = self.first;
        let failed_resources = stats.failed_resources.len();
        if stats.done < first || failed_resources > 0 {
            return Ok(Some(CanaryEnd::Failed));
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
            let others =
                followed.waiting + followed.failed + followed.in_doubt + followed.interrupted;
            if followed.stopped || followed.ended() + others > 0 {
                return Ok(Some(CanaryEnd::NotSigned));
            }
        }
        if self.args.yes {
            return Ok(None);
        }
        Ok((!self.is_agreed()).then_some(CanaryEnd::Declined))
    }

    /// Polls the items that were sent until their flows have ended.
    fn follow(&self) -> Result<SyncStats, Fatal> {
        let targets = self.under_way()?;
        if targets.is_empty() {
            return Ok(SyncStats::default());
        }
        let context = self.context;
        let waiting = Waiting {
            wait: true,
            every: self.args.waiting.every,
            until: self.args.waiting.until,
        };
        let follow = Follow {
            project: context.project,
            ledger: context.ledger,
            client: context.client,
            progress: context.progress,
            runtime: context.runtime,
            targets: &targets,
            excludes: &[],
            waiting: &waiting,
            started: context.session.started,
        };
        follow.run()
    }

    /// Returns the addresses of the items of the run whose flows have not ended.
    fn under_way(&self) -> Result<Vec<AddressPattern>, LedgerError> {
        let most = u32::try_from(self.first).unwrap_or(u32::MAX);
        let items = self.context.ledger.items_after(Some(self.run), 0, most)?;
        let address = |known: &KnownItem| Address::item(&known.flow, &known.key);
        let waiting = items.iter().filter(|known| known.record.is_under_way());
        Ok(waiting
            .map(|known| AddressPattern::literal(&address(known)))
            .collect())
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
            let _ = sender.send(prompt::answer(&question));
            let _ = done.send(());
        });
        self.context.runtime.block_on(async {
            tokio::select! {
                _ = answered => {}
                () = interrupt() => {}
            }
        });
        let answer = receiver.try_recv().map(Result::unwrap_or_default);
        let answer = answer.unwrap_or_default().to_lowercase();
        matches!(answer.as_str(), "y" | "yes")
    }

    fn note(&self, text: &str) {
        out::log_note(self.global.log_format, text);
    }
}
