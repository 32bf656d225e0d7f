//! Following what was sent: one sync, or one after the other until nothing is under way, with its last words and its exit
//! code. `treaty sync` and `apply --wait` are this.

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::args::{Until, Waiting};
use super::exit::Exit;
use super::interrupt::interruptible;
use super::out;
use super::progress::Progress;
use crate::address::AddressPattern;
use crate::api::time;
use crate::client::Client;
use crate::execute::{Stop, SyncStats};
use crate::ledger::Sqlite;
use crate::manifest::{Endpoint, Project};
use crate::plan::Fatal;
use crate::sync::{Sync, SyncMode, Wait};

/// What is followed, and how.
pub(super) struct Follow<'a> {
    pub(super) project: &'a Project,
    pub(super) ledger: &'a Sqlite,
    pub(super) client: &'a Client,
    pub(super) progress: &'a Progress,
    pub(super) runtime: &'a Runtime,
    pub(super) targets: &'a [AddressPattern],
    pub(super) excludes: &'a [AddressPattern],
    pub(super) waiting: &'a Waiting,
    /// When the command was given: until when it waits depends on it.
    pub(super) started: Timestamp,
}

impl Follow<'_> {
    /// Brings up to date what is under way.
    pub(super) fn run(&self) -> Result<SyncStats, Fatal> {
        let (ask, stop) = watch::channel(Stop::No);
        let sync = Sync {
            records: self.ledger,
            client: self.client,
            root: &self.project.root,
            targets: self.targets.to_vec(),
            excludes: self.excludes.to_vec(),
            concurrency: self.project.settings.limits.concurrency.get(),
            listener: self.progress.listener(),
            stop,
            mode: self.course(),
        };
        let synced = self.runtime.block_on(interruptible(ask, sync.run()));
        self.progress.finish();
        synced
    }

    fn course(&self) -> SyncMode {
        if !self.waiting.wait {
            return SyncMode::Once;
        }
        let until = self.waiting.until.map(|until| until.from(self.started));
        if until.is_some_and(|until| until <= Timestamp::now()) {
            self.progress
                .tell("the time to wait is over: all are asked for once");
            return SyncMode::Once;
        }
        if let Some(until) = until {
            let until = time::text(until);
            self.progress
                .tell(&format!("waiting until {until} (Asia/Shanghai)"));
        }
        if self.project.settings.endpoint == Endpoint::Sandbox {
            self.progress.tell(
                "nobody signs in the emulator inside treaty: serve it with treaty sandbox --auto-sign 0s, and apply there",
            );
        }
        SyncMode::Continuous(Wait {
            every: self.waiting.every.0,
            until,
        })
    }
}

/// A time of day that has passed so long ago at most is over, and not the next day's.
const JUST_PASSED: SignedDuration = SignedDuration::from_hours(4);

impl Until {
    /// When that is, for a command that was given at a moment.
    fn from(self, started: Timestamp) -> Timestamp {
        match self {
            Self::After(after) => {
                let after = SignedDuration::try_from(after.0).unwrap_or(SignedDuration::MAX);
                started.saturating_add(after).unwrap_or(Timestamp::MAX)
            }
            Self::Clock(at) => {
                let now = time::local(started);
                let day = SignedDuration::from_hours(24);
                let mut next = now.date().to_datetime(at);
                // The last time that it was so late, when that is not long ago: whoever is started again then, since the
                // endpoint was down or the machine, must not wait for another day.
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

/// How the items stand, in one line.
pub(super) fn told(synced: &SyncStats) -> String {
    let counts = [
        (synced.finished, "finished"),
        (synced.done, "signed by all"),
        (synced.waiting, "waiting for signatures"),
        (synced.ended, "refused, expired or revoked"),
        (synced.failed, "failed"),
        (synced.in_doubt, "in doubt"),
        (synced.cut_off, "for apply to go on with"),
    ];
    let mut told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if synced.stopped {
        told.push("stopped before all were asked for".to_owned());
    }
    if told.is_empty() {
        "Nothing is under way.".to_owned()
    } else {
        told.join(", ")
    }
}

/// The exit code of a sync.
pub(super) fn exit(synced: &SyncStats) -> Exit {
    match synced {
        SyncStats { stopped: true, .. } => Exit::Interrupted,
        SyncStats { in_doubt: 1.., .. } => Exit::InDoubt,
        SyncStats { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    }
}

/// Says how the items stand.
pub(super) fn say(synced: &SyncStats, quiet: bool) {
    if !quiet {
        out::line(told(synced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one_in_shanghai_unless_it_has_just_passed() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        // 22:30 in Shanghai.
        let started = at("2026-11-24T14:30:00Z");
        let until = |text: &str| text.parse::<Until>().expect("an end").from(started);
        assert_eq!(until("06:00"), at("2026-11-24T22:00:00Z"));
        assert_eq!(until("22:31"), at("2026-11-24T14:31:00Z"));
        assert_eq!(until("22:30"), started);
        assert_eq!(until("18:30"), at("2026-11-24T10:30:00Z"));
        assert_eq!(until("18:29"), at("2026-11-25T10:29:00Z"));
        // Started again at five past midnight.
        let later = at("2026-11-24T16:05:00Z");
        let until_from = |text: &str| text.parse::<Until>().expect("an end").from(later);
        assert_eq!(until_from("23:00"), at("2026-11-24T15:00:00Z"));
        assert_eq!(until_from("06:00"), at("2026-11-24T22:00:00Z"));
        assert_eq!(until("90m"), at("2026-11-24T16:00:00Z"));
        assert!("24:00".parse::<Until>().is_err());
        assert!("six".parse::<Until>().is_err());
    }
}
