//! A flow's rows, in the sheet's order, with what became of each: told once, to every file of a report.

use rayon::prelude::*;

use super::csv::{Columns, Lines};
use super::outputs::Reports;
use super::row::{Counts, ItemDetails, Status, stand};
use crate::desired::{FlowRows, KeyedRow, Outcome, RenderedRow};
use crate::diagnostic::Diagnostic;
use crate::ledger::{ItemRecord, ItemWithSteps, LedgerError, Records};
use crate::plan::ItemAction;
use crate::sheet::Row;
use crate::util::atomic_file::FileError;

/// What a flow's reports are made of.
pub struct FlowReport<'a> {
    /// Its name.
    pub flow: &'a str,
    /// Its sheet, as far as there is one.
    pub rows: Option<&'a FlowRows<'a>>,
    /// The names of its signers, in their order.
    pub signers: Vec<&'a str>,
    /// What was decided for a row, by its place in the order; none: the report leaves it out.
    pub action: &'a Decided<'a>,
    /// Items that have no row, with what was decided for them.
    pub rest: &'a (dyn Fn(&mut Each<'_>) -> Result<(), FlowReportError> + Sync),
    /// Why a well-formed row was refused.
    pub refused: &'a (dyn Fn(u64) -> Option<&'a Diagnostic> + Sync),
    /// What has been done.
    pub ledger: &'a dyn Records,
    /// The run.
    pub run: i64,
    /// Why items were not begun.
    pub not_begun: &'a str,
    /// Whether it tells how far people are with signing, and not what a run has done.
    pub signing: bool,
    /// The names of the steps of an item.
    pub steps: StepNames,
}

/// The names of steps, by which a report finds what they answered.
#[derive(Debug, Clone, Copy)]
pub struct StepNames {
    /// The step that makes a document; those of several begin so.
    pub document: &'static str,
    /// The step that makes the flow.
    pub process: &'static str,
    /// What stands before a signer's name.
    pub signer: &'static str,
    /// The step that answers with the signed files.
    pub download: &'static str,
}

/// Tells what was decided for a row, by its place in the order.
pub type Decided<'a> = dyn Fn(usize, &RowFacts<'_>) -> Option<ItemAction> + Sync + 'a;

/// A row, as far as it decides what is told of it.
pub struct RowFacts<'a> {
    /// Its item's key, where it is known.
    pub key: Option<&'a str>,
    /// What is recorded of the item …
    pub record: Option<&'a ItemRecord>,
    /// … and what became of a row of which nothing is: only such a one is rendered.
    pub outcome: Option<&'a Outcome>,
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

/// One row as reports tell it.
pub(super) struct Line {
    /// Its number in the sheet, from 1 where there is no sheet; none of an item that has no row any more.
    pub(super) row: Option<u64>,
    /// Its cells.
    pub(super) cells: Option<Row>,
    /// Its item's key, where it is known.
    pub(super) key: Option<String>,
    /// What was decided.
    pub(super) action: ItemAction,
    /// How its item stands …
    pub(super) status: Status,
    /// … and what there is to say of it.
    pub(super) said: ItemDetails,
}

/// Some rows, told one after the other.
#[derive(Default)]
struct Part {
    lines: Vec<Line>,
    tables: Option<Lines>,
}

/// So many rows are told together: few enough that every core has its share of a batch.
const TOGETHER: usize = 32;

impl Reports {
    /// Tells of a flow's rows, and counts them.
    pub fn flow(&mut self, report: &FlowReport<'_>) -> Result<Counts, FlowReportError> {
        let mut counts = Counts::new();
        let columns = self.begin_flow(report)?;
        if let Some(rows) = report.rows {
            let teller = RowReporter {
                report,
                rows,
                columns: columns.as_ref(),
            };
            let told = rows.each_prepared(
                |keyed| teller.tell(keyed),
                |part| self.take(report, part, &mut counts),
            );
            told.map_err(FlowReportError::Sheet)??;
        }
        // What has no row stands at the end, without cells.
        (report.rest)(&mut |key, action| {
            let recorded = report.ledger.item_with_steps(report.flow, key)?;
            let (status, said) = stand(report, recorded, action, &[])?;
            let mut part = Part::default();
            let line = Line {
                row: None,
                cells: None,
                key: Some(key.to_owned()),
                action,
                status,
                said,
            };
            part.push(line, report, columns.as_ref())?;
            self.take(report, part, &mut counts)
        })?;
        self.end_flow()?;
        Ok(counts)
    }

