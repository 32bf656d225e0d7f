//! A sheet of any format.

use std::borrow::Cow;
use std::sync::Arc;

use super::encoding::Encoding;
use super::file::{Format, SheetFile, Start};
use super::row::{Header, Row, RowError};
use super::text::{TextRows, TextSheet};
use super::workbook::{Workbook, WorkbookRows};
use crate::diagnostic::Diagnostic;

/// The maximum number of rows for which memory is reserved in advance.
const MAX_EXPECTED_ROWS: usize = 1 << 20;

/// An open sheet: its structure is checked and its header has been read.
#[derive(Debug)]
pub struct Sheet {
    content: Content,
    warnings: Vec<Diagnostic>,
}

#[derive(Debug)]
enum Content {
    Text(TextSheet),
    Workbook(Workbook),
}

impl Sheet {
    /// Checks the structure and reads the header, with the settings of the manifest.
    pub(super) fn open_as_configured(file: &SheetFile) -> Result<Self, Vec<Diagnostic>> {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(own) = name.strip_prefix("~$") {
            return Err(vec![
                file.error(t!(
                    "the file is the lock file of a spreadsheet program, not a sheet"
                ))
                .hint(t!("use %{name}", name = own)),
            ]);
        }
        let start = Start::of(file).map_err(|error| vec![error])?;
        let wrong = |message: Cow<'static, str>, hint: Cow<'static, str>| {
            Err(vec![file.error(message).hint(hint)])
        };
        match (&file.format, start) {
            (
                Format::Text {
                    encoding,
                    delimiter,
                    ..
                },
                Start::Other | Start::Empty,
            ) => {
                let text = TextSheet::open(file, *encoding, *delimiter)?;
                Ok(Self {
                    content: Content::Text(text),
                    warnings: Vec::new(),
                })
            }
            (Format::Text { .. }, Start::Zip) => wrong(
                t!("the file is an Excel workbook, not a CSV or TSV file"),
                t!(
                    "rename it so that its name ends with .xlsx, or save it as CSV UTF-8 (逗号分隔)"
                ),
            ),
            (Format::Text { .. }, Start::Compound) => wrong(
                t!(
                    "the file is an Excel workbook (.xls, or one with a password), not a CSV or TSV file"
                ),
                t!(
                    "open it in a spreadsheet program, and save it as .xlsx or as CSV UTF-8 (逗号分隔)"
                ),
            ),
            (Format::Workbook { sheet }, Start::Zip | Start::Compound) => {
                let workbook = Workbook::open(file, sheet.as_deref())?;
                Ok(Self {
                    warnings: workbook.warnings().to_vec(),
                    content: Content::Workbook(workbook),
                })
            }
            (Format::Workbook { .. }, Start::Empty) => wrong(
                t!("the file is empty"),
                t!("save the workbook again; a download or a copy may not have ended"),
            ),
            (Format::Workbook { .. }, Start::Other) => wrong(
                t!("the file is not a workbook, although its name says so"),
                t!(
                    "if it is a text file, rename it so that its name ends with .csv; otherwise save it again as .xlsx"
                ),
            ),
        }
    }

    /// Returns the header.
    pub fn header(&self) -> &Arc<Header> {
        match &self.content {
            Content::Text(text) => text.header(),
            Content::Workbook(workbook) => workbook.header(),
        }
    }

    /// Returns the encoding of a text file.
    pub(super) fn encoding(&self) -> Option<Encoding> {
        match &self.content {
            Content::Text(text) => Some(text.encoding()),
            Content::Workbook(_) => None,
        }
    }

    /// Adds a warning about the whole sheet.
    pub(super) fn warn(&mut self, warning: Diagnostic) {
        self.warnings.push(warning);
    }

    /// Returns the number of rows for which memory can be reserved: an upper bound, usually one
    /// more than the sheet has, but not more than a fixed limit, because lines may be empty.
    pub fn expected_rows(&self) -> usize {
        let max_rows = match &self.content {
            Content::Text(text) => text.max_rows(),
            Content::Workbook(workbook) => workbook.max_rows(),
        };
        usize::try_from(max_rows).map_or(MAX_EXPECTED_ROWS, |rows| rows.min(MAX_EXPECTED_ROWS))
    }

    /// Returns warnings about the whole sheet, such as hidden rows.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Returns the columns with a problem in several rows, such as formulas that were never
    /// computed. Each is an error if the column is used.
    pub fn column_errors(&self) -> &[(usize, Diagnostic)] {
        match &self.content {
            Content::Text(_) => &[],
            Content::Workbook(workbook) => workbook.column_errors(),
        }
    }

    /// Returns the first rows below the header that can be read: their numbers and all their cells,
    /// also more than the header has.
    pub fn first_rows(&self, count: usize) -> Vec<(u64, Vec<String>)> {
        let Ok(mut rows) = self.rows() else {
            return Vec::new();
        };
        std::iter::from_fn(|| rows.next_cells())
            .take(count)
            .collect()
    }

    /// Streams the rows after the header. Fails if the columns changed since the sheet was opened.
    pub fn rows(&self) -> std::io::Result<Rows> {
        Ok(match &self.content {
            Content::Text(text) => Rows::Text(Box::new(text.rows()?)),
            Content::Workbook(workbook) => Rows::Workbook(workbook.rows()?),
        })
    }
}

/// An iterator over the rows of a sheet, in file order. Skips rows in which all cells are empty.
#[derive(Debug)]
pub enum Rows {
    /// The rows of a text file.
    Text(Box<TextRows>),
    /// The rows of a workbook.
    Workbook(WorkbookRows),
}

impl Rows {
    /// Skips the next row, if possible without decoding it. Returns whether there was one.
    pub fn skip_row(&mut self) -> bool {
        match self {
            Self::Text(rows) => rows.skip_row(),
            Self::Workbook(rows) => rows.next().is_some(),
        }
    }

    /// Returns the number and the cells of the next row; `None` at the end, or if it cannot be read.
    fn next_cells(&mut self) -> Option<(u64, Vec<String>)> {
        match self {
            Self::Text(rows) => rows.next_cells(),
            Self::Workbook(rows) => {
                let row = rows.next()?.ok()?;
                Some((row.number, row.texts().map(str::to_owned).collect()))
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Text(rows) => rows.next(),
            Self::Workbook(rows) => rows.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn limits_the_rows_expected_in_a_file_of_empty_lines() {
        let rows = |lines: usize| {
            let mut file = tempfile::NamedTempFile::new().expect("a file");
            let text = ["a\n1\n", &"\n".repeat(lines)].concat();
            file.write_all(text.as_bytes()).expect("written");
            let sheet = SheetFile {
                path: file.path().to_owned(),
                ..SheetFile::default()
            };
            Sheet::open(&sheet).expect("a sheet").expected_rows()
        };
        assert_eq!(rows(0), 3);
        assert_eq!(rows(MAX_EXPECTED_ROWS), MAX_EXPECTED_ROWS);
    }
}
