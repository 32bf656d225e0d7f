//! The check values of a report, which tell whether a spreadsheet has changed its numbers.
//!
//! A spreadsheet that opens a report and saves it can drop leading zeros and the digits after the
//! 15th. The column `treaty_check` has a keyed hash for each such number of the row: of the name of its
//! column and of the number as a spreadsheet keeps it. A cell of the report that is such a number, and
//! could have been written by a spreadsheet, has lost digits. So has one in scientific notation. A
//! corrected cell is another number.
//!
//! The column has a keyed hash of the row's key, too: a spreadsheet that reads a key such as 3-12 as a
//! date changes it everywhere, and the row would be sent as a new contract.

use super::suspicion;
use crate::diagnostic::Diagnostic;
use crate::expr::{Fingerprinter, Salt};
use crate::sheet::{CHECK_COLUMN, CellProblem, Row, kept_numbers, lost_number};

/// The number of hexadecimal digits of a hash.
const HASH_DIGITS: usize = 12;

/// Returns the check values of a row and its key, with those that the row itself has from an earlier
/// report.
pub(super) fn check_values(salt: &Salt, row: &Row, key: Option<&str>) -> String {
    let numbers = row.filled_cells();
    let own = numbers.filter_map(|(column, cell)| Some(hash(salt, column, &lost_number(cell)?)));
    let earlier = row.get(CHECK_COLUMN).unwrap_or_default();
    let mut values: Vec<String> = earlier.split_whitespace().map(str::to_owned).collect();
    values.extend(own);
    values.extend(key.map(|key| key_hash(salt, key)));
    values.sort_unstable();
    values.dedup();
    values.join(" ")
}

/// Returns whether a row of a report has another key than the one that treaty wrote.
pub(super) fn is_key_changed(salt: &Salt, row: &Row, key: &str) -> bool {
    let values = row.get(CHECK_COLUMN).unwrap_or_default();
    let mut keys = values
        .split_whitespace()
        .filter(|value| value.starts_with(KEY))
        .peekable();
    let own = key_hash(salt, key);
    keys.peek().is_some() && keys.all(|value| value != own)
}

/// Returns the cells of a report in which a spreadsheet has changed the number.
pub(super) fn changed_numbers(salt: &Salt, row: &Row) -> Vec<CellProblem> {
    let Some(values) = row.get(CHECK_COLUMN).filter(|values| !values.is_empty()) else {
        return Vec::new();
    };
    let values: Vec<&str> = values.split_whitespace().collect();
    let is_changed = |(column, cell): &(&str, &str)| {
        let numbers = kept_numbers(cell);
        let mut hashes = numbers.iter().map(|number| hash(salt, column, number));
        hashes.any(|hash| values.contains(&&*hash)) || suspicion::rounded_cell(cell).is_some()
    };
    // The column has its title in the language of the report.
    let check_column = row.header.position(CHECK_COLUMN);
    let check_column = check_column.map_or(CHECK_COLUMN, |at| &row.header.columns()[at]);
    let problem = |(column, _): (&str, &str)| {
        let message = t!(
            "a spreadsheet has changed this number since treaty wrote it: it has lost digits or leading zeros"
        );
        let hint = t!(
            "format the column as text and enter the number again from its source; if it is right, clear %{column} in this row",
            column = check_column
        );
        Some(CellProblem {
            column: row.header.position(column)?,
            diagnostic: Diagnostic::error(message)
                .at(row.place(Some(column)))
                .hint(hint),
        })
    };
    let changed = row.filled_cells().filter(is_changed);
    changed.filter_map(problem).collect()
}

fn hash(salt: &Salt, column: &str, number: &str) -> String {
    keyed(NUMBER, salt, column, number)
}

fn key_hash(salt: &Salt, key: &str) -> String {
    keyed(KEY, salt, "", key)
}

/// The letters before the hashes. They keep a spreadsheet from reading a hash as a number.
const NUMBER: char = 'n';
const KEY: char = 'k';

fn keyed(letter: char, salt: &Salt, name: &str, value: &str) -> String {
    let mut fingerprint = Fingerprinter::new(salt);
    fingerprint.field(name, value);
    let hash = fingerprint.finish().to_string();
    format!("{letter}{}", &hash[..HASH_DIGITS])
}
