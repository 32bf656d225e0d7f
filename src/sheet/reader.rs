//! Opening a sheet and streaming its rows.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use super::encoding::{BOM, Encoding, Guess, guess};
use super::harmless::{REPORT_COLUMN, original};
use super::row::{Header, Row};
use super::split::{self, COLUMNS, What, Wrong};
use crate::diagnostic::{Cell, Diagnostic};

/// Room for more rows is made only once they are there.
const MOST_EXPECTED: usize = 1 << 20;

/// A sheet's file and how to read it.
#[derive(Debug, Clone)]
pub struct SheetFile {
    /// Where it is.
    pub path: PathBuf,
    /// The path as people know it: relative to the project's folder.
    pub shown: Arc<str>,
    /// The encoding, when it is settled and not to be found out.
    pub encoding: Option<Encoding>,
    /// What stands between cells.
    pub delimiter: u8,
}

/// A sheet whose header has been read.
#[derive(Debug)]
pub struct Sheet {
    file: SheetFile,
    encoding: Encoding,
    header: Arc<Header>,
    is_report: bool,
    most: u64,
}

/// A row that cannot be used.
#[derive(Debug)]
pub struct RowError {
    /// Its number.
    pub row: u64,
    /// What is wrong with it.
    pub diagnostic: Diagnostic,
    /// Its cells, as far as they fit under the header; none when they cannot be read.
    pub cells: Option<Row>,
}

impl Sheet {
    /// Finds out the encoding and reads the header.
    pub fn open(file: &SheetFile) -> Result<Self, Vec<Diagnostic>> {
        let broken = |error: std::io::Error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => error.to_string(),
            };
            vec![
                Diagnostic::error(format!("the sheet cannot be read: {why}")).at(file.path_shown()),
            ]
        };
        if std::fs::metadata(&file.path).is_ok_and(|found| !found.is_file()) {
            return Err(vec![
                Diagnostic::error("the sheet is no regular file")
                    .at(file.path_shown())
                    .hint("name a CSV or TSV file"),
            ]);
        }
        if is_workbook(&file.path).map_err(broken)? {
            return Err(vec![
                Diagnostic::error("this is an Excel workbook, whatever its name says")
                    .at(file.path_shown())
                    .hint("save it as CSV UTF-8 (逗号分隔)"),
            ]);
        }
        let encoding = match (
            file.encoding,
            guess(File::open(&file.path).map_err(broken)?).map_err(broken)?,
        ) {
            (_, Guess::Utf16) => {
                return Err(vec![
                    Diagnostic::error("the sheet is UTF-16")
                        .at(file.path_shown())
                        .hint("save it as CSV UTF-8 (逗号分隔)"),
                ]);
            }
            (Some(settled), Guess::Is(_)) => settled,
            (None, Guess::Is(found)) => found,
        };
        // In GB18030 the second byte of a character can be this one: such a file cannot be split before it is decoded.
        if encoding == Encoding::Gb18030 && file.delimiter >= 0x40 {
            return Err(vec![
                Diagnostic::error("a GB18030 sheet cannot be split at this delimiter")
                    .at(file.path_shown())
                    .hint("use a comma, a semicolon or a tab, or save the sheet as UTF-8"),
            ]);
        }
        let split = File::open(&file.path)
            .and_then(|opened| split::check(opened, file.delimiter))
            .map_err(broken)?;
        let most = split.map_err(|wrong| vec![not_split(file, wrong)])?;
        let mut sheet = Self {
            file: file.clone(),
            encoding,
            header: Arc::new(Header::new(file.shown.clone(), Vec::new())),
            is_report: false,
            most,
        };
        let columns = sheet.read_header()?;
        sheet.is_report = columns.iter().any(|name| &**name == REPORT_COLUMN);
        sheet.header = Arc::new(Header::new(file.shown.clone(), columns));
        Ok(sheet)
    }

    /// The columns.
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// For so many rows room may be made at once: mostly one more than it has. A file of empty lines has none, and is not
    /// believed to have billions.
    pub fn expected_rows(&self) -> usize {
        usize::try_from(self.most).map_or(MOST_EXPECTED, |most| most.min(MOST_EXPECTED))
    }

    /// The encoding that was settled or found.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Streams the rows, from the first one after the header.
    pub fn rows(&self) -> std::io::Result<Rows> {
        let mut reader = self.reader()?;
        let mut raw = csv::ByteRecord::new();
        reader
            .read_byte_record(&mut raw)
            .map_err(std::io::Error::other)?;
        let names = cells(&raw).map(|name| self.encoding.decode(name));
        let columns = self.header.columns().iter();
        if !names.eq(columns.map(|name| Some(std::borrow::Cow::Borrowed(&**name)))) {
            return Err(std::io::Error::other(
                "its columns have changed since it was opened",
            ));
        }
        let header_rows = reader.position().line() - 1 - breaks_inside(&raw);
        Ok(Rows {
            reader,
            encoding: self.encoding,
            header: self.header.clone(),
            is_report: self.is_report,
            raw,
            number: header_rows,
            ended: false,
        })
    }

    /// Records end at a line feed alone, so that the line number after each is known for sure; a carriage
    /// return before it is taken off by [`cells`]. The line feed at the end makes the last record like the others.
    fn reader(&self) -> std::io::Result<csv::Reader<Source>> {
        let mut file = File::open(&self.file.path)?;
        let mut start = [0; 3];
        let read = file.read(&mut start)?;
        if &start[..read] != BOM {
            file.seek(SeekFrom::Start(0))?;
        }
        Ok(csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.file.delimiter)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(BufReader::with_capacity(256 * 1024, file).chain(&b"\n"[..])))
    }

    fn read_header(&self) -> Result<Vec<Arc<str>>, Vec<Diagnostic>> {
        let broken = |error: String| {
            vec![
                Diagnostic::error(format!("the sheet cannot be read: {error}"))
                    .at(self.file.path_shown()),
            ]
        };
        let mut raw = csv::ByteRecord::new();
        let mut reader = self.reader().map_err(|error| broken(error.to_string()))?;
        if !reader
            .read_byte_record(&mut raw)
            .map_err(|error| broken(error.to_string()))?
        {
            return Err(vec![
                Diagnostic::error("the sheet is empty")
                    .at(self.file.path_shown())
                    .hint("its first row names the columns"),
            ]);
        }
        let mut errors = Vec::new();
        let mut columns: Vec<Arc<str>> = Vec::new();
        for (at, bytes) in cells(&raw).enumerate() {
            let place = Cell {
                file: self.file.shown.clone(),
                row: 1,
                column: Some((Arc::from(format!("{}", at + 1)), at)),
            };
            match self.encoding.decode(bytes) {
                None => errors.push(undecodable(self.encoding).at(place)),
                Some(name) => {
                    if !name.is_empty() && columns.iter().any(|column| **column == *name) {
                        errors.push(
                            Diagnostic::error(format!(
                                "the column {name} stands in the header twice"
                            ))
                            .at(place)
                            .hint("rename one of them: a cell must be found by its column alone"),
                        );
                    }
                    columns.push(Arc::from(&*name));
                }
            }
        }
        if errors.is_empty() {
            Ok(columns)
        } else {
            Err(errors)
        }
    }
}

