//! Polls sent items, once or until all have ended, for `treaty sync` and `treaty apply --wait`.
//! Also the summary line and the exit code of the result.

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::address::AddressPattern;
use crate::api::time;
use crate::cli::args::{Until, Waiting};
use crate::cli::context::interrupt::interruptible;
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::cli::output::progress::Progress;
use crate::client::Client;
use crate::execute::{Stop, SyncStats};
use crate::ledger::Store;
use crate::manifest::{Endpoint, Project};
use crate::plan::Fatal;
use crate::report::Status;
use crate::sync::{Sync, SyncMode, Wait};

/// The items to poll, and the options of the command.
pub(in crate::cli) struct Follow<'a> {
    pub(in crate::cli) project: &'a Project,
    pub(in crate::cli) ledger: &'a Store,
    pub(in crate::cli) client: &'a Client,
    pub(in crate::cli) progress: &'a Progress,
    pub(in crate::cli) runtime: &'a Runtime,
    pub(in crate::cli) targets: &'a [AddressPattern],
    pub(in crate::cli) excludes: &'a [AddressPattern],
    pub(in crate::cli) waiting: &'a Waiting,
    /// The start of the command; `--until` is relative to it.
    pub(in crate::cli) started: Timestamp,
}

impl Follow<'_> {
    /// Polls the selected items.
    pub(in crate::cli) fn run(&self) -> Result<SyncStats, Fatal> {
        let (requests, stop) = watch::channel(Stop::No);
        let sync = Sync {
            records: self.ledger,
            client: self.client,
            root: &self.project.root,
            targets: self.targets.to_vec(),
            excludes: self.excludes.to_vec(),
            concurrency: self.project.settings.limits.concurrency.get(),
            listener: self.progress.listener(),
            stop,
            mode: self.mode(),
        };
        let synced = self.runtime.block_on(interruptible(requests, sync.run()));
        self.progress.finish();
        synced
    }

    /// The mode of the sync, from `--wait` and `--until`.
    fn mode(&self) -> SyncMode {
        if !self.waiting.wait {
            return SyncMode::Once;
        }
        let until = self.waiting.until.map(|until| until.resolve(self.started));
        if until.is_some_and(|until| until <= Timestamp::now()) {
            self.progress
                .note(&t!("--until has passed: polling each flow once"));
            return SyncMode::Once;
        }
        if let Some(until) = until {
            let until = time::text(until);
            self.progress
                .note(&t!("waiting until %{time} (Asia/Shanghai)", time = until));
        }
        if self.project.settings.endpoint == Endpoint::Sandbox {
            self.progress.note(&t!(
                "nobody signs in the built-in sandbox: run treaty sandbox --auto-sign 0s and apply to its address"
            ));
        }
        SyncMode::Continuous(Wait {
            every: self.waiting.every.0,
            until,
        })
    }
}

/// A time of day that passed less than this before is today's, not the next day's.
const JUST_PASSED: SignedDuration = SignedDuration::from_hours(4);

impl Until {
    /// Resolves the end of waiting for a command that started at `started`.
    fn resolve(self, started: Timestamp) -> Timestamp {
        match self {
            Self::After(after) => {
                let after = SignedDuration::try_from(after.0).unwrap_or(SignedDuration::MAX);
                started.saturating_add(after).unwrap_or(Timestamp::MAX)
            }
            Self::Clock(at) => {
                let now = time::local(started);
                let day = SignedDuration::from_hours(24);
                let mut next = now.date().to_datetime(at);
                // A command that is restarted shortly after the time must not wait for another day.
                while next > now {
                    next = next.saturating_sub(day);
                }
                if now.duration_since(next) > JUST_PASSED {
                    next = next.saturating_add(day);
                }
                let next = time::epoch_ms(next).map(Timestamp::from_millisecond);
                next.and_then(Result::ok).unwrap_or(Timestamp::MAX)
            }
        }
    }
}

/// Summarizes the counts in one line.
pub(in crate::cli) fn summary(synced: &SyncStats) -> String {
    let counts = [
        (synced.archived, Status::Archived),
        (synced.signed, Status::Signed),
        (synced.waiting, Status::Waiting),
        (synced.rejected, Status::Rejected),
        (synced.expired, Status::Expired),
        (synced.revoked, Status::Revoked),
        (synced.failed, Status::Failed),
        (synced.in_doubt, Status::InDoubt),
        (synced.interrupted, Status::Interrupted),
    ];
    let mut parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, status)| status.counted(*count))
        .collect();
    if synced.stopped {
        parts.push(t!("stopped before all were polled").into_owned());
    }
    if parts.is_empty() {
        t!("no items are in progress").into_owned()
    } else {
        parts.join(&t!(", "))
    }
}

/// The exit code of a sync.
pub(in crate::cli) fn exit(synced: &SyncStats) -> Exit {
    match synced {
        SyncStats { stopped: true, .. } => Exit::Interrupted,
        SyncStats { in_doubt: 1.., .. }
        | SyncStats {
            interrupted: 1.., ..
        } => Exit::InDoubt,
        SyncStats { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    }
}

/// Prints the summary, unless quiet.
pub(in crate::cli) fn print_summary(synced: &SyncStats, quiet: bool) {
    if !quiet {
        out::line(summary(synced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_the_words_and_the_exit_code_of_reports() {
        let interrupted = SyncStats {
            rejected: 2,
            failed: 1,
            interrupted: 1,
            ..SyncStats::default()
        };
        let text = summary(&interrupted);
        assert_eq!(text, "2 rejected, 1 failed, 1 interrupted");
        assert_eq!(exit(&interrupted), Exit::InDoubt);
        let failed = SyncStats {
            interrupted: 0,
            ..interrupted
        };
        assert_eq!(exit(&failed), Exit::Failed);
        let ended = SyncStats {
            failed: 0,
            ..failed
        };
        assert_eq!(exit(&ended), Exit::Done);
    }

    #[test]
    fn resolves_a_time_of_day_in_shanghai_to_its_next_or_recent_occurrence() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        // 22:30 in Shanghai.
        let started = at("2026-11-24T14:30:00Z");
        let until = |text: &str| text.parse::<Until>().expect("an end").resolve(started);
        assert_eq!(until("06:00"), at("2026-11-24T22:00:00Z"));
        assert_eq!(until("22:31"), at("2026-11-24T14:31:00Z"));
        assert_eq!(until("22:30"), started);
        assert_eq!(until("18:30"), at("2026-11-24T10:30:00Z"));
        assert_eq!(until("18:29"), at("2026-11-25T10:29:00Z"));
        // Restarted at 00:05 in Shanghai.
        let later = at("2026-11-24T16:05:00Z");
        let until_from = |text: &str| text.parse::<Until>().expect("an end").resolve(later);
        assert_eq!(until_from("23:00"), at("2026-11-24T15:00:00Z"));
        assert_eq!(until_from("06:00"), at("2026-11-24T22:00:00Z"));
        assert_eq!(until("90m"), at("2026-11-24T16:00:00Z"));
        assert!("24:00".parse::<Until>().is_err());
        assert!("six".parse::<Until>().is_err());
    }
}
