//! `<flow>.csv` and `<flow>.failed.csv`: the sheet's own columns in its own order, then what became of each row.

use std::io::Write;
use std::path::Path;

use super::row::{Counts, Said, Status, stand};
use crate::api::time;
use crate::desired::{FlowRows, Outcome};
use crate::diagnostic::Diagnostic;
use crate::ledger::{ItemRecord, LedgerError, Records};
use crate::plan::ItemAction;
use crate::sheet::harmless;
use crate::whole::{FileError, WholeFile};

/// What a flow's report is made of.
pub struct FlowReport<'a> {
    /// Its name.
    pub flow: &'a str,
    /// Its sheet, as far as there is one.
    pub rows: Option<&'a FlowRows<'a>>,
    /// The names of its signers, in their order.
    pub signers: Vec<&'a str>,
    /// What was decided for a row, by its place in the order; none: the report leaves it out.
    pub action: &'a dyn Fn(usize, Option<&str>) -> Option<ItemAction>,
    /// Items that have no row, with what was decided for them.
    pub rest: &'a dyn Fn(&mut Each<'_>) -> Result<(), FlowReportError>,
    /// Why a well-formed row was refused.
    pub refused: &'a dyn Fn(u64) -> Option<&'a Diagnostic>,
    /// What has been done.
    pub ledger: &'a dyn Records,
    /// The run.
    pub run: i64,
    /// Why items were not begun.
    pub not_begun: &'a str,
    /// Whether it tells how far people are with signing, and not what a run has done.
    pub signing: bool,
    /// The names of the steps that answer with document and flow, what stands before a signer's, and the step that
    /// answers with the signed files.
    pub steps: [&'static str; 4],
}

/// Takes the key of an item, and what was decided for it.
pub type Each<'a> = dyn FnMut(&str, ItemAction) -> Result<(), FlowReportError> + 'a;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FlowReportError {
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The sheet cannot be read any more.
    #[error("the sheet cannot be read: {0}")]
    Sheet(std::io::Error),
}

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

/// Writes a flow's reports into a folder, and counts. With `write` off it only counts.
pub fn write_flow(
    folder: &Path,
    report: &FlowReport<'_>,
    write: bool,
) -> Result<Counts, FlowReportError> {
    let mut counts = Counts::new();
    let mut tables = if write {
        Some(Tables::begin(folder, report)?)
    } else {
        None
    };
    // A row whose item was decided on needs no more than its key; one that was refused tells why once more.
    let drafts = report.rows.map(FlowRows::drafts).transpose();
    for (at, draft) in drafts
        .map_err(FlowReportError::Sheet)?
        .into_iter()
        .flatten()
    {
        let key = draft.key.as_deref();
        let Some(action) = (report.action)(at, key) else {
            continue;
        };
        let mut wrong: Vec<Diagnostic> = (report.refused)(draft.number)
            .cloned()
            .into_iter()
            .collect();
        if let Outcome::Invalid(errors) = &draft.outcome {
            wrong.extend(errors.iter().cloned());
        }
        let stands = stand(report, key, action, &wrong)?;
        *counts.entry(stands.0).or_default() += 1;
        if let Some(tables) = &mut tables {
            let cells = draft.row.as_ref().map(|row| row.cells().collect());
            let record = tables.row(report, cells.as_ref(), key, action, &stands)?;
            tables.note_failed(record, key, &stands)?;
        }
    }
    // What has no row stands at the end, without cells.
    (report.rest)(&mut |key, action| {
        let stands = stand(report, Some(key), action, &[])?;
        *counts.entry(stands.0).or_default() += 1;
        if let Some(tables) = &mut tables {
            tables.row(report, None, Some(key), action, &stands)?;
        }
        Ok(())
    })?;
    if let Some(tables) = tables {
        tables.finish()?;
    }
    Ok(counts)
}

struct Tables {
    all: csv::Writer<WholeFile>,
    failed: csv::Writer<WholeFile>,
    /// The sheet's own columns that a report repeats, by index.
    columns: Vec<usize>,
    any_failed: bool,
    path: std::path::PathBuf,
}

impl Tables {
    fn begin(folder: &Path, report: &FlowReport<'_>) -> Result<Self, FileError> {
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
            failed: table(&folder.join(format!("{}.failed.csv", report.flow)))?,
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

    /// Writes a row, and gives the sheet's own cells of it back.
    fn row(
        &mut self,
        report: &FlowReport<'_>,
        cells: Option<&Vec<&str>>,
        key: Option<&str>,
        action: ItemAction,
        (status, said): &(Status, Said),
    ) -> Result<Vec<String>, FileError> {
        let cell = |at: &usize| cells.map_or("", |cells| cells[*at]);
        let own: Vec<String> = self
            .columns
            .iter()
            .map(|at| harmless(cell(at)).into_owned())
            .collect();
        let [document, process, signer_prefix, download] = report.steps;
        let [code, error, hint] = said.failed();
        let item = said.record.as_ref();
        let attempts = item.map_or(String::new(), |item| item.attempts.to_string());
        let sent = item.and_then(|item| item.sent_at);
        let ended = item.and_then(ItemRecord::ended_at);
        let mut record = own.clone();
        record.extend(
            [
                key.unwrap_or_default(),
                status.word(),
                action.word(),
                &said.answers(document, "docId"),
                said.answer(process, "flowId"),
                &code,
                &error,
                &hint,
                &attempts,
            ]
            .map(|text| harmless(text).into_owned()),
        );
        for signer in &report.signers {
            let step = format!("{signer_prefix}{signer}");
            let answers = [
                said.answer(&step, "accountId"),
                said.answer(&step, "signUrl"),
                said.answer(&step, "signShortUrl"),
                said.signer_status(&step),
                said.sign_time(&step),
            ];
            record.extend(answers.map(|text| harmless(text).into_owned()));
        }
        let last = [
            sent.map(time::text).unwrap_or_default(),
            ended.map(time::text).unwrap_or_default(),
            said.listed(download, "path"),
            said.listed(download, "sha256"),
        ];
        record.extend(last.map(|text| harmless(&text).into_owned()));
        write_record(&mut self.all, &self.path, &record)?;
        Ok(own)
    }

    /// Writes a row that failed for those who correct it.
    fn note_failed(
        &mut self,
        mut record: Vec<String>,
        key: Option<&str>,
        (status, said): &(Status, Said),
    ) -> Result<(), FileError> {
        if *status != Status::Failed {
            return Ok(());
        }
        self.any_failed = true;
        let [code, error, hint] = said.failed();
        let own = [key.unwrap_or_default(), status.word(), &code, &error, &hint];
        record.extend(own.map(|text| harmless(text).into_owned()));
        write_record(&mut self.failed, &self.path, &record)
    }

    fn finish(self) -> Result<(), FileError> {
        finish(self.all, &self.path)?;
        if self.any_failed {
            finish(self.failed, &self.path)
        } else {
            // Nobody needs an empty one: dropped, it leaves nothing.
            Ok(())
        }
    }
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
    table.write_record(cells).map_err(|error| FileError {
        path: path.to_owned(),
        why: std::io::Error::other(error),
    })
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
