//! The rows of a workbook's sheet. A thread reads them ahead, because the reader of `calamine`
//! borrows the workbook.

use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::vec;

use calamine::{Xlsx, XlsxError};

use super::cell::{NumberFormat, Unusable, error_value, text};
use super::layout::Layout;
use crate::diagnostic::Diagnostic;
use crate::sheet::formula::unprotect_cell;
use crate::sheet::row::{CellProblem, Header, Row, RowError};
use crate::sheet::workbook_cell::is_cut;

/// An open workbook.
pub(super) type Source = Xlsx<BufReader<File>>;

/// The number of rows that are passed at once, and the number of such groups that are read ahead.
const GROUP: usize = 256;
const GROUPS_AHEAD: usize = 4;

/// The number of columns of a spreadsheet.
const MAX_CELLS: usize = 16_384;

/// A row as it is read.
pub(super) struct RawRow {
    /// The row number.
    pub(super) number: u64,
    pub(super) cells: csv::StringRecord,
    /// The cells whose text is not their value, by the index of the column.
    pub(super) problems: Vec<(usize, Unusable)>,
}

impl RawRow {
    fn new(number: u64) -> Self {
        Self {
            number,
            cells: csv::StringRecord::new(),
            problems: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(str::is_empty)
    }
}

/// Passes every row that is not empty to `take`, until it returns false.
pub(super) fn each_row(
    workbook: &mut Source,
    sheet: &str,
    layout: &Layout,
    mut take: impl FnMut(RawRow) -> bool,
) -> Result<(), XlsxError> {
    let is_1904 = workbook.has_1904_epoch();
    let mut cells = workbook.worksheet_cells_reader(sheet)?;
    let styles = cells.styles().iter();
    let formats = styles.map(|style| style.number_format.as_ref());
    let formats: Vec<_> = formats
        .map(|format| {
            format.map_or(NumberFormat::Other, |own| {
                NumberFormat::of(&own.format_code)
            })
        })
        .collect();
    let mut unknown_errors = layout.unknown_errors.iter();
    let mut row = RawRow::new(0);
    loop {
        let next = cells.next_cell_with_style_id();
        // The reader of cells goes on after an error, but does not tell its place.
        let place = match &next {
            Err(XlsxError::CellError(_)) => unknown_errors.next(),
            _ => None,
        };
        let (number, column, text) = match (&next, place) {
            (Ok(None), _) => break,
            (Ok(Some((cell, style))), _) => {
                let (number, column) = cell.get_position();
                let format = formats.get(*style).copied();
                let format = format.unwrap_or(NumberFormat::Other);
                let text = text(cell.get_value(), format, is_1904);
                (u64::from(number) + 1, column as usize, text)
            }
            (Err(XlsxError::CellError(error)), Some((number, column))) => {
                (*number, *column, Err(error_value(error)))
            }
            (Err(_), _) => return next.map(|_| ()),
        };
        if number != row.number {
            if number < row.number {
                return Err(XlsxError::Unexpected("rows in descending order"));
            }
            let done = std::mem::replace(&mut row, RawRow::new(number));
            if !done.is_empty() && !take(done) {
                return Ok(());
            }
        }
        if column >= MAX_CELLS {
            return Err(XlsxError::Unexpected("a cell right of the last column"));
        }
        if column < row.cells.len() {
            return Err(XlsxError::Unexpected("cells in descending order"));
        }
        if text.as_ref().is_ok_and(|text| text.is_empty()) {
            continue;
        }
        while row.cells.len() < column {
            row.cells.push_field("");
        }
        match text {
            Ok(text) => row.cells.push_field(&text),
            Err(unusable) => {
                row.cells.push_field(&unusable.text);
                row.problems.push((column, unusable));
            }
        }
    }
    if !row.is_empty() {
        take(row);
    }
    Ok(())
}

/// A message of the reading thread.
enum Message {
    Rows(Vec<Row>),
    /// The rest cannot be read.
    Failed(Box<RowError>),
    End,
}

/// An iterator over the rows of a workbook's sheet, in file order. Skips empty rows.
#[derive(Debug)]
pub struct WorkbookRows {
    messages: Receiver<Message>,
    group: vec::IntoIter<Row>,
    header: Arc<Header>,
    /// The number of the last row.
    number: u64,
    has_ended: bool,
}

impl WorkbookRows {
    /// Starts to read the rows after the header.
    pub(super) fn start(reader: RowReader) -> Self {
        let (sender, messages) = sync_channel(GROUPS_AHEAD);
        let header = reader.header.clone();
        std::thread::spawn(move || reader.send_rows(&sender));
        Self {
            messages,
            group: Vec::new().into_iter(),
            number: header.row(),
            header,
            has_ended: false,
        }
    }

