//! Finds columns whose long numbers a spreadsheet has rounded.
//!
//! A spreadsheet keeps 15 digits of a number and writes zeros for the others. One in eleven rounded
//! ids still has a right check digit, and a card number has none, so the whole column is refused.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use super::suspicion;
use crate::diagnostic::Diagnostic;
use crate::manifest::{Flow, Named};
use crate::sheet::{Header, Row};

/// The number of digits that a spreadsheet keeps.
const KEPT_DIGITS: usize = 15;

/// The number of zeros in place of lost digits that is no chance: one in a million.
const CERTAIN_ZEROS: usize = 6;

/// More rounded numbers than this, beside ten times as many as chance, are no chance either.
const CHANCE_MARGIN: usize = 5;

/// The number of rows that an error names.
const SHOWN_ROWS: usize = 3;

/// The columns that a flow uses, while the rows are read in parallel.
#[derive(Debug, Default)]
pub(super) struct RoundedColumns(Vec<Column>);

#[derive(Debug)]
struct Column {
    index: usize,
    tally: Mutex<Tally>,
}

/// The different numbers that a column is searched for. Further ones all count as different.
const MAX_DISTINCT: usize = 10_000;

/// The different numbers of a column with at least 16 digits: one that many rows repeat says no more
/// than one.
#[derive(Debug, Default)]
struct Tally {
    distinct: HashSet<Box<str>>,
    long: usize,
    rounded: usize,
    /// Whether a rounded number has all its digits. One in scientific notation is an error by itself.
    is_unseen: bool,
    /// The number of digits of the rounded numbers after the 15th.
    zeros: usize,
    /// Ten times the number of numbers that end like this by chance, in thousandths.
    chance: usize,
    /// The first rows with a rounded number.
    rows: BTreeSet<u64>,
}

impl RoundedColumns {
    /// Creates the tallies of the columns that a flow uses, without those that `rows.exact` names.
    pub(super) fn new(flow: &Named<Flow>, header: &Header) -> Self {
        let names: BTreeSet<&str> = flow
            .uses
            .iter()
            .flat_map(|(uses, _)| uses.columns.iter().map(String::as_str))
            .collect();
        let exact = flow.rows.iter().flat_map(|rows| &rows.exact);
        let exact: BTreeSet<&str> = exact.map(|column| column.text.as_str()).collect();
        let columns = names
            .difference(&exact)
            .filter_map(|name| header.position(name));
        let tally = |index| Column {
            index,
            tally: Mutex::default(),
        };
        Self(columns.map(tally).collect())
    }

    /// Counts the long numbers of a row.
    pub(super) fn add(&self, row: &Row) {
        for column in &self.0 {
            let is_problem = |problem: &crate::sheet::CellProblem| problem.column == column.index;
            let number = row.at(column.index).and_then(LongNumber::parse);
            if let Some(number) = number
                && !row.problems.iter().any(is_problem)
            {
                // A poisoned lock is usable: at worst a number is not counted.
                let tally = column.tally.lock();
                tally
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(row.number, &number);
            }
        }
    }

    /// Returns an error for each rounded column, from the rows added so far.
    pub(super) fn errors(&self, header: &Header) -> Vec<Diagnostic> {
        let errors = self.0.iter().filter_map(|column| {
            let tally = column.tally.lock().unwrap_or_else(PoisonError::into_inner);
            let name = header.columns().get(column.index)?;
            let place = header.cell(header.row(), Some(name));
            tally.is_rounded().then(|| tally.error().at(place))
        });
        errors.collect()
    }
}

impl Tally {
    fn add(&mut self, row: u64, number: &LongNumber<'_>) {
        if self.distinct.contains(number.text) {
            return;
        }
        if self.distinct.len() < MAX_DISTINCT {
            self.distinct.insert(number.text.into());
        }
        self.long += 1;
        self.chance += match number.digits - KEPT_DIGITS {
            1 => 1000,
            2 => 100,
            3 => 10,
            _ => 1,
        };
        if number.is_rounded {
            self.rounded += 1;
            self.is_unseen |= !number.is_scientific;
            self.zeros += number.digits - KEPT_DIGITS;
            self.rows.insert(row);
            if self.rows.len() > SHOWN_ROWS {
                self.rows.pop_last();
            }
        }
    }

