//! PDF forms: which fields a template has, and the template with its fields filled.

mod fields;
mod fill;

pub use fields::{Field, PdfError, check, fields};
pub use fill::fill;
