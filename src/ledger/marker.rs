//! The marker: a file beside a ledger with the ledger's id and serial (`production.db.marker`
//! beside `production.db`).
//!
//! A backup of the ledger does not contain it, so it shows that a ledger is missing, was replaced
//! by an older copy, or has lost its `-wal` file. It is written after the ledger's transaction, and
//! before the requests whose intents the transaction contains.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::database::{Connection, Error};
use super::failure::broken;
use super::location::Location;
use super::version::{self, Evidence, Growth, HoldOptions, LedgerVersion, VersionPolicy, missing};
use super::{LedgerError, open_mode};
use crate::util::atomic_file::AtomicFile;
use crate::util::input_file::{self, MAX_TEXT};
use crate::util::private_file::{self, Access};

/// The length of the file. It never changes, so that an update needs one sync and cannot leave an
/// empty file.
const LENGTH: usize = 160;

/// The marker of a ledger that is open for writing.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    file: File,
    written: LedgerVersion,
}

impl Marker {
    /// Creates or updates the marker of a ledger, durably.
    pub(super) fn open(ledger: &Path, version: LedgerVersion) -> Result<Self, LedgerError> {
        let path = marker_path(ledger);
        let failed = |error: std::io::Error| LedgerError::io(&path, &error);
        let bytes = content(&version);
        // A listener opens the ledger often and changes it rarely.
        let existing = input_file::read(&path, MAX_TEXT);
        let is_current = existing.is_ok_and(|existing| existing == bytes);
        if !is_current {
            let mut part = AtomicFile::create(&path).map_err(|error| failed(error.why))?;
            part.write_all(&bytes).map_err(failed)?;
            part.finish().map_err(|error| failed(error.why))?;
        }
        let file = private_file::open(&path, Access::Update).map_err(failed)?;
        Ok(Self {
            path,
            file,
            written: version,
        })
    }

    /// Records a version, durably.
    pub(super) fn record(&mut self, version: &LedgerVersion) -> Result<(), LedgerError> {
        if self.written == *version {
            return Ok(());
        }
        let bytes = content(version);
        let mut write = || {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&bytes)?;
            self.file.sync_data()
        };
        write().map_err(|error| LedgerError::io(&self.path, &error))?;
        self.written = version.clone();
        Ok(())
    }
}

/// The version as JSON, padded to [`LENGTH`].
fn content(version: &LedgerVersion) -> Vec<u8> {
    // Plain values always have a JSON form.
    let mut bytes = serde_json::to_vec(version).unwrap_or_default();
    bytes.resize(LENGTH - 1, b' ');
    bytes.push(b'\n');
    bytes
}

/// Returns the path of a ledger's marker. It is beside the path of the settings, not beside the
/// target of a symbolic link: the target may be on a disk that is restored.
pub(super) fn marker_path(ledger: &Path) -> PathBuf {
    ledger.with_added_extension("marker")
}

/// The maximum number of reads until two have the same result.
const READS: usize = 10;

/// Reads a file that another process may be overwriting; none if it does not exist.
fn stable_text(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut last = None;
    for _ in 0..READS {
        let text = match input_file::read(path, MAX_TEXT) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(LedgerError::io(path, &error.into())),
        };
        if last.as_ref() == Some(&text) {
            break;
        }
        last = Some(text);
    }
    Ok(last)
}

/// Reads the marker of a ledger; none if it does not exist.
pub(super) fn read(ledger: &Path) -> Result<Option<Evidence>, LedgerError> {
    let path = marker_path(ledger);
    let Some(text) = stable_text(&path)? else {
        return Ok(None);
    };
    let version = serde_json::from_slice(&text).map_err(|error| LedgerError::DamagedMarker {
        path: path.display().to_string(),
        why: error.to_string(),
    })?;
    Ok(Some(Evidence {
        source: path.display().to_string(),
        version: Some(version),
    }))
}

/// Returns the marker as evidence, followed by other evidence.
pub(super) fn all_evidence(
    ledger: &Location,
    others: &[Evidence],
) -> Result<Vec<Evidence>, LedgerError> {
    let marker = read(ledger.local())?;
    Ok(marker.into_iter().chain(others.iter().cloned()).collect())
}

/// Fails if a missing ledger must not be created. `SQLite` would merge a log that was left into a new
/// file.
pub(super) fn allow_creation(ledger: &Location, options: &HoldOptions) -> Result<(), LedgerError> {
    for ending in ["-wal", "-journal"] {
        let log = open_mode::side_file(ledger.local(), ending);
        if std::fs::metadata(&log).is_ok_and(|found| found.len() > 0) {
            return Err(LedgerError::LogOnly {
                path: ledger.to_string(),
                log: log.display().to_string(),
            });
        }
    }
    let others = match options.policy {
        // A damaged marker is an error before the file is created.
        VersionPolicy::New => return read(ledger.local()).map(drop),
        VersionPolicy::Import => return Ok(()),
        // Without any ledger, its content can be adopted into a new one. Runs still refuse it.
        VersionPolicy::Correct => &[],
        VersionPolicy::Refuse | VersionPolicy::Accept => &options.evidence[..],
    };
    let evidence = all_evidence(ledger, others)?;
    missing(ledger, &evidence).map_or(Ok(()), Err)
}

/// Compares a ledger whose lease was taken with the evidence, and applies the policy. Changes
/// nothing: the first transaction records what was accepted. Returns none if the serial must not
/// grow.
pub(super) fn admit(
    connection: &Connection,
    ledger: &Location,
    options: &HoldOptions,
) -> Result<Option<Growth>, LedgerError> {
    let growth = |supersedes: Option<Vec<Evidence>>| {
        let is_confirmed = matches!(options.policy, VersionPolicy::New | VersionPolicy::Accept);
        Ok(Some(Growth {
            writer: options.writer.clone(),
            supersedes,
            confirms: is_confirmed,
            is_recorded: false,
        }))
    };
    let own = |error: Error| broken(ledger, &error);
    let mut is_damaged = false;
    let evidence = match (options.policy, all_evidence(ledger, &options.evidence)) {
        (VersionPolicy::Import, _) => return Ok(None),
        (_, Ok(evidence)) => evidence,
        // The version of a damaged marker is unknown; the reports may record a later one.
        (VersionPolicy::Accept, Err(LedgerError::DamagedMarker { .. })) => {
            is_damaged = true;
            let source = marker_path(ledger.local()).display().to_string();
            let marker = Evidence {
                source,
                version: None,
            };
            options.evidence.iter().cloned().chain([marker]).collect()
        }
        (_, Err(error)) => return Err(error),
    };
    let checked = version::check(ledger, connection, &evidence).map_err(own)?;
    match (options.policy, checked) {
        (VersionPolicy::Import, _) | (VersionPolicy::Correct, Err(_)) => Ok(None),
        (VersionPolicy::Accept, Ok(())) if !is_damaged => {
            Err(LedgerError::Current(ledger.to_string()))
        }
        (_, Ok(())) => growth(None),
        // An empty ledger has nothing to accept.
        (VersionPolicy::Refuse, Err(error))
        | (VersionPolicy::Accept, Err(error @ LedgerError::Missing { .. })) => Err(error),
        (VersionPolicy::New, Err(error)) if !version::is_empty(connection).map_err(own)? => {
            Err(LedgerError::NotEmpty {
                path: ledger.to_string(),
                why: error.to_string(),
            })
        }
        (VersionPolicy::New | VersionPolicy::Accept, Err(_)) => growth(Some(evidence)),
    }
}
