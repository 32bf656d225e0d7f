//! Makes the document of a template: fills the form and appends pages.

use std::collections::BTreeMap;

use super::append::append_pdf;
use super::error::PdfError;
use super::fill::fill;
use super::html::page_of_html;

/// Pages that are appended to a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendedPages {
    /// An HTML fragment.
    Html(String),
    /// A PDF.
    Pdf(Vec<u8>),
}

/// Returns the PDF with its form fields set to values, by full field name, and with the appended
/// pages. Without values the form stays as it is.
///
/// # Errors
/// [`PdfError`] if a file is not a PDF, is damaged or is encrypted.
pub fn compose(
    template: &[u8],
    values: &BTreeMap<String, String>,
    appended: &[AppendedPages],
) -> Result<Vec<u8>, PdfError> {
    let mut bytes = if values.is_empty() {
        template.to_vec()
    } else {
        fill(template, values)?
    };
    for pages in appended {
        bytes = match pages {
            AppendedPages::Html(html) => append_pdf(&bytes, &page_of_html(html))?,
            AppendedPages::Pdf(pdf) => append_pdf(&bytes, pdf)?,
        };
    }
    Ok(bytes)
}
