//! Opens a text file and streams its rows.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::rows::{Source, TextRows, breaks_inside, cells, undecodable};
use super::split::{self, ErrorKind, StructureError};
use crate::diagnostic::{Cell, Diagnostic};
use crate::sheet::encoding::{BOM, Detected, Encoding, detect};
use crate::sheet::file::{Format, SheetFile};
use crate::sheet::row::{Header, MAX_COLUMNS};
use crate::util::input_file;

/// An open text file: its encoding is known and its header has been read.
#[derive(Debug)]
pub(in crate::sheet) struct TextSheet {
    file: SheetFile,
    encoding: Encoding,
    delimiter: u8,
    header: Arc<Header>,
    is_report: bool,
    /// The upper bound of the number of rows, with the header.
    max_rows: u64,
}

impl TextSheet {
    /// Detects the encoding, checks the structure and reads the header.
    pub(in crate::sheet) fn open(
        file: &SheetFile,
        encoding: Option<Encoding>,
        delimiter: u8,
    ) -> Result<Self, Vec<Diagnostic>> {
        let open = || {
            let opened = input_file::open(&file.path).map_err(std::io::Error::from);
            opened.map_err(|error| vec![file.unreadable(&error)])
        };
        let unreadable = |error: std::io::Error| vec![file.unreadable(&error)];
        let encoding = match (encoding, detect(open()?).map_err(unreadable)?) {
            (_, Detected::Utf16) => {
                return Err(vec![
                    file.error(t!("the sheet is UTF-16"))
                        .hint(t!("save it as CSV UTF-8 (逗号分隔)")),
                ]);
            }
            (Some(configured), Detected::Supported(_)) => configured,
            (None, Detected::Supported(detected)) => detected,
        };
        // Such a byte can be the second byte of a GB18030 character, and cells are split before
        // decoding.
        if encoding == Encoding::Gb18030 && delimiter >= 0x40 {
            return Err(vec![wrong_delimiter(file)]);
        }
        let split = split::check(open()?, delimiter).map_err(unreadable)?;
        let max_rows = split.map_err(|error| vec![structure_error(file, error)])?;
        let mut sheet = Self {
            file: file.clone(),
            encoding,
            delimiter,
            header: Arc::new(Header::new(file.shown.clone(), None, 1, Vec::new())),
            is_report: false,
            max_rows,
        };
        let header = sheet.read_header()?;
        sheet.is_report = header.is_report();
        sheet.header = Arc::new(header);
        Ok(sheet)
    }

    /// Returns the header.
    pub(in crate::sheet) fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// Returns the encoding.
    pub(in crate::sheet) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns an upper bound of the number of rows, with the header.
    pub(in crate::sheet) fn max_rows(&self) -> u64 {
        self.max_rows
    }

    /// Streams the rows after the header. Fails if the columns changed since the sheet was opened.
    pub(in crate::sheet) fn rows(&self) -> std::io::Result<TextRows> {
        let mut reader = self.reader()?;
        let mut raw = csv::ByteRecord::new();
        let number = self.read_header_record(&mut reader, &mut raw)?;
        let number = number.unwrap_or_else(|last| last);
        let names = cells(&raw).map(|name| self.encoding.decode(name));
        let columns = self.header.columns().iter();
        if !names.eq(columns.map(|name| Some(std::borrow::Cow::Borrowed(&**name)))) {
            return Err(std::io::Error::other(t!(
                "the columns changed since the sheet was opened"
            )));
        }
        Ok(TextRows {
            reader,
            encoding: self.encoding,
            header: self.header.clone(),
            is_report: self.is_report,
            raw,
            number,
            ended: false,
        })
    }

