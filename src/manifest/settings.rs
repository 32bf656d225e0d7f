//! The settings of `treaty.yaml`: environments, limits, retries, failures, ledger and reports.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::decode::Decoder;
use super::sections::{Sections, sections};
use super::yaml::Node;
use crate::api::is_safe;
use crate::api::operation::Op;
use crate::diagnostic::Span;

/// All that is settled for one environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The environment's name.
    pub environment: String,
    /// Where the API is.
    pub endpoint: Endpoint,
    /// Applied only when its name is confirmed.
    pub protected: bool,
    /// How fast.
    pub limits: Limits,
    /// How often again.
    pub retries: Retries,
    /// What may fail.
    pub failures: Failures,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Where the reports go.
    pub reports: Reports,
}

/// Where the API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The emulator inside treaty.
    Sandbox,
    /// A server, without a slash at the end.
    Url(String),
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sandbox => f.write_str("sandbox"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// Calls per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

/// A rate, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit(pub Option<Rate>);

impl FromStr for RateLimit {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "none" {
            return Ok(Self(None));
        }
        let (number, unit) = text.split_once('/').ok_or(())?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(()),
        };
        match number.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => {
                Ok(Self(Some(Rate(number / seconds))))
            }
            _ => Err(()),
        }
    }
}

/// How fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// All operations together; none: no limit.
    pub rate: Option<Rate>,
    /// The most requests in flight.
    pub concurrency: NonZeroUsize,
    /// Limits of single operations.
    pub operations: BTreeMap<Op, Rate>,
}

/// How often again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Attempts at most, the first included.
    pub attempts: u32,
    /// The pause after the first attempt; it doubles with each.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long an endpoint that has answered before may be down until the run ends.
    pub outage: Duration,
    /// Business error codes that mean "slow down".
    pub throttle_codes: Vec<i64>,
}

/// What may fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failures {
    /// What an invalid row does.
    pub invalid_rows: InvalidRows,
    /// Failed items, past which nothing new is started; none: no bound.
    pub tolerate: Option<Tolerance>,
    /// What was sent and apply may revoke, as a count or as a share of a flow's recorded items.
    pub revoke: Tolerance,
}

/// What an invalid row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRows {
    /// Nothing is called.
    Refuse,
    /// It is reported failed, and the rest goes on.
    Skip,
}

/// A count or a share of the items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// So many.
    Count(u64),
    /// So much of all, from 0 to 1.
    Share(f64),
}

impl Tolerance {
    /// How many of `items` may fail.
    pub fn of(self, items: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            // A share of a count that a sheet can have is far inside what both types hold exactly.
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss
            )]
            Self::Share(share) => (items as f64 * share).floor() as u64,
        }
    }
}

impl FromStr for Tolerance {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Share(percent / 100.0)),
                _ => Err(()),
            },
            None => text.trim().parse().map(Self::Count).map_err(|_| ()),
        }
    }
}

/// Where the reports go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// Their folder.
    pub directory: PathBuf,
    /// Which are written.
    pub formats: Vec<ReportFormat>,
}

/// A kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// `<flow>.csv` and `<flow>.failed.csv`.
    Csv,
    /// `run.json`.
    Json,
    /// `report.html`.
    Html,
    /// `junit.xml`.
    Junit,
}

/// A duration as people write it: `500ms`, `30s`, `10m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millis(pub Duration);

impl FromStr for Millis {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(())?;
        let (number, unit) = text.split_at(at);
        let number: u64 = number.trim().parse().map_err(|_| ())?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(()),
        };
        Ok(Self(Duration::from_millis(
            number.checked_mul(factor).ok_or(())?,
        )))
    }
}

/// An environment as `treaty.yaml` declares it.
pub(super) struct Environment {
    endpoint: Option<Endpoint>,
    protected: bool,
    sections: Sections,
}

pub(super) fn environment(decoder: &mut Decoder<'_>, node: &Node) -> Option<Environment> {
    let mut fields = decoder.fields(node, "an environment")?;
    let endpoint = fields
        .required(decoder, "endpoint")
        .and_then(|node| endpoint(decoder, node));
    let protected = fields
        .optional("protected")
        .and_then(|node| decoder.flag(node, "protected"));
    // Read before, since the rest may name them.
    fields.optional("variables");
    let sections = sections(decoder, &mut fields);
    fields.finish(decoder);
    Some(Environment {
        endpoint,
        protected: protected.unwrap_or(false),
        sections,
    })
}

