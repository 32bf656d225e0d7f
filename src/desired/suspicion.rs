//! Finds values that look right and are not: what spreadsheets and exports make of numbers and
//! empty cells, and characters that nobody sees.
//!
//! Certain damage is an error, a suspicious value is a [`Suspicion`], which becomes a warning.

use super::check::{self, Problem, is_invisible, problem};

/// A suspicious value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspicion {
    /// The name of the field.
    pub(super) field: String,
    /// The problem, without values: warnings are grouped by it.
    pub(super) kind: &'static str,
    /// The rest of the message, for the first row of a group; may be empty.
    pub(super) detail: String,
    /// The column that the value comes from, or `None` when it is not a single one.
    pub(super) column: Option<String>,
    /// The recommended action.
    pub(super) hint: &'static str,
}

/// The kind of a value that begins or ends with a blank.
pub(super) const EDGE_BLANK: &str = t_key!("begins or ends with a blank");

/// A suspicious character or blank of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oddity {
    pub(super) kind: &'static str,
    pub(super) character: char,
    pub(super) hint: &'static str,
}

impl Oddity {
    /// Returns the code point for messages, such as ` (U+200B)`; empty for an ordinary blank.
    pub(super) fn detail(self) -> String {
        match self.character {
            ' ' => String::new(),
            other => format!(" (U+{:04X})", u32::from(other)),
        }
    }
}

const COPIED: &str = t_key!("remove it from the cell, or ignore this warning if it is intended");
const EDGE: &str =
    t_key!("remove it from the cell; for the whole column, use the filter trim in the manifest");

/// Returns the certain damage of a rendered value: a rounded number, the protection of a number
/// against rounding, a spreadsheet error, or the text that an export writes for an empty cell.
pub(super) fn damage(text: &str) -> Option<Problem> {
    let trimmed = text.trim();
    if let Some(problem) = scientific(trimmed) {
        return Some(problem);
    }
    if trimmed.starts_with("=\"") && trimmed.ends_with('"') {
        return Some(problem(
            t!("is written as a formula, =\"…\""),
            t!(
                "enter the text itself instead of a formula; for the whole column, in the manifest: {{ … | replace('=', '') | replace('\"', '') }}"
            ),
        ));
    }
    let digits = trimmed.trim_start_matches(['\'', '‘', '’', '`']);
    if digits.len() < trimmed.len() && is_code(digits) {
        return Some(problem(
            t!("begins with an apostrophe"),
            t!(
                "format the column as text and remove the apostrophe; for the whole column, in the manifest: {{ … | replace(\"'\", '') }}"
            ),
        ));
    }
    if digits.len() == trimmed.len() && has_decimal_zero(digits) {
        return Some(problem(
            t!("ends in .0: a program exported the number as a decimal"),
            t!(
                "remove .0 from the cell, or export the column as text; for the whole column, in the manifest: {{ … | replace('.0', '') }}"
            ),
        ));
    }
    if let Some(error) = check::spreadsheet_error(text) {
        return Some(problem(
            t!("contains %{error}", error = error),
            t!("correct the cell, and the formula that it comes from"),
        ));
    }
    let null = NULLS.iter().find(|null| **null == trimmed)?;
    Some(problem(
        t!(
            "is %{null}: the export wrote this for an empty cell",
            null = null
        ),
        t!(
            "clear the cell or fill it in; for the whole column, in the manifest: {{ … | replace('%{null}', '') }}",
            null = null
        ),
    ))
}

/// The texts that databases and programs write for a missing value.
pub(super) const NULLS: &[&str] = &[
    "\\N",
    "nan",
    "NaN",
    "NAN",
    "NaT",
    "<NA>",
    "NULL",
    "null",
    "(null)",
    "(NULL)",
    "[NULL]",
    "undefined",
];

/// Returns the problem of a number in the scientific notation of spreadsheets and programs, such as
/// `6.22202E+18`. Codes such as `1E3` are no such numbers: the sign of the exponent is missing.
pub(super) fn scientific(text: &str) -> Option<Problem> {
    parse_scientific(text)?;
    check::not_rounded(text).err()
}

/// Like [`scientific`], for a cell that an expression uses: only numbers of at least eleven digits
/// that lost some of them. Smaller numbers can be used in a calculation.
pub(super) fn rounded_cell(cell: &str) -> Option<Problem> {
    let cell = cell.trim();
    let (decimals, exponent) = parse_scientific(cell)?;
    (exponent >= 10 && decimals < exponent)
        .then(|| check::not_rounded(cell).err())
        .flatten()
}

/// Returns the number of digits of a number in scientific notation that lost some of them.
pub(super) fn rounded_digits(cell: &str) -> Option<usize> {
    let (decimals, exponent) = parse_scientific(cell)?;
    let digits = usize::try_from(exponent).ok()?.checked_add(1)?;
    (decimals < exponent).then_some(digits)
}

/// Returns the number of decimals and the exponent of a number in scientific notation.
fn parse_scientific(text: &str) -> Option<(i32, i32)> {
    let at = text.rfind(['E', 'e'])?;
    let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
    if !exponent.starts_with(['+', '-']) || !exponent[1..].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 1 || !is_digits(whole) || !is_digits(decimals) {
        return None;
    }
    Some((i32::try_from(decimals.len()).ok()?, exponent.parse().ok()?))
}

/// Returns whether the text is a number, or an id of digits and capital letters with a digit.
fn is_code(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || "+-.,".contains(c);
    text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(is_part)
}

