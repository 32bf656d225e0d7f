//! The header and the rows of a sheet.

use std::collections::HashMap;
use std::sync::Arc;

use super::report_columns::{KEY_COLUMN, REPORT_PREFIX, chinese_title};
use crate::diagnostic::{Cell, Diagnostic};

/// The maximum number of columns.
pub(super) const MAX_COLUMNS: usize = 1024;

/// The column names of a sheet.
#[derive(Debug)]
pub struct Header {
    file: Arc<str>,
    sheet: Option<Arc<str>>,
    row: u64,
    columns: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
}

impl Header {
    /// Creates the header of a file, and of a workbook's sheet, from the cells of a row. Empty names
    /// may repeat, because they cannot be referenced.
    pub(super) fn new(
        file: Arc<str>,
        sheet: Option<Arc<str>>,
        row: u64,
        columns: Vec<Arc<str>>,
    ) -> Self {
        let index = columns
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
            .map(|(at, name)| (name.clone(), at))
            .collect();
        Self {
            file,
            sheet,
            row,
            columns,
            index,
        }
    }

    /// Returns an error for every name that occurs twice.
    pub(super) fn duplicates(&self) -> Vec<Diagnostic> {
        let columns = self.columns.iter().enumerate();
        let repeated =
            columns.filter(|(at, name)| !name.is_empty() && self.index.get(*name) != Some(at));
        let repeated: Vec<_> = repeated.map(|(_, name)| name).collect();
        let error = |name: &Arc<str>| {
            Diagnostic::error(t!(
                "the header contains the column %{name} twice",
                name = name
            ))
            .at(self.cell(self.row, Some(name)))
            .hint(t!("rename one of the columns"))
        };
        repeated.into_iter().map(error).collect()
    }

    /// Returns whether the sheet is a report of treaty.
    pub(super) fn is_report(&self) -> bool {
        self.position(KEY_COLUMN).is_some()
    }

    /// Returns whether the header is that of a text file, not of a workbook.
    pub fn is_text(&self) -> bool {
        self.sheet.is_none()
    }

    /// Returns the row number of the header.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Returns the column names, in order.
    pub fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// Returns the index of a column, from 0. A column that treaty reads from a report can have its
    /// title in another language.
    pub fn position(&self, column: &str) -> Option<usize> {
        let named = self.index.get(column);
        let translated = || self.index.get(chinese_title(column)?);
        named.or_else(translated).copied()
    }

    /// Returns the location of the cell in this column, whose name can be empty.
    pub(super) fn cell_at(&self, row: u64, column: usize) -> Cell {
        let name = self.columns.get(column).cloned();
        Cell {
            column: Some((name.unwrap_or_default(), column)),
            ..self.cell(row, None)
        }
    }

    /// Returns the location of a cell, or of the row if no column is given.
    pub fn cell(&self, row: u64, column: Option<&str>) -> Cell {
        Cell {
            file: self.file.clone(),
            sheet: self.sheet.clone(),
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
    /// The row number as a spreadsheet shows it.
    pub number: u64,
    pub(super) cells: csv::StringRecord,
    /// The cells whose value must not be used.
    pub problems: Vec<CellProblem>,
}

/// A cell whose text is not its value, such as `#N/A`.
#[derive(Debug, Clone)]
pub struct CellProblem {
    /// The index of the column.
    pub column: usize,
    /// The error, if the cell is used.
    pub diagnostic: Diagnostic,
}

/// A row that cannot be used.
#[derive(Debug)]
pub struct RowError {
    /// The row number.
    pub row: u64,
    /// The error.
    pub diagnostic: Diagnostic,
    /// The cells, cut or padded to the header; `None` if they do not decode.
    pub cells: Option<Row>,
}

impl Row {
    /// Returns the text of a cell, `None` if there is no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(self.header.position(column)?)
    }

    /// Returns the text of the cell with this column index.
    pub fn at(&self, column: usize) -> Option<&str> {
        self.cells.get(column)
    }

    /// Returns the problem of a cell, if its value must not be used.
    pub fn problem(&self, column: &str) -> Option<&CellProblem> {
        if self.problems.is_empty() {
            return None;
        }
        let at = self.header.position(column)?;
        self.problems.iter().find(|problem| problem.column == at)
    }

    /// Returns whether the value of a cell must not be used.
    pub fn is_problem(&self, column: &str) -> bool {
        self.problem(column).is_some()
    }

    /// Returns the key that a report has for this row; `None` if there is none.
    pub fn reported_key(&self) -> Option<&str> {
        self.get(KEY_COLUMN).filter(|key| !key.is_empty())
    }

    /// Returns the title of the column with the key that a report has for each row.
    pub fn reported_key_title(&self) -> &str {
        let at = self.header.position(KEY_COLUMN);
        at.map_or(KEY_COLUMN, |at| &self.header.columns()[at])
    }

    /// Returns the key of a line of a report that has no cells of its row. Reports leave them out if
    /// the row differs from what was sent, or is no longer in the sheet.
    pub fn reported_key_without_cells(&self) -> Option<&str> {
        let key = self.reported_key()?;
        self.filled_cells().next().is_none().then_some(key)
    }

    /// Returns the columns and texts of the cells that are not empty, without the columns that a
    /// report adds.
    pub fn filled_cells(&self) -> impl Iterator<Item = (&str, &str)> {
        let columns = self.header.columns().iter().map(|name| &**name);
        columns
            .zip(&self.cells)
            .filter(|(name, text)| !text.is_empty() && !name.starts_with(REPORT_PREFIX))
    }

    /// Returns the texts of all cells, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.cells.iter()
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
