//! Replaces the variable parts of messages (numbers, ids, URLs, quoted texts) by `…`.

/// The replacement of variable parts.
pub(super) const PLACEHOLDER: char = '…';
/// Opening and closing quotes.
const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('“', '”'),
    ('‘', '’'),
    ('「', '」'),
    ('『', '』'),
    ('《', '》'),
    ('【', '】'),
];

/// Appends a text to `into` with its variable parts replaced.
pub(super) fn fold(text: &str, into: &mut String) {
    let start = into.len();
    let mut before = ' ';
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let taken = if let Some(length) = quoted(rest, first, before) {
            push_placeholder(into, start);
            length
        } else if in_word(first) && !in_word(before) {
            let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            if rest[length..].starts_with("://") {
                push_placeholder(into, start);
                rest.find(char::is_whitespace).unwrap_or(rest.len())
            } else if word.contains(|c: char| c.is_ascii_digit()) && !into.ends_with("HTTP ") {
                push_placeholder(into, start);
                length
            } else {
                into.push_str(word);
                length
            }
        } else {
            into.push(first);
            first.len_utf8()
        };
        before = text[at..at + taken].chars().next_back().unwrap_or(' ');
        at += taken;
    }
}

/// Returns whether a character belongs to a word or an id. Chinese characters do not, because
/// numbers in Chinese text have no spaces around them.
fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Returns the length of the quoted text at the start, quotes included. An apostrophe within a word
/// is not a quote.
fn quoted(rest: &str, first: char, before: char) -> Option<usize> {
    let (_, close) = QUOTES.into_iter().find(|(open, _)| *open == first)?;
    if matches!(first, '\'' | '"') && before.is_alphanumeric() {
        return None;
    }
    let inside = &rest[first.len_utf8()..];
    let ends = inside.match_indices(close).map(|(at, _)| at).find(|at| {
        let after = inside[at + close.len_utf8()..].chars().next();
        close != '\'' || !after.is_some_and(char::is_alphanumeric)
    })?;
    Some(first.len_utf8() + ends + close.len_utf8())
}

/// Appends the placeholder, once for parts with only a separator between them, such as a time or an
/// amount.
fn push_placeholder(into: &mut String, start: usize) {
    let joined = into[start..].trim_end_matches([',', '.', ':', '/', '+']);
    if joined.ends_with(PLACEHOLDER) {
        into.truncate(start + joined.len());
    } else {
        into.push(PLACEHOLDER);
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        fold(text, &mut out);
        out
    }

    #[test]
    fn replaces_variable_parts_only() {
        for (text, expected) in [
            ("the row has 17 cells", "the row has … cells"),
            ("账号3号不存在", "账号…号不存在"),
            (
                "account 3f9a-08 of 'Zhang San' isn't there",
                "account … of … isn't there",
            ),
            ("“借款合同” is too long", "… is too long"),
            ("since 2026-11-24 10:09:22.5, twice", "since … …, twice"),
            ("see https://a.example/x?y=1 for it", "see … for it"),
            ("id_no: is not valid", "id_no: is not valid"),
            ("it's Li's: 5", "it's Li's: …"),
            ("'it's' there", "… there"),
            ("an open \" stays", "an open \" stays"),
            ("HTTP 503 after 3 attempts", "HTTP 503 after … attempts"),
            ("1,234.50元", "…元"),
            ("", ""),
        ] {
            assert_eq!(folded(text), expected);
        }
    }

    #[test]
    fn appends_to_existing_text() {
        let mut out = "429 …".to_owned();
        fold("7 and 8", &mut out);
        assert_eq!(out, "429 …… and …");
    }
}