    /// Opens a CSV reader. Records end only at a line feed, so that line numbers are exact;
    /// [`cells`] removes the carriage return before it. A line feed is appended so that the last
    /// record ends like the others.
    fn reader(&self) -> std::io::Result<csv::Reader<Source>> {
        let mut file = input_file::open(&self.file.path)?;
        let mut start = [0; 3];
        let read = file.read(&mut start)?;
        if &start[..read] != BOM {
            file.seek(SeekFrom::Start(0))?;
        }
        Ok(csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(BufReader::with_capacity(256 * 1024, file).chain(&b"\n"[..])))
    }

    /// Reads the row with the column names. Returns its number, or that of the last row that was read
    /// if there is no such row.
    fn read_header_record(
        &self,
        reader: &mut csv::Reader<Source>,
        raw: &mut csv::ByteRecord,
    ) -> std::io::Result<Result<u64, u64>> {
        let mut number = 0;
        loop {
            let before = reader.position().line();
            if !reader
                .read_byte_record(raw)
                .map_err(std::io::Error::other)?
            {
                return Ok(Err(number));
            }
            let lines = reader.position().line() - before;
            number += lines.saturating_sub(breaks_inside(raw));
            match self.file.header_row {
                Some(wanted) if number < wanted => {}
                // An empty row is not a record.
                Some(wanted) if number > wanted => return Ok(Err(number)),
                _ => return Ok(Ok(number)),
            }
        }
    }

    fn read_header(&self) -> Result<Header, Vec<Diagnostic>> {
        let unreadable = |error: std::io::Error| vec![self.file.unreadable(&error)];
        let mut raw = csv::ByteRecord::new();
        let mut reader = self.reader().map_err(unreadable)?;
        let read = self.read_header_record(&mut reader, &mut raw);
        let number = read.map_err(unreadable)?;
        let number = number.map_err(|last_row| vec![self.file.no_header(last_row)])?;
        let mut errors = Vec::new();
        let mut columns: Vec<Arc<str>> = Vec::new();
        for (at, bytes) in cells(&raw).enumerate() {
            match self.encoding.decode(bytes) {
                None => {
                    let place = unnamed_cell(&self.file, number, at);
                    errors.push(undecodable(self.encoding).at(place));
                }
                Some(name) => columns.push(Arc::from(&*name)),
            }
        }
        let header = Header::new(self.file.shown.clone(), None, number, columns);
        errors.extend(header.duplicates());
        if errors.is_empty() {
            Ok(header)
        } else {
            Err(errors)
        }
    }
}

/// Returns the error of a delimiter that can be a part of a character, at its place in the manifest.
fn wrong_delimiter(file: &SheetFile) -> Diagnostic {
    let error = file
        .error(t!("a GB18030 sheet cannot be split at this delimiter"))
        .hint(t!(
            "use a comma, a semicolon or a tab, or save the sheet as UTF-8"
        ));
    match &file.format {
        Format::Text {
            delimiter_span: Some(span),
            ..
        } => error.at(span),
        _ => error,
    }
}

/// Returns the location of a cell whose column has no name.
fn unnamed_cell(file: &SheetFile, row: u64, column: usize) -> Cell {
    Cell {
        file: file.shown.clone(),
        sheet: None,
        row,
        column: Some((Arc::from(format!("{}", column + 1)), column)),
    }
}

