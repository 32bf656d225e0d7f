//! Excel workbooks.
//!
//! `calamine` reads the cells. What it does not tell (hidden rows, formulas without a value) is
//! read by `layout.rs`.

mod archive;
mod cell;
mod layout;
mod open;
mod rows;
#[cfg(test)]
mod tests;

pub(super) use open::Workbook;
pub(super) use rows::WorkbookRows;
