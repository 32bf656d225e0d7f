//! Pages as a viewer sees them: opened with `hayro`, turned as the page says, cut to its crop box.
//!
//! Points of a page are counted from the lower left of what is shown.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::font::FontQuery;
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{LoadPdfError, Pdf};

use super::fields::PdfError;
use super::font::font;

/// The width and height of every page as it is shown, in points.
pub fn page_sizes(bytes: &[u8]) -> Result<Vec<(f64, f64)>, PdfError> {
    look(bytes, |pdf| {
        pdf.pages()
            .iter()
            .map(Page::render_dimensions)
            .map(|(width, height)| (f64::from(width), f64::from(height)))
            .collect()
    })
}

/// Opens a PDF and looks at it.
pub(super) fn look<T>(bytes: &[u8], look: impl FnOnce(&Pdf) -> T) -> Result<T, PdfError> {
    if !bytes.starts_with(b"%PDF-") {
        return Err(PdfError::NoPdf("it does not begin with %PDF-".to_owned()));
    }
    // The library is young: what is damaged in a way it does not know must not end the program.
    let looked = catch_unwind(AssertUnwindSafe(|| {
        Pdf::new(bytes.to_vec()).map(|pdf| look(&pdf))
    }));
    match looked {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(LoadPdfError::Decryption(_))) => Err(PdfError::Encrypted),
        Ok(Err(LoadPdfError::Invalid)) => Err(PdfError::NoPdf("it cannot be parsed".to_owned())),
        Err(_) => Err(PdfError::NoPdf("its content is damaged".to_owned())),
    }
}

/// How pages are read: Chinese fonts that are not embedded are shown in ours.
pub(super) fn settings() -> InterpreterSettings {
    let defaults = InterpreterSettings::default();
    let other = Arc::clone(&defaults.font_resolver);
    InterpreterSettings {
        font_resolver: Arc::new(move |query| match query {
            FontQuery::Fallback(asked) if asked.character_collection.is_some() => {
                Some((Arc::new(font()), 0))
            }
            _ => other(query),
        }),
        ..defaults
    }
}
