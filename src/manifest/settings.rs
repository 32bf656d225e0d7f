//! The settings of one environment: endpoint, limits, retries, failures, ledger and reports.
//! The environment's values take precedence over the project's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ledger_setting::LedgerSetting;
use super::value::parsed;
use crate::api::operation::Op;

/// The settings of one environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The environment's name.
    pub environment: String,
    /// The address of the API.
    pub endpoint: Endpoint,
    /// Whether the operator must confirm the environment's name before changes.
    pub protected: bool,
    /// Rate limits and concurrency.
    pub limits: Limits,
    /// Retries, timeouts and backoff.
    pub retries: Retries,
    /// Limits for failed and revoked items.
    pub failures: Failures,
    /// The location of the ledger.
    pub ledger: LedgerSetting,
    /// The folder and formats of reports.
    pub reports: Reports,
}

/// The address of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The emulator in the treaty process.
    Sandbox,
    /// The base URL of a server, without a trailing slash.
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

/// Requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

/// A rate limit, or `None` for no limit. Parsed from `10/s`, `600/m`, `5000/h` or `none`.
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

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = "it is written 10/s, 600/m, 5000/h or none";
        parsed(deserializer, hint, Self(None), |text| text.parse().ok())
    }
}

impl JsonSchema for RateLimit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RateLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"none|\s*[0-9]*\.?[0-9]+\s*/\s*[smh]\s*" })
    }
}

/// Rate limits and concurrency.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The limit for all operations together, or `None` for no limit.
    pub rate: Option<Rate>,
    /// The maximum number of requests in flight.
    pub concurrency: NonZeroUsize,
    /// Additional limits for single operations.
    pub operations: BTreeMap<Op, Rate>,
}

/// Retries, timeouts and backoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// The maximum number of attempts, including the first.
    pub attempts: u32,
    /// The delay before the first retry. It doubles with each retry.
    pub backoff: Duration,
    /// The maximum delay before a retry.
    pub max_backoff: Duration,
    /// The timeout of one request.
    pub timeout: Duration,
    /// The maximum outage of an endpoint that answered before. After it the run stops.
    pub outage: Duration,
    /// Additional business error codes that mean that a request was throttled.
    pub throttle_codes: Vec<i64>,
}

/// Limits for failed and revoked items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failures {
    /// The handling of invalid rows.
    pub invalid_rows: InvalidRows,
    /// The number of failed items after which no new item is started, or `None` for no limit.
    pub tolerate: Option<Tolerance>,
    /// The number of sent items of a flow that one apply may revoke.
    pub revoke: Tolerance,
}

/// The handling of invalid rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum InvalidRows {
    /// One invalid row stops the run before any request.
    Refuse,
    /// The row is reported as failed, and the other rows are sent.
    Skip,
}

/// A number of items, absolute or relative. Parsed from `20` or `5%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// A number of items.
    Count(u64),
    /// A share of all items, from 0 to 1.
    Share(f64),
}

impl Tolerance {
    /// Returns the tolerated number out of `items`, rounded down.
    pub fn of(self, items: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            // Row counts are small enough to be exact in both types.
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss
            )]
            Self::Share(share) => (items as f64 * share).floor() as u64,
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            // The product may differ from the percentage that was read in its last digits.
            Self::Share(share) => write!(f, "{}%", (share * 100e9).round() / 1e9),
        }
    }
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = "it is written as a count or a share: 20 or 5%";
        parsed(deserializer, hint, Self::Count(0), |text| text.parse().ok())
    }
}

impl JsonSchema for Tolerance {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tolerance".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": r"\s*[0-9]*\.?[0-9]+\s*%" },
        ] })
    }
}

/// The folder and formats of reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// The folder of the reports.
    pub directory: PathBuf,
    /// The formats to write.
    pub formats: Vec<ReportFormat>,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ReportFormat {
    /// `<flow>.csv` and `<flow>.failed.csv`.
    Csv,
    /// `<flow>.xlsx` and `<flow>.failed.xlsx`.
    Xlsx,
    /// `run.json`.
    Json,
    /// `report.html`.
    Html,
    /// `junit.xml`.
    Junit,
}

/// A duration, parsed from a number with a unit: `500ms`, `30s`, `10m` or `1h`.
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

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = "it is written 500ms, 30s or 2m";
        parsed(deserializer, hint, Self(Duration::ZERO), |text| {
            text.parse().ok()
        })
    }
}

impl JsonSchema for Millis {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"[0-9]+\s*(ms|s|m|min|h)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_rates_tolerances_and_durations() {
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
