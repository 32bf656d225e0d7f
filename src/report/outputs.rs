//! The files of a report. Each row is passed once to all files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::failed_tables::FailedTables;
use super::flow_report::FlowReport;
use super::html::{HtmlReport, PageItem, PageSigner};
use super::junit::Junit;
use super::row::ReportRow;
use super::summary::Summary;
use super::tables::{EncodedRows, TableEncoder, Tables};
use crate::ledger::ItemRecord;
use crate::manifest::ReportFormat;
use crate::util::atomic_file::FileError;

/// The unfinished report files of a run.
pub struct Reports {
    folder: PathBuf,
    formats: Vec<ReportFormat>,
    /// `None` if failed rows have no tables of their own.
    failed_tables: Option<FailedTables>,
    /// The run, as far as it is known before its end.
    run: Summary,
    tables: Option<Tables>,
    junit: Option<Junit>,
    html: Option<HtmlReport>,
    /// The number of signers whose link is not safe to open, so far.
    pub(super) odd_links: u64,
}

impl Reports {
    /// Creates the report files of the given formats in a folder. Of `run`, the names and the start
    /// time are used. `project` is the folder of the project.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be created.
    pub fn begin(
        folder: &Path,
        project: &Path,
        run: Summary,
        formats: &[ReportFormat],
    ) -> Result<Self, FileError> {
        let wants = |format| formats.contains(&format);
        let junit = wants(ReportFormat::Junit).then(|| Junit::begin(folder, &run.project));
        Ok(Self {
            folder: folder.to_owned(),
            tables: None,
            junit: junit.transpose()?,
            html: wants(ReportFormat::Html).then(|| HtmlReport::new(folder, project)),
            formats: formats.to_vec(),
            failed_tables: Some(FailedTables::of(folder, &run.run)),
            run,
            odd_links: 0,
        })
    }

    /// Leaves out the tables of failed rows, which people correct and give back: reports that are
    /// written again and again would replace a corrected one.
    #[must_use]
    pub fn without_failed_tables(self) -> Self {
        Self {
            failed_tables: None,
            ..self
        }
    }

    /// Begins a flow. Returns the encoder of the rows of its tables, if tables are written.
    pub(super) fn begin_flow(
        &mut self,
        report: &FlowReport<'_>,
    ) -> Result<Option<TableEncoder>, FileError> {
        if let Some(junit) = &mut self.junit {
            junit.begin_suite(&format!("flows.{}", report.flow))?;
        }
        let begun = Tables::begin(
            &self.folder,
            &self.run,
            report,
            &self.formats,
            self.failed_tables.is_some(),
        )?;
        let (tables, encoder) = begun.unzip();
        self.tables = tables;
        if let Some(failed) = &mut self.failed_tables
            && failed.is_any_edited(report.flow)?
        {
            self.keep_failed();
        }
        Ok(encoder)
    }

    /// Writes the next rows; `encoded` are the same rows for the tables.
    pub(super) fn write_rows(
        &mut self,
        report: &FlowReport<'_>,
        rows: &[ReportRow],
        encoded: Option<EncodedRows>,
    ) -> Result<(), FileError> {
        if let (Some(tables), Some(encoded)) = (&mut self.tables, encoded) {
            tables.write(encoded)?;
        }
        for row in rows {
            if let Some(junit) = &mut self.junit {
                let key = row.key.as_deref().unwrap_or_default();
                junit.case(key, row)?;
            }
            if let Some(html) = &mut self.html {
                add_to_page(html, report, row);
            }
        }
        Ok(())
    }

    /// Leaves the existing tables of failed rows of the flow as they are: without its sheet, a report
    /// does not know them.
    pub(super) fn keep_failed(&mut self) {
        if let Some(tables) = &mut self.tables {
            tables.keep_failed();
        }
    }

    /// Ends the flow and puts its tables in place.
    pub(super) fn end_flow(&mut self, flow: &str) -> Result<(), FileError> {
        if let Some(junit) = &mut self.junit {
            junit.end_suite()?;
        }
        let Some(tables) = self.tables.take() else {
            return Ok(());
        };
        let has_kept_failed = tables.has_kept_failed();
        tables.finish()?;
        match &mut self.failed_tables {
            Some(failed) if !has_kept_failed => failed.record(flow),
            _ => Ok(()),
        }
    }

    /// Returns the names of the tables of failed rows that people have corrected since they were
    /// written. They are left as they are.
    pub fn edited_tables(&self) -> &[String] {
        let failed = self.failed_tables.as_ref();
        failed.map_or(&[], FailedTables::edited)
    }

    /// Returns the number of signers so far whose link is not safe to open. Reports show it as text.
    pub fn odd_links(&self) -> u64 {
        self.odd_links
    }

    /// Writes the summary to the files and puts all files in place.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be written.
    pub fn finish(self, summary: &Summary) -> Result<(), FileError> {
        if let Some(junit) = self.junit {
            junit.finish(summary)?;
        }
        if let Some(html) = self.html {
            html.write(&self.folder, summary)?;
        }
        // Later reports of the run, `status` and `runs` read it, whatever the formats are.
        let failed = self.failed_tables.map(FailedTables::into_digests);
        let summary = Summary {
            failed_tables: failed.unwrap_or_default(),
            ..summary.clone()
        };
        summary.write(&self.folder)
    }
}

/// Adds a row to the HTML report.
fn add_to_page(html: &mut HtmlReport, report: &FlowReport<'_>, row: &ReportRow) {
    let details = &row.details;
    let signers: Vec<PageSigner<'_>> = report
        .signers
        .iter()
        .map(|name| {
            let signer = details.signer(name);
            PageSigner {
                name,
                status: signer.signer_status(),
                sign_url: signer.sign_url(),
                time: signer.signer_time(),
            }
        })
        .collect();
    let item = details.record.as_ref();
    let mut flow_id = Cow::Borrowed(details.flow_id());
    if let Some(number) = item
        .map(ItemRecord::contract_number)
        .filter(|number| *number > 1)
    {
        let text = t!(" (contract %{number})", number = number);
        flow_id.to_mut().push_str(&text);
    }
    html.add(&PageItem {
        flow: report.flow,
        key: row.key.as_deref().unwrap_or_default(),
        row: row
            .number
            .filter(|_| report.rows.is_some_and(|rows| rows.sheet.is_some())),
        status: row.status,
        is_unused: row.is_unused(),
        failure: details.failure.as_ref(),
        flow_id: &flow_id,
        sent_at: item.and_then(|item| item.sent_at),
        ended_at: item.and_then(ItemRecord::ended_at),
        signers: &signers,
        files: &details.files().collect::<Vec<_>>(),
    });
}
