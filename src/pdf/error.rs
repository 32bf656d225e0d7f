//! The errors of PDF files.

use std::borrow::Cow;

/// An error that makes a PDF unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// The file is not a PDF or is damaged.
    #[error("{}", t!("not a readable PDF: %{error}", error = _0))]
    NoPdf(String),
    /// The end of the file is missing.
    #[error("{}", t!("the PDF is cut off: its end mark %%EOF is missing"))]
    CutOff,
    /// This number of bytes, such as a byte order mark, precedes the header.
    #[error("{}", t!("%{count} bytes stand before %PDF-", count = _0))]
    LeadingBytes(usize),
    /// The PDF is encrypted, even if with an empty password.
    #[error("{}", t!("the PDF is encrypted"))]
    Encrypted,
}

impl PdfError {
    /// Returns the recommended action, if the error is one of the file alone.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::CutOff => Some(t!(
                "copy or export the file again, and wait until it is complete"
            )),
            Self::LeadingBytes(_) => Some(t!(
                "open the file in a PDF program and save it again, or export it again"
            )),
            Self::NoPdf(_) | Self::Encrypted => None,
        }
    }
}
