//! Counters of the receiver, in the Prometheus text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::outcome::CallbackOutcome;
use crate::execute::ItemOutcome;
use crate::ledger::ItemStatus;

/// The upper bounds of the histogram's buckets: in seconds, and as text.
const BUCKETS: [(f64, &str); 11] = [
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (2.0, "2"),
];

/// The result of polling a flow after a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollOutcome {
    /// The flow is archived.
    Archived,
    /// All have signed; archiving is not configured.
    Signed,
    /// A signature is missing.
    Waiting,
    /// The flow was refused, expired or revoked.
    Ended,
    /// An apply was interrupted and must continue the item.
    Interrupted,
    /// A step failed.
    Failed,
    /// The outcome of a call is unknown.
    InDoubt,
}

impl PollOutcome {
    const ALL: [Self; 7] = [
        Self::Archived,
        Self::Signed,
        Self::Waiting,
        Self::Ended,
        Self::Interrupted,
        Self::Failed,
        Self::InDoubt,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Signed => "signed",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
        }
    }

    /// Converts the outcome of an item.
    pub(super) fn of(ended: &ItemOutcome) -> Self {
        match ended {
            ItemOutcome::Done(ItemStatus::Archived) => Self::Archived,
            ItemOutcome::Sent | ItemOutcome::Done(ItemStatus::Waiting) => Self::Waiting,
            ItemOutcome::Done(ItemStatus::Open | ItemStatus::Failed)
            | ItemOutcome::Unsettled(_)
            | ItemOutcome::Interrupted => Self::Interrupted,
            ItemOutcome::Done(ItemStatus::InDoubt) | ItemOutcome::InDoubt(_) => Self::InDoubt,
            ItemOutcome::Done(ItemStatus::Signed) => Self::Signed,
            ItemOutcome::Done(ItemStatus::Rejected | ItemStatus::Expired | ItemStatus::Revoked)
            | ItemOutcome::EndedEarly(..) => Self::Ended,
            ItemOutcome::Failed(_) => Self::Failed,
        }
    }
}

/// Counts since the process started.
#[derive(Debug, Default)]
pub struct Metrics {
    callbacks: [AtomicU64; CallbackOutcome::ALL.len()],
    /// Callbacks by duration; the last bucket has no upper bound.
    durations: [AtomicU64; BUCKETS.len() + 1],
    /// The total duration, in microseconds.
    microseconds: AtomicU64,
    confirmations: [AtomicU64; PollOutcome::ALL.len()],
}

impl Metrics {
    /// Counts a callback and its duration.
    pub fn record_callback(&self, outcome: CallbackOutcome, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.partition_point(|(end, _)| *end < seconds);
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        // The variants have the order of `CallbackOutcome::ALL`.
        self.callbacks[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a poll.
    pub fn record_poll(&self, outcome: PollOutcome) {
        self.confirmations[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Formats all metrics. The number of unhandled callbacks is left out if it is unknown.
    pub fn text(&self, unhandled: Option<u64>) -> String {
        let mut text = Text(String::new());
        text.head("treaty_callbacks_total", "counter", "Callbacks by outcome.");
        for outcome in CallbackOutcome::ALL {
            let count = read(&self.callbacks[outcome as usize]);
            let labels = format!("outcome=\"{}\"", outcome.word());
            text.line("treaty_callbacks_total", &labels, count);
        }
        text.head(
            "treaty_callback_seconds",
            "histogram",
            "Time from a callback's headers to its response.",
        );
        let mut sum = 0;
        let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        for (end, count) in ends.zip(&self.durations) {
            sum += read(count);
            let labels = format!("le=\"{end}\"");
            text.line("treaty_callback_seconds_bucket", &labels, sum);
        }
        // Far below the range in which f64 is exact.
        #[allow(clippy::cast_precision_loss)]
        let seconds = read(&self.microseconds) as f64 / 1e6;
        text.line("treaty_callback_seconds_sum", "", seconds);
        text.line("treaty_callback_seconds_count", "", sum);
        text.head(
            "treaty_confirmations_total",
            "counter",
            "Flows polled after a callback, by result.",
        );
        for outcome in PollOutcome::ALL {
            let count = read(&self.confirmations[outcome as usize]);
            let labels = format!("outcome=\"{}\"", outcome.word());
            text.line("treaty_confirmations_total", &labels, count);
        }
        if let Some(unhandled) = unhandled {
            text.head(
                "treaty_inbox_unhandled",
                "gauge",
                "Callbacks in the ledger's inbox that are not handled yet.",
            );
            text.line("treaty_inbox_unhandled", "", unhandled);
        }
        text.head("treaty_build_info", "gauge", "The version, as a label.");
        let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
        text.line("treaty_build_info", version, 1);
        text.0
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_with_inclusive_bounds() {
        let metrics = Metrics::default();
        for (index, outcome) in CallbackOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        for (index, outcome) in PollOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        for milliseconds in [1, 2, 2000, 2001] {
            metrics.record_callback(CallbackOutcome::New, Duration::from_millis(milliseconds));
        }
        metrics.record_callback(CallbackOutcome::Failed, Duration::from_micros(500));
        metrics.record_poll(PollOutcome::InDoubt);
        let text = metrics.text(Some(7));
        for line in [
            "treaty_callbacks_total{outcome=\"new\"} 4",
            "treaty_callbacks_total{outcome=\"failed\"} 1",
            "treaty_callback_seconds_bucket{le=\"0.001\"} 2",
            "treaty_callback_seconds_bucket{le=\"0.0025\"} 3",
            "treaty_callback_seconds_bucket{le=\"1\"} 3",
            "treaty_callback_seconds_bucket{le=\"2\"} 4",
            "treaty_callback_seconds_bucket{le=\"+Inf\"} 5",
            "treaty_callback_seconds_sum 4.0045",
            "treaty_callback_seconds_count 5",
            "treaty_confirmations_total{outcome=\"in_doubt\"} 1",
            "treaty_inbox_unhandled 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!metrics.text(None).contains("treaty_inbox_unhandled"));
    }
}
