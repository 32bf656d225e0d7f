//! Masks id numbers, mobile numbers, passwords, secrets and values of environment variables in
//! excerpts of manifests. A masked value
//! keeps its length, so that markers below a line keep their position.

use std::borrow::Cow;
use std::ops::Range;

use super::env_values;
use crate::expr::mask;
use crate::util::escape::escaped_except;

/// Returns the text of a file with private values masked and unsafe characters escaped, and the
/// place of a range of the text in it.
pub(super) fn shown(text: &str, range: &Range<usize>) -> (String, Range<usize>) {
    let masked = masked(text);
    let escaped = |part: &str| -> String {
        let lines = part.split_inclusive('\n').map(|line| {
            let bare = line.strip_suffix("\r\n");
            let escaped = escaped_except(bare.unwrap_or(line), &['\n', '\t']);
            escaped.into_owned() + if bare.is_some() { "\r\n" } else { "" }
        });
        lines.collect()
    };
    let at = |place: usize| masked.floor_char_boundary(place);
    let (start, end) = (at(range.start), at(range.end));
    let [before, inside, after] = [&masked[..start], &masked[start..end], &masked[end..]];
    let (before, inside) = (escaped(before), escaped(inside));
    let range = before.len()..before.len() + inside.len();
    (before + &inside + &escaped(after), range)
}

/// Masks all private values in a text.
fn masked(text: &str) -> Cow<'_, str> {
    let mut shown: Option<Vec<u8>> = None;
    let mut put = |range: Range<usize>, stars: &str| {
        let shown = shown.get_or_insert_with(|| text.as_bytes().to_vec());
        // Another length would shift the other ranges.
        if stars.len() == range.len() {
            shown[range].copy_from_slice(stars.as_bytes());
        }
    };
    for range in numbers(text) {
        put(range.clone(), &mask(&text[range]));
    }
    let values = env_values::ranges(text).into_iter();
    for range in logins(text).chain(secrets(text)).chain(values) {
        put(range.clone(), &"*".repeat(range.len()));
    }
    match shown.map(String::from_utf8) {
        Some(Ok(shown)) => Cow::Owned(shown),
        // The ranges are at character boundaries, so the result is always UTF-8.
        Some(Err(_)) | None => Cow::Borrowed(text),
    }
}

/// Finds digit sequences of the length of a mobile or id number. An id number may end in X.
fn numbers(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            let digits = at - start;
            at = at.max(start + 1);
            let ends_in_x = digits == 17 && matches!(bytes.get(at), Some(b'X' | b'x'));
            match digits {
                11 | 15..=18 => return Some(start..start + digits + usize::from(ends_in_x)),
                // A mobile number with its country code.
                13 if text[start..].starts_with("861") => return Some(start..start + digits),
                _ => {}
            }
        }
        None
    })
}

/// Finds the `user:password` part of URLs.
fn logins(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://").filter_map(|(at, scheme)| {
        let start = at + scheme.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#');
        let authority = text[start..].split(ends).next().unwrap_or_default();
        let (login, _) = authority.rsplit_once('@')?;
        Some(start..start + login.len())
    })
}

/// Finds values of fields that are named as secrets, such as `appSecret: …`, except expressions.
fn secrets(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(':').filter_map(|(at, _)| {
        let name = text[..at]
            .rsplit(|c: char| !c.is_ascii_alphanumeric())
            .next()?;
        let name = name.to_ascii_lowercase();
        let is_secret = ["secret", "password", "pwd"]
            .iter()
            .any(|word| name.ends_with(word));
        let line = text[at + 1..].lines().next().unwrap_or_default();
        let bare = line.trim_start();
        let quote = bare
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        let value = bare.trim_start_matches(['"', '\'']);
        let length = match quote {
            Some(quote) => value.find(quote),
            None => value.find([',', '}', ' ']),
        };
        let length = length.unwrap_or(value.len());
        let start = at + 1 + line.len() - value.len();
        (is_secret && length > 0 && !value.starts_with("{{")).then_some(start..start + length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_unsafe_characters_and_moves_the_range() {
        let text = "a: \u{1b}[2J\r\nb: \"x\u{9b}y\"\tz\r\nc\r";
        let at = text.find("x\u{9b}y").expect("there");
        let (shown, range) = shown(text, &(at..at + "x\u{9b}y".len()));
        assert_eq!(shown, "a: \\u{1b}[2J\r\nb: \"x\\u{9b}y\"\tz\r\nc\\r");
        assert_eq!(&shown[range], "x\\u{9b}y");
    }

    #[test]
    fn masks_private_values_and_keeps_their_length() {
        for (text, expected) in [
            (
                "idNo: 33012219921122281X, x: 1",
                "idNo: 330***********281X, x: 1",
            ),
            ("a 330106199001011234", "a 330***********1234"),
            ("150000199001011", "150********1011"),
            ("mobile: \"13516134875\"", "mobile: \"135****4875\""),
            ("+8613516134875", "+861******4875"),
            (
                "姓名 13516134875 and 13516134876",
                "姓名 135****4875 and 135****4876",
            ),
            ("https://user:p@ss@host/a", "https://*********@host/a"),
            ("postgres://u:13516134875@db", "postgres://*************@db"),
            ("http://127.0.0.1:8088/a@b", "http://127.0.0.1:8088/a@b"),
            (
                "1764000000000 20261127 1234567890",
                "1764000000000 20261127 1234567890",
            ),
            (
                "00099376d6fb47e3ba4e18587a95176d",
                "00099376d6fb47e3ba4e18587a95176d",
            ),
            ("{ appSecret: abc, b: c }", "{ appSecret: ***, b: c }"),
            ("app_secret: 'a b'\nx: y", "app_secret: '***'\nx: y"),
            ("docPwd: \"{{ row.密码 }}\"", "docPwd: \"{{ row.密码 }}\""),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(text).len(), text.len());
        }
    }
}
