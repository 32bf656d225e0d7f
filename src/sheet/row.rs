//! The header and the rows of a sheet.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::Cell;

/// The prefix of the columns that a report adds to those of its sheet.
pub const REPORT_PREFIX: &str = "treaty_";

/// The column names of a sheet.
#[derive(Debug)]
pub struct Header {
    file: Arc<str>,
    columns: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
}

impl Header {
    /// Creates a header. Empty names may repeat, because they cannot be referenced.
    pub(super) fn new(file: Arc<str>, columns: Vec<Arc<str>>) -> Self {
        let index = columns
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
            .map(|(at, name)| (name.clone(), at))
            .collect();
        Self {
            file,
            columns,
            index,
        }
    }

    /// Returns the column names, in order.
    pub fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// Returns the index of a column, from 0.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.index.get(column).copied()
    }

    /// Returns the location of a cell, or of the row if no column is given.
    pub fn cell(&self, row: u64, column: Option<&str>) -> Cell {
        Cell {
            file: self.file.clone(),
            row,
            column: column.and_then(|name| {
                let at = self.position(name)?;
                Some((self.columns[at].clone(), at))
            }),
        }
    }
}

/// One row of a sheet.
#[derive(Debug, Clone)]
pub struct Row {
    /// The header.
    pub header: Arc<Header>,
    /// The row number as a spreadsheet shows it: the header is row 1.
    pub number: u64,
    pub(super) cells: csv::StringRecord,
}

impl Row {
    /// Returns the text of a cell, exactly as written; `None` if there is no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(self.header.position(column)?)
    }

    /// Returns the text of the cell with this column index.
    pub fn at(&self, column: usize) -> Option<&str> {
        self.cells.get(column)
    }

    /// Returns the columns and texts of the cells that are not empty, without the columns that a
    /// report adds.
    pub fn filled_cells(&self) -> impl Iterator<Item = (&str, &str)> {
        let columns = self.header.columns().iter().map(|name| &**name);
        columns
            .zip(&self.cells)
            .filter(|(name, text)| !text.is_empty() && !name.starts_with(REPORT_PREFIX))
    }

    /// Returns the row with every cell replaced by a part of it.
    #[must_use]
    pub fn map_cells(&self, part: impl Fn(&str) -> &str) -> Self {
        Self {
            cells: self.cells.iter().map(part).collect(),
            ..self.clone()
        }
    }

    /// Returns the location of a cell, or of the row if no column is given.
    pub fn place(&self, column: Option<&str>) -> Cell {
        self.header.cell(self.number, column)
    }
}
