//! Sheets: CSV and TSV files become [`Row`]s of text that know where they stand.
//!
//! A cell is text, exactly as written. What does not decode, and what would make two columns one, is an error
//! with its row and column. Rows are streamed; nothing here grows with the sheet.

mod encoding;
mod harmless;
mod reader;
mod row;
mod split;

pub use encoding::Encoding;
pub use harmless::harmless;
pub use reader::{RowError, Rows, Sheet, SheetFile};
pub use row::{Header, Row};
