//! The files of a report: each row is told once, and each file takes what it needs of it.

use std::path::{Path, PathBuf};

use super::csv::{Columns, Lines, Tables};
use super::flow::{FlowReport, Line};
use super::html::{Page, Seen, SeenSigner};
use super::junit::Junit;
use super::summary::Summary;
use crate::ledger::ItemRecord;
use crate::manifest::ReportFormat;
use crate::util::atomic_file::FileError;

/// The reports of a run, while they are written.
pub struct Reports {
    folder: PathBuf,
    csv: bool,
    json: bool,
    tables: Option<Tables>,
    junit: Option<Junit>,
    page: Option<Page>,
}

impl Reports {
    /// Begins the files of these formats in a run's folder.
    pub fn begin(
        folder: &Path,
        project: &str,
        formats: &[ReportFormat],
    ) -> Result<Self, FileError> {
        let wants = |format| formats.contains(&format);
        let junit = wants(ReportFormat::Junit).then(|| Junit::begin(folder, project));
        Ok(Self {
            folder: folder.to_owned(),
            csv: wants(ReportFormat::Csv),
            json: wants(ReportFormat::Json),
            tables: None,
            junit: junit.transpose()?,
            page: wants(ReportFormat::Html).then(Page::default),
        })
    }

    /// Begins with a flow; gives the sheet's columns that its tables repeat, if there are tables.
    pub(super) fn begin_flow(
        &mut self,
        report: &FlowReport<'_>,
    ) -> Result<Option<Columns>, FileError> {
        if let Some(junit) = &mut self.junit {
            junit.begin_suite(&format!("flows.{}", report.flow))?;
        }
        if !self.csv {
            return Ok(None);
        }
        let (tables, columns) = Tables::begin(&self.folder, report)?;
        self.tables = Some(tables);
        Ok(Some(columns))
    }

    /// Takes the next rows, and what the tables say of them.
    pub(super) fn told(
        &mut self,
        report: &FlowReport<'_>,
        rows: &[Line],
        lines: Option<Lines>,
    ) -> Result<(), FileError> {
        if let (Some(tables), Some(lines)) = (&mut self.tables, lines) {
            tables.write(lines)?;
        }
        for line in rows {
            if let Some(junit) = &mut self.junit {
                let key = line.key.as_deref().unwrap_or_default();
                junit.case(key, line.row, line.status, &line.said)?;
            }
            if let Some(page) = &mut self.page {
                show(page, report, line);
            }
        }
        Ok(())
    }

    pub(super) fn end_flow(&mut self) -> Result<(), FileError> {
        if let Some(junit) = &mut self.junit {
            junit.end_suite()?;
        }
        self.tables.take().map_or(Ok(()), Tables::finish)
    }

    /// Puts all files in their places.
    pub fn finish(self, summary: &Summary) -> Result<(), FileError> {
        if let Some(junit) = self.junit {
            junit.finish(summary)?;
        }
        if let Some(page) = self.page {
            page.write(&self.folder, summary)?;
        }
        if self.json {
            summary.write(&self.folder)?;
        }
        Ok(())
    }
}

/// Tells the page of a row.
fn show(page: &mut Page, report: &FlowReport<'_>, line: &Line) {
    let (said, steps) = (&line.said, report.steps);
    let signers: Vec<SeenSigner<'_>> = report
        .signers
        .iter()
        .map(|name| {
            let signer = said.signer(steps.signer, name);
            SeenSigner {
                name,
                status: signer.status(),
                sign_url: signer.answer("signUrl"),
                time: signer.time(),
            }
        })
        .collect();
    let item = said.record.as_ref();
    page.see(&Seen {
        flow: report.flow,
        key: line.key.as_deref().unwrap_or_default(),
        row: line
            .row
            .filter(|_| report.rows.is_some_and(|rows| rows.sheet.is_some())),
        status: line.status,
        failure: said.failure.as_ref(),
        flow_id: said.step(steps.process).answer("flowId"),
        sent_at: item.and_then(|item| item.sent_at),
        ended_at: item.and_then(ItemRecord::ended_at),
        signers: &signers,
        file: &said.step(steps.download).listed("path"),
    });
}
