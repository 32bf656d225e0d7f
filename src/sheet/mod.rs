//! Sheets: CSV and TSV files and Excel workbooks → a stream of [`Row`]s with file, row number and
//! columns.
//!
//! - A cell is text: of a text file exactly as written, of a workbook as the spreadsheet shows it.
//! - Bytes that do not decode and duplicate column names are errors with row and column.
//! - Rows are streamed: the memory does not grow with the rows. Of a workbook, the table of shared
//!   texts is held.

mod date_text;
mod encoding;
mod file;
mod formula;
mod kept_number;
mod open;
mod report;
mod report_columns;
mod row;
mod text;
mod workbook;
mod workbook_cell;

pub use encoding::Encoding;
pub use file::{Format, SheetFile};
pub use formula::{escape_formula, protect_cell};
pub use kept_number::{kept_numbers, lost_number};
pub use open::{Rows, Sheet};
pub use report_columns::{CHECK_COLUMN, REPORT_PREFIX, report_title, results_sheet, signer_title};
pub use row::{CellProblem, Header, Row, RowError};
pub use workbook_cell::{fit_cell, workbook_cell};
