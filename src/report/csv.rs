//! `<flow>.csv` and `<flow>.failed.csv`: the sheet's own columns in its own order, then what became of each row.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::flow::{FlowReport, Line};
use super::row::Status;
use crate::api::time;
use crate::ledger::ItemRecord;
use crate::sheet::escape_formula;
use crate::util::atomic_file::{AtomicFile, FileError};

/// What a report calls its own columns.
const OWN: &str = "treaty_";
const COMMON: [&str; 9] = [
    "treaty_key",
    "treaty_status",
    "treaty_action",
    "treaty_doc_id",
    "treaty_flow_id",
    "treaty_error_code",
    "treaty_error",
    "treaty_hint",
    "treaty_attempts",
];
const OF_SIGNER: [&str; 5] = [
    "account_id",
    "sign_url",
    "sign_short_url",
    "status",
    "sign_time",
];
/// Stands after the signers.
const LAST: [&str; 4] = [
    "treaty_sent_at",
    "treaty_ended_at",
    "treaty_file",
    "treaty_sha256",
];
/// What those need who correct failed rows.
const FAILED: [&str; 5] = [
    "treaty_key",
    "treaty_status",
    "treaty_error_code",
    "treaty_error",
    "treaty_hint",
];

/// The tables of a flow.
pub(super) struct Tables {
    all: AtomicFile,
    failed: AtomicFile,
    any_failed: bool,
    path: PathBuf,
}

/// The sheet's own columns that the tables repeat, by index.
pub(super) struct Columns {
    own: Vec<usize>,
    path: PathBuf,
}

/// Lines of both tables, while they are put into bytes.
pub(super) struct Lines {
    all: csv::Writer<Vec<u8>>,
    failed: csv::Writer<Vec<u8>>,
    any_failed: bool,
}

impl Tables {
    /// Begins both, with their headers.
    pub(super) fn begin(
        folder: &Path,
        report: &FlowReport<'_>,
    ) -> Result<(Self, Columns), FileError> {
        let sheet = report.rows.and_then(|rows| rows.sheet.as_ref());
        let header = sheet
            .map(|sheet| sheet.header().columns().to_vec())
            .unwrap_or_default();
        // A sheet that is an earlier report brings the columns of that one.
        let columns: Vec<usize> = (0..header.len())
            .filter(|at| !header[*at].starts_with(OWN))
            .collect();
        let path = folder.join(format!("{}.csv", report.flow));
        let own: Vec<String> = columns
            .iter()
            .map(|at| escape_formula(&header[*at]).into_owned())
            .collect();
        let mut all = own.clone();
        all.extend(COMMON.iter().map(|name| (*name).to_owned()));
        for signer in &report.signers {
            let own = OF_SIGNER.iter();
            all.extend(own.map(|name| format!("{OWN}{signer}_{name}")));
        }
        all.extend(LAST.map(str::to_owned));
        let mut failed = own;
        failed.extend(FAILED.iter().map(|name| (*name).to_owned()));
        let begun = |path: &Path, names: &[String]| {
            let mut table = table(path)?;
            write_record(&mut table, path, names)?;
            table
                .into_inner()
                .map_err(|error| wrong(path, error.into_error().into()))
        };
        let tables = Self {
            all: begun(&path, &all)?,
            failed: begun(&failed_path(&path), &failed)?,
            any_failed: false,
            path: path.clone(),
        };
        Ok((tables, Columns { own: columns, path }))
    }

    /// Writes the next lines.
    pub(super) fn write(&mut self, lines: Lines) -> Result<(), FileError> {
        self.any_failed |= lines.any_failed;
        for (file, lines) in [(&mut self.all, lines.all), (&mut self.failed, lines.failed)] {
            let bytes = lines
                .into_inner()
                .map_err(|error| wrong(&self.path, error.into_error().into()))?;
            file.write_all(&bytes).map_err(|why| file.error(why))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), FileError> {
        self.all.finish()?;
        if self.any_failed {
            self.failed.finish()
        } else {
            // Nobody needs an empty one: dropped, it leaves nothing. One that was written before is not true any more.
            let earlier = failed_path(&self.path);
            match std::fs::remove_file(&earlier) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    Err(FileError { path: earlier, why })
                }
                _ => Ok(()),
            }
        }
    }
}

