//! `<flow>.csv` and `<flow>.failed.csv`: the sheet's own columns in its own order, then what became of each row.

use std::io::Write;
use std::path::Path;

use super::row::{Counts, Said, Status, stand};
use crate::desired::{FlowRows, Outcome};
use crate::diagnostic::Diagnostic;
use crate::ledger::{Ledger, LedgerError};
use crate::plan::{FlowPlan, ItemAction};
use crate::sheet::harmless;
use crate::whole::{FileError, WholeFile};

/// What a flow's report is made of.
pub struct FlowReport<'a> {
    /// The flow and its sheet.
    pub rows: &'a FlowRows<'a>,
    /// What was decided for each row.
    pub plan: &'a FlowPlan,
    /// Why a well-formed row was refused.
    pub refused: &'a dyn Fn(u64) -> Option<&'a Diagnostic>,
    /// What has been done.
    pub ledger: &'a dyn Ledger,
    /// The run.
    pub run: i64,
    /// Why items were not begun.
    pub not_begun: &'a str,
    /// The names of the steps that answer with document and flow, and what stands before a signer's.
    pub steps: [&'static str; 3],
}

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
const OF_SIGNER: [&str; 4] = ["account_id", "sign_url", "sign_short_url", "status"];
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
    for (at, draft) in report.rows.drafts().map_err(FlowReportError::Sheet)? {
        let action = report
            .plan
            .rows
            .get(at)
            .map_or(ItemAction::Invalid, |planned| planned.action);
        let mut wrong: Vec<Diagnostic> = (report.refused)(draft.number)
            .cloned()
            .into_iter()
            .collect();
        if let Outcome::Invalid(errors) = &draft.outcome {
            wrong.extend(errors.iter().cloned());
        }
        let key = draft.key.as_deref();
        let stands = stand(report, key, action, &wrong)?;
        *counts.entry(stands.0).or_default() += 1;
        if let Some(tables) = &mut tables {
            let cells = draft.row.as_ref().map(|row| row.cells().collect());
            let record = tables.row(report, cells.as_ref(), key, action, &stands)?;
            tables.note_failed(record, key, &stands)?;
        }
    }
    // What has no row any more stands at the end, without cells.
    for item in &report.plan.vanished {
        let key = Some(item.key.as_str());
        let stands = stand(report, key, item.action, &[])?;
        *counts.entry(stands.0).or_default() += 1;
        if let Some(tables) = &mut tables {
            tables.row(report, None, key, item.action, &stands)?;
        }
    }
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
        let header = report
            .rows
            .sheet
            .as_ref()
            .map(|sheet| sheet.header().columns().to_vec())
            .unwrap_or_default();
        // A sheet that is an earlier report brings the columns of that one.
        let columns: Vec<usize> = (0..header.len())
            .filter(|at| !header[*at].starts_with(OWN))
            .collect();
        let path = folder.join(format!("{}.csv", report.plan.flow));
        let mut tables = Self {
            all: table(&path)?,
            failed: table(&folder.join(format!("{}.failed.csv", report.plan.flow)))?,
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
        for signer in &report.rows.flow.signers {
            names.extend(
                OF_SIGNER
                    .iter()
                    .map(|name| format!("{OWN}{}_{name}", signer.name)),
            );
        }
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
        let [document, process, signer_prefix] = report.steps;
        let [code, error, hint] = said.failed();
        let attempts = said
            .attempts
            .map_or(String::new(), |attempts| attempts.to_string());
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
        for signer in &report.rows.flow.signers {
            let step = format!("{signer_prefix}{}", signer.name);
            let answers = [
                said.answer(&step, "accountId"),
                said.answer(&step, "signUrl"),
                said.answer(&step, "signShortUrl"),
                said.signer_status(&step),
            ];
            record.extend(answers.map(|text| harmless(text).into_owned()));
        }
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
