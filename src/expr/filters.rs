//! The filters beside minijinja's own. Their errors show what cannot be read, but for id numbers and mobiles.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::amount::Amount;
use super::moment::Moment;

/// Adds them all.
pub(super) fn add(env: &mut Environment<'_>) {
    env.add_filter("rmb", |value: Value| {
        amount("rmb", &value).map(Amount::capital)
    });
    env.add_filter("money", |value: Value| {
        amount("money", &value).map(Amount::thousands)
    });
    env.add_filter("date", |value: Value, form: String| {
        moment("date", &value)?
            .format(&form)
            .map_err(|why| failed("date", why))
    });
    env.add_filter("plus", |value: Value, length: String| {
        let later = moment("plus", &value)?.plus(&length);
        later
            .map(|later| later.to_string())
            .map_err(|why| failed("plus", why))
    });
    env.add_filter("epochMs", |value: Value| {
        moment("epochMs", &value)?
            .epoch_ms()
            .map_err(|why| failed("epochMs", why))
    });
    env.add_filter("digits", |value: Value| -> Result<String, Error> {
        Ok(text("digits", &value)?
            .chars()
            .filter(char::is_ascii_digit)
            .collect())
    });
    env.add_filter("mask", |value: Value| {
        text("mask", &value).map(|text| mask(&text))
    });
}

fn failed(filter: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{filter} {why}"))
}

fn text(filter: &str, value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        _ => Err(failed(filter, "needs a text or a number")),
    }
}

fn amount(filter: &str, value: &Value) -> Result<Amount, Error> {
    let text = text(filter, value)?;
    Amount::parse(&text).map_err(|why| unread(filter, why, &text))
}

fn moment(filter: &str, value: &Value) -> Result<Moment, Error> {
    let text = text(filter, value)?;
    Moment::parse(&text).map_err(|why| unread(filter, why, &text))
}

/// A cell that stands in an error is cut off after this.
const SHOWN: usize = 40;

/// As many digits as a mobile has.
const PRIVATE: usize = 11;

fn unread(filter: &str, why: &str, text: &str) -> Error {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let shown: String = if digits >= PRIVATE {
        mask(text)
    } else {
        text.chars().take(SHOWN).collect()
    };
    if shown.is_empty() {
        failed(filter, &format!("{why}, and the text is empty"))
    } else {
        failed(filter, &format!("{why}, and not {shown}"))
    }
}

/// All that a filter reads, when its error says that it could not read something.
pub(super) fn hint(error: &str) -> Option<&'static str> {
    let (filter, rest) = error.split_once(' ')?;
    match filter {
        "rmb" | "money" if rest.starts_with("needs an amount such") => Some(
            "it reads 120000.5, 120,000.50 and -1; take everything else out before: {{ … | replace('元', '') | money }}",
        ),
        "date" | "plus" | "epochMs" if rest.starts_with("needs a date") => Some(
            "it reads 2026-01-05, 2026/1/5, 2026.1.5, 20260105 and 2026年1月5日, each with or without 18:30 or 18:30:00 behind it",
        ),
        _ => None,
    }
}

/// Leaves the ends that tell people apart: three and four characters of a number, the first of a name.
pub fn mask(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let (head, tail) = match characters.len() {
        0..=1 => (0, 0),
        2..=6 => (1, 0),
        7..=9 => (2, 2),
        _ => (3, 4),
    };
    let hidden = characters.len() - head - tail;
    let mut masked: String = characters[..head].iter().collect();
    masked.extend(std::iter::repeat_n('*', hidden));
    masked.extend(&characters[characters.len() - tail..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::{hint, mask, unread};

    #[test]
    fn what_cannot_be_read_is_shown_unless_it_is_private() {
        let why = "needs an amount such as 120000.50";
        for (text, shown) in [
            (
                "12万",
                "money needs an amount such as 120000.50, and not 12万",
            ),
            (
                " ",
                "money needs an amount such as 120000.50, and the text is empty",
            ),
            (
                "13516134875元",
                "money needs an amount such as 120000.50, and not 135*****875元",
            ),
        ] {
            let error = unread("money", why, text);
            assert_eq!(error.detail(), Some(shown));
            assert!(hint(shown).is_some_and(|hint| hint.contains("120,000.50")));
        }
        assert!(hint("the value is none").is_none());
    }

    #[test]
    fn masks_leave_the_ends() {
        for (text, expected) in [
            ("13516134875", "135****4875"),
            ("330106199001011234", "330***********1234"),
            ("张三", "张*"),
            ("张", "*"),
            ("", ""),
        ] {
            assert_eq!(mask(text), expected);
        }
    }
}