/// Whether a file begins as XLSX or XLS do.
fn is_workbook(path: &std::path::Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut start)?;
    Ok(start.starts_with(b"PK\x03\x04") || start == *b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
}

impl SheetFile {
    fn path_shown(&self) -> PathBuf {
        PathBuf::from(&*self.shown)
    }
}

type Source = std::io::Chain<BufReader<File>, &'static [u8]>;

/// The cells of a record, without the carriage return of its end of line.
fn cells(record: &csv::ByteRecord) -> impl Iterator<Item = &[u8]> {
    let last = record.len().saturating_sub(1);
    record.iter().enumerate().map(move |(at, cell)| match cell {
        [text @ .., b'\r'] if at == last => text,
        _ => cell,
    })
}

/// Line breaks inside the cells of a record: a spreadsheet shows them within one row.
fn breaks_inside(record: &csv::ByteRecord) -> u64 {
    record
        .as_slice()
        .split(|byte| *byte == b'\n')
        .skip(1)
        .count() as u64
}

fn not_split(file: &SheetFile, wrong: Wrong) -> Diagnostic {
    let place = Cell {
        file: file.shown.clone(),
        row: wrong.row,
        column: Some((Arc::from(format!("{}", wrong.column + 1)), wrong.column)),
    };
    let of_quotes =
        "a quote within a quoted cell is written twice; end the cell, or take its quote out";
    let of_delimiters = "look whether the file is a sheet, and whether rows.delimiter is right";
    let (message, hint) = match wrong.what {
        What::Endless => (
            "the quote of this cell never ends, and would take in all rows that follow".to_owned(),
            of_quotes,
        ),
        What::Follows => (
            "something follows the closing quote of this cell".to_owned(),
            of_quotes,
        ),
        What::LongCell => (
            "the cell is longer than the 32,767 characters that a spreadsheet's can have"
                .to_owned(),
            of_delimiters,
        ),
        What::LongRow => (
            "the row is longer than one megabyte".to_owned(),
            of_delimiters,
        ),
        What::Columns => (
            format!("the sheet has more than {COLUMNS} columns"),
            "delete the empty columns at its right, or put the ones that are needed into a sheet of their own",
        ),
    };
    Diagnostic::error(message).at(place).hint(hint)
}

