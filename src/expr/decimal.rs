//! Decimal numbers as they are written.

use std::borrow::Cow;

/// The digits of a decimal number.
pub(super) struct Digits<'t> {
    pub(super) is_negative: bool,
    /// The digits before the decimal point, at least one, without thousands separators.
    pub(super) whole: Cow<'t, str>,
    /// The digits after the decimal point.
    places: &'t str,
}

impl<'t> Digits<'t> {
    /// Splits a number such as `-1,234.50`, with or without thousands separators. Returns none for
    /// another text.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let text = text.trim();
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = without_thousands(whole)?;
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !whole.is_empty() && all_digits(&whole) && all_digits(places);
        is_number.then_some(Self {
            is_negative,
            whole,
            places,
        })
    }

    /// Returns exactly `count` decimal places. Returns none if the number has more, other than zeros.
    pub(super) fn places_to(&self, count: usize) -> Option<String> {
        let (kept, rest) = self.places.split_at(self.places.len().min(count));
        let is_exact = rest.bytes().all(|byte| byte == b'0');
        is_exact.then(|| format!("{kept:0<count$}"))
    }
}

/// Returns whether a text is a number such as -4.35, without spaces and thousands separators.
pub fn is_plain_number(text: &str) -> bool {
    let is_plain = text.trim() == text && !text.contains(',') && !text.ends_with('.');
    is_plain && Digits::of(text).is_some()
}

/// Removes thousands separators; `None` if they are misplaced.
fn without_thousands(digits: &str) -> Option<Cow<'_, str>> {
    if !digits.contains(',') {
        return Some(Cow::Borrowed(digits));
    }
    let mut groups = digits.split(',');
    let first = groups.next()?;
    let mut text = first.to_owned();
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        text += group;
    }
    (1..=3).contains(&first.len()).then_some(Cow::Owned(text))
}
