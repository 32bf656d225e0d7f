//! Removes private data from texts of the service by its form, for values that the request did not
//! contain.

/// The length from which a number is removed.
const MIN_DIGITS: usize = 7;
/// The length from which a number in groups is removed, and the length of such a group. Dates and
/// times have shorter groups.
const MIN_GROUPED_DIGITS: usize = 11;
const MIN_GROUP: usize = 3;

/// Removes private data from a service's message:
///
/// - numbers of seven or more digits, and numbers of eleven or more in groups that spaces or hyphens
///   separate (id numbers, mobile numbers, bank cards)
/// - e-mail addresses
/// - links, because they give access
/// - invisible characters, because they control terminals
pub fn public(message: &str) -> String {
    let words = message.split_whitespace().map(|word| {
        let word: String = word
            .chars()
            .filter(|character| !is_invisible(*character))
            .collect();
        if is_link(&word) {
            "(link)".to_owned()
        } else {
            without_addresses(&word)
        }
    });
    let words: Vec<String> = words.collect();
    without_numbers(words.join(" ").trim())
}

/// Returns whether a character controls terminals or changes the direction of text.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_link(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["://", "%3a%2f%2f", r":\/\/"]
        .iter()
        .any(|mark| word.contains(mark))
}

/// Replaces e-mail addresses by `***`.
fn without_addresses(word: &str) -> String {
    let is_part = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '+' | '%')
    };
    let Some((before, after)) = word.split_once('@') else {
        return word.to_owned();
    };
    let name = before.trim_end_matches(is_part).len();
    let host = after.len() - after.trim_start_matches(is_part).len();
    if name == before.len() || !after[..host].contains('.') {
        return format!("{before}@{}", without_addresses(after));
    }
    format!(
        "{}***{}",
        &before[..name],
        without_addresses(&after[host..])
    )
}

/// Replaces long numbers by `***`.
fn without_numbers(text: &str) -> String {
    let mut public = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = match private_number(rest) {
            Some(length) => {
                public += "***";
                length
            }
            None if is_digit(character) => {
                let length = group(rest).1;
                public += &rest[..length];
                length
            }
            None => {
                public.push(character);
                character.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    public
}

/// Returns the length in bytes of a private number at the start of a text.
fn private_number(text: &str) -> Option<usize> {
    let (digits, length) = group(text);
    if digits >= MIN_DIGITS {
        return Some(length + check_digit(&text[length..]));
    }
    let (mut total, mut end, mut next) = (0, 0, 0);
    loop {
        let (digits, length) = group(&text[next..]);
        if digits < MIN_GROUP {
            break;
        }
        total += digits;
        end = next + length;
        next = end + usize::from(text[end..].starts_with([' ', '-']));
        if next == end {
            break;
        }
    }
    (total >= MIN_GROUPED_DIGITS).then(|| end + check_digit(&text[end..]))
}

/// Returns the number of digits at the start of a text, and their length in bytes.
fn group(text: &str) -> (usize, usize) {
    let digits = text.chars().take_while(|character| is_digit(*character));
    digits.fold((0, 0), |(count, length), digit| {
        (count + 1, length + digit.len_utf8())
    })
}

/// Returns the length of the X at the end of an id number.
fn check_digit(text: &str) -> usize {
    let mut characters = text.chars();
    let first = characters.next().filter(|first| "xXｘＸ".contains(*first));
    let is_last = !characters
        .next()
        .is_some_and(|next| next.is_ascii_alphanumeric());
    first.filter(|_| is_last).map_or(0, char::len_utf8)
}

fn is_digit(character: char) -> bool {
    matches!(character, '0'..='9' | '０'..='９')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_numbers_addresses_links_and_invisible_characters() {
        for (message, expected) in [
            (
                "idNo 33010619900101123X: 参数错误 12",
                "idNo ***: 参数错误 12",
            ),
            ("330106 19900101 123x", "***"),
            ("138 0013 8000, 138-0013-8000", "***, ***"),
            ("１３８００１３８０００", "***"),
            ("6222 0212 3456 7890 不支持", "*** 不支持"),
            (
                "at 2026-11-29 12:00:00, code 100 200 300",
                "at 2026-11-29 12:00:00, code 100 200 300",
            ),
            ("邮箱zhang.san@example.com错误 a@b", "邮箱***错误 a@b"),
            (
                "see https://o.tsign.cn/sign/1\u{1b}[31m\nnow",
                "see (link) now",
            ),
            ("https%3A%2F%2Fo.tsign.cn", "(link)"),
            ("1234567xyz", "***xyz"),
        ] {
            assert_eq!(public(message), expected, "{message}");
        }
    }
}
