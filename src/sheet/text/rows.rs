//! The rows of a text file, one by one.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use crate::sheet::encoding::Encoding;
use crate::sheet::formula::unprotect_cell;
use crate::sheet::row::{Header, Row, RowError};

use crate::diagnostic::Diagnostic;

/// An iterator over the rows of a text file, in file order. Skips rows in which all cells are empty.
#[derive(Debug)]
pub struct TextRows {
    pub(super) reader: csv::Reader<Source>,
    pub(super) encoding: Encoding,
    pub(super) header: Arc<Header>,
    pub(super) is_report: bool,
    pub(super) raw: csv::ByteRecord,
    pub(super) number: u64,
    pub(super) ended: bool,
}

impl TextRows {
    fn decode(&self) -> Result<Row, RowError> {
        let number = self.number;
        let columns = self.header.columns();
        let mut texts =
            csv::StringRecord::with_capacity(self.raw.as_slice().len() * 3 / 2, columns.len());
        for (at, bytes) in cells(&self.raw).enumerate() {
            let decoded = self.encoding.decode(bytes);
            let diagnostic = match &decoded {
                None => undecodable(self.encoding),
                Some(text) if text.contains('\0') => {
                    Diagnostic::error(t!("the cell contains a NUL character"))
                }
                Some(text) => {
                    texts.push_field(if self.is_report {
                        unprotect_cell(text)
                    } else {
                        text
                    });
                    continue;
                }
            };
            let column = columns.get(at).map(|name| &**name);
            return Err(RowError {
                row: number,
                diagnostic: diagnostic.at(self.header.cell(number, column)),
                cells: None,
            });
        }
        let found = texts.len();
        while texts.len() < columns.len() {
            texts.push_field("");
        }
        texts.truncate(columns.len());
        let row = Row {
            header: self.header.clone(),
            number,
            cells: texts,
            problems: Vec::new(),
        };
        if found == columns.len() {
            return Ok(row);
        }
        let message = t!(
            "the row has %{found} cells, but the header has %{count}",
            found = found,
            count = columns.len()
        );
        let hint = t!("put a cell that contains the delimiter or a line break in quotes");
        Err(RowError {
            row: number,
            diagnostic: Diagnostic::error(message)
                .at(self.header.cell(number, None))
                .hint(hint),
            cells: Some(row),
        })
    }
}

impl TextRows {
    /// Skips the next row without decoding it. Returns whether there was one.
    pub fn skip_row(&mut self) -> bool {
        matches!(self.read(), Some(Ok(())))
    }

    /// Returns the number and all cells of the next row; `None` at the end, or if it cannot be read.
    pub(in crate::sheet) fn next_cells(&mut self) -> Option<(u64, Vec<String>)> {
        self.read()?.ok()?;
        let texts = cells(&self.raw).map(|cell| self.encoding.decode(cell).unwrap_or_default());
        Some((self.number, texts.map(String::from).collect()))
    }

    /// Reads the bytes of the next row; `None` at the end.
    fn read(&mut self) -> Option<Result<(), RowError>> {
        while !self.ended {
            let before = self.reader.position().line();
            match self.reader.read_byte_record(&mut self.raw) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.ended = true;
                    let row = self.number + 1;
                    let diagnostic =
                        Diagnostic::error(t!("the sheet cannot be read: %{error}", error = error))
                            .at(self.header.cell(row, None));
                    return Some(Err(RowError {
                        row,
                        diagnostic,
                        cells: None,
                    }));
                }
            }
            let lines = self.reader.position().line() - before;
            self.number += lines.saturating_sub(breaks_inside(&self.raw));
            // Old systems write the character SUB, Ctrl-Z, at the end of a file.
            let is_end = self.raw.len() == 1 && cells(&self.raw).eq([&b"\x1a"[..]]);
            if !is_end && cells(&self.raw).any(|cell| !cell.is_empty()) {
                return Some(Ok(()));
            }
        }
        None
    }
}

impl Iterator for TextRows {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.read()?.and_then(|()| self.decode()))
    }
}

pub(super) type Source = std::io::Chain<BufReader<File>, &'static [u8]>;

/// Returns the cells of a record, without the carriage return of the line end.
pub(super) fn cells(record: &csv::ByteRecord) -> impl Iterator<Item = &[u8]> {
    let last = record.len().saturating_sub(1);
    record.iter().enumerate().map(move |(at, cell)| match cell {
        [text @ .., b'\r'] if at == last => text,
        _ => cell,
    })
}

/// Counts the line breaks inside the cells of a record. A spreadsheet does not count them as rows.
pub(super) fn breaks_inside(record: &csv::ByteRecord) -> u64 {
    record
        .as_slice()
        .split(|byte| *byte == b'\n')
        .skip(1)
        .count() as u64
}

pub(super) fn undecodable(encoding: Encoding) -> Diagnostic {
    let other = match encoding {
        Encoding::Utf8 => "gb18030",
        Encoding::Gb18030 => "utf-8",
    };
    Diagnostic::error(t!(
        "a byte of this cell does not decode as %{encoding}",
        encoding = encoding.name()
    ))
    .hint(t!(
        "correct the cell, or set the encoding of the file with rows.encoding: %{other}",
        other = other
    ))
}
