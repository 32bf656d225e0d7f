//! Writes `run.json`, the summary of a run. Its schema is `docs/schema/run.json`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::status::Counts;
use crate::ledger::LedgerVersion;
use crate::manifest::Project;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::escape::escaped_json;
use crate::util::input_file;

/// The JSON schema of `run.json`.
pub const SCHEMA: &str = include_str!("../../docs/schema/run.json");

/// The value of [`Summary::stopped`] of a run without a result.
const UNFINISHED: &str =
    t_key!("the run ended without a result: it was killed, or is still in progress");

/// Request counts by the path of the operation.
pub type Calls = BTreeMap<String, CallCount>;

/// The summary of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The name of the run, which is the folder of its reports.
    pub run: String,
    /// The name of the project.
    pub project: String,
    /// The name of the environment.
    pub environment: String,
    /// The URL of the API, or `sandbox`.
    pub endpoint: String,
    /// The version of treaty.
    pub treaty: String,
    /// The start time in Asia/Shanghai.
    pub started: String,
    /// The end time in Asia/Shanghai; `None` if the run crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The time in Asia/Shanghai at which `treaty report` wrote the file; the counts are of that
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<String>,
    /// The duration in seconds.
    pub seconds: f64,
    /// The exit code; `None` if the run crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why the run stopped early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Items by flow and status.
    pub items: BTreeMap<String, Counts>,
    /// The number of contracts that the run was to send, continue or revoke.
    #[serde(default)]
    pub planned: u64,
    /// The number of rows that were not used as they are: they are invalid or differ from what was
    /// sent. `items` counts them with the status of the contract that exists.
    #[serde(default)]
    pub unused_rows: u64,
    /// The rows whose failure the ledger does not record, at most [`UnrecordedFailure::LISTED`] of a
    /// flow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_rows: Vec<UnrecordedFailure>,
    /// The digests of the tables of failed rows by file name. A table with another digest was
    /// corrected by a person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed_tables: BTreeMap<String, String>,
    /// The errors of failed resources, by address.
    // Earlier versions wrote `standingFailures`.
    #[serde(alias = "standingFailures")]
    pub resource_failures: BTreeMap<String, String>,
    /// The existing accounts that the run took over; `None` without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_accounts: Option<TakenAccounts>,
    /// Requests by operation.
    pub calls: Calls,
    /// The number of all requests.
    pub calls_total: u64,
    /// Requests a second over the run.
    pub rate: f64,
    /// The rate limit in requests a second; `None` without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<f64>,
    /// The ledger's id, serial and last writer, when the run began or ended. A later run refuses a
    /// ledger that does not know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerVersion>,
}

/// A row whose failure the ledger does not record: the row was never sent, or it was sent earlier and
/// cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnrecordedFailure {
    /// The name of the flow.
    pub flow: String,
    /// The row number in the sheet, if it is known.
    pub row: Option<u64>,
    /// The key, if it is known.
    pub key: Option<String>,
    /// The error.
    pub message: String,
    /// The hint; may be empty.
    pub hint: String,
}

impl Summary {
    /// Keeps the failed rows of a flow that an earlier report of the run lists.
    pub fn keep_failed_rows(&mut self, earlier: Option<&Self>, flow: &str) {
        let listed = earlier.map_or(&[][..], |earlier| &earlier.failed_rows);
        let of_flow = listed.iter().filter(|row| row.flow == flow);
        self.failed_rows.extend(of_flow.cloned());
    }
}

impl UnrecordedFailure {
    /// The number of rows of a flow that are listed.
    pub const LISTED: usize = 1000;
}

/// Accounts that existed at the service and that treaty did not create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenAccounts {
    /// Accounts whose fields were set.
    pub updated: u64,
    /// Accounts that are used without a change.
    pub kept: u64,
    /// The declared accounts, and the items with the names of their accounts; the first ones, at most
    /// [`TakenAccounts::NAMED`].
    pub accounts: Vec<String>,
}

impl TakenAccounts {
    /// The number of accounts that are named.
    pub const NAMED: usize = 1000;
}

/// The requests of one operation.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallCount {
    /// Requests, with or without a response.
    pub attempts: u64,
    /// Failed requests; business errors included.
    pub failed: u64,
    /// Requests that were retried.
    pub repeated: u64,
    /// The sum of the durations, in milliseconds.
    pub milliseconds: u64,
    /// The longest duration, in milliseconds.
    pub slowest_milliseconds: u64,
}

impl Summary {
    /// Returns the summary of a run of a project without a result, which began at `started`.
    pub fn unfinished(
        run: &str,
        project: &Project,
        started: String,
        ledger: LedgerVersion,
    ) -> Self {
        let settings = &project.settings;
        Self {
            run: run.to_owned(),
            project: project.name.clone(),
            environment: settings.environment.clone(),
            endpoint: settings.endpoint.to_string(),
            treaty: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            ended: None,
            reported: None,
            seconds: 0.0,
            exit_code: None,
            stopped: Some(t!(UNFINISHED).into_owned()),
            items: BTreeMap::new(),
            planned: 0,
            unused_rows: 0,
            failed_tables: BTreeMap::new(),
            failed_rows: Vec::new(),
            resource_failures: BTreeMap::new(),
            existing_accounts: None,
            calls: Calls::new(),
            calls_total: 0,
            rate: 0.0,
            rate_limit: settings.limits.rate.map(|rate| rate.0),
            ledger: Some(ledger),
        }
    }

    /// Adds the end of a run that has recorded it, but could not write it here.
    #[must_use]
    pub fn ended(mut self, at: Option<String>, exit_code: Option<i32>) -> Self {
        if self.ended.is_none() && at.is_some() {
            self.ended = at;
            self.exit_code = exit_code;
            self.stopped = None;
        }
        self
    }

    /// Reads `run.json` from a folder; `None` if it does not exist or cannot be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = input_file::read_text(&folder.join("run.json"), input_file::MAX_TEXT).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes `run.json` to a folder.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let mut file = AtomicFile::create(&folder.join("run.json"))?;
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other);
        let written = text.and_then(|text| writeln!(file, "{}", escaped_json(&text)));
        match written {
            Ok(()) => file.finish(),
            Err(source) => Err(file.error(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_could_not_write_its_end_has_ended() {
        let begun = serde_json::json!({
            "run": "r", "project": "p", "environment": "sandbox", "endpoint": "sandbox", "treaty": "0",
            "started": "2026-11-23 08:00:00", "seconds": 0.0, "stopped": UNFINISHED, "items": {},
            "resourceFailures": {}, "calls": {}, "callsTotal": 0, "rate": 0.0,
        });
        let begun: Summary = serde_json::from_value(begun).expect("a summary");
        let killed = begun.clone().ended(None, None);
        assert!(killed.stopped.is_some() && killed.ended.is_none());
        let ended = begun.ended(Some("2026-11-23 08:01:00".to_owned()), Some(1));
        assert_eq!((ended.exit_code, ended.stopped), (Some(1), None));
    }
}
