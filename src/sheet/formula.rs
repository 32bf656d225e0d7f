//! Protects cells of reports that a spreadsheet would evaluate as a formula, or change as a number or a
//! date, and removes the protection.
//!
//! An apostrophe is put before such a cell, and before an apostrophe that precedes one. The reader
//! removes it again, because a report can be used as a sheet.

use std::borrow::Cow;

use super::date_text::changes_as_date;

/// Returns the cell as it is written to a report.
pub fn escape_formula(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Returns the cell as it is written to a report whose cells are read back: also a number or a date that
/// a spreadsheet would change is protected.
pub fn protect_cell(cell: &str) -> Cow<'_, str> {
    if needs_protection(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Reverses [`protect_cell`].
pub(super) fn unprotect_cell(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_protected(rest) => rest,
        _ => cell,
    }
}

fn needs_protection(cell: &str) -> bool {
    match cell.strip_prefix('\'') {
        Some(rest) => is_protected(rest),
        None => is_formula(cell) || changes_as_number(cell) || changes_as_date(cell),
    }
}

/// Whether an apostrophe before this text is a protection. A digit counts, too: a person may have
/// corrected the number behind the apostrophe.
fn is_protected(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit()) || needs_protection(rest)
}

/// A spreadsheet shows a number with more digits in scientific notation, and writes it so into CSV.
const MAX_SHOWN_DIGITS: usize = 11;
/// A spreadsheet keeps 15 digits of a number.
const MAX_KEPT_DIGITS: usize = 15;

/// Whether a spreadsheet reads the cell as a number and would write another text: a long number, one
/// with leading zeros, or a text such as 12E5.
fn changes_as_number(cell: &str) -> bool {
    let number = cell.trim().trim_start_matches(['+', '-']);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_digits(number) {
        return number.len() > MAX_SHOWN_DIGITS || (number.len() > 1 && number.starts_with('0'));
    }
    if let Some((mantissa, exponent)) = number.split_once(['e', 'E']) {
        let mantissa = mantissa.replacen('.', "", 1);
        return is_digits(&mantissa) && is_digits(exponent.trim_start_matches(['+', '-']));
    }
    let Some((whole, decimals)) = number.split_once('.') else {
        return false;
    };
    let digits = whole.len() + decimals.len();
    let has_leading_zeros = whole.len() > 1 && whole.starts_with('0');
    is_digits(whole) && is_digits(decimals) && (digits > MAX_KEPT_DIGITS || has_leading_zeros)
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
            let written = protect_cell(&cell);
            prop_assert_eq!(unprotect_cell(&written), cell.as_str());
        }

        #[test]
        fn protected_numbers_round_trip(cell in "['+-]{0,2}[0-9.eE]{0,20}") {
            let written = protect_cell(&cell);
            prop_assert_eq!(unprotect_cell(&written), cell.as_str());
        }

        #[test]
        fn protected_dates_round_trip(cell in "'{0,2}[0-9]{0,4}([-/:][0-9Mar]{0,4}){0,3}") {
            let written = protect_cell(&cell);
            prop_assert_eq!(unprotect_cell(&written), cell.as_str());
        }
    }

    #[test]
    fn removes_the_apostrophe_before_a_corrected_number() {
        assert_eq!(unprotect_cell("'11010519491231002X"), "11010519491231002X");
        assert_eq!(unprotect_cell("'0701号"), "0701号");
        assert_eq!(unprotect_cell("'张三"), "'张三");
    }

    #[test]
    fn protects_numbers_that_a_spreadsheet_would_change() {
        for changed in [
            "330199198607241000",
            "135000000012",
            "+8613516134875",
            "0701",
            "00",
            "12E5",
            "1.5e-3",
            "'0701",
            "00.50",
            "1234567890.123456",
        ] {
            assert_eq!(protect_cell(changed), format!("'{changed}"), "{changed}");
        }
        for kept in [
            "13500000001",
            "0",
            "0.50",
            "200000.00",
            "-12.50",
            "33019919860724100X",
            "HT-0701",
            "E5",
            "2026-11-06",
            "",
        ] {
            assert_eq!(protect_cell(kept), kept);
        }
    }
}