/// Returns whether the text is a long number, such as that of a card or a mobile, followed by `.0`.
fn has_decimal_zero(text: &str) -> bool {
    text.strip_suffix(".0").is_some_and(|number| {
        number.len() >= 11 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Returns the suspicious character or blank of a value.
pub(super) fn oddity(text: &str) -> Option<Oddity> {
    // A text block of a manifest ends with a line break.
    let text = text.trim_end_matches('\n');
    let found = |kind, character, hint| {
        Some(Oddity {
            kind,
            character,
            hint,
        })
    };
    for character in text.chars() {
        let kind = match character {
            ' '..='~' | '\t' | '\n' | '\r' => continue,
            c if is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{180e}') => {
                t_key!("contains an invisible character")
            }
            c if c.is_control() => t_key!("contains a control character"),
            '\u{a0}' | '\u{2007}' | '\u{202f}' => t_key!("contains a no-break space"),
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => {
                t_key!("contains a private-use character, which other computers show differently")
            }
            '\u{2e80}'..='\u{2fdf}' => {
                t_key!(
                    "contains a radical, which looks like a Chinese character and is another one"
                )
            }
            _ => continue,
        };
        let hint = if matches!(character, '\u{2e80}'..='\u{2fdf}' | '\u{e000}'..) {
            t_key!("type the character again, for example 䶮 (U+4DAE) instead of its old code")
        } else {
            COPIED
        };
        return found(kind, character, hint);
    }
    let ends = [text.chars().next()?, text.chars().next_back()?];
    let edge = ends.into_iter().find(|c| c.is_whitespace())?;
    found(EDGE_BLANK, edge, EDGE)
}

/// Returns the suspicious blank of the name of a person or an organization: an ideographic space,
/// a tab or line break, or any blank between Chinese characters.
pub(super) fn name_oddity(name: &str) -> Option<Oddity> {
    let characters: Vec<char> = name.trim().chars().collect();
    let is_chinese = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}');
    let blanks = characters
        .windows(3)
        .find(|three| three[1].is_whitespace() && is_chinese(three[0]) && is_chinese(three[2]));
    let wide = |c: &&char| c.is_whitespace() && **c != ' ';
    let blank = blanks
        .map(|three| three[1])
        .or_else(|| characters.iter().find(wide).copied())?;
    Some(Oddity {
        kind: t_key!("contains a blank"),
        character: blank,
        hint: t_key!("remove it: the service compares the name with the identity card"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_damaged_values() {
        for (text, expected) in [
            ("6.22202E+18", "is 6.22***E+18: a spreadsheet rounded"),
            ("6.222020200112233e+18", "a spreadsheet rounded"),
            (" 2.026E+15", "a spreadsheet rounded"),
            ("'6222020200112233445", "begins with an apostrophe"),
            ("’33019919860724191X", "begins with an apostrophe"),
            ("=\"6222020200112233445\"", "is written as a formula"),
            ("13500000001.0", "ends in .0"),
            ("#N/A", "contains #N/A"),
            ("沈晨\u{fffd}", "a character that was lost"),
            ("\\N", "is \\N: the export"),
            ("nan", "is nan: the export"),
            ("NULL", "is NULL: the export"),
        ] {
            let (message, _) = damage(text).unwrap_or_else(|| panic!("{text} is damaged"));
            assert!(message.contains(expected), "{text}: {message}");
        }
        for good in [
            "1E3",
            "12E5",
            "E+10",
            "张三",
            "'张三'",
            "80000.00",
            "80000.0",
            "Null",
            "None",
            "-",
            "",
            "=1",
            "6222020200112233445",
            "O'Neill",
        ] {
            assert_eq!(damage(good), None, "{good}");
        }
        assert!(rounded_cell("6.22202E+18").is_some());
        assert!(rounded_cell("1.2E+05").is_none() && rounded_cell("6222").is_none());
    }

    #[test]
    fn finds_suspicious_characters() {
        for (text, kind, detail) in [
            ("张三 ", EDGE_BLANK, ""),
            ("\u{3000}张三", EDGE_BLANK, " (U+3000)"),
            ("张三\t", EDGE_BLANK, " (U+0009)"),
            ("张\u{a0}三", "contains a no-break space", " (U+00A0)"),
            (
                "张\u{200b}三",
                "contains an invisible character",
                " (U+200B)",
            ),
            ("张\u{1a}", "contains a control character", " (U+001A)"),
            (
                "王\u{e863}",
                "contains a private-use character",
                " (U+E863)",
            ),
            ("⾦", "contains a radical", " (U+2FA6)"),
        ] {
            let odd = oddity(text).unwrap_or_else(|| panic!("{text:?} is suspicious"));
            assert!(odd.kind.starts_with(kind), "{text:?}: {}", odd.kind);
            assert_eq!(odd.detail(), detail, "{text:?}");
        }
        for good in [
            "张三",
            "John Smith",
            "一行\n二行\n",
            "䶮",
            "𠮷",
            "张　三",
            "",
        ] {
            assert_eq!(oddity(good), None, "{good:?}");
        }
        for (name, is_odd) in [
            ("张 三", true),
            ("张\u{3000}三", true),
            ("John\tSmith", true),
            ("John Smith", false),
            ("张三 (John)", false),
            ("买买提·艾力", false),
        ] {
            assert_eq!(name_oddity(name).is_some(), is_odd, "{name:?}");
        }
    }
}
