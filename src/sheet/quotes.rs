//! Quotes that do not end, or end before their cell does: found before any row is used, since everything that
//! follows such a quote would be read as part of one cell.

use std::io::{self, Read};

/// A quote that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongQuote {
    /// The row that it stands in, as a spreadsheet counts.
    pub(super) row: u64,
    /// The column, from 0.
    pub(super) column: usize,
    /// Whether the cell never ends; else something follows its closing quote.
    pub(super) endless: bool,
}

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
pub(super) fn check(mut file: impl Read, delimiter: u8) -> io::Result<Result<u64, WrongQuote>> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut row, mut column, mut place) = (1, 0, In::Start);
    // Where the quote that is open stands; line breaks within it do not count as rows.
    let wrong = |row, column, endless| {
        Ok(Err(WrongQuote {
            row,
            column,
            endless,
        }))
    };
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return if matches!(place, In::Quoted) {
                wrong(row, column, true)
            } else {
                Ok(Ok(row))
            };
        }
        for byte in &buffer[..read] {
            place = match (place, byte) {
                (In::Quoted, b'"') => In::Quote,
                (In::Quoted, _) | (In::Quote | In::Start, b'"') => In::Quoted,
                (_, b'\n') => {
                    row += 1;
                    column = 0;
                    In::Start
                }
                (_, byte) if *byte == delimiter => {
                    column += 1;
                    In::Start
                }
                (In::Quote, b'\r') => In::Quote,
                (In::Quote, _) => return wrong(row, column, false),
                // The mark of UTF-8 stands before the first cell.
                (In::Start, 0xEF | 0xBB | 0xBF) if row == 1 && column == 0 => In::Start,
                _ => In::Plain,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Option<(u64, usize, bool)> {
        let found = check(text.as_bytes(), b',').expect("memory can be read");
        let wrong = found.err();
        wrong.map(|wrong| (wrong.row, wrong.column, wrong.endless))
    }

    #[test]
    fn wrong_quotes_are_found_where_they_begin() {
        for (text, expected) in [
            ("a,b\n1,\"x\ny\"\n\"2\"\"\",3\n", None),
            ("a,b\r\n\"1\",\"x\"\r\n", None),
            ("a,b\n1,in\"ch\n", None),
            ("\u{feff}\"a\",b\n1,2", None),
            ("a,b\n1,\"x\n2,y\n3,z\n", Some((2, 1, true))),
            ("a,b\n\"1\nx\",\"2\"junk\n", Some((2, 1, false))),
            ("a,b\n1,2\n\"HT-1\"x,3\n", Some((3, 0, false))),
        ] {
            assert_eq!(checked(text), expected, "{text:?}");
        }
    }
}
