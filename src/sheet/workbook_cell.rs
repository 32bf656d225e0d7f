//! The text of a cell as it is written to a workbook that is read back.
//!
//! A cell of a workbook can have the format *text*, so formulas and numbers need no apostrophe, unlike
//! in CSV. The reader removes an apostrophe from all reports, because a CSV report can be saved as a
//! workbook; so an apostrophe that it would remove gets another one.

use std::borrow::Cow;

use super::formula::unprotect_cell;

/// The maximum number of UTF-16 units of a cell.
const MAX_UNITS: usize = 32_767;
/// The end of a cell that was cut.
const CUT: &str = "… (cut by treaty: a cell of a workbook has at most 32,767 characters)";

/// Returns the cell as it is written to a workbook.
pub fn workbook_cell(cell: &str) -> Cow<'_, str> {
    if unprotect_cell(cell) == cell {
        fit_cell(cell)
    } else {
        Cow::Owned(fit_cell(&format!("'{cell}")).into_owned())
    }
}

/// Returns the cell, cut to the length that a workbook can hold.
pub fn fit_cell(cell: &str) -> Cow<'_, str> {
    // A byte is at least as much as a UTF-16 unit.
    if cell.len() <= MAX_UNITS || cell.encode_utf16().count() <= MAX_UNITS {
        return Cow::Borrowed(cell);
    }
    let mut left = MAX_UNITS - CUT.encode_utf16().count();
    let fits = |character: &char| {
        let rest = left.checked_sub(character.len_utf16());
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let kept: String = cell.chars().take_while(fits).collect();
    Cow::Owned(kept + CUT)
}

/// Returns whether [`workbook_cell`] has cut the cell.
pub(super) fn is_cut(cell: &str) -> bool {
    cell.ends_with(CUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_round_trip(cell in "['=+@a0＝ \n\r\t\u{feff}-]{0,6}") {
            let written = workbook_cell(&cell);
            prop_assert_eq!(unprotect_cell(&written), cell.as_str());
        }
    }

    #[test]
    fn only_an_apostrophe_is_protected() {
        for (cell, expected) in [
            ("=1+1", "=1+1"),
            ("330199198607241000", "330199198607241000"),
            ("0701", "0701"),
            ("'=1", "''=1"),
            ("'0701", "''0701"),
            ("'a", "'a"),
        ] {
            assert_eq!(workbook_cell(cell), expected);
        }
    }

    #[test]
    fn longer_cells_are_cut_with_a_mark() {
        for whole in ["x".repeat(MAX_UNITS), "合".repeat(MAX_UNITS)] {
            assert_eq!(workbook_cell(&whole), whole);
            assert!(!is_cut(&whole));
        }
        for long in ["x".repeat(MAX_UNITS + 1), "👍".repeat(MAX_UNITS)] {
            let cut = workbook_cell(&long);
            assert!(is_cut(&cut));
            let units = cut.encode_utf16().count();
            assert!((MAX_UNITS - 1..=MAX_UNITS).contains(&units), "{units}");
        }
    }
}
