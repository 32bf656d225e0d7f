//! Cells that a spreadsheet would take for a formula, made harmless in reports and given back as they were.
//!
//! A report may come back as the sheet, so what is done here must be undone by the reader: an apostrophe is
//! put before a formula, and before an apostrophe that already stands before one.

use std::borrow::Cow;

/// The column that tells a report of treaty's from a sheet of somebody else's.
pub(super) const REPORT_COLUMN: &str = "treaty_key";

/// The cell as it may stand in a report.
pub fn harmless(cell: &str) -> Cow<'_, str> {
    if dangerous(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// The cell as it was before [`harmless`].
pub(super) fn original(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if dangerous(rest) => rest,
        _ => cell,
    }
}

/// Whether a spreadsheet would compute the cell. A signed number is none of that.
fn dangerous(cell: &str) -> bool {
    match cell.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => true,
        Some(b'+' | b'-') => cell.parse::<f64>().is_err(),
        Some(b'\'') => dangerous(&cell[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_quoted_and_numbers_are_not() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+cmd", "'-1+cmd"),
            ("-12.50", "-12.50"),
            ("+8613516134875", "+8613516134875"),
            ("张三", "张三"),
            ("'=1", "''=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), expected);
        }
    }

    proptest! {
        #[test]
        fn what_was_made_harmless_comes_back(cell in "['=+@a0-]{0,6}") {
            let written = harmless(&cell);
            prop_assert_eq!(original(&written), cell.as_str());
        }
    }
}
