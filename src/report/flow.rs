//! A flow's rows, in the sheet's order, with what became of each: told once, to every file of a report.

use super::outputs::Reports;
use super::row::{Counts, Said, Status, stand};
use crate::desired::{Drafted, FlowRows, Outcome};
use crate::diagnostic::Diagnostic;
use crate::ledger::{LedgerError, Records};
use crate::plan::ItemAction;
use crate::whole::FileError;

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
pub type Decided<'a> =
    dyn Fn(usize, &Drafted) -> Result<Option<ItemAction>, LedgerError> + Sync + 'a;

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
pub(super) struct Line<'a> {
    /// Its number in the sheet, from 1 where there is no sheet; none of an item that has no row any more.
    pub(super) row: Option<u64>,
    /// Its cells.
    pub(super) cells: Option<Vec<&'a str>>,
    /// Its item's key, where it is known.
    pub(super) key: Option<&'a str>,
    /// What was decided.
    pub(super) action: ItemAction,
    /// How its item stands …
    pub(super) status: Status,
    /// … and what there is to say of it.
    pub(super) said: &'a Said,
}

impl Reports {
    /// Tells of a flow's rows, and counts them.
    pub fn flow(&mut self, report: &FlowReport<'_>) -> Result<Counts, FlowReportError> {
        let mut counts = Counts::new();
        self.begin_flow(report)?;
        if let Some(rows) = report.rows {
            let told = rows.each(|at, draft| self.row(report, at, &draft, &mut counts));
            told.map_err(FlowReportError::Sheet)??;
        }
        // What has no row stands at the end, without cells.
        (report.rest)(&mut |key, action| {
            let (status, said) = stand(report, Some(key), action, &[])?;
            *counts.entry(status).or_default() += 1;
            let line = Line {
                row: None,
                cells: None,
                key: Some(key),
                action,
                status,
                said: &said,
            };
            Ok(self.line(report, &line)?)
        })?;
        self.end_flow()?;
        Ok(counts)
    }

    fn row(
        &mut self,
        report: &FlowReport<'_>,
        at: usize,
        draft: &Drafted,
        counts: &mut Counts,
    ) -> Result<(), FlowReportError> {
        let Some(action) = (report.action)(at, draft)? else {
            return Ok(());
        };
        let key = draft.key.as_deref();
        let (status, said) = stand(report, key, action, &wrong(report, draft))?;
        *counts.entry(status).or_default() += 1;
        let line = Line {
            row: Some(draft.number),
            cells: draft.row.as_ref().map(|row| row.cells().collect()),
            key,
            action,
            status,
            said: &said,
        };
        Ok(self.line(report, &line)?)
    }
}

/// All that is wrong with a row.
fn wrong(report: &FlowReport<'_>, draft: &Drafted) -> Vec<Diagnostic> {
    let refused = (report.refused)(draft.number).cloned();
    let mut wrong: Vec<Diagnostic> = refused.into_iter().collect();
    if let Outcome::Invalid(errors) = &draft.outcome {
        wrong.extend(errors.iter().cloned());
    }
    wrong
}
