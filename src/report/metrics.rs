//! A run in numbers for Prometheus: a file for the collector of text files that runs beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;

use super::row::Counts;
use super::summary::Calls;
use crate::util::atomic_file::{AtomicFile, FileError};

/// What a command has to tell of itself at its end. Nothing of it is private: no key, no name.
#[derive(Debug)]
pub struct Metrics<'a> {
    /// The project's name; empty when it could not be read.
    pub project: &'a str,
    /// The environment's name; empty when it could not be read.
    pub environment: &'a str,
    /// The command: apply, sync.
    pub command: &'a str,
    /// Its exit code.
    pub exit_code: u8,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Items by flow and status, where they were counted.
    pub items: &'a BTreeMap<String, Counts>,
    /// Calls by operation.
    pub calls: &'a Calls,
}

/// Writes them, whole or not at all, for everybody on the machine to read: collectors run as somebody else.
pub fn write_metrics(path: &Path, metrics: &Metrics<'_>) -> Result<(), FileError> {
    let mut file = AtomicFile::create_public(path)?;
    match file.write_all(text(metrics).as_bytes()) {
        Ok(()) => file.finish(),
        Err(why) => Err(file.error(why)),
    }
}

fn text(metrics: &Metrics<'_>) -> String {
    let own = format!(
        r#"project="{}",environment="{}",command="{}""#,
        escaped(metrics.project),
        escaped(metrics.environment),
        metrics.command
    );
    let mut out = String::new();
    let mut family =
        |name: &str, help: &str, samples: &mut dyn Iterator<Item = (String, String)>| {
            let mut samples = samples.peekable();
            if samples.peek().is_none() {
                return;
            }
            // A text takes whatever is written to it.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n");
            for (labels, value) in samples {
                let _ = writeln!(out, "{name}{{{own}{labels}}} {value}");
            }
        };
    let plain = |value: String| std::iter::once((String::new(), value));
    let second = |at: Timestamp| format!("{:.3}", milliseconds(at) / 1000.0);
    let took = milliseconds(metrics.ended) - milliseconds(metrics.started);
    family(
        "treaty_exit_code",
        "How the last command ended: its exit code, 0 when nothing failed.",
        &mut plain(metrics.exit_code.to_string()),
    );
    family(
        "treaty_started_timestamp_seconds",
        "When the last command began.",
        &mut plain(second(metrics.started)),
    );
    family(
        "treaty_ended_timestamp_seconds",
        "When the last command ended.",
        &mut plain(second(metrics.ended)),
    );
    family(
        "treaty_duration_seconds",
        "How long the last command took.",
        &mut plain(format!("{:.3}", took / 1000.0)),
    );
    let items = metrics.items.iter().flat_map(|(flow, counts)| {
        counts.iter().map(move |(status, count)| {
            let labels = format!(r#",flow="{}",status="{}""#, escaped(flow), status.word());
            (labels, count.to_string())
        })
    });
    family(
        "treaty_items",
        "Items by flow and status when the last command ended.",
        &mut { items },
    );
    for (name, help, count) in [
        (
            "treaty_calls",
            "Calls of the last command, answered or not.",
            0,
        ),
        (
            "treaty_calls_failed",
            "Calls of the last command that failed.",
            1,
        ),
        (
            "treaty_calls_repeated",
            "Calls of the last command that were followed by another attempt.",
            2,
        ),
    ] {
        let calls = metrics.calls.iter().map(|(operation, calls)| {
            let counts = [calls.attempts, calls.failed, calls.repeated];
            let labels = format!(r#",operation="{}""#, escaped(operation));
            (labels, counts[count].to_string())
        });
        family(name, help, &mut { calls });
    }
    out
}

/// Milliseconds since 1970; of times that machines have, no digit is lost.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are far below 2^52"
)]
fn milliseconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::row::Status;
    use super::super::summary::CallCount;
    use super::*;

    #[test]
    fn numbers_are_told_in_the_words_of_the_collector() {
        let at = |text: &str| text.parse().expect("a time");
        let items = BTreeMap::from([(
            "loans".to_owned(),
            Counts::from([(Status::Finished, 9), (Status::InDoubt, 1)]),
        )]);
        let count = CallCount {
            attempts: 3,
            failed: 1,
            ..CallCount::default()
        };
        let calls = Calls::from([("sign/download".to_owned(), count)]);
        let text = text(&Metrics {
            project: "a\"b",
            environment: "production",
            command: "apply",
            exit_code: 4,
            started: at("2026-11-26T14:00:00Z"),
            ended: at("2026-11-26T14:00:01.5Z"),
            items: &items,
            calls: &calls,
        });
        let own = r#"project="a\"b",environment="production",command="apply""#;
        for line in [
            format!("treaty_exit_code{{{own}}} 4"),
            format!("treaty_ended_timestamp_seconds{{{own}}} 1795701601.500"),
            format!("treaty_duration_seconds{{{own}}} 1.500"),
            format!(r#"treaty_items{{{own},flow="loans",status="in_doubt"}} 1"#),
            format!(r#"treaty_calls_failed{{{own},operation="sign/download"}} 1"#),
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        assert!(text.ends_with('\n'));
    }
}