    fn is_rounded(&self) -> bool {
        let most = self.long * 500;
        let limit = most.min(CHANCE_MARGIN * 1000 + self.chance);
        self.is_unseen && self.zeros >= CERTAIN_ZEROS && self.rounded * 1000 > limit
    }

    fn error(&self) -> Diagnostic {
        let rows: Vec<String> = self.rows.iter().map(u64::to_string).collect();
        let more = if self.rounded > rows.len() {
            ", …"
        } else {
            ""
        };
        let rows = rows.join(", ") + more;
        Diagnostic::error(t!("a spreadsheet has rounded this column: %{rounded} of %{long} numbers with more than %{kept} digits have only zeros after the %{kept}th, in rows %{rows}", rounded = self.rounded, long = self.long, kept = KEPT_DIGITS, rows = rows))
        .hint(t!("format the column as text and enter the numbers again from their source, or use the workbook (.xlsx) that has them as text; if the numbers are right, name the column in rows.exact"))
    }
}

/// A number with more digits than a spreadsheet keeps.
struct LongNumber<'a> {
    text: &'a str,
    digits: usize,
    /// Whether all digits that a spreadsheet does not keep are zeros.
    is_rounded: bool,
    is_scientific: bool,
}

impl<'a> LongNumber<'a> {
    fn parse(cell: &'a str) -> Option<Self> {
        let text = cell.trim().trim_start_matches('\'');
        let is_scientific = !text.bytes().all(|byte| byte.is_ascii_digit());
        let (digits, is_rounded) = if is_scientific {
            (suspicion::rounded_digits(text)?, true)
        } else {
            let lost = text.as_bytes().get(KEPT_DIGITS..)?;
            (text.len(), lost.iter().all(|digit| *digit == b'0'))
        };
        (digits > KEPT_DIGITS).then_some(Self {
            text,
            digits,
            is_rounded,
            is_scientific,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_rounded(cells: &[&str]) -> bool {
        let mut tally = Tally::default();
        for (row, cell) in (2..).zip(cells) {
            if let Some(number) = LongNumber::parse(cell) {
                tally.add(row, &number);
            }
        }
        tally.is_rounded()
    }

    #[test]
    fn tells_rounded_columns_from_numbers_that_end_in_zeros() {
        let rounded = ["330199198607241000", "330199198308223000"];
        let exact: Vec<String> = (10..40).map(|n| format!("3301991986072419{n}")).collect();
        let exact: Vec<&str> = exact.iter().map(String::as_str).collect();
        let ids: Vec<String> = (10..18).map(|n| format!("3301991986072{n}000")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert!(is_rounded(&rounded));
        assert!(is_rounded(&["330199198607241000", "3.30199E+17"]));
        assert!(is_rounded(&["'6222020200112230000", "6222020200112240000"]));
        assert!(is_rounded(&[&ids[..], &exact[..]].concat()));
        // One account or id that many rows repeat is one number.
        assert!(!is_rounded(&["6222020200112230"; 200]));
        assert!(!is_rounded(&["330199195009241000"; 3]));
        assert!(!is_rounded(&["3.30199E+17"; 9]));
        // One of a thousand ids ends in 000, and one of ten 16-digit numbers in 0.
        assert!(!is_rounded(&rounded[..1]));
        assert!(!is_rounded(&[&rounded[..], &exact[..]].concat()));
        let tenth = ["6222020200112230", "6222020200112237", "6222020200112231"].repeat(9);
        assert!(!is_rounded(&tenth));
        for short in [
            "200000.00",
            "200000000000000",
            "20261106000000",
            "HT-1000",
            "",
            "33019919860724191X",
        ] {
            assert!(!is_rounded(&[short; 9]), "{short}");
        }
    }
}
