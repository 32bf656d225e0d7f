//! `run.json`: the run in numbers.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::row::Counts;
use crate::whole::{FileError, WholeFile};

/// A run in numbers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The run's name: the folder of its reports.
    pub run: String,
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// Where the API was.
    pub endpoint: String,
    /// The version of treaty.
    pub treaty: &'static str,
    /// When it began, in Asia/Shanghai.
    pub started: String,
    /// When it ended, in Asia/Shanghai.
    pub ended: String,
    /// How long it took.
    pub seconds: f64,
    /// Its exit code.
    pub exit_code: i32,
    /// Why it ended before all was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Items by flow and status.
    pub items: BTreeMap<String, Counts>,
    /// Standing things that failed, and why.
    pub standing_failures: BTreeMap<String, String>,
    /// Calls by operation.
    pub calls: BTreeMap<&'static str, CallCount>,
    /// All calls.
    pub calls_total: u64,
    /// Calls a second over the run.
    pub rate: f64,
    /// The limit that was set; none: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<f64>,
}

/// The calls of one operation.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallCount {
    /// Attempts, answered or not.
    pub attempts: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that were followed by another.
    pub repeated: u64,
    /// The time of all attempts together, in milliseconds.
    pub milliseconds: u64,
    /// The longest attempt, in milliseconds.
    pub slowest_milliseconds: u64,
}

impl Summary {
    /// Writes it to `run.json` in a folder.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let mut file = WholeFile::begin(&folder.join("run.json"))?;
        let written = serde_json::to_writer_pretty(&mut file, self).map_err(std::io::Error::other);
        match written.and_then(|()| file.write_all(b"\n")) {
            Ok(()) => file.finish(),
            Err(source) => Err(file.error(source)),
        }
    }
}
