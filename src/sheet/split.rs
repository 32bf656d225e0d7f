//! What keeps a sheet from being split into rows and cells, found before any row is used: quotes that do not end, or end
//! before their cell does, since everything that follows such a quote would be read as part of one cell; and what is
//! larger than any spreadsheet's, which would be held in memory as a whole.

use std::io::{self, Read};

/// What is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The row that it stands in, as a spreadsheet counts.
    pub(super) row: u64,
    /// The column, from 0.
    pub(super) column: usize,
    /// What.
    pub(super) what: What,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The cell's quote never ends.
    Endless,
    /// Something follows its closing quote.
    Follows,
    /// The cell is too long.
    LongCell,
    /// The row is too long.
    LongRow,
    /// There are too many columns.
    Columns,
}

/// The bytes that a cell of a spreadsheet can have: 32,767 characters of at most four.
pub(super) const CELL: usize = 32_767 * 4;
/// The bytes that a row may have.
pub(super) const ROW: usize = 1 << 20;
/// The columns that a sheet may have.
pub(super) const COLUMNS: usize = 1024;

/// Where the reader is within a cell.
enum In {
    Start,
    Plain,
    Quoted,
    /// Behind a quote within quotes: the cell's end, or the first of two that stand for one.
    Quote,
}

/// Reads the whole file once, in pieces, and counts its rows, the header and empty ones too. In the encodings that sheets
/// come in, no other character holds these bytes.
pub(super) fn check(mut file: impl Read, delimiter: u8) -> io::Result<Result<u64, Wrong>> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut row, mut column, mut place) = (1, 0, In::Start);
    // Bytes of the row, and of those the ones before its present cell.
    let (mut length, mut before) = (0, 0);
    // What is too large is told once it is known that no quote before it was to end.
    let mut large = None;
    // Where the quote that is open stands; line breaks within it do not count as rows.
    let wrong = |row, column, what| Ok(Err(Wrong { row, column, what }));
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return match (place, large) {
                (In::Quoted, _) => wrong(row, column, What::Endless),
                (_, Some(large)) => Ok(Err(large)),
                _ => Ok(Ok(row)),
            };
        }
        for byte in &buffer[..read] {
            length += 1;
            place = match (place, byte) {
                (In::Quoted, b'"') => In::Quote,
                (In::Quoted, _) | (In::Quote | In::Start, b'"') => In::Quoted,
                (_, b'\n') => {
                    if let Some(large) = large {
                        return Ok(Err(large));
                    }
                    (row, column) = (row + 1, 0);
                    (length, before) = (0, 0);
                    In::Start
                }
                (_, byte) if *byte == delimiter => {
                    (column, before) = (column + 1, length);
                    In::Start
                }
                (In::Quote, b'\r') => In::Quote,
                (In::Quote, _) => return wrong(row, column, What::Follows),
                // The mark of UTF-8 stands before the first cell.
                (In::Start, 0xEF | 0xBB | 0xBF) if row == 1 && column == 0 => In::Start,
                _ => In::Plain,
            };
            let what = match (length - before, length, column) {
                (CELL.., ..) => What::LongCell,
                (_, ROW.., _) => What::LongRow,
                (.., COLUMNS..) => What::Columns,
                _ => continue,
            };
            large = large.or(Some(Wrong { row, column, what }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Option<(u64, usize, What)> {
        let found = check(text.as_bytes(), b',').expect("memory can be read");
        let wrong = found.err();
        wrong.map(|wrong| (wrong.row, wrong.column, wrong.what))
    }

    #[test]
    fn what_is_larger_than_a_spreadsheet_allows_is_found_where_it_begins() {
        let long = "x".repeat(CELL);
        let wide = ",".repeat(COLUMNS);
        let row = vec!["x".repeat(CELL / 2); 2 * ROW / CELL + 1].join(",");
        for (text, expected) in [
            (
                format!("a,b\n1,{long}\n2,3\n"),
                Some((2, 1, What::LongCell)),
            ),
            (format!("a,b\n1,\"{long}\"\n"), Some((2, 1, What::LongCell))),
            (format!("a,b\n1,{long}"), Some((2, 1, What::LongCell))),
            (
                format!("a,b\n1,\"{long}\n2,3\n"),
                Some((2, 1, What::Endless)),
            ),
            (format!("a\n{row}\n"), Some((2, 16, What::LongRow))),
            (format!("a{wide}\n"), Some((1, COLUMNS, What::Columns))),
            (format!("a{}\n", &wide[1..]), None),
            (format!("a,b\n1,{}\n", &long[2..]), None),
        ] {
            assert_eq!(checked(&text), expected, "{}", &text[..20.min(text.len())]);
        }
    }

    #[test]
    fn wrong_quotes_are_found_where_they_begin() {
        for (text, expected) in [
            ("a,b\n1,\"x\ny\"\n\"2\"\"\",3\n", None),
            ("a,b\r\n\"1\",\"x\"\r\n", None),
            ("a,b\n1,in\"ch\n", None),
            ("\u{feff}\"a\",b\n1,2", None),
            ("a,b\n1,\"x\n2,y\n3,z\n", Some((2, 1, What::Endless))),
            ("a,b\n\"1\nx\",\"2\"junk\n", Some((2, 1, What::Follows))),
            ("a,b\n1,2\n\"HT-1\"x,3\n", Some((3, 0, What::Follows))),
        ] {
            assert_eq!(checked(text), expected, "{text:?}");
        }
    }
}
