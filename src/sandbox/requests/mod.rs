//! Reads the JSON of requests: by the tables of the API document alone, or also in the spellings
//! that other clients use.
//!
//! Real clients send numbers as text and text as numbers, and `""` or null for absent optionals.

mod check;
mod found;
mod parse;
mod spelling;

pub(super) use parse::parse;
pub use spelling::Spelling;