impl Lines {
    /// None yet.
    pub(super) fn new() -> Self {
        let empty = || {
            csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(Vec::new())
        };
        Self {
            all: empty(),
            failed: empty(),
            any_failed: false,
        }
    }

    /// Takes a row, and one that failed also for those who correct it.
    pub(super) fn push(
        &mut self,
        columns: &Columns,
        report: &FlowReport<'_>,
        line: &Line,
    ) -> Result<(), FileError> {
        let own = || {
            let row = line.cells.as_ref();
            let cells = columns.own.iter();
            cells.map(move |at| row.and_then(|row| row.at(*at)).unwrap_or_default())
        };
        let all = own().map(Cow::Borrowed).chain(whole(report, line));
        let wrong = |error| wrong(&columns.path, error);
        put(&mut self.all, all).map_err(wrong)?;
        if line.status == Status::Failed && line.row.is_some() {
            self.any_failed = true;
            let [code, error, hint] = line.said.failed();
            let key = line.key.as_deref().unwrap_or_default();
            let failed = [key, line.status.word(), &code, &error, &hint];
            let failed = own().chain(failed).map(Cow::Borrowed);
            put(&mut self.failed, failed).map_err(wrong)?;
        }
        Ok(())
    }
}

/// Puts the cells of one record into a table.
fn put<'a>(
    table: &mut csv::Writer<Vec<u8>>,
    cells: impl Iterator<Item = Cow<'a, str>>,
) -> csv::Result<()> {
    for cell in cells {
        table.write_field(escape_formula(&cell).as_bytes())?;
    }
    table.write_record(None::<&[u8]>)
}

/// The table of the rows that failed, beside the one of all.
fn failed_path(all: &Path) -> PathBuf {
    all.with_extension("failed.csv")
}

/// A row's own columns of a report.
fn whole<'a>(report: &'a FlowReport<'_>, line: &'a Line) -> impl Iterator<Item = Cow<'a, str>> {
    let (said, steps) = (&line.said, report.steps);
    let item = said.record.as_ref();
    let [code, error, hint] = said.failed().map(Cow::Owned);
    let attempts = item.map_or(String::new(), |item| item.attempts.to_string());
    let common = [
        line.key.as_deref().unwrap_or_default().into(),
        line.status.word().into(),
        line.action.word().into(),
        said.answers(steps.document, "docId").into(),
        said.step(steps.process).answer("flowId").into(),
        code,
        error,
        hint,
        attempts.into(),
    ];
    let signers = report.signers.iter().flat_map(move |name| {
        let signer = said.signer(steps.signer, name);
        [
            signer.answer("accountId"),
            signer.answer("signUrl"),
            signer.answer("signShortUrl"),
            signer.status(),
            signer.time(),
        ]
        .map(Cow::Borrowed)
    });
    let moment = |at: Option<jiff::Timestamp>| at.map(time::text).unwrap_or_default();
    let download = said.step(steps.download);
    let last = [
        moment(item.and_then(|item| item.sent_at)),
        moment(item.and_then(ItemRecord::ended_at)),
        download.listed("path"),
        download.listed("sha256"),
    ];
    common
        .into_iter()
        .chain(signers)
        .chain(last.map(Cow::Owned))
}

/// A table that spreadsheets open as what it is: UTF-8 with its mark, lines ended as they expect.
pub(super) fn table(path: &Path) -> Result<csv::Writer<AtomicFile>, FileError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all("\u{feff}".as_bytes())
        .map_err(|source| file.error(source))?;
    Ok(csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(file))
}

pub(super) fn write_record(
    table: &mut csv::Writer<AtomicFile>,
    path: &Path,
    cells: &[String],
) -> Result<(), FileError> {
    table
        .write_record(cells)
        .map_err(|error| wrong(path, error))
}

fn wrong(path: &Path, error: csv::Error) -> FileError {
    FileError {
        path: path.to_owned(),
        why: std::io::Error::other(error),
    }
}

pub(super) fn finish(table: csv::Writer<AtomicFile>, path: &Path) -> Result<(), FileError> {
    match table.into_inner() {
        Ok(file) => file.finish(),
        Err(error) => Err(FileError {
            path: path.to_owned(),
            why: std::io::Error::other(error.to_string()),
        }),
    }
}
