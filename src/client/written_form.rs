//! The ways of writing a text: escapes, full-width characters, letter case.

use std::ops::Range;

use encoding_rs::{GB18030, UTF_8};

/// The number of times that escapes are decoded: the result of one escape may be another one.
const MAX_DEPTH: usize = 3;

/// A character of a text, and the bytes of the text in which it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The character, in lower case and half-width.
    pub(super) character: char,
    /// The bytes.
    pub(super) range: Range<usize>,
}

impl Written {
    fn new(character: char, range: Range<usize>) -> Self {
        Self {
            character: normalized(character),
            range,
        }
    }

    /// Returns whether the character separates parts of a name or number, as in `138-0013 8000`.
    pub(super) fn is_separator(&self) -> bool {
        !self.character.is_alphanumeric()
    }
}

/// Returns the half-width, lower-case form of a character.
pub(super) fn normalized(character: char) -> char {
    let half_width = match character {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        _ => character,
    };
    half_width.to_lowercase().next().unwrap_or(half_width)
}

/// Returns the characters of a text: as they are written, and with escapes decoded once, twice, and
/// so on while there are any.
pub(super) fn readings(text: &str) -> Vec<Vec<Written>> {
    let written = text
        .char_indices()
        .map(|(at, character)| (character, at..at + character.len_utf8()));
    let mut reading: Reading = written.collect();
    let mut readings = vec![normalize(&reading)];
    for _ in 0..MAX_DEPTH {
        let decoded = decode(&reading);
        if decoded == reading {
            break;
        }
        reading = decoded;
        readings.push(normalize(&reading));
    }
    readings
}

/// The characters of a text, and the bytes in which each is written.
type Reading = Vec<(char, Range<usize>)>;

fn normalize(reading: &Reading) -> Vec<Written> {
    let characters = reading.iter();
    characters
        .map(|(character, range)| Written::new(*character, range.clone()))
        .collect()
}

/// Decodes the escapes in a text once.
fn decode(reading: &Reading) -> Reading {
    let mut decoded = Reading::new();
    let mut at = 0;
    while let Some((character, range)) = reading.get(at) {
        let rest = &reading[at..];
        let escape = byte_escapes(rest)
            .or_else(|| unicode_escape(rest))
            .or_else(|| backslash_escape(rest))
            .or_else(|| entity(rest));
        match escape {
            Some((text, length)) => {
                let last = &reading[at + length - 1].1;
                let whole = range.start..last.end;
                decoded.extend(text.chars().map(|character| (character, whole.clone())));
                at += length;
            }
            None => {
                decoded.push((*character, range.clone()));
                at += 1;
            }
        }
    }
    decoded
}

/// The text of an escape at the start of a reading, and its length in characters.
type Escape = Option<(String, usize)>;

/// Decodes a sequence of `%E5` or `\xE5`, in UTF-8 or GB18030.
fn byte_escapes(reading: &[(char, Range<usize>)]) -> Escape {
    let mut bytes = Vec::new();
    let mut length = 0;
    loop {
        let rest = &reading[length..];
        let prefix = match (character(rest, 0), character(rest, 1)) {
            (Some('%'), _) => 1,
            (Some('\\'), Some('x')) => 2,
            _ => break,
        };
        let Some(byte) = hexadecimal(rest, prefix, 2).and_then(|byte| u8::try_from(byte).ok())
        else {
            break;
        };
        bytes.push(byte);
        length += prefix + 2;
    }
    if bytes.is_empty() {
        return None;
    }
    let encodings = [UTF_8, GB18030].into_iter();
    let mut texts = encodings.filter_map(|encoding| {
        encoding.decode_without_bom_handling_and_without_replacement(&bytes)
    });
    Some((texts.next()?.into_owned(), length))
}

/// Decodes `\u5f20`, or a surrogate pair.
fn unicode_escape(reading: &[(char, Range<usize>)]) -> Escape {
    const LENGTH: usize = 6;
    let unit = |at: usize| {
        let is_escape = character(reading, at) == Some('\\')
            && matches!(character(reading, at + 1), Some('u' | 'U'));
        let unit = hexadecimal(reading, at + 2, 4).filter(|_| is_escape)?;
        u16::try_from(unit).ok()
    };
    let first = unit(0)?;
    if let Ok(text) = String::from_utf16(&[first]) {
        return Some((text, LENGTH));
    }
    let text = String::from_utf16(&[first, unit(LENGTH)?]).ok()?;
    Some((text, 2 * LENGTH))
}

/// Decodes `\n`, `\"` and the like.
fn backslash_escape(reading: &[(char, Range<usize>)]) -> Escape {
    let text = match (character(reading, 0)?, character(reading, 1)?) {
        ('\\', 'n' | 'r' | 't' | 'b' | 'f') => " ".to_owned(),
        ('\\', escaped @ ('"' | '\'' | '\\' | '/')) => escaped.to_string(),
        _ => return None,
    };
    Some((text, 2))
}

/// Decodes `&#24352;`, `&#x5f20;` and `&amp;`.
fn entity(reading: &[(char, Range<usize>)]) -> Escape {
    const MAX_LENGTH: usize = 10;
    if character(reading, 0) != Some('&') {
        return None;
    }
    let end = reading
        .iter()
        .take(MAX_LENGTH)
        .position(|(character, _)| *character == ';')?;
    let name: String = reading[1..end]
        .iter()
        .map(|(character, _)| *character)
        .collect();
    let text = match name.as_str() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((text.to_string(), end + 1))
}

fn character(reading: &[(char, Range<usize>)], at: usize) -> Option<char> {
    reading.get(at).map(|(character, _)| *character)
}

/// Reads a number of hexadecimal digits.
fn hexadecimal(reading: &[(char, Range<usize>)], from: usize, digits: usize) -> Option<u32> {
    (from..from + digits).try_fold(0, |number, at| {
        Some(number * 16 + character(reading, at)?.to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_reading(text: &str) -> String {
        let readings = readings(text);
        let last = readings.last().expect("a reading");
        last.iter().map(|written| written.character).collect()
    }

    #[test]
    fn decodes_escapes_in_escapes() {
        for (text, expected) in [
            ("Ａ１　ｘ", "a1 x"),
            ("%E5%BC%A0%e4%b8%89!", "张三!"),
            ("%D5%C5%C8%FD", "张三"),
            ("%25E5%25BC%25A0", "张"),
            (r"\u5F20\u4e09 \ud842\udfb7\n", "张三 𠮷 "),
            (r"\\u5f20", "张"),
            (r"\xe5\xbc\xa0", "张"),
            ("&#24352;&#x4e09;&amp;", "张三&"),
            (
                r"100% 5%x \u12 \ud842 & &x; %FF",
                r"100% 5%x \u12 \ud842 & &x; %ff",
            ),
        ] {
            assert_eq!(last_reading(text), expected, "{text}");
        }
    }

    #[test]
    fn knows_where_each_character_is_written() {
        let readings = readings("a%E5%BC%A0b");
        let last = readings.last().expect("a reading");
        let ranges: Vec<_> = last.iter().map(|written| written.range.clone()).collect();
        assert_eq!(ranges, [0..1, 1..10, 10..11]);
    }
}
