//! PDFs: the form fields of a template and their filling, words found on pages, pages as pictures, pages added,
//! seals stamped on pages.
//!
//! `lopdf` changes files; `hayro` looks at them as a viewer would. Text that is added is set in the one font that is
//! shipped with the program, so that it shows everywhere.

mod append;
mod desk;
mod fields;
mod fill;
mod find;
mod font;
mod html;
mod page;
mod picture;
mod sheet;
mod stamp;

pub use append::append_pdf;
pub use fields::{Field, PdfError, check, fields, opens};
pub use fill::fill;
pub use find::{Spot, find};
pub use font::font;
pub use html::page_of_html;
pub use page::page_sizes;
pub use picture::picture;
pub use stamp::{Stamp, seam, stamp};
