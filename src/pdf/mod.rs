//! PDF operations: reads and fills form fields, finds text, renders pages, appends pages, stamps
//! seals, draws watermarks and marks.
//!
//! `lopdf` edits files; `hayro` interprets and renders pages. Added text uses the font that ships
//! with treaty, so it does not depend on the fonts of the viewer.

mod append;
mod block;
mod compose;
mod error;
mod fields;
mod fill;
mod find;
mod font;
mod html;
mod integrity;
mod layout;
mod overlay;
mod page;
mod page_editor;
mod picture;
mod shape;
mod stamp;

pub use append::append_pdf;
pub use compose::{AppendedPages, compose};
pub use error::PdfError;
pub use fields::{Field, FieldKind, check, fields, opens};
pub use fill::fill;
pub use find::{Spot, find};
pub use font::{font, missing_characters, text_width};
pub use html::page_of_html;
pub use overlay::{Overlay, OverlayBox, OverlayColor, overlay};
pub use page::page_sizes;
pub use picture::picture;
pub use shape::{FieldShape, Form, Misfit, form};
pub use stamp::{Stamp, seam, stamp};
