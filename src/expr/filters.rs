//! The filters that treaty adds to those of minijinja. Their errors show the value, masked if it
//! may be an id number or a mobile number.

use std::borrow::Cow;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::amount::{self, Amount};
use super::moment::{self, Moment};

/// Adds the filters.
pub(super) fn add(env: &mut Environment<'_>) {
    env.add_filter("rmb", |value: Value| {
        amount("rmb", &value).map(Amount::capital)
    });
    env.add_filter("money", |value: Value| {
        amount("money", &value).map(Amount::thousands)
    });
    env.add_filter("date", |value: Value, format: String| {
        moment("date", &value)?
            .format(&format)
            .map_err(|why| failed("date", why))
    });
    env.add_filter("plus", |value: Value, duration: String| {
        let later = moment("plus", &value)?.plus(&duration);
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
        digits(&text("digits", &value)?)
    });
    env.add_filter("mask", |value: Value| {
        text("mask", &value).map(|text| mask(&text))
    });
}

/// Returns the digits of a text; full-width digits become ASCII digits. A text without a digit is an
/// error, because the value would be lost, and so is a digit of another script.
fn digits(text: &str) -> Result<String, Error> {
    let folded: String = text.chars().map(fold_digit).collect();
    let is_other = |c: &char| c.is_numeric() && !c.is_ascii_digit();
    if let Some(other) = folded.chars().find(is_other) {
        let code = u32::from(other);
        let why = t!(
            "needs the digits 0 to 9, but got %{other} (U+%{code})",
            other = other,
            code = format!("{code:04X}")
        );
        return Err(failed("digits", &why));
    }
    let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() && !text.trim().is_empty() {
        return Err(invalid_value(
            "digits",
            &t!("needs a text with digits"),
            text,
        ));
    }
    Ok(digits)
}

/// Returns the ASCII digit of a full-width digit, and any other character as it is.
fn fold_digit(character: char) -> char {
    match character {
        '０'..='９' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        other => other,
    }
}

fn failed(filter: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{filter} {why}"))
}

fn text(filter: &str, value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        _ => Err(failed(filter, &t!("needs a text or a number"))),
    }
}

fn amount(filter: &str, value: &Value) -> Result<Amount, Error> {
    let text = text(filter, value)?;
    Amount::parse(&text).map_err(|why| invalid_value(filter, &t!(why), &text))
}

/// Returns whether the source of an expression uses a filter of amounts.
pub(super) fn uses_amount(source: &str) -> bool {
    let is_name = |c: char| c == '_' || c.is_alphanumeric();
    let mut filters = source.split('|').skip(1).map(str::trim_start);
    filters.any(|filter| {
        let end = filter.find(|c| !is_name(c)).unwrap_or(filter.len());
        matches!(&filter[..end], "rmb" | "money")
    })
}

/// Returns whether a text contains an amount of zero, as the filters write it.
pub(super) fn has_zero_amount(text: &str) -> bool {
    let is_separator = |c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',');
    text.contains("零元整") || text.split(is_separator).any(|number| number == "0.00")
}

fn moment(filter: &str, value: &Value) -> Result<Moment, Error> {
    let text = text(filter, value)?;
    Moment::parse(&text).map_err(|why| invalid_value(filter, &t!(why), &text))
}

/// The maximum number of characters of a value in an error.
const MAX_SHOWN: usize = 40;

/// Values with at least this many digits are masked: a mobile number has 11.
const MIN_PRIVATE_DIGITS: usize = 11;

fn invalid_value(filter: &str, why: &str, text: &str) -> Error {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let shown: String = if digits >= MIN_PRIVATE_DIGITS {
        mask(text)
    } else {
        text.chars().take(MAX_SHOWN).collect()
    };
    if shown.is_empty() {
        failed(filter, &t!("%{why}, but the text is empty", why = why))
    } else {
        failed(
            filter,
            &t!("%{why}, but got %{value}", why = why, value = shown),
        )
    }
}

/// Returns the formats that a filter accepts, if the error is that of an unreadable value.
pub(super) fn hint(error: &str) -> Option<Cow<'static, str>> {
    let (filter, rest) = error.split_once(' ')?;
    match filter {
        "rmb" | "money" if rest.starts_with(&*t!(amount::NEGATIVE)) => Some(t!(
            "correct the cell; for an amount that is deducted, write the sign in the manifest: -{{ … | replace('-', '') | money }}"
        )),
        "rmb" | "money" if rest.starts_with(&*t!(amount::EXAMPLES)) => Some(t!(
            "write the amount as 120000.5 or 120,000.50; if the whole column has other text, remove it in the manifest: {{ … | replace('元', '') | money }}"
        )),
        "digits" => Some(t!(
            "correct the cell or clear it: only its digits are used, so its text would be lost"
        )),
        "date" | "plus" | "epochMs" if rest.starts_with(&*t!(moment::EXAMPLES)) => Some(t!(
            "accepted are 2026-01-05, 2026/1/5, 2026.1.5, 20260105 and 2026年1月5日, each optionally followed by 18:30, 18:30:00 or 18:30:00+08:00"
        )),
        _ => None,
    }
}

/// Masks a text. Keeps the first three and the last four characters of a long text, and the first
/// character of a name.
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
    use super::{digits, has_zero_amount, hint, invalid_value, mask, uses_amount};

    #[test]
    fn digits_folds_full_width_digits_and_loses_no_value() {
        let of = |text: &str| digits(text).map_err(|error| error.detail().map(str::to_owned));
        assert_eq!(of("１３５-0000 000１"), Ok("13500000001".to_owned()));
        assert_eq!((of(""), of(" ")), (Ok(String::new()), Ok(String::new())));
        for (text, why) in [
            ("无", "digits needs a text with digits, but got 无"),
            (
                "1\u{661}",
                "digits needs the digits 0 to 9, but got \u{661} (U+0661)",
            ),
        ] {
            assert_eq!(of(text), Err(Some(why.to_owned())));
            assert!(hint(why).is_some());
        }
    }

    #[test]
    fn errors_show_the_value_and_mask_private_numbers() {
        let why = "needs an amount such as 120000.50";
        for (text, shown) in [
            (
                "12万",
                "money needs an amount such as 120000.50, but got 12万",
            ),
            (
                " ",
                "money needs an amount such as 120000.50, but the text is empty",
            ),
            (
                "13516134875元",
                "money needs an amount such as 120000.50, but got 135*****875元",
            ),
        ] {
            let error = invalid_value("money", why, text);
            assert_eq!(error.detail(), Some(shown));
            assert!(hint(shown).is_some_and(|hint| hint.contains("120,000.50")));
        }
        assert!(hint("the value is none").is_none());
    }

    #[test]
    fn finds_amounts_of_zero() {
        for (source, text, expected) in [
            ("{{ row.a | money }}", "0.00", true),
            ("¥{{row.a|rmb}}。", "¥零元整。", true),
            ("{{ row.a | trim | money }} 元", "0.00 元", true),
            ("{{ row.a | money }}", "10.00", false),
            ("{{ row.a | rmb }}", "壹拾元整", false),
            ("{{ row.a }}", "0.00", false),
            ("{{ row.money | trim }}", "0.00", false),
        ] {
            let found = uses_amount(source) && has_zero_amount(text);
            assert_eq!(found, expected, "{source} {text}");
        }
    }

    #[test]
    fn masks_keep_the_ends() {
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