fn structure_error(file: &SheetFile, error: StructureError) -> Diagnostic {
    let place = unnamed_cell(file, error.row, error.column);
    let quote_hint = t!("close the quote or remove it; write a quote inside a quoted cell twice");
    let delimiter_hint =
        t!("check that the file is a CSV or TSV file and that rows.delimiter is correct");
    let (message, hint) = match error.kind {
        ErrorKind::UnclosedQuote => (t!("the quote of this cell is never closed"), quote_hint),
        ErrorKind::TextAfterQuote => (
            t!("text follows the closing quote of this cell"),
            quote_hint,
        ),
        ErrorKind::CellTooLong => (
            t!("the cell is longer than 32,767 characters, the limit of a spreadsheet cell"),
            delimiter_hint,
        ),
        ErrorKind::RowTooLong => (t!("the row is longer than 1 MiB"), delimiter_hint),
        ErrorKind::CarriageReturn => (
            t!("a line ends here with a carriage return (CR) without a line feed (LF)"),
            t!("save the file as CSV UTF-8 (逗号分隔), not as CSV (Macintosh)"),
        ),
        ErrorKind::TooManyColumns => (
            t!("the sheet has more than %{max} columns", max = MAX_COLUMNS),
            t!("delete empty columns on the right, or copy the needed columns to another sheet"),
        ),
    };
    Diagnostic::error(message).at(place).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Sheet;
    use proptest::prelude::*;
    use std::io::Write;

    fn sheet(bytes: &[u8]) -> (tempfile::NamedTempFile, SheetFile) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        let sheet_file = SheetFile {
            path: file.path().to_owned(),
            shown: Arc::from("loans.csv"),
            ..SheetFile::default()
        };
        (file, sheet_file)
    }

    fn numbers_and_first_cells(bytes: &[u8]) -> Vec<(u64, String)> {
        let (_guard, file) = sheet(bytes);
        let sheet = Sheet::open(&file).expect("a sheet");
        let rows = sheet.rows().expect("rows");
        rows.map(|row| row.expect("a row"))
            .map(|row| (row.number, row.get("a").unwrap_or("").to_owned()))
            .collect()
    }

    #[test]
    fn numbers_rows_like_a_spreadsheet() {
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
    fn reports_the_cell_of_an_undecodable_byte() {
        let mut bytes = "合同号,姓名\nHT-1,张三\nHT-2,".as_bytes().to_vec();
        bytes.extend(b"\xE5\xBC\n");
        let (_guard, file) = sheet(&bytes);
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
    fn rejects_duplicate_column_names_except_empty_ones() {
        let (_guard, file) = sheet(b"a,b,a\n1,2,3\n");
        let errors = Sheet::open(&file).expect_err("refused");
        assert!(errors[0].message.contains("twice"), "{errors:?}");
        let (_guard, file) = sheet(b"a,,\n1,,\n");
        assert!(Sheet::open(&file).is_ok());
    }

    #[test]
    fn detects_workbooks_with_a_csv_name() {
        for start in [
            &b"PK\x03\x04\x14\0\x06\0rest"[..],
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest",
        ] {
            let (_guard, file) = sheet(start);
            let errors = Sheet::open(&file).expect_err("refused");
            assert!(errors[0].message.contains("Excel workbook"), "{errors:?}");
        }
    }

    #[test]
    fn rejects_rows_with_another_number_of_cells() {
        let (_guard, file) = sheet(b"a,b\n1\n1,2,3\n1,2\n");
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
    fn rejects_a_sheet_whose_columns_changed_after_opening() {
        let (guard, file) = sheet(b"a,b\n1,2\n");
        let opened = Sheet::open(&file).expect("a sheet");
        std::fs::write(guard.path(), "a,b\n3,4\n").expect("written");
        assert_eq!(opened.rows().expect("rows").count(), 1);
        std::fs::write(guard.path(), "b,a\n2,1\n").expect("written");
        opened.rows().expect_err("another sheet");
    }

    #[test]
    fn skips_the_end_of_file_character() {
        for end in ["\u{1a}", "\u{1a}\r\n", "\r\n\u{1a}"] {
            let rows = numbers_and_first_cells(format!("a,b\r\n1,2\r\n{end}").as_bytes());
            assert_eq!(rows, [(2, "1".to_owned())], "{end:?}");
        }
    }

    #[test]
    fn counts_skipped_rows() {
        let (_guard, file) = sheet(b"a\n1\n\n\xFF\n3\n");
        let sheet = Sheet::open(&file).expect("a sheet");
        let mut rows = sheet.rows().expect("rows");
        assert!(rows.skip_row() && rows.skip_row());
        let last = rows.next().expect("a row").expect("a good one");
        assert_eq!((last.number, last.get("a")), (5, Some("3")));
        assert!(!rows.skip_row());
    }
}
