//! Checks that a PDF file is complete: it begins with its header and ends with its end mark.
//!
//! Libraries and viewers repair a PDF that is cut off, and show the missing pages blank.

use super::error::PdfError;

const HEADER: &[u8] = b"%PDF-";
const END: &[u8] = b"%%EOF";

/// The number of bytes in which readers look for the header and for the end mark.
const SEARCHED: usize = 1024;

/// Checks the first and the last bytes of a file.
///
/// # Errors
/// [`PdfError`] if bytes stand before the header, or if the header or the end mark is missing.
pub(super) fn check_ends(bytes: &[u8]) -> Result<(), PdfError> {
    let start = &bytes[..bytes.len().min(SEARCHED)];
    match position(start, HEADER) {
        Some(0) => {}
        Some(before) => return Err(PdfError::LeadingBytes(before)),
        None => {
            return Err(PdfError::NoPdf(
                t!("it does not start with %PDF-").into_owned(),
            ));
        }
    }
    // Some systems pad files with zeros.
    let padding = bytes.iter().rev();
    let padding = padding.take_while(|byte| **byte == 0 || byte.is_ascii_whitespace());
    let end = bytes.len() - padding.count();
    let tail = &bytes[end.saturating_sub(SEARCHED)..end];
    match position(tail, END) {
        Some(_) => Ok(()),
        None => Err(PdfError::CutOff),
    }
}

fn position(bytes: &[u8], searched: &[u8]) -> Option<usize> {
    bytes
        .windows(searched.len())
        .position(|window| window == searched)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    const LOAN: &[u8] = include_bytes!("../../examples/loans/templates/loan.pdf");

    #[test]
    fn rejects_pdfs_that_are_cut_off() {
        for part in [2, 4, 10] {
            let cut = &LOAN[..LOAN.len() - LOAN.len() / part];
            assert_eq!(check(cut), Err(PdfError::CutOff), "{part}");
        }
        assert_eq!(check(&LOAN[..LOAN.len() - 10]), Err(PdfError::CutOff));
        let padded = [LOAN, &[b'\n'; 3], &[0; 4096]].concat();
        assert_eq!(check_ends(&padded), Ok(()));
        assert_eq!(check(LOAN), Ok(()));
    }

    #[test]
    fn counts_the_bytes_before_the_header() {
        let marked = [b"\xEF\xBB\xBF", LOAN].concat();
        assert_eq!(check(&marked), Err(PdfError::LeadingBytes(3)));
        let message = PdfError::LeadingBytes(3).to_string();
        assert_eq!(message, "3 bytes stand before %PDF-");
    }
}
