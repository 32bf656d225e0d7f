//! Escapes foreign text (cells, names, messages and ids of the service) before it is shown: control
//! characters could move the cursor, fill the clipboard, forge a line or hide text.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a character moves the cursor, breaks the line, changes the direction of the text, or is
/// invisible.
pub fn is_unsafe(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                // Noncharacters: the styles of the terminal are made of them.
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Escapes all unsafe characters: `\n`, `\t`, `\u{1b}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_except(text, &[])
}

/// Escapes all unsafe characters except those in `kept`.
pub fn escaped_except<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let is_escaped = |character: char| is_unsafe(character) && !kept.contains(&character);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Escapes text for an attribute or an element. Control characters, of which XML forbids most, are
/// written as in the text reports; the other characters that XML forbids become U+FFFD.
pub fn escaped_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escaped(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Escapes the unsafe characters that a JSON document may contain as they are. The document keeps
/// its meaning: outside of strings, JSON has ASCII and line breaks only.
pub fn escaped_json(document: &str) -> Cow<'_, str> {
    let is_escaped =
        |character: char| is_unsafe(character) && !matches!(character, '\n' | '\r' | '\t');
    if !document.contains(is_escaped) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 16);
    for character in document.chars() {
        if is_escaped(character) {
            // Writing to a string cannot fail.
            let _ = write_json_escape(&mut out, character);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Writes the JSON escape of a character: one or two of `\u001b`.
pub fn write_json_escape(out: &mut dyn Write, character: char) -> fmt::Result {
    for unit in character.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str = "a\nb\t\u{1b}]52;c;x\u{7}\u{9b}\u{7f}\u{202e}\u{2028}\u{fdd0}\u{e0041}张";

    #[test]
    fn escapes_control_and_bidirectional_characters() {
        let expected = r"a\nb\t\u{1b}]52;c;x\u{7}\u{9b}\u{7f}\u{202e}\u{2028}\u{fdd0}\u{e0041}张";
        assert_eq!(escaped(FOREIGN), expected);
        assert_eq!(
            escaped_except("a\n\tb\u{9d}", &['\n', '\t']),
            "a\n\tb\\u{9d}"
        );
        for plain in ["", "张三 \\ \"é\" 👍", "𠮷\u{e0100}"] {
            assert!(matches!(escaped(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn escaped_json_has_the_same_values() {
        let value = serde_json::json!({ FOREIGN: [FOREIGN, 1] });
        for document in [value.to_string(), format!("{value:#}")] {
            let written = escaped_json(&document);
            assert!(
                !written.contains(|c| is_unsafe(c) && c != '\n'),
                "{written}"
            );
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&written).ok(),
                Some(value.clone())
            );
        }
    }
}
