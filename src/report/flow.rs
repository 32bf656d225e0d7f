//! A flow's rows, in the sheet's order, with what became of each: told once, to every file of a report.

use rayon::prelude::*;

use super::outputs::Reports;
use super::row::{Counts, Said, Status, stand};
use crate::desired::{Drafted, FlowRows, Keyed, Outcome};
use crate::diagnostic::Diagnostic;
use crate::ledger::{ItemRecord, LedgerError, ReadAhead, Records, WholeItem};
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
pub type Decided<'a> = dyn Fn(usize, &Told<'_>) -> Option<ItemAction> + Sync + 'a;

/// A row, as far as it decides what is told of it.
pub struct Told<'a> {
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

/// A row, with what is recorded of its item.
enum Found {
    Recorded(Keyed, Box<WholeItem>),
    New(Drafted),
}

impl Reports {
    /// Tells of a flow's rows, and counts them.
    pub fn flow(&mut self, report: &FlowReport<'_>) -> Result<Counts, FlowReportError> {
        let mut counts = Counts::new();
        let mut recorded = ReadAhead::of(report.ledger, report.flow);
        self.begin_flow(report)?;
        if let Some(rows) = report.rows {
            let told = rows.each_prepared(
                |keyed| found(rows, &mut recorded, keyed),
                |(at, found)| self.row(report, rows, at, found, &mut counts),
            );
            told.map_err(FlowReportError::Sheet)??;
        }
        // What has no row stands at the end, without cells.
        (report.rest)(&mut |key, action| {
            let (status, said) = stand(report, recorded.item(key)?, action, &[]);
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
        rows: &FlowRows<'_>,
        at: usize,
        found: Found,
        counts: &mut Counts,
    ) -> Result<(), FlowReportError> {
        let told = match &found {
            Found::Recorded(row, item) => Told {
                key: row.key.as_deref(),
                record: Some(&item.record),
                outcome: None,
            },
            Found::New(draft) => Told {
                key: draft.key.as_deref(),
                record: None,
                outcome: Some(&draft.outcome),
            },
        };
        let Some(action) = (report.action)(at, &told) else {
            return Ok(());
        };
        let unusable = |draft: Drafted| {
            let wrong = wrong(report, &draft);
            (draft.number, draft.row, draft.key, None, wrong)
        };
        let (number, row, key, known, wrong) = match found {
            Found::Recorded(row, item) if action != ItemAction::Invalid => {
                (row.number, row.row, row.key, Some(*item), Vec::new())
            }
            // What keeps a row from being used is known once it is rendered.
            Found::Recorded(row, _) => unusable(rows.rendered(row)),
            Found::New(draft) => unusable(draft),
        };
        let (status, said) = stand(report, known, action, &wrong);
        *counts.entry(status).or_default() += 1;
        let line = Line {
            row: Some(number),
            cells: row.as_ref().map(|row| row.cells().collect()),
            key: key.as_deref(),
            action,
            status,
            said: &said,
        };
        Ok(self.line(report, &line)?)
    }
}

/// Finds what is recorded of rows, and renders those of which nothing is.
fn found(
    rows: &FlowRows<'_>,
    recorded: &mut ReadAhead<'_>,
    keyed: Vec<(usize, Keyed)>,
) -> Result<Vec<(usize, Found)>, FlowReportError> {
    let look = |(at, row): (usize, Keyed)| {
        let item = row
            .key
            .as_deref()
            .map(|key| recorded.item(key))
            .transpose()?;
        Ok((at, row, item.flatten()))
    };
    let looked: Vec<_> = keyed
        .into_iter()
        .map(look)
        .collect::<Result<_, LedgerError>>()?;
    let whole = looked.into_par_iter().map(|(at, row, item)| match item {
        Some(item) => (at, Found::Recorded(row, Box::new(item))),
        None => (at, Found::New(rows.rendered(row))),
    });
    Ok(whole.collect())
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
