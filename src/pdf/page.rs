//! Opens PDFs with `hayro`, which displays pages as a viewer does: rotated and cut to the crop box.
//!
//! Coordinates are points from the lower left corner of the displayed page.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::font::FontQuery;
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{LoadPdfError, Pdf};

use super::error::PdfError;
use super::font::font;
use super::integrity::check_ends;

/// Returns the displayed width and height of every page, in points.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or require a password.
pub fn page_sizes(bytes: &[u8]) -> Result<Vec<(f64, f64)>, PdfError> {
    with_pdf(bytes, |pdf| {
        pdf.pages()
            .iter()
            .map(Page::render_dimensions)
            .map(|(width, height)| (f64::from(width), f64::from(height)))
            .collect()
    })
}

/// Opens a PDF and calls `read` with it.
///
/// # Errors
/// [`PdfError`] if the bytes are not a PDF, are damaged or require a password.
pub(super) fn with_pdf<T>(bytes: &[u8], read: impl FnOnce(&Pdf) -> T) -> Result<T, PdfError> {
    check_ends(bytes)?;
    // The library can panic on damaged files; that must not end the program.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        Pdf::new(bytes.to_vec()).map(|pdf| read(&pdf))
    }));
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(LoadPdfError::Decryption(_))) => Err(PdfError::Encrypted),
        Ok(Err(LoadPdfError::Invalid)) => {
            Err(PdfError::NoPdf(t!("it cannot be parsed").into_owned()))
        }
        Err(_) => Err(PdfError::NoPdf(t!("its content is damaged").into_owned())),
    }
}

/// Returns interpreter settings that replace missing Chinese fonts by the shipped font.
pub(super) fn settings() -> InterpreterSettings {
    let defaults = InterpreterSettings::default();
    let other = Arc::clone(&defaults.font_resolver);
    InterpreterSettings {
        font_resolver: Arc::new(move |query| match query {
            FontQuery::Fallback(fallback) if fallback.character_collection.is_some() => {
                Some((Arc::new(font()), 0))
            }
            _ => other(query),
        }),
        ..defaults
    }
}
