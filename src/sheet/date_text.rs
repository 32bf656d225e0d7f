//! Texts that a spreadsheet reads as a date or a time and writes in another form, such as `3-12`.

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Whether a spreadsheet reads the cell as a date or a time and would write another text. A date with
/// year, month and day is not one: its value stays the same, and expressions read each of its forms.
pub(super) fn changes_as_date(cell: &str) -> bool {
    let text = cell.trim();
    is_short_date(text) || is_time(text) || has_month_name(text)
}

/// Whether the text is a date without a year, without a day, or with the year at the end.
fn is_short_date(text: &str) -> bool {
    let numbers: Option<Vec<u32>> = text.split(['-', '/']).map(|part| number(part, 4)).collect();
    let is_month = |number: &u32| (1..=12).contains(number);
    match numbers.as_deref() {
        Some(parts @ [_, _]) => parts.iter().any(is_month),
        Some([first, second, _]) => is_month(first) || *first < 1000 && is_month(second),
        _ => false,
    }
}

fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts.len(), 2..=3) && parts.iter().all(|part| number(part, 4).is_some())
}

/// Whether the text is an English month with a day or a year, such as `Mar-3`, `3 March` or `SEPT2`.
fn has_month_name(text: &str) -> bool {
    if text.len() > "september".len() + 8 {
        return false;
    }
    let (letters, rest): (String, String) = text.chars().partition(char::is_ascii_alphabetic);
    let letters = letters.to_ascii_lowercase();
    let is_month = letters.len() >= 3 && MONTHS.iter().any(|month| month.starts_with(&letters));
    let is_rest = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | ' ' | ',');
    is_month && rest.chars().all(is_rest) && rest.contains(|c: char| c.is_ascii_digit())
}

/// Returns a number of one to `digits` digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_number = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_texts_that_become_dates() {
        for changed in [
            "3-12",
            "3/12",
            "2026-3",
            "12-2026",
            "12/5/26",
            "31/12/2026",
            "1-2-3",
            "1:5",
            "09:30",
            "10:30:00",
            "Mar-3",
            "3-Mar",
            "3 March 2026",
            "SEPT2",
        ] {
            assert!(changes_as_date(changed), "{changed}");
        }
        for kept in [
            "2026-11-06",
            "2026/1/5",
            "100-200",
            "13/45",
            "HT-3-12",
            "3-12-",
            "1-3,5",
            "March",
            "Marx-3",
            "3",
            "3.12",
            "3月12日",
            "1:2:3:4",
            "",
        ] {
            assert!(!changes_as_date(kept), "{kept}");
        }
    }
}