    /// Returns the error of a sheet whose next row cannot be read.
    fn failed(&mut self, why: &dyn Display) -> RowError {
        self.has_ended = true;
        unreadable(&self.header, self.number + 1, why)
    }
}

fn unreadable(header: &Header, row: u64, why: &dyn Display) -> RowError {
    let error = Diagnostic::error(t!("the sheet cannot be read: %{error}", error = why));
    let hint = t!("open the workbook in a spreadsheet program and save it again as .xlsx");
    RowError {
        row,
        diagnostic: error.at(header.cell(row, None)).hint(hint),
        cells: None,
    }
}

impl Iterator for WorkbookRows {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.group.next() {
                self.number = row.number;
                return Some(Ok(row));
            }
            if self.has_ended {
                return None;
            }
            match self.messages.recv() {
                Ok(Message::Rows(rows)) => self.group = rows.into_iter(),
                Ok(Message::Failed(error)) => {
                    self.has_ended = true;
                    return Some(Err(*error));
                }
                Ok(Message::End) => self.has_ended = true,
                // The thread has panicked.
                Err(_) => return Some(Err(self.failed(&t!("the workbook is damaged")))),
            }
        }
    }
}

/// An open workbook whose rows are read.
pub(super) struct RowReader {
    pub(super) workbook: Source,
    pub(super) sheet: Arc<str>,
    pub(super) header: Arc<Header>,
    pub(super) layout: Arc<Layout>,
    /// Empty cells in these columns are problems: their formulas may have no value.
    pub(super) uncomputed: Vec<usize>,
}

impl RowReader {
    /// Sends the rows after the header. Ends early if the receiver is dropped.
    fn send_rows(mut self, to: &SyncSender<Message>) {
        let (header, uncomputed) = (&self.header, &self.uncomputed);
        let mut group = Vec::with_capacity(GROUP);
        let mut last = header.row();
        let mut is_wanted = true;
        let read = each_row(&mut self.workbook, &self.sheet, &self.layout, |raw| {
            if raw.number <= header.row() {
                return true;
            }
            last = raw.number;
            group.push(finished(raw, header, uncomputed));
            if group.len() == GROUP {
                let full = std::mem::replace(&mut group, Vec::with_capacity(GROUP));
                is_wanted = to.send(Message::Rows(full)).is_ok();
            }
            is_wanted
        });
        if !is_wanted {
            return;
        }
        let end = match read {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(Box::new(unreadable(header, last + 1, &error))),
        };
        // The receiver may be dropped.
        let _ = to.send(Message::Rows(group));
        let _ = to.send(end);
    }
}

/// Pads a row to the header. In a report, reverses what [`workbook_cell`](crate::sheet::workbook_cell)
/// changes.
fn finished(raw: RawRow, header: &Arc<Header>, uncomputed: &[usize]) -> Row {
    let RawRow {
        number,
        mut cells,
        problems,
    } = raw;
    let mut cut = Vec::new();
    if header.is_report() {
        let found = cells.iter().enumerate().filter(|(_, cell)| is_cut(cell));
        cut.extend(found.map(|(column, _)| column));
        cells = cells.iter().map(unprotect_cell).collect();
    }
    while cells.len() < header.columns().len() {
        cells.push_field("");
    }
    let problem = |column: usize, error: Diagnostic| CellProblem {
        column,
        diagnostic: error.at(header.cell_at(number, column)),
    };
    let unusable = problems.into_iter().map(|(column, unusable)| {
        problem(
            column,
            Diagnostic::error(unusable.message).hint(unusable.hint),
        )
    });
    let empty = uncomputed
        .iter()
        .filter(|column| cells[**column].is_empty());
    let empty = empty.map(|column| problem(*column, never_computed(1)));
    let cut = cut.into_iter().map(|column| {
        let error = Diagnostic::error(t!("the report has cut this cell, because it is too long"));
        problem(
            column,
            error.hint(t!("enter the whole text, or use the CSV report")),
        )
    });
    let problems = unusable.chain(empty).chain(cut).collect();
    Row {
        header: header.clone(),
        number,
        problems,
        cells,
    }
}

/// Returns the error of formulas that have no value.
pub(super) fn never_computed(count: u64) -> Diagnostic {
    let message = match count {
        1 => t!("the column has a formula that was never computed"),
        count => t!(
            "the column has %{count} formulas that were never computed",
            count = count
        ),
    };
    Diagnostic::error(message).hint(t!("open the workbook in a spreadsheet program and save it"))
}
