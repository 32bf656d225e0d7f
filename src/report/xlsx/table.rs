//! A table in a workbook: a header with a filter and rows of text. A table with more rows than a
//! worksheet can hold continues in the next one.

use rust_xlsxwriter::{Format, IgnoreError, Note, Workbook, Worksheet, XlsxError};
use unicode_width::UnicodeWidthStr;

use super::style::Styles;
use crate::sheet::fit_cell;

/// The number of rows of a worksheet, with the header.
pub(in crate::report) const MAX_ROWS: u32 = 1_048_576;
/// The number of rows from which the widths of the columns are measured.
const MEASURED_ROWS: u32 = 200;
/// The number of notes of a table. They are held in memory, and nobody corrects more cells by hand.
const MAX_NOTES: usize = 1000;
/// The number of characters of a note.
const MAX_NOTE: usize = 1000;

/// A column of a table.
pub(in crate::report) struct Column {
    name: String,
    kind: Kind,
}

/// The kind of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Kind {
    /// A column of the sheet.
    Own,
    /// A column of treaty.
    Treaty,
    /// A column of treaty with long texts.
    Wrapped,
    /// A column of treaty with a status.
    Status,
}

/// The note of a cell that has to be corrected.
pub(in crate::report) struct CellNote {
    /// The position of the column.
    pub(in crate::report) column: usize,
    pub(in crate::report) text: String,
}

/// A table under construction.
pub(in crate::report) struct Table {
    name: String,
    columns: Vec<Column>,
    styles: Styles,
    max_rows: u32,
    sheets: Vec<Worksheet>,
    /// The next row of the last worksheet.
    next_row: u32,
    /// The width of each column in characters.
    widths: Vec<usize>,
    notes: usize,
}

impl Column {
    /// Creates a column.
    pub(in crate::report) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
        }
    }
}

impl Table {
    /// Creates the first worksheet and writes the header. A worksheet has `max_rows` rows, with the
    /// header.
    pub(in crate::report) fn begin(
        book: &mut Workbook,
        name: &str,
        columns: Vec<Column>,
        max_rows: u32,
    ) -> Result<Self, XlsxError> {
        // Leaves room for the button of the filter.
        let header = |column: &Column| column.name.width() + 3;
        let mut table = Self {
            name: name.to_owned(),
            widths: columns.iter().map(header).collect(),
            columns,
            styles: Styles::new(),
            max_rows,
            sheets: Vec::new(),
            next_row: 0,
            notes: 0,
        };
        table.add_sheet(book)?;
        Ok(table)
    }

    /// Returns whether the table has no rows.
    pub(in crate::report) fn is_empty(&self) -> bool {
        self.sheets.len() == 1 && self.next_row == 1
    }

    /// Writes a row. Cells with a note are coloured.
    pub(in crate::report) fn push(
        &mut self,
        book: &mut Workbook,
        cells: &csv::StringRecord,
        notes: &[CellNote],
    ) -> Result<(), XlsxError> {
        if self.next_row == self.max_rows {
            self.add_sheet(book)?;
        }
        let row = self.next_row;
        self.next_row += 1;
        let is_measured = self.sheets.len() == 1 && row <= MEASURED_ROWS;
        let Some(sheet) = self.sheets.last_mut() else {
            return Ok(());
        };
        for (at, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
            let index = column_index(at)?;
            if is_measured {
                self.widths[at] = self.widths[at].max(text_width(cell) + 2);
            }
            let format = if notes.iter().any(|note| note.column == at) {
                Some(&self.styles.wrong)
            } else {
                (column.kind == Kind::Status).then(|| self.styles.status(cell))
            };
            match format {
                Some(format) => sheet.write_string_with_format(row, index, cell, format)?,
                None => sheet.write_string(row, index, cell)?,
            };
        }
        for note in notes {
            if self.notes < MAX_NOTES {
                self.notes += 1;
                sheet.insert_note(row, column_index(note.column)?, &shown_note(&note.text))?;
            }
        }
        Ok(())
    }

    /// Adds the worksheets to the workbook.
    pub(in crate::report) fn finish(self, book: &mut Workbook) -> Result<(), XlsxError> {
        let last_column = column_index(self.columns.len().saturating_sub(1))?;
        let last = self.sheets.len() - 1;
        for (number, mut sheet) in self.sheets.into_iter().enumerate() {
            let rows = if number == last {
                self.next_row
            } else {
                self.max_rows
            };
            let last_row = rows.saturating_sub(1).max(1);
            sheet.autofilter(0, 0, last_row, last_column)?;
            let numbers = IgnoreError::NumberStoredAsText;
            sheet.ignore_error_range(0, 0, last_row, last_column, numbers)?;
            for (at, (column, width)) in self.columns.iter().zip(&self.widths).enumerate() {
                let width = u32::try_from(column.kind.width(*width)).unwrap_or(u32::MAX);
                sheet.set_column_width(column_index(at)?, width)?;
            }
            book.push_worksheet(sheet);
        }
        Ok(())
    }

    /// Begins a worksheet with the header.
    fn add_sheet(&mut self, book: &mut Workbook) -> Result<(), XlsxError> {
        let mut sheet = book.new_worksheet_with_constant_memory()?;
        match self.sheets.len() {
            0 => sheet.set_name(&self.name)?,
            earlier => sheet.set_name(format!("{} {}", self.name, earlier + 1))?,
        };
        sheet.set_freeze_panes(1, 0)?;
        sheet.set_row_height(0, 20)?;
        for (at, column) in self.columns.iter().enumerate() {
            let at = column_index(at)?;
            // A cell that is filled in later is text, too.
            sheet.set_column_format(at, column.kind.format(&self.styles))?;
            let header = match column.kind {
                Kind::Own => &self.styles.own_header,
                _ => &self.styles.treaty_header,
            };
            sheet.write_string_with_format(0, at, fit_cell(&column.name), header)?;
        }
        self.sheets.push(sheet);
        self.next_row = 1;
        Ok(())
    }
}

impl Kind {
    fn format(self, styles: &Styles) -> &Format {
        match self {
            Self::Wrapped => &styles.wrapped,
            Self::Own | Self::Treaty | Self::Status => &styles.text,
        }
    }

    /// Returns the width of a column whose widest cell has a width.
    fn width(self, widest: usize) -> usize {
        match self {
            Self::Wrapped => widest.clamp(8, 60),
            Self::Own | Self::Treaty | Self::Status => widest.clamp(8, 40),
        }
    }
}

/// Returns the index of a column.
fn column_index(at: usize) -> Result<u16, XlsxError> {
    u16::try_from(at).map_err(|_| XlsxError::RowColumnLimitError)
}

/// Returns the width of the widest line. Wide characters count double.
fn text_width(text: &str) -> usize {
    text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

fn shown_note(text: &str) -> Note {
    /// Characters of a line, and the pixels of a line and of a character.
    const LINE: usize = 40;
    const LINE_PIXELS: u32 = 18;
    let text: String = text.chars().take(MAX_NOTE).collect();
    let lines: usize = text.lines().map(|line| 1 + text_width(line) / LINE).sum();
    let lines = u32::try_from(lines).unwrap_or(1);
    Note::new(text)
        .set_author("treaty")
        .add_author_prefix(false)
        .set_width(300)
        .set_height(LINE_PIXELS * (lines + 1))
}
