//! The settings of `treaty.yaml`: environments, limits, retries, failures, ledger and reports.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::api::operation::Op;

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
