//! The errors of PDF files.

/// An error that makes a PDF unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// The file is not a PDF or is damaged.
    #[error("not a readable PDF: {0}")]
    NoPdf(String),
    /// The end of the file is missing.
    #[error("the PDF is cut off: its end mark %%EOF is missing")]
    CutOff,
    /// This number of bytes, such as a byte order mark, precedes the header.
    #[error("{0} bytes stand before %PDF-")]
    LeadingBytes(usize),
    /// The PDF is encrypted, even if with an empty password.
    #[error("the PDF is encrypted")]
    Encrypted,
}

impl PdfError {
    /// Returns the recommended action, if the error is one of the file alone.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::CutOff => Some("copy or export the file again, and wait until it is complete"),
            Self::LeadingBytes(_) => {
                Some("open the file in a PDF program and save it again, or export it again")
            }
            Self::NoPdf(_) | Self::Encrypted => None,
        }
    }
}
