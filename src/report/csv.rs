//! `<flow>.csv` and `<flow>.failed.csv`: the sheet's own columns in its own order, then what became of each row.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::flow::{FlowReport, Line};
use super::row::Status;
use crate::api::time;
use crate::ledger::ItemRecord;
use crate::sheet::harmless;
use crate::whole::{FileError, WholeFile};

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
    all: csv::Writer<WholeFile>,
    failed: csv::Writer<WholeFile>,
    /// The sheet's own columns that a report repeats, by index.
    columns: Vec<usize>,
    any_failed: bool,
    path: PathBuf,
}

impl Tables {
    pub(super) fn begin(folder: &Path, report: &FlowReport<'_>) -> Result<Self, FileError> {
        let sheet = report.rows.and_then(|rows| rows.sheet.as_ref());
        let header = sheet
            .map(|sheet| sheet.header().columns().to_vec())
            .unwrap_or_default();
        // A sheet that is an earlier report brings the columns of that one.
        let columns: Vec<usize> = (0..header.len())
            .filter(|at| !header[*at].starts_with(OWN))
            .collect();
        let path = folder.join(format!("{}.csv", report.flow));
        let mut tables = Self {
            all: table(&path)?,
            failed: table(&failed_path(&path))?,
            any_failed: false,
            columns,
            path,
        };
        let own: Vec<String> = tables
            .columns
            .iter()
            .map(|at| harmless(&header[*at]).into_owned())
            .collect();
        let mut names = own.clone();
        names.extend(COMMON.iter().map(|name| (*name).to_owned()));
        for signer in &report.signers {
            let own = OF_SIGNER.iter();
            names.extend(own.map(|name| format!("{OWN}{signer}_{name}")));
        }
        names.extend(LAST.map(str::to_owned));
        write_record(&mut tables.all, &tables.path, &names)?;
        let mut names = own;
        names.extend(FAILED.iter().map(|name| (*name).to_owned()));
        write_record(&mut tables.failed, &tables.path, &names)?;
        Ok(tables)
    }

    /// Writes a row, and one that failed also for those who correct it.
    pub(super) fn line(
        &mut self,
        report: &FlowReport<'_>,
        line: &Line<'_>,
    ) -> Result<(), FileError> {
        let cell = |at: &usize| line.cells.as_ref().map_or("", |cells| cells[*at]);
        let all = &mut self.all;
        let own = self.columns.iter().map(cell);
        let written = own
            .map(Cow::Borrowed)
            .chain(whole(report, line))
            .try_for_each(|text| all.write_field(harmless(&text).as_bytes()))
            .and_then(|()| end_record(all));
        written.map_err(|error| wrong(&self.path, error))?;
        if line.status == Status::Failed && line.row.is_some() {
            self.any_failed = true;
            let key = line.key.unwrap_or_default();
            let [code, error, hint] = line.said.failed();
            let failed = [key, line.status.word(), &code, &error, &hint];
            let own = self.columns.iter().map(cell).chain(failed);
            let own: Vec<String> = own.map(|text| harmless(text).into_owned()).collect();
            write_record(&mut self.failed, &self.path, &own)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), FileError> {
        finish(self.all, &self.path)?;
        if self.any_failed {
            finish(self.failed, &self.path)
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

/// The table of the rows that failed, beside the one of all.
fn failed_path(all: &Path) -> PathBuf {
    all.with_extension("failed.csv")
}

/// A row's own columns of a report.
fn whole<'a>(report: &'a FlowReport<'_>, line: &'a Line<'_>) -> impl Iterator<Item = Cow<'a, str>> {
    let (said, steps) = (line.said, report.steps);
    let item = said.record.as_ref();
    let [code, error, hint] = said.failed().map(Cow::Owned);
    let attempts = item.map_or(String::new(), |item| item.attempts.to_string());
    let common = [
        line.key.unwrap_or_default().into(),
        line.status.word().into(),
        line.action.word().into(),
        said.answers(steps.document, "docId").into(),
        said.answer(steps.process, "flowId").into(),
        code,
        error,
        hint,
        attempts.into(),
    ];
    let signers = report.signers.iter().flat_map(move |signer| {
        let step = format!("{}{signer}", steps.signer);
        [
            said.answer(&step, "accountId"),
            said.answer(&step, "signUrl"),
            said.answer(&step, "signShortUrl"),
            said.signer_status(&step),
            said.sign_time(&step),
        ]
        .map(Cow::Borrowed)
    });
    let moment = |at: Option<jiff::Timestamp>| at.map(time::text).unwrap_or_default();
    let last = [
        moment(item.and_then(|item| item.sent_at)),
        moment(item.and_then(ItemRecord::ended_at)),
        said.listed(steps.download, "path"),
        said.listed(steps.download, "sha256"),
    ];
    common
        .into_iter()
        .chain(signers)
        .chain(last.map(Cow::Owned))
}

/// A table that spreadsheets open as what it is: UTF-8 with its mark, lines ended as they expect.
pub(super) fn table(path: &Path) -> Result<csv::Writer<WholeFile>, FileError> {
    let mut file = WholeFile::begin(path)?;
    file.write_all("\u{feff}".as_bytes())
        .map_err(|source| file.error(source))?;
    Ok(csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(file))
}

pub(super) fn write_record(
    table: &mut csv::Writer<WholeFile>,
    path: &Path,
    cells: &[String],
) -> Result<(), FileError> {
    table
        .write_record(cells)
        .map_err(|error| wrong(path, error))
}

/// Ends a record whose cells were written one by one.
fn end_record(table: &mut csv::Writer<WholeFile>) -> csv::Result<()> {
    table.write_record(None::<&[u8]>)
}

fn wrong(path: &Path, error: csv::Error) -> FileError {
    FileError {
        path: path.to_owned(),
        why: std::io::Error::other(error),
    }
}

pub(super) fn finish(table: csv::Writer<WholeFile>, path: &Path) -> Result<(), FileError> {
    match table.into_inner() {
        Ok(file) => file.finish(),
        Err(error) => Err(FileError {
            path: path.to_owned(),
            why: std::io::Error::other(error.to_string()),
        }),
    }
}
