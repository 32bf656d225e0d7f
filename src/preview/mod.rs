//! Shows contracts before they are sent: a few rows as filled PDFs with a watermark and the places
//! of seals and signatures, and a page with the cells, expressions and texts of each row.
//!
//! It sends no request and uses no ledger.

mod document;
mod field_table;
mod page;
mod row_choice;
mod row_view;
mod seals;
mod signers;
mod write;

pub use page::Head;
pub use row_choice::{Choice, Chosen, ChosenRow, Overflow, Reason, choose};
pub use write::{FlowPreview, Written, write};