fn undecodable(encoding: Encoding) -> Diagnostic {
    let other = match encoding {
        Encoding::Utf8 => "gb18030",
        Encoding::Gb18030 => "utf-8",
    };
    Diagnostic::error(format!(
        "a byte of this cell does not decode as {}",
        encoding.name()
    ))
    .hint(format!(
        "write the cell anew, or settle the file's encoding with rows.encoding: {other}"
    ))
}

/// The rows of a sheet, in its order. Rows whose cells are all empty are no rows.
#[derive(Debug)]
pub struct Rows {
    reader: csv::Reader<Source>,
    encoding: Encoding,
    header: Arc<Header>,
    is_report: bool,
    raw: csv::ByteRecord,
    number: u64,
    ended: bool,
}

impl Rows {
    fn decode(&self) -> Result<Row, RowError> {
        let number = self.number;
        let columns = self.header.columns();
        let mut texts =
            csv::StringRecord::with_capacity(self.raw.as_slice().len() * 3 / 2, columns.len());
        for (at, bytes) in cells(&self.raw).enumerate() {
            let decoded = self.encoding.decode(bytes);
            let wrong = match &decoded {
                None => undecodable(self.encoding),
                Some(text) if text.contains('\0') => {
                    Diagnostic::error("the cell holds a NUL character")
                }
                Some(text) => {
                    texts.push_field(if self.is_report { original(text) } else { text });
                    continue;
                }
            };
            let column = columns.get(at).map(|name| &**name);
            return Err(RowError {
                row: number,
                diagnostic: wrong.at(self.header.cell(number, column)),
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
        };
        if found == columns.len() {
            return Ok(row);
        }
        let message = format!("the row has {found} cells, the header {}", columns.len());
        let hint = "a cell that holds the delimiter or a line break must stand in quotes";
        Err(RowError {
            row: number,
            diagnostic: Diagnostic::error(message)
                .at(self.header.cell(number, None))
                .hint(hint),
            cells: Some(row),
        })
    }
}

impl Rows {
    /// Passes over the next row, whatever it holds; whether there was one.
    pub fn pass(&mut self) -> bool {
        matches!(self.read(), Some(Ok(())))
    }

    /// Reads the bytes of the next row; none at the end.
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
                        Diagnostic::error(format!("the sheet cannot be read on: {error}"))
                            .at(self.header.cell(row, None));
                    return Some(Err(RowError {
                        row,
                        diagnostic,
                        cells: None,
                    }));
                }
            }
            let passed = self.reader.position().line() - before;
            self.number += passed.saturating_sub(breaks_inside(&self.raw));
            if cells(&self.raw).any(|cell| !cell.is_empty()) {
                return Some(Ok(()));
            }
        }
        None
    }
}

impl Iterator for Rows {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.read()?.and_then(|()| self.decode()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn sheet(bytes: &[u8]) -> (tempfile::NamedTempFile, SheetFile) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        let described = SheetFile {
            path: file.path().to_owned(),
            shown: Arc::from("loans.csv"),
            encoding: None,
            delimiter: b',',
        };
        (file, described)
    }

    fn numbers_and_first_cells(bytes: &[u8]) -> Vec<(u64, String)> {
        let (_kept, file) = sheet(bytes);
        let sheet = Sheet::open(&file).expect("a sheet");
        let rows = sheet.rows().expect("rows");
        rows.map(|row| row.expect("a row"))
            .map(|row| (row.number, row.get("a").unwrap_or("").to_owned()))
            .collect()
    }

    #[test]
    fn empty_lines_are_not_believed_to_be_rows() {
        let rows = |lines: usize| {
            let (_file, sheet) = sheet(["a\n1\n", &"\n".repeat(lines)].concat().as_bytes());
            Sheet::open(&sheet).expect("a sheet").expected_rows()
        };
        assert_eq!(rows(0), 3);
        assert_eq!(rows(MOST_EXPECTED), MOST_EXPECTED);
    }

