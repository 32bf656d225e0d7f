//! Lines of a manifest as they may be seen by whoever looks over a shoulder, or reads a log: without id numbers, mobiles
//! and passwords. What is masked keeps its length, so that a mark below a line stays where it belongs.

use std::borrow::Cow;
use std::ops::Range;

use crate::expr::mask;

/// The text with everything masked that is nobody else's business.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let mut shown: Option<Vec<u8>> = None;
    let mut put = |range: Range<usize>, stars: &str| {
        let shown = shown.get_or_insert_with(|| text.as_bytes().to_vec());
        // A mask is as long as what it hides, so that others may come before or after it.
        if stars.len() == range.len() {
            shown[range].copy_from_slice(stars.as_bytes());
        }
    };
    for range in numbers(text) {
        put(range.clone(), &mask(&text[range]));
    }
    for range in logins(text).chain(secrets(text)) {
        put(range.clone(), &"*".repeat(range.len()));
    }
    match shown.map(String::from_utf8) {
        Some(Ok(shown)) => Cow::Owned(shown),
        // Whole characters are hidden, so that what is left is text.
        Some(Err(_)) | None => Cow::Borrowed(text),
    }
}

/// Digits in a row that are as many as a mobile or an id number has. An id number may end in an X.
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
                // A mobile with its country's code.
                13 if text[start..].starts_with("861") => return Some(start..start + digits),
                _ => {}
            }
        }
        None
    })
}

/// What stands before the `@` of an address: `user:password`.
fn logins(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://").filter_map(|(at, scheme)| {
        let start = at + scheme.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#');
        let authority = text[start..].split(ends).next().unwrap_or_default();
        let (login, _) = authority.rsplit_once('@')?;
        Some(start..start + login.len())
    })
}

/// What is said to be a secret or a password, unless an expression gives it: `appSecret: …`.
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
    fn what_is_private_is_masked_and_keeps_its_length() {
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
