//! The files of a report: each row is told once, and each file takes what it needs of it.

use std::path::{Path, PathBuf};

use super::csv::Tables;
use super::flow::{FlowReport, Line};
use super::html::{Page, Seen, SeenSigner};
use super::junit::Junit;
use super::summary::Summary;
use crate::ledger::ItemRecord;
use crate::manifest::ReportFormat;
use crate::whole::FileError;

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

    pub(super) fn begin_flow(&mut self, report: &FlowReport<'_>) -> Result<(), FileError> {
        if self.csv {
            self.tables = Some(Tables::begin(&self.folder, report)?);
        }
        match &mut self.junit {
            Some(junit) => junit.begin_suite(&format!("flows.{}", report.flow)),
            None => Ok(()),
        }
    }

    pub(super) fn line(
        &mut self,
        report: &FlowReport<'_>,
        line: &Line<'_>,
    ) -> Result<(), FileError> {
        if let Some(tables) = &mut self.tables {
            tables.line(report, line)?;
        }
        if let Some(junit) = &mut self.junit {
            junit.case(
                line.key.unwrap_or_default(),
                line.row,
                line.status,
                line.said,
            )?;
        }
        if let Some(page) = &mut self.page {
            show(page, report, line);
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
fn show(page: &mut Page, report: &FlowReport<'_>, line: &Line<'_>) {
    let (said, steps) = (line.said, report.steps);
    let signers: Vec<SeenSigner<'_>> = report
        .signers
        .iter()
        .map(|name| {
            let step = format!("{}{name}", steps.signer);
            SeenSigner {
                name,
                status: said.signer_status(&step),
                sign_url: said.answer(&step, "signUrl"),
                time: said.sign_time(&step),
            }
        })
        .collect();
    let item = said.record.as_ref();
    page.see(&Seen {
        flow: report.flow,
        key: line.key.unwrap_or_default(),
        row: line
            .row
            .filter(|_| report.rows.is_some_and(|rows| rows.sheet.is_some())),
        status: line.status,
        failure: said.failure.as_ref(),
        flow_id: said.answer(steps.process, "flowId"),
        sent_at: item.and_then(|item| item.sent_at),
        ended_at: item.and_then(ItemRecord::ended_at),
        signers: &signers,
        file: &said.listed(steps.download, "path"),
    });
}
