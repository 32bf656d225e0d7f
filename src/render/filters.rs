//! The filters beside minijinja's own. Their errors never repeat the value: it may be a cell.

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
    Amount::parse(&text(filter, value)?).map_err(|why| failed(filter, why))
}

fn moment(filter: &str, value: &Value) -> Result<Moment, Error> {
    Moment::parse(&text(filter, value)?).map_err(|why| failed(filter, why))
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
    use super::mask;

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
