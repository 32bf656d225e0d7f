//! Writes the rows of a flow, in sheet order, to all report files in one pass.

use rayon::prelude::*;

use super::csv::{EncodedRows, SheetColumns};
use super::flow_report::{FlowReport, FlowReportError, RowFacts};
use super::outputs::Reports;
use super::row::{ReportRow, classify};
use super::status::Counts;
use crate::desired::{FlowRows, KeyedRow, Outcome, RenderedRow};
use crate::diagnostic::Diagnostic;
use crate::ledger::{ItemWithSteps, LedgerError};
use crate::plan::ItemAction;
use crate::util::atomic_file::FileError;

/// Consecutive rows of a report.
#[derive(Default)]
struct Part {
    rows: Vec<ReportRow>,
    /// The rows encoded for the tables, if tables are written.
    tables: Option<EncodedRows>,
    /// The number of signers whose link is not safe to open.
    odd_links: u64,
}

/// The number of rows that a worker formats at once; small enough to use all cores for a batch.
const CHUNK: usize = 32;

impl Reports {
    /// Writes the rows of a flow to all report files. Returns the number of items by status.
    ///
    /// # Errors
    /// [`FlowReportError`] if the ledger or the sheet cannot be read or a file cannot be written.
    pub fn write_flow(&mut self, report: &FlowReport<'_>) -> Result<Counts, FlowReportError> {
        let mut counts = Counts::new();
        let columns = self.begin_flow(report)?;
        if let Some(rows) = report.rows {
            let reporter = RowReporter {
                report,
                rows,
                columns: columns.as_ref(),
            };
            let written = rows.each_prepared(
                |keyed| reporter.format(keyed),
                |part| self.take(report, part, &mut counts),
            );
            written.map_err(FlowReportError::Sheet)??;
        }
        // Items without a row come last, without cells.
        (report.rest)(&mut |key, action| {
            let recorded = report.ledger.item_with_steps(report.flow, key)?;
            let (status, details) = classify(report, recorded, action, &[])?;
            let mut part = Part::default();
            let row = ReportRow {
                number: None,
                cells: None,
                key: Some(key.to_owned()),
                action,
                status,
                details,
            };
            part.push(row, report, columns.as_ref())?;
            self.take(report, part, &mut counts)
        })?;
        self.end_flow()?;
        Ok(counts)
    }

    /// Writes a part and counts its rows.
    fn take(
        &mut self,
        report: &FlowReport<'_>,
        part: Part,
        counts: &mut Counts,
    ) -> Result<(), FlowReportError> {
        for row in &part.rows {
            *counts.entry(row.status).or_default() += 1;
        }
        self.odd_links += part.odd_links;
        Ok(self.write_rows(report, &part.rows, part.tables)?)
    }
}

impl Part {
    fn push(
        &mut self,
        row: ReportRow,
        report: &FlowReport<'_>,
        columns: Option<&SheetColumns>,
    ) -> Result<(), FileError> {
        if let Some(columns) = columns {
            let tables = self.tables.get_or_insert_with(EncodedRows::new);
            tables.push(columns, report, &row)?;
        }
        let signers = report.signers.iter().map(|name| row.details.signer(name));
        self.odd_links += signers.filter(|signer| signer.has_odd_link()).count() as u64;
        self.rows.push(row);
        Ok(())
    }
}

/// Formats rows on all cores; only writing is sequential.
struct RowReporter<'a, 'r> {
    report: &'a FlowReport<'r>,
    rows: &'a FlowRows<'r>,
    columns: Option<&'a SheetColumns>,
}

/// A row with its index in sheet order and its recorded item.
type RowWithItem = (usize, KeyedRow, Option<ItemWithSteps>);

impl RowReporter<'_, '_> {
    /// Looks up the items of some rows and formats the rows, on all cores.
    fn format(&self, keyed: Vec<(usize, KeyedRow)>) -> Result<Vec<Part>, FlowReportError> {
        let FlowReport { ledger, flow, .. } = self.report;
        let find = |(at, row): (usize, KeyedRow)| {
            let key = row.key.as_deref();
            let item = key.map(|key| ledger.item_with_steps(flow, key));
            Ok((at, row, item.transpose()?.flatten()))
        };
        let rows = keyed.into_iter().map(find);
        let rows: Vec<RowWithItem> = rows.collect::<Result<_, LedgerError>>()?;
        let parts = rows.into_par_iter().chunks(CHUNK);
        parts.map(|rows| self.part(rows)).collect()
    }

    fn part(&self, rows: Vec<RowWithItem>) -> Result<Part, FlowReportError> {
        let mut part = Part::default();
        for (at, row, item) in rows {
            if let Some(row) = self.report_row(at, row, item)? {
                part.push(row, self.report, self.columns)?;
            }
        }
        Ok(part)
    }

    /// Returns the report row, or `None` if the report omits it. Renders a row only if it has no
    /// recorded item or is invalid, because then its errors are needed.
    fn report_row(
        &self,
        at: usize,
        row: KeyedRow,
        item: Option<ItemWithSteps>,
    ) -> Result<Option<ReportRow>, LedgerError> {
        let decide = |key: Option<&str>, record, outcome| {
            (self.report.action)(
                at,
                &RowFacts {
                    key,
                    record,
                    outcome,
                },
            )
        };
        let recorded = item.as_ref().map(|item| &item.record);
        let before_rendering =
            recorded.map(|record| decide(row.key.as_deref(), Some(record), None));
        let (action, (number, cells, key), errors) = match before_rendering {
            Some(None) => return Ok(None),
            Some(Some(action)) if action != ItemAction::Invalid => {
                (action, (row.number, row.row, row.key), Vec::new())
            }
            before_rendering => {
                let rendered = self.rows.rendered(row);
                let after_rendering =
                    || decide(rendered.key.as_deref(), None, Some(&rendered.outcome));
                let Some(action) = before_rendering.unwrap_or_else(after_rendering) else {
                    return Ok(None);
                };
                let errors = row_errors(self.report, &rendered);
                (
                    action,
                    (rendered.number, rendered.row, rendered.key),
                    errors,
                )
            }
        };
        let (status, details) = classify(self.report, item, action, &errors)?;
        Ok(Some(ReportRow {
            number: Some(number),
            cells,
            key,
            action,
            status,
            details,
        }))
    }
}

/// Returns all errors of a row.
fn row_errors(report: &FlowReport<'_>, rendered: &RenderedRow) -> Vec<Diagnostic> {
    let refused = (report.refused)(rendered.number).cloned();
    let mut all: Vec<Diagnostic> = refused.into_iter().collect();
    if let Outcome::Invalid(errors) = &rendered.outcome {
        all.extend(errors.iter().cloned());
    }
    all
}