    fn take(
        &mut self,
        report: &FlowReport<'_>,
        part: Part,
        counts: &mut Counts,
    ) -> Result<(), FlowReportError> {
        for line in &part.lines {
            *counts.entry(line.status).or_default() += 1;
        }
        Ok(self.told(report, &part.lines, part.tables)?)
    }
}

impl Part {
    fn push(
        &mut self,
        line: Line,
        report: &FlowReport<'_>,
        columns: Option<&Columns>,
    ) -> Result<(), FileError> {
        if let Some(columns) = columns {
            let tables = self.tables.get_or_insert_with(Lines::new);
            tables.push(columns, report, &line)?;
        }
        self.lines.push(line);
        Ok(())
    }
}

/// Tells of rows, many at once on all cores; in their order nothing is left but to write it down.
struct RowReporter<'a, 'r> {
    report: &'a FlowReport<'r>,
    rows: &'a FlowRows<'r>,
    columns: Option<&'a Columns>,
}

/// A row with its place in the order, and what is recorded of its item.
type Found = (usize, KeyedRow, Option<ItemWithSteps>);

impl RowReporter<'_, '_> {
    /// Looks up the items of some rows and formats the rows, on all cores.
    fn tell(&self, keyed: Vec<(usize, KeyedRow)>) -> Result<Vec<Part>, FlowReportError> {
        let FlowReport { ledger, flow, .. } = self.report;
        let find = |(at, row): (usize, KeyedRow)| {
            let key = row.key.as_deref();
            let item = key.map(|key| ledger.item_with_steps(flow, key));
            Ok((at, row, item.transpose()?.flatten()))
        };
        let found = keyed.into_iter().map(find);
        let found: Vec<Found> = found.collect::<Result<_, LedgerError>>()?;
        let parts = found.into_par_iter().chunks(TOGETHER);
        parts.map(|rows| self.part(rows)).collect()
    }

    fn part(&self, found: Vec<Found>) -> Result<Part, FlowReportError> {
        let mut part = Part::default();
        for (at, row, item) in found {
            if let Some(line) = self.line(at, row, item)? {
                part.push(line, self.report, self.columns)?;
            }
        }
        Ok(part)
    }

    /// What is told of a row; none when the report leaves it out. Only a row of which nothing is recorded is rendered, and
    /// one that cannot be used: what keeps it from that is known then.
    fn line(
        &self,
        at: usize,
        row: KeyedRow,
        item: Option<ItemWithSteps>,
    ) -> Result<Option<Line>, LedgerError> {
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
        let early = recorded.map(|record| decide(row.key.as_deref(), Some(record), None));
        let (action, (number, cells, key), wrong) = match early {
            Some(None) => return Ok(None),
            Some(Some(action)) if action != ItemAction::Invalid => {
                (action, (row.number, row.row, row.key), Vec::new())
            }
            early => {
                let draft = self.rows.rendered(row);
                let late = || decide(draft.key.as_deref(), None, Some(&draft.outcome));
                let Some(action) = early.unwrap_or_else(late) else {
                    return Ok(None);
                };
                let wrong = wrong(self.report, &draft);
                (action, (draft.number, draft.row, draft.key), wrong)
            }
        };
        let (status, said) = stand(self.report, item, action, &wrong)?;
        Ok(Some(Line {
            row: Some(number),
            cells,
            key,
            action,
            status,
            said,
        }))
    }
}

/// All that is wrong with a row.
fn wrong(report: &FlowReport<'_>, draft: &RenderedRow) -> Vec<Diagnostic> {
    let refused = (report.refused)(draft.number).cloned();
    let mut wrong: Vec<Diagnostic> = refused.into_iter().collect();
    if let Outcome::Invalid(errors) = &draft.outcome {
        wrong.extend(errors.iter().cloned());
    }
    wrong
}
