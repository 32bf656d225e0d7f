//! The parts of a sheet that are not values of cells: hidden rows and columns, filters, merged
//! cells, and formulas without a value.

use std::collections::BTreeMap;

use calamine::CellErrorType;
use quick_xml::events::{BytesStart, Event};

use super::archive::{self, Archive, ArchiveError, attribute};

/// The layout of a sheet.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The number of rows, also of empty ones.
    rows: u64,
    /// The number of the last row with a value; 0 if the sheet is empty.
    pub(super) last_row: u64,
    /// The number of columns up to the last one with a value.
    pub(super) columns: usize,
    /// The number of hidden rows.
    pub(super) hidden_rows: u64,
    /// The number of hidden columns.
    pub(super) hidden_columns: u64,
    /// Whether a filter is set.
    pub(super) is_filtered: bool,
    /// The number of merged ranges, and the first one.
    pub(super) merged: Option<(u64, String)>,
    /// The formulas that were never computed, by column.
    pub(super) uncomputed: BTreeMap<usize, Uncomputed>,
    /// The row and the column of each cell whose error is none that the reader of cells knows, such
    /// as `#SPILL!`, in file order.
    pub(super) unknown_errors: Vec<(u64, usize)>,
}

/// The formulas of a column that were never computed.
#[derive(Debug)]
pub(super) struct Uncomputed {
    pub(super) count: u64,
    pub(super) first_row: u64,
}

/// The cell that is being read.
#[derive(Debug, Default)]
struct Current {
    row: u64,
    /// The index of the column.
    column: usize,
    has_formula: bool,
    has_value: bool,
    kind: ValueKind,
    /// Whether the cell names its column.
    is_named: bool,
}

/// The kind of the value of a cell.
#[derive(Debug, Default)]
enum ValueKind {
    #[default]
    Other,
    /// The text of a formula, which can be empty.
    Text,
    /// The error that the cell shows.
    Error(String),
}

/// The maximum number of rows of a spreadsheet.
const MAX_ROWS: u64 = 1_048_576;

impl Layout {
    /// Reads a sheet. `header_row` is the number of the row with the column names; formulas above
    /// it are ignored.
    pub(super) fn read(
        archive: &mut Archive,
        part: &str,
        header_row: u64,
    ) -> Result<Self, ArchiveError> {
        let mut layout = Self::default();
        let mut current = Current::default();
        let mut in_value = false;
        // Whether the value is a number, a code or the index of a shared text.
        let mut is_raw = false;
        archive::each_event(archive, part, |event| {
            match event {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "row" => layout.start_row(&tag, &mut current)?,
                    "c" => start_cell(&tag, &mut current)?,
                    "f" => current.has_formula = true,
                    "v" => (in_value, is_raw) = (true, !matches!(current.kind, ValueKind::Text)),
                    "t" => in_value = true,
                    "col" => layout.column(&tag)?,
                    "autoFilter" => layout.is_filtered = true,
                    "mergeCell" => layout.merged(&tag, header_row)?,
                    _ => {}
                },
                Event::Text(text) if in_value => {
                    current.has_value = true;
                    if let ValueKind::Error(error) = &mut current.kind {
                        error.push_str(&text);
                    }
                }
                // The reader of cells drops these parts of a value.
                Event::GeneralRef(_) | Event::Comment(_) if is_raw => {
                    return Err(ArchiveError::Value);
                }
                Event::CData(_) if in_value => return Err(ArchiveError::Value),
                Event::GeneralRef(_) if in_value => current.has_value = true,
                Event::End(tag) => match tag.local_name().as_ref() {
                    "v" | "t" => (in_value, is_raw) = (false, false),
                    "c" => layout.end_cell(&mut current, header_row),
                    _ => {}
                },
                _ => {}
            }
            Ok(true)
        })?;
        Ok(layout)
    }

    fn start_row(
        &mut self,
        tag: &BytesStart<'_>,
        current: &mut Current,
    ) -> Result<(), ArchiveError> {
        let number = attribute(tag, "r")?.and_then(|number| number.parse().ok());
        current.row = number.unwrap_or(current.row.saturating_add(1));
        self.rows += 1;
        if self.rows.max(current.row) > MAX_ROWS {
            return Err(ArchiveError::TooManyRows);
        }
        current.column = 0;
        self.hidden_rows += u64::from(is_set(tag, "hidden")?);
        Ok(())
    }

    fn end_cell(&mut self, current: &mut Current, header_row: u64) {
        if current.has_value {
            self.last_row = self.last_row.max(current.row);
            self.columns = self.columns.max(current.column.saturating_add(1));
        } else if current.has_formula
            && !matches!(current.kind, ValueKind::Text)
            && current.row > header_row
        {
            let column = self.uncomputed.entry(current.column);
            let column = column.or_insert(Uncomputed {
                count: 0,
                first_row: current.row,
            });
            column.count += 1;
        }
        // After such a cell, the reader of cells miscounts the columns of cells without a name.
        if let ValueKind::Error(error) = &current.kind
            && current.is_named
            && error.parse::<CellErrorType>().is_err()
        {
            self.unknown_errors.push((current.row, current.column));
        }
        current.column = current.column.saturating_add(1);
    }

    fn column(&mut self, tag: &BytesStart<'_>) -> Result<(), ArchiveError> {
        if !is_set(tag, "hidden")? {
            return Ok(());
        }
        let number =
            |name| Ok::<_, ArchiveError>(attribute(tag, name)?.and_then(|n| n.parse().ok()));
        let (first, last): (Option<u64>, Option<u64>) = (number("min")?, number("max")?);
        if let (Some(first), Some(last)) = (first, last) {
            self.hidden_columns += last.saturating_add(1).saturating_sub(first);
        }
        Ok(())
    }

    /// Counts a merged range, such as `A1:K1`. Titles above the header are not read anyway.
    fn merged(&mut self, tag: &BytesStart<'_>, header_row: u64) -> Result<(), ArchiveError> {
        let range = attribute(tag, "ref")?.unwrap_or_default();
        let digits = range.trim_start_matches(|c: char| !c.is_ascii_digit());
        let first_row: String = digits.chars().take_while(char::is_ascii_digit).collect();
        if first_row.parse().is_ok_and(|row: u64| row < header_row) {
            return Ok(());
        }
        self.merged.get_or_insert((0, range)).0 += 1;
        Ok(())
    }
}

fn start_cell(tag: &BytesStart<'_>, current: &mut Current) -> Result<(), ArchiveError> {
    current.has_formula = false;
    current.has_value = false;
    current.is_named = false;
    current.kind = ValueKind::Other;
    // Names of cells and types have no escaped characters.
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute?;
        match (attribute.key.local_name().as_ref(), &*attribute.value) {
            ("r", name) => {
                if let Some(column) = column_index(name) {
                    current.column = column;
                    current.is_named = true;
                }
            }
            ("t", "str") => current.kind = ValueKind::Text,
            ("t", "e") => current.kind = ValueKind::Error(String::new()),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the index of the column in the name of a cell: `AB12` is 27.
fn column_index(cell: &str) -> Option<usize> {
    let letters = cell.bytes().take_while(u8::is_ascii_uppercase);
    letters.fold(None, |index: Option<usize>, letter| {
        let before = index.map_or(0, |index| index + 1);
        before
            .checked_mul(26)?
            .checked_add(usize::from(letter - b'A'))
    })
}

fn is_set(tag: &BytesStart<'_>, name: &str) -> Result<bool, ArchiveError> {
    Ok(matches!(
        attribute(tag, name)?.as_deref(),
        Some("1" | "true")
    ))
}
