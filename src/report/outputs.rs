//! The files of a report: each row is told once, and each file takes what it needs of it.

use std::path::{Path, PathBuf};

use super::csv::Tables;
use super::flow::{FlowReport, Line};
use super::junit::Junit;
use super::summary::Summary;
use crate::manifest::ReportFormat;
use crate::whole::FileError;

/// The reports of a run, while they are written.
pub struct Reports {
    folder: PathBuf,
    csv: bool,
    json: bool,
    tables: Option<Tables>,
    junit: Option<Junit>,
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
        if self.json {
            summary.write(&self.folder)?;
        }
        Ok(())
    }
}
