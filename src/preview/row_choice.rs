//! Chooses the rows of a flow to show: the first ones, those that are named, and the one with the
//! longest texts. The rows are rendered and measured as a stream.

use std::collections::BTreeSet;
use std::convert::Infallible;

use rayon::prelude::*;

use crate::desired::{DocumentSource, FieldMisfit, FlowRows, Item, KeyedRow, Outcome, RenderedRow};
use crate::diagnostic::Diagnostic;
use crate::pdf;

/// The rows to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The number of rows from the first one on, without those that `where` leaves out.
    pub first: usize,
    /// Whether the row with the longest texts is shown.
    pub longest: bool,
    /// The keys of rows to show.
    pub keys: BTreeSet<String>,
    /// Whether all rows are measured, also if they are not needed for the choice.
    pub measures_all: bool,
}

/// The reason why a row is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is one of the first rows.
    First,
    /// It is named.
    Named,
    /// Its values do not fit, or its texts are the longest of the flow.
    Longest,
}

/// A row to show.
#[derive(Debug)]
pub struct ChosenRow {
    /// The rendered row.
    pub row: RenderedRow,
    /// The values that do not fit into their form fields.
    pub misfits: Vec<FieldMisfit>,
    /// The reasons, at least one.
    pub reasons: Vec<Reason>,
}

/// A value that does not fit into its form field.
#[derive(Debug)]
pub struct Overflow {
    /// The key of the row.
    pub key: String,
    /// The error at its cell.
    pub error: Diagnostic,
}

/// The rows to show, and figures of the rows that were measured.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The rows to show, in sheet order.
    pub rows: Vec<ChosenRow>,
    /// Whether all rows were measured. Otherwise the figures are those of the shown rows.
    pub is_whole: bool,
    /// The number of valid rows.
    pub valid: usize,
    /// The number of rows that `where` leaves out.
    pub skipped: usize,
    /// The number of invalid rows.
    pub invalid: usize,
    /// The number of rows with values that do not fit.
    pub overflowing: usize,
    /// The number of values that do not fit.
    pub misfits: usize,
    /// The first values that do not fit.
    pub overflows: Vec<Overflow>,
}

/// The number of values that do not fit and are listed.
const LISTED: usize = 200;

/// A row after the parallel part.
enum Prepared {
    /// A row that is neither shown nor measured.
    Other(Option<String>),
    Rendered(RenderedRow, Vec<FieldMisfit>, f64),
}

/// The number of values that do not fit, and the total width of the texts in ems.
type Rank = (usize, f64);

/// The row with the longest texts so far.
enum Longest {
    /// The index of a row that is shown anyway.
    Shown(usize),
    Other(Box<RenderedRow>, Vec<FieldMisfit>),
}

/// Reads all rows of a flow and chooses those to show. `each_key` receives every key.
///
/// # Errors
/// An I/O error if the sheet cannot be read.
pub fn choose(
    rows: &FlowRows<'_>,
    choice: &Choice,
    mut each_key: impl FnMut(&str) + Send,
) -> std::io::Result<Chosen> {
    let measures_all = choice.measures_all || choice.longest || choice.first > 0;
    let mut chosen = Chosen {
        is_whole: measures_all,
        ..Chosen::default()
    };
    let mut longest: Option<(Rank, Longest)> = None;
    let mut left = choice.first;
    let prepare = |keyed: Vec<(usize, KeyedRow)>| {
        let keyed = keyed.into_par_iter().map(|(_, row)| row);
        let prepared = keyed.map(|row| prepared(rows, choice, measures_all, row));
        Ok::<Vec<Prepared>, Infallible>(prepared.collect())
    };
    let take = |prepared: Prepared| {
        let (row, misfits, length) = match prepared {
            Prepared::Rendered(row, misfits, length) => (row, misfits, length),
            Prepared::Other(key) => {
                if let Some(key) = &key {
                    each_key(key);
                }
                return Ok(());
            }
        };
        row.key.iter().for_each(|key| each_key(key));
        chosen.count(&row, &misfits);
        let is_skipped = matches!(row.outcome, Outcome::Skipped);
        let is_valid = matches!(row.outcome, Outcome::Item(_));
        let mut reasons = Vec::new();
        if left > 0 && !is_skipped {
            left -= 1;
            reasons.push(Reason::First);
        }
        if row
            .key
            .as_ref()
            .is_some_and(|key| choice.keys.contains(key))
        {
            reasons.push(Reason::Named);
        }
        let rank = (misfits.len(), length);
        let is_longest =
            choice.longest && is_valid && longest.as_ref().is_none_or(|(best, _)| rank > *best);
        if !reasons.is_empty() {
            chosen.rows.push(ChosenRow {
                row,
                misfits,
                reasons,
            });
            if is_longest {
                longest = Some((rank, Longest::Shown(chosen.rows.len() - 1)));
            }
        } else if is_longest {
            longest = Some((rank, Longest::Other(Box::new(row), misfits)));
        }
        Ok(())
    };
    match rows.each_prepared(prepare, take)? {
        Ok(()) => {}
        Err(never) => match never {},
    }
    match longest {
        Some((_, Longest::Shown(at))) => chosen.rows[at].reasons.push(Reason::Longest),
        Some((_, Longest::Other(row, misfits))) => {
            let at = chosen
                .rows
                .partition_point(|shown| shown.row.number < row.number);
            let row = ChosenRow {
                row: *row,
                misfits,
                reasons: vec![Reason::Longest],
            };
            chosen.rows.insert(at, row);
        }
        None => {}
    }
    Ok(chosen)
}

fn prepared(rows: &FlowRows<'_>, choice: &Choice, measures_all: bool, row: KeyedRow) -> Prepared {
    let is_named = |key: &String| choice.keys.contains(key);
    if !measures_all && !row.key.as_ref().is_some_and(is_named) {
        return Prepared::Other(row.key);
    }
    let row = rows.rendered(row);
    let (misfits, length) = match &row.outcome {
        Outcome::Item(item) => (rows.misfits(item), length(item)),
        _ => (Vec::new(), 0.0),
    };
    Prepared::Rendered(row, misfits, length)
}

/// Returns the total width of the values of form fields, in ems.
fn length(item: &Item) -> f64 {
    let documents = item.documents.iter();
    let values = documents.flat_map(|document| match &document.source {
        DocumentSource::Template { fields, .. } => fields.values().collect(),
        DocumentSource::File(_) => Vec::new(),
    });
    values.map(|value| pdf::text_width(value)).sum()
}

impl Chosen {
    fn count(&mut self, row: &RenderedRow, misfits: &[FieldMisfit]) {
        match &row.outcome {
            Outcome::Item(_) => self.valid += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Invalid(_) => self.invalid += 1,
        }
        self.overflowing += usize::from(!misfits.is_empty());
        self.misfits += misfits.len();
        let free = LISTED.saturating_sub(self.overflows.len());
        let overflows = misfits.iter().take(free).map(|misfit| Overflow {
            key: row.key.clone().unwrap_or_default(),
            error: misfit.error(row.row.as_ref()),
        });
        self.overflows.extend(overflows);
    }
}
