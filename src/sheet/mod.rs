//! Sheets: CSV and TSV files → a stream of [`Row`]s with file, row number and columns.
//!
//! - A cell is text, exactly as written in the file.
//! - Bytes that do not decode and duplicate column names are errors with row and column.
//! - Rows are streamed: the memory does not grow with the sheet.

mod encoding;
mod formula;
mod reader;
mod row;
mod rows;
mod split;

pub use encoding::Encoding;
pub use formula::escape_formula;
pub use reader::{Sheet, SheetFile};
pub use row::{Header, REPORT_PREFIX, Row};
pub use rows::{RowError, Rows};
