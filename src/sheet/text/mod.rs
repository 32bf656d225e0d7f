//! CSV and TSV files.

mod reader;
mod rows;
mod split;

pub(super) use reader::TextSheet;
pub(super) use rows::TextRows;
