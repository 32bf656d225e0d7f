//! Writes the rows of a flow, in sheet order, to all report files in one pass.

use rayon::prelude::*;

use super::flow_report::{FlowReport, FlowReportError, ReportedFlow, RowAction, RowFacts};
use super::id_set::IdSet;
use super::outputs::Reports;
use super::row::{DifferingRow, ReportRow, cell_errors, classify};
use super::status::Status;
use super::summary::UnrecordedFailure;
use super::tables::{EncodedRows, TableEncoder};
use crate::desired::{FlowRows, KeyedRow, Outcome, RenderedRow};
use crate::diagnostic::Diagnostic;
use crate::ledger::{Failure, ItemRecord, ItemWithSteps, LedgerError};
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
    /// Writes the rows of a flow to all report files. A sheet that cannot be
    /// read any more is in the result.
    ///
    /// # Errors
    /// [`FlowReportError`] if the ledger cannot be read or a file cannot be written.
    pub fn write_flow(&mut self, report: &FlowReport<'_>) -> Result<ReportedFlow, FlowReportError> {
        let mut result = ReportedFlow::default();
        let mut in_sheet = IdSet::default();
        let encoder = self.begin_flow(report)?;
        if let Some(rows) = report.rows {
            let reporter = RowReporter {
                report,
                rows,
                encoder: encoder.as_ref(),
            };
            let written = rows.each_prepared(
                |keyed| reporter.format(keyed),
                |part| self.take(report, part, &mut result, &mut in_sheet),
            );
            match written {
                Ok(written) => written?,
                Err(error) => result.unreadable = Some(error),
            }
        }
        // Items without a row come last, without cells.
        let reported = std::mem::take(&mut in_sheet);
        (report.rest)(&reported, &mut |key, action| {
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
                differing: None,
                cell_errors: Vec::new(),
            };
            part.push(row, report, encoder.as_ref())?;
            self.take(report, part, &mut result, &mut in_sheet)
        })?;
        result.is_without_sheet = report.rows.is_none() || result.unreadable.is_some();
        if result.is_without_sheet {
            self.keep_failed();
        }
        self.end_flow(report.flow)?;
        Ok(result)
    }

    /// Writes a part, counts its rows and collects the ids of their items.
    fn take(
        &mut self,
        report: &FlowReport<'_>,
        part: Part,
        result: &mut ReportedFlow,
        in_sheet: &mut IdSet,
    ) -> Result<(), FlowReportError> {
        for row in &part.rows {
            *result.counts.entry(row.status).or_default() += 1;
            result.unused += u64::from(row.is_unused());
            if let Some(record) = &row.details.record {
                in_sheet.insert(record.id);
            }
            if result.failed_rows.len() < UnrecordedFailure::LISTED {
                result.failed_rows.extend(unrecorded_failure(report, row));
            }
            if let Some(differing) = row.differing.as_ref().filter(|row| !row.is_expected) {
                let key = row.key.as_deref().unwrap_or_default();
                result.differing.add(differing.number, key);
            }
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
        encoder: Option<&TableEncoder>,
    ) -> Result<(), FileError> {
        if let Some(encoder) = encoder {
            let tables = self.tables.get_or_insert_with(|| encoder.rows());
            encoder.push(tables, report, &row)?;
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
    encoder: Option<&'a TableEncoder>,
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
                part.push(row, self.report, self.encoder)?;
            }
        }
        Ok(part)
    }

    /// Returns the report row, or `None` if the report omits it.
    ///
    /// The cells of the row are shown only if they, or the values rendered from them, are those of
    /// the recorded item: keys can be exchanged between rows. A row is rendered only if its cells
    /// differ, if it has no recorded item, or if it is invalid, because then its errors are needed.
    fn report_row(
        &self,
        at: usize,
        row: KeyedRow,
        item: Option<ItemWithSteps>,
    ) -> Result<Option<ReportRow>, LedgerError> {
        let cells = row.cells;
        let decide = |key: Option<&str>, record, outcome| {
            (self.report.action)(
                at,
                &RowFacts {
                    key,
                    cells,
                    record,
                    outcome,
                },
            )
        };
        let record = item.as_ref().map(|item| &item.record);
        let mut planned = None;
        if let Some(record) = record {
            let action = decide(row.key.as_deref(), Some(record), None);
            let Some(action) = action else {
                return Ok(None);
            };
            planned = Some(action);
        }
        // A flow without a sheet has no cells to show.
        let shows_item =
            cells.is_some() && planned.is_some_and(|planned| shows_item(planned.action));
        let has_sent_cells =
            record.is_some_and(|record| record.cells.is_some() && record.cells == cells);
        let is_left_out = row.is_left_out();
        let is_rendered = match planned {
            None => true,
            Some(planned) => planned.action == ItemAction::Invalid || shows_item && !has_sent_cells,
        };
        let (number, key, row, outcome) = if is_rendered {
            // A column of where may have changed after the row was sent.
            let rendered = match record {
                Some(_) => self.rows.rendered_even_if_left_out(row),
                None => self.rows.rendered(row),
            };
            let RenderedRow {
                number,
                key,
                row,
                outcome,
                ..
            } = rendered;
            (number, key, row, Some(outcome))
        } else {
            (row.number, row.key, row.row, None)
        };
        // Whether the row can be used as it is now is known only after it was rendered.
        let planned = match planned {
            Some(_) if is_left_out || outcome.is_none() => planned,
            _ => decide(key.as_deref(), record, outcome.as_ref()),
        };
        let Some(RowAction { action, refusal }) = planned else {
            return Ok(None);
        };
        let has_sent_values = |record: &ItemRecord| matches!(&outcome, Some(Outcome::Item(item)) if item.fingerprint == record.fingerprint);
        let differs = shows_item && !has_sent_cells && !record.is_some_and(has_sent_values);
        // Nobody was asked to sign the earlier version of a row that is to be sent in this one.
        let is_replaced =
            |record: &ItemRecord| action.is_work() && !record.sent && record.run != self.report.run;
        let is_replaced = differs && record.is_some_and(is_replaced);
        let item = item.filter(|_| !is_replaced);
        let mut errors: Vec<Diagnostic> = refusal.into_iter().cloned().collect();
        if let Some(Outcome::Invalid(found)) = outcome {
            errors.extend(found);
        }
        let cell_errors = cell_errors(&errors, number);
        let (status, details) = classify(self.report, item, action, &errors)?;
        let (number, cells, differing) = if differs && !is_replaced {
            let worked_on = details.record.as_ref();
            // The recorded error of a contract that was not sent again belongs to this version, too.
            let is_attempted = action.replaces()
                && worked_on.is_some_and(|record| {
                    let why = record.failure.as_ref();
                    record.run == self.report.run || why.is_some_and(Failure::is_not_sent_again)
                });
            let is_kept = action == ItemAction::Kept;
            let differing = DifferingRow::new(number, row, &details, is_attempted, is_kept);
            (None, None, Some(differing))
        } else {
            (Some(number), row, None)
        };
        Ok(Some(ReportRow {
            number,
            cells,
            key,
            action,
            status,
            details,
            differing,
            cell_errors,
        }))
    }
}

/// Returns a row whose failure the ledger does not record.
fn unrecorded_failure(report: &FlowReport<'_>, row: &ReportRow) -> Option<UnrecordedFailure> {
    let failure = row.details.failure.as_ref()?;
    let record = row.details.record.as_ref();
    let recorded = record.and_then(|record| record.failure.as_ref());
    if row.status != Status::Failed && !row.is_unused() || recorded == Some(failure) {
        return None;
    }
    Some(UnrecordedFailure {
        flow: report.flow.to_owned(),
        row: row.number,
        key: row.key.clone(),
        message: failure.message.clone(),
        hint: failure.hint.clone(),
    })
}

/// Returns whether a report shows the recorded item of a row with this action.
fn shows_item(action: ItemAction) -> bool {
    !matches!(action, ItemAction::Skipped | ItemAction::Excluded)
}
