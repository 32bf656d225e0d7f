//! Escapes cells of reports that a spreadsheet would evaluate as a formula, and unescapes them.
//!
//! An apostrophe is put before a formula, and before an apostrophe that precedes a formula. The
//! reader removes it again, because a report can be used as a sheet.

use std::borrow::Cow;

/// The column that marks a sheet as a report of treaty.
pub(super) const REPORT_COLUMN: &str = "treaty_key";

/// Returns the cell as it is written to a report.
pub fn escape_formula(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Reverses [`escape_formula`].
pub(super) fn unescape_formula(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => cell,
    }
}

/// Whether a spreadsheet would evaluate the cell. A signed number is not a formula.
fn is_formula(cell: &str) -> bool {
    match cell.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => true,
        Some(b'+' | b'-') => cell.parse::<f64>().is_err(),
        Some(b'\'') => is_formula(&cell[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_formulas_but_not_numbers() {
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
            assert_eq!(escape_formula(cell), expected);
        }
    }

    proptest! {
        #[test]
        fn escaped_cells_round_trip(cell in "['=+@a0-]{0,6}") {
            let written = escape_formula(&cell);
            prop_assert_eq!(unescape_formula(&written), cell.as_str());
        }
    }
}