fn endpoint(decoder: &mut Decoder<'_>, node: &Node) -> Option<Endpoint> {
    let settled = decoder.settled(node, "endpoint")?;
    if settled.text == "sandbox" {
        return Some(Endpoint::Sandbox);
    }
    let url = settled.text.trim_end_matches('/');
    let authority = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        // It is not repeated: it may hold a password.
        decoder.error(
            &settled.span,
            "the endpoint has a login in it",
            "credentials never stand in a file: set TREATY_APP_ID and TREATY_APP_SECRET",
        );
        return None;
    }
    if url.contains(['?', '#']) {
        decoder.error(
            &settled.span,
            "the endpoint has something behind its path",
            "operations are put behind it: end it where their paths begin",
        );
        return None;
    }
    if is_safe(url) {
        return Some(Endpoint::Url(url.to_owned()));
    }
    decoder.error(
        &settled.span,
        format!("the endpoint {url} is not safe for credentials"),
        "it is sandbox, or an https:// address; http:// only on this machine (127.0.0.1, [::1], localhost)",
    );
    None
}

pub(super) fn reports(decoder: &mut Decoder<'_>, root: &Path, node: Option<&Node>) -> Reports {
    let mut reports = Reports {
        directory: root.join("reports"),
        formats: vec![ReportFormat::Csv, ReportFormat::Json, ReportFormat::Html],
    };
    let Some(mut fields) = node.and_then(|node| decoder.fields(node, "reports")) else {
        return reports;
    };
    if let Some(directory) = fields.optional_settled(decoder, "directory") {
        match super::path::inside(root, root, &directory.text) {
            Ok(path) => reports.directory = path,
            Err(why) => decoder.error(&directory.span, why, "reports lie inside the project"),
        }
    }
    if let Some(node) = fields.optional("formats") {
        reports.formats.clear();
        let choices = [
            ("csv", Some(ReportFormat::Csv)),
            ("json", Some(ReportFormat::Json)),
            ("xlsx", None),
            ("html", Some(ReportFormat::Html)),
            ("junit", Some(ReportFormat::Junit)),
        ];
        for node in decoder.list(node, "formats") {
            match decoder.choice(node, "a report's format", &choices) {
                Some(Some(format)) => reports.formats.push(format),
                Some(None) => {
                    decoder.error(
                        &node.span,
                        "this kind of report is not supported yet",
                        "there are csv, json, html and junit",
                    );
                }
                None => {}
            }
        }
    }
    fields.finish(decoder);
    reports
}

/// Puts the project's sections and the environment's together.
pub(super) fn settle(
    decoder: &mut Decoder<'_>,
    root: &Path,
    name: &str,
    environment: Environment,
    project: Sections,
    reports: Reports,
) -> Option<Settings> {
    let endpoint = environment.endpoint?;
    let own = environment.sections.over(project);
    let limits = own.limits(&endpoint);
    let retries = own.retries();
    let failures = own.failures();
    let ledger = match &own.ledger {
        None => root.join(".treaty").join(format!("{name}.db")),
        Some(declared) => ledger(decoder, root, name, declared)?,
    };
    Some(Settings {
        environment: name.to_owned(),
        endpoint,
        protected: environment.protected,
        limits,
        retries,
        failures,
        ledger,
        reports,
    })
}

/// What can be said of an environment that is not used.
pub(super) fn check(decoder: &mut Decoder<'_>, root: &Path, name: &str, environment: &Environment) {
    if let Some(declared) = &environment.sections.ledger {
        ledger(decoder, root, name, declared);
    }
}

fn ledger(
    decoder: &mut Decoder<'_>,
    root: &Path,
    environment: &str,
    (text, span): &(String, Span),
) -> Option<PathBuf> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        decoder.error(
            span,
            "a ledger in Postgres is not supported yet",
            "leave it out: it lies in .treaty/",
        );
        return None;
    }
    match super::path::inside(root, root, &text.replace("{environment}", environment)) {
        Ok(path) => Some(path),
        Err(why) => {
            decoder.error(span, why, "the ledger lies inside the project");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_tolerances_and_durations_are_read() {
        let rate = |text: &str| {
            text.parse::<RateLimit>()
                .map(|limit| limit.0.map(|rate| rate.0))
        };
        assert_eq!(rate("10/s"), Ok(Some(10.0)));
        assert_eq!(rate("600/m"), Ok(Some(10.0)));
        assert_eq!(rate("none"), Ok(None));
        assert!(rate("0/s").is_err() && rate("10").is_err() && rate("10/d").is_err());
        assert_eq!("5%".parse::<Tolerance>().map(|share| share.of(199)), Ok(9));
        assert_eq!("20".parse::<Tolerance>().map(|count| count.of(199)), Ok(20));
        assert_eq!(
            "2m".parse::<Millis>().map(|millis| millis.0),
            Ok(Duration::from_mins(2))
        );
        assert!("30".parse::<Millis>().is_err());
    }
}
