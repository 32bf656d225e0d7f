//! A header and a row under it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::Cell;

/// The columns of a sheet.
#[derive(Debug)]
pub struct Header {
    file: Arc<str>,
    columns: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
}

impl Header {
    /// A header; columns without a name can be read by nobody, so they may repeat.
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

    /// The columns' names, in order.
    pub fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// A column's index from 0.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.index.get(column).copied()
    }

    /// The place of a cell.
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
    /// The columns.
    pub header: Arc<Header>,
    /// The number that a spreadsheet shows beside it; the header is row 1.
    pub number: u64,
    pub(super) cells: csv::StringRecord,
}

impl Row {
    /// The cell's text, exactly as written; none when there is no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(self.header.position(column)?)
    }

    /// The cell's text by its column's index.
    pub fn at(&self, column: usize) -> Option<&str> {
        self.cells.get(column)
    }

    /// The place of one of its cells, or of the row.
    pub fn place(&self, column: Option<&str>) -> Cell {
        self.header.cell(self.number, column)
    }
}
