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

/// Whether a spreadsheet could evaluate the cell: it begins with a sign of a formula, also a
/// full-width one, or has one after line breaks, other control characters and invisible characters.
/// A cell that begins with a tab or carriage return counts, too. A signed number is not a formula.
fn is_formula(cell: &str) -> bool {
    let is_skipped = |c: char| c.is_control() || is_invisible(c);
    let begins_hidden = cell.starts_with(is_skipped);
    let bare = cell.trim_start_matches(is_skipped);
    let bare = if begins_hidden {
        bare.trim_start_matches(|c: char| c.is_whitespace() || is_skipped(c))
    } else {
        bare
    };
    match bare.chars().next() {
        _ if cell.starts_with(['\t', '\r']) => true,
        Some('=' | '@' | '＝' | '＠' | '＋' | '－') => true,
        Some('+' | '-') => begins_hidden || cell.parse::<f64>().is_err(),
        Some('\'') => is_formula(&bare[1..]),
        _ => false,
    }
}

/// Whether a character has no width. Programs may drop it at the start of a cell.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠SUM(A1)", "'＠SUM(A1)"),
            ("'＝1", "''＝1"),
            ("\n=1", "'\n=1"),
            ("\r\n \t@x", "'\r\n \t@x"),
            ("\n-1", "'\n-1"),
            ("\n'=1", "'\n'=1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("\u{1b}=1", "'\u{1b}=1"),
            ("\tx", "'\tx"),
            ("\n张三", "\n张三"),
            (" - x", " - x"),
            ("1\n=2", "1\n=2"),
            ("", ""),
        ] {
            assert_eq!(escape_formula(cell), expected);
        }
    }

    proptest! {
        #[test]
        fn escaped_cells_round_trip(cell in "['=+@a0＝＋－＠ \n\r\t\u{feff}-]{0,6}") {
            let written = escape_formula(&cell);
            prop_assert_eq!(unescape_formula(&written), cell.as_str());
        }
    }
}
