//! Checks the structure of a sheet before any row is used.
//!
//! - Quotes must be closed, and the cell must end at the closing quote. Otherwise one cell would
//!   contain all following rows.
//! - Cells, rows and columns must not exceed the limits of a spreadsheet, because a row is held in
//!   memory.

use std::io::{self, Read};

use crate::sheet::row::MAX_COLUMNS;

/// A structural error and its location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StructureError {
    /// Row number as a spreadsheet shows it.
    pub(super) row: u64,
    /// Column index, from 0.
    pub(super) column: usize,
    /// The kind of error.
    pub(super) kind: ErrorKind,
}

/// The kind of a structural error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// The quote of the cell is never closed.
    UnclosedQuote,
    /// Text follows the closing quote of the cell.
    TextAfterQuote,
    /// The cell is too long.
    CellTooLong,
    /// The row is too long.
    RowTooLong,
    /// A carriage return without a line feed ends a line.
    CarriageReturn,
    /// The sheet has too many columns.
    TooManyColumns,
}

/// The maximum size of a cell in bytes: 32,767 characters (the limit of Excel) of at most four
/// bytes.
pub(super) const MAX_CELL_BYTES: usize = 32_767 * 4;
/// The maximum size of a row in bytes.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;

/// The state of the parser within a cell.
enum CellState {
    Start,
    Unquoted,
    Quoted,
    /// After a quote in a quoted cell: the end of the cell, or the first of two quotes that mean
    /// one.
    AfterQuote,
}

/// Checks a file and counts its lines outside of quotes, including the header and empty lines.
///
/// Reads the whole file in blocks. In the supported encodings the bytes of quotes, line feeds and
/// delimiters occur in no other character.
pub(super) fn check(mut file: impl Read, delimiter: u8) -> io::Result<Result<u64, StructureError>> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut row, mut column, mut state) = (1, 0, CellState::Start);
    // Bytes of the current row, and the part of them before the current cell.
    let (mut length, mut before) = (0, 0);
    // Reported at the end of the row: an unclosed quote is the more helpful error.
    let mut too_large = None;
    // Whether the last byte was a carriage return outside of quotes.
    let mut after_return = false;
    let error = |row, column, kind| Ok(Err(StructureError { row, column, kind }));
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return match (state, too_large) {
                (CellState::Quoted, _) => error(row, column, ErrorKind::UnclosedQuote),
                (_, Some(too_large)) => Ok(Err(too_large)),
                _ => Ok(Ok(row)),
            };
        }
        for byte in &buffer[..read] {
            length += 1;
            let is_quoted = matches!(state, CellState::Quoted);
            if after_return && !matches!(byte, b'\r' | b'\n') {
                return error(row, column, ErrorKind::CarriageReturn);
            }
            after_return = *byte == b'\r' && !is_quoted;
            state = match (state, byte) {
                (CellState::Quoted, b'"') => CellState::AfterQuote,
                (CellState::Quoted, _) | (CellState::AfterQuote | CellState::Start, b'"') => {
                    CellState::Quoted
                }
                (_, b'\n') => {
                    if let Some(too_large) = too_large {
                        return Ok(Err(too_large));
                    }
                    (row, column) = (row + 1, 0);
                    (length, before) = (0, 0);
                    CellState::Start
                }
                (_, byte) if *byte == delimiter => {
                    (column, before) = (column + 1, length);
                    CellState::Start
                }
                (CellState::AfterQuote, b'\r') => CellState::AfterQuote,
                (CellState::AfterQuote, _) => return error(row, column, ErrorKind::TextAfterQuote),
                // The BOM of UTF-8 precedes the first cell.
                (CellState::Start, 0xEF | 0xBB | 0xBF) if row == 1 && column == 0 => {
                    CellState::Start
                }
                _ => CellState::Unquoted,
            };
            let kind = match (length - before, length, column) {
                (MAX_CELL_BYTES.., ..) => ErrorKind::CellTooLong,
                (_, MAX_ROW_BYTES.., _) => ErrorKind::RowTooLong,
                (.., MAX_COLUMNS..) => ErrorKind::TooManyColumns,
                _ => continue,
            };
            too_large = too_large.or(Some(StructureError { row, column, kind }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Option<(u64, usize, ErrorKind)> {
        let result = check(text.as_bytes(), b',').expect("memory can be read");
        let error = result.err();
        error.map(|error| (error.row, error.column, error.kind))
    }

    #[test]
    fn reports_oversized_cells_rows_and_sheets() {
        let long = "x".repeat(MAX_CELL_BYTES);
        let wide = ",".repeat(MAX_COLUMNS);
        let row =
            vec!["x".repeat(MAX_CELL_BYTES / 2); 2 * MAX_ROW_BYTES / MAX_CELL_BYTES + 1].join(",");
        for (text, expected) in [
            (
                format!("a,b\n1,{long}\n2,3\n"),
                Some((2, 1, ErrorKind::CellTooLong)),
            ),
            (
                format!("a,b\n1,\"{long}\"\n"),
                Some((2, 1, ErrorKind::CellTooLong)),
            ),
            (
                format!("a,b\n1,{long}"),
                Some((2, 1, ErrorKind::CellTooLong)),
            ),
            (
                format!("a,b\n1,\"{long}\n2,3\n"),
                Some((2, 1, ErrorKind::UnclosedQuote)),
            ),
            (format!("a\n{row}\n"), Some((2, 16, ErrorKind::RowTooLong))),
            (
                format!("a{wide}\n"),
                Some((1, MAX_COLUMNS, ErrorKind::TooManyColumns)),
            ),
            (format!("a{}\n", &wide[1..]), None),
            (format!("a,b\n1,{}\n", &long[2..]), None),
        ] {
            assert_eq!(checked(&text), expected, "{}", &text[..20.min(text.len())]);
        }
    }

    #[test]
    fn reports_lines_that_end_with_a_carriage_return_alone() {
        for (text, expected) in [
            ("a,b\r1,2\r3,4\r", Some((1, 1, ErrorKind::CarriageReturn))),
            (
                "a,b\r\n1,2\r3,4\r\n",
                Some((2, 1, ErrorKind::CarriageReturn)),
            ),
            ("a,b\r\n\"1\r2\",3\r\n", None),
            ("a,b\r\r\n1,2\r", None),
        ] {
            assert_eq!(checked(text), expected, "{text:?}");
        }
    }

    #[test]
    fn reports_unclosed_quotes_at_their_start() {
        for (text, expected) in [
            ("a,b\n1,\"x\ny\"\n\"2\"\"\",3\n", None),
            ("a,b\r\n\"1\",\"x\"\r\n", None),
            ("a,b\n1,in\"ch\n", None),
            ("\u{feff}\"a\",b\n1,2", None),
            (
                "a,b\n1,\"x\n2,y\n3,z\n",
                Some((2, 1, ErrorKind::UnclosedQuote)),
            ),
            (
                "a,b\n\"1\nx\",\"2\"junk\n",
                Some((2, 1, ErrorKind::TextAfterQuote)),
            ),
            (
                "a,b\n1,2\n\"HT-1\"x,3\n",
                Some((3, 0, ErrorKind::TextAfterQuote)),
            ),
        ] {
            assert_eq!(checked(text), expected, "{text:?}");
        }
    }
}
