//! Writes the metrics of a command in the Prometheus text format, for the textfile collector.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;

use super::status::Counts;
use super::summary::Calls;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::escape::escaped;

/// The metrics of a command. They contain no private data: no keys and no names of signers.
#[derive(Debug)]
pub struct Metrics<'a> {
    /// The name of the project; empty if it could not be read.
    pub project: &'a str,
    /// The name of the environment; empty if it could not be read.
    pub environment: &'a str,
    /// The command, such as `apply` or `sync`.
    pub command: &'a str,
    /// The exit code.
    pub exit_code: u8,
    /// The start time.
    pub started: Timestamp,
    /// The end time.
    pub ended: Timestamp,
    /// Items by flow and status, if they were counted.
    pub items: &'a BTreeMap<String, Counts>,
    /// Requests by operation.
    pub calls: &'a Calls,
}

/// Writes metrics atomically. The file is readable by all users, because collectors run as another
/// user.
///
/// # Errors
/// [`FileError`] if the file cannot be written.
pub fn write_metrics(path: &Path, metrics: &Metrics<'_>) -> Result<(), FileError> {
    let mut file = AtomicFile::create_public(path)?;
    match file.write_all(text(metrics).as_bytes()) {
        Ok(()) => file.finish(),
        Err(why) => Err(file.error(why)),
    }
}

/// Returns the metrics in the text format.
fn text(metrics: &Metrics<'_>) -> String {
    let own = format!(
        r#"project="{}",environment="{}",command="{}""#,
        label(metrics.project),
        label(metrics.environment),
        metrics.command
    );
    let mut out = String::new();
    let mut family =
        |name: &str, help: &str, samples: &mut dyn Iterator<Item = (String, String)>| {
            let mut samples = samples.peekable();
            if samples.peek().is_none() {
                return;
            }
            // Infallible for strings.
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
        "Exit code of the last command; 0 if nothing failed.",
        &mut plain(metrics.exit_code.to_string()),
    );
    family(
        "treaty_started_timestamp_seconds",
        "Start time of the last command.",
        &mut plain(second(metrics.started)),
    );
    family(
        "treaty_ended_timestamp_seconds",
        "End time of the last command.",
        &mut plain(second(metrics.ended)),
    );
    family(
        "treaty_duration_seconds",
        "Duration of the last command.",
        &mut plain(format!("{:.3}", took / 1000.0)),
    );
    let items = metrics.items.iter().flat_map(|(flow, counts)| {
        counts.iter().map(move |(status, count)| {
            let labels = format!(r#",flow="{}",status="{}""#, label(flow), status.word());
            (labels, count.to_string())
        })
    });
    family(
        "treaty_items",
        "Items by flow and status at the end of the last command.",
        &mut { items },
    );
    for (name, help, count) in [
        (
            "treaty_calls",
            "Requests of the last command, with or without a response.",
            0,
        ),
        (
            "treaty_calls_failed",
            "Failed requests of the last command.",
            1,
        ),
        (
            "treaty_calls_repeated",
            "Requests of the last command that were retried.",
            2,
        ),
    ] {
        let calls = metrics.calls.iter().map(|(operation, calls)| {
            let counts = [calls.attempts, calls.failed, calls.repeated];
            let labels = format!(r#",operation="{}""#, label(operation));
            (labels, counts[count].to_string())
        });
        family(name, help, &mut { calls });
    }
    out
}

/// Converts a time to milliseconds since 1970, which `f64` holds exactly.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are far below 2^52"
)]
fn milliseconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64
}

/// Escapes the value of a label. A control character becomes the text of its escape.
fn label(text: &str) -> String {
    let text = escaped(text);
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::super::status::Status;
    use super::super::summary::CallCount;
    use super::*;

    #[test]
    fn writes_metrics_in_the_prometheus_text_format() {
        let at = |text: &str| text.parse().expect("a time");
        let items = BTreeMap::from([(
            "loans".to_owned(),
            Counts::from([(Status::Archived, 9), (Status::InDoubt, 1)]),
        )]);
        let count = CallCount {
            attempts: 3,
            failed: 1,
            ..CallCount::default()
        };
        let calls = Calls::from([("sign/download".to_owned(), count)]);
        let text = text(&Metrics {
            project: "a\"b\n\u{9b}",
            environment: "production",
            command: "apply",
            exit_code: 4,
            started: at("2026-11-26T14:00:00Z"),
            ended: at("2026-11-26T14:00:01.5Z"),
            items: &items,
            calls: &calls,
        });
        let own = r#"project="a\"b\\n\\u{9b}",environment="production",command="apply""#;
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
