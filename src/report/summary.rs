//! `run.json`: the run in numbers. `docs/schema/run.json` is its schema.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::row::Counts;
use crate::util::atomic_file::{AtomicFile, FileError};

/// The schema of `run.json`, as JSON.
pub const SCHEMA: &str = include_str!("../../docs/schema/run.json");

/// Calls by the paths of their operations.
pub type Calls = BTreeMap<String, CallCount>;

/// A run in numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    pub treaty: String,
    /// When it began, in Asia/Shanghai.
    pub started: String,
    /// When it ended, in Asia/Shanghai; none of a run that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// When the reports were written again, in Asia/Shanghai: items are counted as they stood then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Its exit code; none of a run that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended before all was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Items by flow and status.
    pub items: BTreeMap<String, Counts>,
    /// Standing things that failed, and why.
    pub standing_failures: BTreeMap<String, String>,
    /// Calls by operation.
    pub calls: Calls,
    /// All calls.
    pub calls_total: u64,
    /// Calls a second over the run.
    pub rate: f64,
    /// The limit that was set; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<f64>,
}

/// The calls of one operation.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
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
    /// Reads what an earlier report of a run says; none where there is none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("run.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it to `run.json` in a folder.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let mut file = AtomicFile::create(&folder.join("run.json"))?;
        let written = serde_json::to_writer_pretty(&mut file, self).map_err(std::io::Error::other);
        match written.and_then(|()| file.write_all(b"\n")) {
            Ok(()) => file.finish(),
            Err(source) => Err(file.error(source)),
        }
    }
}