    #[test]
    fn rows_have_a_spreadsheets_numbers() {
        let expected = vec![
            (2, "1".to_owned()),
            (3, "2\n2".to_owned()),
            (5, "3".to_owned()),
            (7, "4".to_owned()),
        ];
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "1,x", "\"2\n2\",y", "", "3,z", ",", "4,"].join(end);
            assert_eq!(
                numbers_and_first_cells(text.as_bytes()),
                expected,
                "{end:?}"
            );
            assert_eq!(
                numbers_and_first_cells(format!("\u{feff}{text}{end}").as_bytes()),
                expected,
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_bad_byte_is_found_in_its_cell() {
        let mut bytes = "合同号,姓名\nHT-1,张三\nHT-2,".as_bytes().to_vec();
        bytes.extend(b"\xE5\xBC\n");
        let (_kept, file) = sheet(&bytes);
        let sheet = Sheet::open(&file).expect("a sheet");
        let error = sheet
            .rows()
            .expect("rows")
            .nth(1)
            .expect("a row")
            .expect_err("a bad row");
        assert_eq!(
            error.diagnostic.place.expect("a place").to_string(),
            "loans.csv, row 3, column 姓名 (B)"
        );
    }

    #[test]
    fn a_doubled_column_is_refused_and_unnamed_ones_are_not() {
        let (_kept, file) = sheet(b"a,b,a\n1,2,3\n");
        let errors = Sheet::open(&file).expect_err("refused");
        assert!(errors[0].message.contains("twice"), "{errors:?}");
        let (_kept, file) = sheet(b"a,,\n1,,\n");
        assert!(Sheet::open(&file).is_ok());
    }

    #[test]
    fn a_workbook_by_another_name_is_known() {
        for start in [
            &b"PK\x03\x04\x14\0\x06\0rest"[..],
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest",
        ] {
            let (_kept, file) = sheet(start);
            let errors = Sheet::open(&file).expect_err("refused");
            assert!(errors[0].message.contains("Excel workbook"), "{errors:?}");
        }
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        let (_kept, file) = sheet(b"a,b\n1\n1,2,3\n1,2\n");
        let sheet = Sheet::open(&file).expect("a sheet");
        let rows: Vec<bool> = sheet.rows().expect("rows").map(|row| row.is_ok()).collect();
        assert_eq!(rows, [false, false, true]);
    }

    proptest! {
        /// The same table reads the same in every encoding.
        #[test]
        fn encodings_agree(cells in proptest::collection::vec("[a-z0-9张三李四年月日，。\"\n, =𠮷]{1,8}", 1..12)) {
            let mut text = String::from("a,名称\r\n合同合同合同,x\r\n");
            for cell in &cells {
                text += &["\"", &cell.replace('"', "\"\""), "\",y\r\n"].concat();
            }
            let utf8 = numbers_and_first_cells(text.as_bytes());
            let with_bom = numbers_and_first_cells(format!("\u{feff}{text}").as_bytes());
            let (gb, ..) = encoding_rs::GB18030.encode(&text);
            let gb = numbers_and_first_cells(&gb);
            prop_assert_eq!(&utf8, &with_bom);
            prop_assert_eq!(&utf8, &gb);
            prop_assert_eq!(utf8.len(), cells.len() + 1);
        }
    }

    #[test]
    fn a_sheet_whose_columns_have_changed_is_not_read_under_the_old_ones() {
        let (kept, file) = sheet(b"a,b\n1,2\n");
        let opened = Sheet::open(&file).expect("a sheet");
        std::fs::write(kept.path(), "a,b\n3,4\n").expect("written");
        assert_eq!(opened.rows().expect("rows").count(), 1);
        std::fs::write(kept.path(), "b,a\n2,1\n").expect("written");
        opened.rows().expect_err("another sheet");
    }

    #[test]
    fn rows_that_are_passed_over_count() {
        let (_kept, file) = sheet(b"a\n1\n\n\xFF\n3\n");
        let sheet = Sheet::open(&file).expect("a sheet");
        let mut rows = sheet.rows().expect("rows");
        assert!(rows.pass() && rows.pass());
        let last = rows.next().expect("a row").expect("a good one");
        assert_eq!((last.number, last.get("a")), (5, Some("3")));
        assert!(!rows.pass());
    }
}
