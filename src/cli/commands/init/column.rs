//! The columns of a sheet with their first values, and the kinds of these values.

use std::collections::HashSet;

use crate::desired::{is_mobile, is_resident_id};
use crate::expr::{is_amount, is_date};

/// A column of a sheet.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// The cells of the first rows.
    pub(super) values: Vec<String>,
}

/// The kind of most values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ResidentId,
    Mobile,
    Date,
    /// Numbers that can be amounts of money.
    Number,
    Text,
    /// There are no values.
    Empty,
}

impl Column {
    /// Returns the kind of more than half of the values.
    pub(super) fn kind(&self) -> Kind {
        let filled = || {
            self.values
                .iter()
                .map(|value| value.trim())
                .filter(|value| !value.is_empty())
        };
        let total = filled().count();
        let most = |is: fn(&str) -> bool| 2 * filled().filter(|value| is(value)).count() > total;
        if total == 0 {
            Kind::Empty
        } else if most(|text| is_resident_id(&text.to_uppercase())) {
            Kind::ResidentId
        } else if most(|text| is_mobile(&mobile_digits(text))) {
            Kind::Mobile
        } else if most(is_written_date) {
            Kind::Date
        } else if most(is_amount) {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    /// Returns whether a cell is empty.
    pub(super) fn has_empty(&self) -> bool {
        self.any(|value| value.trim().is_empty())
    }

    /// Returns whether each row has a value of its own.
    pub(super) fn is_unique(&self) -> bool {
        let distinct: HashSet<&str> = self.values.iter().map(|value| value.trim()).collect();
        !self.has_empty() && distinct.len() == self.values.len()
    }

    /// Returns whether a value satisfies the condition.
    pub(super) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.values.iter().any(|value| is(value))
    }
}

/// Returns the digits of a mobile number without the country code of China; other text as it is.
fn mobile_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let other = |c: char| !c.is_ascii_digit() && !" -+()".contains(c);
    if text.contains(other) {
        return text.to_owned();
    }
    match digits.strip_prefix("86") {
        Some(rest) if rest.len() == 11 => rest.to_owned(),
        _ => digits,
    }
}

/// Returns whether a text is a date with separators. Eight digits can be a number, too.
fn is_written_date(text: &str) -> bool {
    is_date(text) && !text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Column {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let name = String::new();
        Column { name, values }
    }

    #[test]
    fn recognizes_the_kind_of_most_values() {
        for (values, kind) in [
            (
                &["371500198101175693", "11010519491231002x"][..],
                Kind::ResidentId,
            ),
            (
                &["371500198101175693", "371500198101175693", "无"],
                Kind::ResidentId,
            ),
            (&["371500198101175694"], Kind::Text),
            (&["13500000001", ""], Kind::Mobile),
            (&["135 0000 0001", "+86 135-0000-0002"], Kind::Mobile),
            (&["2026/11/4", "2026年11月4日"], Kind::Date),
            (&["20261104"], Kind::Number),
            (&["51,010.10", "20000"], Kind::Number),
            (&["已批准"], Kind::Text),
            (&["", ""], Kind::Empty),
        ] {
            assert_eq!(column(values).kind(), kind, "{values:?}");
        }
        assert!(column(&["a", "b"]).is_unique());
        assert!(!column(&["a", "a"]).is_unique() && !column(&["a", ""]).is_unique());
    }
}
